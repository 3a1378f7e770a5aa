"""Standard output and error as the command line writes them: plain text, whatever is behind."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

from autoencodes import atomic
from autoencodes.errors import Notice

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, colours it or turns its text around."""

_GONE = (errno.EPIPE, errno.EBADF)
"""The reader has what it wanted, or there never was one."""


class Stream(io.TextIOBase):
    """A text stream to which any text can be written.

    Control characters, which a file's or a column's name may hold, are shown as escapes; what the
    encoding lacks, too. If the stream is closed, or its reader has gone, it falls silent: the
    display of a training is no reason to end it.

    Parameters
    ----------
    stream : the stream behind it; None where it was closed before the program began
    result : whether it carries results: then a full disk is an OSError
    plain : whether control characters are escaped
    """

    def __init__(self, stream: Any, *, result: bool = False, plain: bool = True) -> None:
        self._stream = stream
        self._result = result
        self._plain = plain

    @property
    def bare(self) -> Stream:
        """The same for what draws on a terminal: control characters pass."""
        return Stream(self._stream, plain=False)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    @property
    def buffer(self) -> Any:
        """The bytes behind the text."""
        return getattr(self._stream, "buffer", None) or io.BytesIO()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("fileno")
        return self._stream.fileno()

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        shown = plain(text) if self._plain else text
        shown = shown.encode(self.encoding, self.errors).decode(self.encoding)
        self._attempt("write", shown)
        return len(text)

    def flush(self) -> None:
        self._attempt("flush")

    def _attempt(self, action: str, *arguments: str) -> None:
        if self._stream is None:
            return
        try:
            getattr(self._stream, action)(*arguments)
        except (OSError, ValueError) as error:  # a closed stream is a ValueError
            stream, self._stream = self._stream, None
            # What it still holds would fail once more when the interpreter ends.
            with suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:
                os.dup2(nothing.fileno(), stream.fileno())
            if self._result and isinstance(error, OSError) and error.errno not in _GONE:
                raise atomic.named(error, "standard output") from error


def plain(text: str) -> str:
    """The text with every control character as an escape."""
    return _CONTROL.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def terminal() -> Any:
    """Standard error for what draws on a terminal."""
    shown = sys.stderr if isinstance(sys.stderr, Stream) else Stream(sys.stderr)
    return shown.bare


@contextmanager
def guarded() -> Iterator[None]:
    """Standard output and error as ``Stream``; what a user should know of comes as one line."""

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, Notice):
            print(f"autoencodes: {message}", file=sys.stderr, flush=True)
        else:
            before(message, category, *place, **more)

    before = warnings.showwarning
    out, err = Stream(sys.stdout, result=True), Stream(sys.stderr)
    with warnings.catch_warnings(), redirect_stdout(out), redirect_stderr(err):
        warnings.filterwarnings("always", category=Notice)
        warnings.showwarning = show
        try:
            yield
        finally:
            err.flush()
