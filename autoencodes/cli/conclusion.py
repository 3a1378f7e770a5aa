"""What a command says: remarks, warnings, and one line of JSON for programs.

``--quiet`` silences remarks and progress, never a warning, an error or a result. ``--json`` prints
one object as the last line of standard output, also where the command fails:

    {"verb": "encode", "status": 0, "output": "latent.csv", "rows": 150, ...}
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.errors import InputError


@dataclass
class _Conclusion:
    """What the command that runs was asked for, and what it found."""

    quiet: bool = False
    wanted: bool = False
    verb: str | None = None
    entries: dict[str, Any] = field(default_factory=dict)


_now = _Conclusion()


def begin() -> None:
    """Forgets what an earlier command of this process said."""
    global _now
    _now = _Conclusion()


def quiet() -> bool:
    """Whether remarks and progress are not wanted."""
    return _now.quiet


def say(text: str) -> None:
    """Prints a remark to standard error, unless ``--quiet`` is given."""
    if not _now.quiet:
        warn(text)


def warn(text: str) -> None:
    """Prints to standard error what must not be missed."""
    print(text, file=sys.stderr)


def conclude(**entries: Any) -> None:
    """Adds entries to the line of JSON."""
    _now.entries |= entries


def require_free_output() -> None:
    """Refuses a table on standard output where the line of JSON goes there.

    Raises
    ------
    InputError
        With ``--json``.
    """
    if _now.wanted:
        raise InputError(
            "-o - and --json both write to standard output; give -o a file, or leave --json out"
        )


def line(status: int, error: str | None) -> str | None:
    """The line of JSON, where it was asked for."""
    if not _now.wanted:
        return None
    said = {} if error is None else {"error": error}
    entries = {"verb": _now.verb, "status": status, **said, **_now.entries}
    return json.dumps(_plain(entries), allow_nan=False)


def _plain(value: Any) -> Any:
    """A value as JSON has it: NumPy's numbers as Python's, what is not finite as null."""
    if isinstance(value, dict):
        return {str(key): _plain(own) for key, own in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(own) for own in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)


def with_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options ``--quiet`` and ``--json``, which it does not see itself."""
    signature = Signature.from_callable(function, eval_str=True)

    def want_line(given: bool) -> None:
        _now.wanted, _now.verb = given, function.__name__

    quieten, line = "Say nothing but results and warnings.", "End with one line of JSON."
    flags = {
        "quiet": typer.Option("--quiet", help=quieten, callback=_quieten, is_eager=True),
        "json": typer.Option("--json", help=line, callback=want_line, is_eager=True),
    }
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, flag])
        for name, flag in flags.items()
    ]
    parameters = [*signature.parameters.values(), *added]

    @wraps(function)
    def command(**given: Any) -> None:
        function(**{name: value for name, value in given.items() if name not in flags})

    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _quieten(given: bool) -> None:
    _now.quiet = given
