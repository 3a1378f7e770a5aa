"""Ctrl-C, termination and a closed terminal: a wish to stop at the next safe moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_TERMINATIONS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def _is_ignored(number: signal.Signals) -> bool:
    """Whether a signal is not to reach the program at all, as SIGHUP under ``nohup``."""
    return number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN


@contextlib.contextmanager
def terminated_by_interrupt() -> Iterator[None]:
    """While this context lasts, SIGTERM and SIGHUP do what Ctrl-C does: KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in _TERMINATIONS
        if not _is_ignored(number)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Interruption:
    """Takes SIGINT, SIGTERM and SIGHUP; a context, after which all is as before.

    From ``take`` on, the first signal is noted and does nothing else; a second one does what it
    did before, but for SIGHUP, of which a terminal that is closed may send several. Once the work
    has learned of the first, by ``asked``, it saves what there is, and the next signal waits for
    that, too. Outside the main thread, where Python delivers no signals, nothing is changed.
    """

    def __init__(self) -> None:
        self._noted = self._known = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        return self

    def __exit__(self, *error: object) -> None:
        self._restore(*self._before)

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
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, *_TERMINATIONS):
                if number not in self._before and not _is_ignored(number):
                    self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._noted = True
        self._restore(signal.SIGINT, signal.SIGTERM)

    def _restore(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before.pop(number))
