"""Ctrl-C and termination, taken as a wish to stop at the next safe moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def terminated_by_interrupt() -> Iterator[None]:
    """While this context lasts, SIGTERM does what Ctrl-C does: it raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Interruption:
    """Takes SIGINT and SIGTERM; a context, after which all is as before.

    From ``take`` on, the first signal is noted and does nothing else; a second one does what it
    did before. Once the work has learned of the first, by ``asked``, it saves what there is, and
    the next signal waits for that, too. Outside the main thread, where Python delivers no signals,
    nothing is changed.
    """

    def __init__(self) -> None:
        self._noted = self._known = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def take(self) -> None:
        """Takes the signals, until the first one has come."""
        if not self._noted:
            self._install()

    def asked(self) -> bool:
        """Whether the work is to stop: what ``fit`` and ``certify`` take as ``stop``."""
        if self._noted and not self._known:
            self._known = True
            self._install()
        return self._noted

    def _install(self) -> None:
        if not self._before and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
