"""Numbers that a caller gave, checked: each is what it should be, or InputError says what came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from autoencodes.errors import InputError


def integer(value: object, name: str) -> int:
    """An integer, as Python's own int."""
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value:
        raise InputError(f"{name} must be an integer; got {value!r}")
    return cast(int, number)


def count(value: object, name: str) -> int:
    """An integer, at least 1."""
    number = integer(value, name)
    if number < 1:
        raise InputError(f"{name} must be at least 1; got {number}")
    return number


def positive(value: object, name: str) -> float:
    """A finite number above 0."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise InputError(f"{name} must be a positive finite number; got {value!r}")
    return number


def short(values: Sequence[int]) -> str:
    """Integers as a message shows them, however many there are."""
    shown = ", ".join(str(v) for v in values[:8])
    return f"({shown}, ... {len(values)} in all)" if len(values) > 8 else f"({shown})"


def counts(values: Sequence[int], length: int, name: str, entries: str) -> tuple[int, ...]:
    """Positive integers of a known number, as a tuple; InputError for anything else."""
    try:
        numbers = tuple(int(v) for v in values)
        if len(numbers) == length and min(numbers) >= 1 and all(map(_same, numbers, values)):
            return numbers
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name} must be {length} positive integers, {entries}; got {values!r}")


def _same(number: int, value: object) -> bool:
    return number == value


def listed(text: str, name: str, example: str, mark: str = ",") -> tuple[int, ...]:
    """The integers of a text with a mark between them, as of an option of the command line."""
    try:
        return tuple(int(part) for part in text.split(mark))
    except ValueError as error:
        raise InputError(f"{name} must be integers, as in {example}; got {text!r}") from error
