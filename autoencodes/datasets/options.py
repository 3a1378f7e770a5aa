"""What a message calls an option: as it is typed, or as a parameter in Python."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PYTHON: ContextVar[bool] = ContextVar("python", default=False)
"""Whether what is read was handed over in Python, where nobody types options."""


@contextmanager
def in_python() -> Iterator[None]:
    """What is advised meanwhile names parameters: whoever has rows in Python types no --kinds.

    Examples
    --------
    >>> option("kinds", "land=category"), option("missing", "mask")
    ('--kinds land=category', '--missing mask')
    >>> with in_python():
    ...     option("kinds", "land=category"), option("missing", "mask")
    ("kinds={'land': 'category'}", "missing='mask'")
    """
    token = _PYTHON.set(True)
    try:
        yield
    finally:
        _PYTHON.reset(token)


def option(name: str, *values: str) -> str:
    """An option with its values: as it can be typed, quoted where ``names`` and a shell need it; in
    Python the parameter, as the estimators take it."""
    if not _PYTHON.get():
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(values)
        return f"--{name} {shlex.quote(text.getvalue())}" if values else f"--{name}"
    if name == "kinds":
        found = dict(value.rpartition("=")[::2] for value in values)
        return f"kinds={found}" if values else "kinds"
    return f"{name}={', '.join(map(repr, values))}" if values else name


def typed(advice: str) -> str:
    """Advice for who types a command; nothing in Python, where there is no such parameter."""
    return "" if _PYTHON.get() else advice
