"""An interval in which a number lies, and how that is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["certain", "probable", "extrapolated", "estimate"]


@dataclass(frozen=True)
class Interval:
    """[lower, upper] of a number, and how it is known that the number lies there.

    ``kind`` "certain": by a theorem; "probable": by a theorem, with the probability ``confidence``
    over random numbers that were drawn for it; "extrapolated": the same, if float64's rounding
    errors are in proportion to float32's; "estimate": by what is usual, and by no theorem.
    Whoever says something of the number says it of the whole interval, and says its kind.
    """

    lower: float
    upper: float
    kind: Kind = "certain"
    confidence: float = 1.0

    @property
    def positive(self) -> bool | None:
        """Whether the number is above 0: True, False, or None where the interval does not tell."""
        if self.lower > 0:
            return True
        return False if self.upper <= 0 else None

    def said(self, digits: int = 5) -> str:
        """The interval and its kind, in words."""
        low, high = (_outward(v, digits, up) for v, up in ((self.lower, False), (self.upper, True)))
        return f"in [{low}, {high}], {known_by(self.kind, self.confidence)}"


def known_by(kind: Kind, confidence: float) -> str:
    """How an interval is known, in words."""
    level = f"with {100 * confidence:g} % probability over"
    return {
        "certain": "certain",
        "probable": f"{level} the random start",
        "extrapolated": f"{level} random vectors, if float64 rounds as float32 does, scaled",
        "estimate": "an estimate",
    }[kind]


def _outward(value: float, digits: int, up: bool) -> str:
    """The value with so many digits, rounded away from the interval: what is printed holds too."""
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.{digits}g}"
    shown = float(text)
    if (shown >= value) if up else (shown <= value):
        return text
    unit = 10.0 ** (math.floor(math.log10(abs(value))) + 1 - digits)
    return f"{value + unit / 2 if up else value - unit / 2:.{digits}g}"
