"""What a measurement is, and how things are timed in turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Row = dict[str, Any]
"""One line of a result, as JSON values."""
Part = Callable[[], list[Row]]
Parts = Mapping[str, list[Row]]


@dataclass(frozen=True)
class Settings:
    """How large and how long; ``full`` takes the sizes of which a page's budget leaves out some."""

    smoke: bool = False
    full: bool = False
    seconds: float = 10.0
    seeds: tuple[int, ...] = (0, 1, 2)

    def of(self, usual: Any, smoke: Any) -> Any:
        """The usual one, or that of a smoke run."""
        return smoke if self.smoke else usual


@dataclass(frozen=True)
class Measurement:
    """A level of the suite: its parts, each measured and kept by itself, and its place in the page.

    ``page`` gets the rows of the parts that were measured, and returns Markdown without a heading.
    """

    name: str
    title: str
    parts: Callable[[Settings], Mapping[str, Part]]
    page: Callable[[Parts], str]


class Turn(NamedTuple):
    """A call, and how many of what is counted it makes."""

    call: Callable[[], Any]
    count: int = 1


def in_turn(turns: Mapping[str, Turn], seconds: float) -> dict[str, Row]:
    """Seconds for one of what each counts, one after the other until the time is spent.

    Drift of the machine hits all alike. Two calls before are not counted: they compile.
    """
    times: dict[str, list[float]] = {name: [] for name in turns}
    for turn in turns.values():
        turn.call()
        turn.call()
    end = time.perf_counter() + seconds
    while True:
        for name, turn in turns.items():
            began = time.perf_counter()
            turn.call()
            times[name].append((time.perf_counter() - began) / turn.count)
        if time.perf_counter() >= end:
            return {name: quartiles(values) for name, values in times.items()}


def quartiles(values: Sequence[float]) -> Row:
    low, middle, high = (float(f"{v:.4g}") for v in np.quantile(values, [0.25, 0.5, 0.75]))
    return {"median": middle, "low": low, "high": high, "turns": len(values)}


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """p of the least-squares fit values ∝ sizes^p."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def runs(turns: Mapping[str, Callable[[], Turn]]) -> dict[str, Turn]:
    """Those that can be set up and called once here: a peer may lack a compiler or a release."""
    able: dict[str, Turn] = {}
    for name, make in turns.items():
        try:
            turn = make()
            turn.call()
        except ImportError:
            continue
        except Exception as error:
            print(f"  {name} does not run here: {(str(error) or repr(error)).splitlines()[0]}")
            continue
        able[name] = turn
    return able


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table, its first column to the left."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def spoken(seconds: float) -> str:
    """Seconds in a unit that suits them, three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{digits(seconds / scale)} {unit}"
    raise AssertionError


def digits(value: float) -> str:
    """Three significant digits, no exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def megabytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"
