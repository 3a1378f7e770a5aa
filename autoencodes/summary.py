"""What an object says of itself, as text and for notebooks; and how numbers are written."""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH = 100

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?\d+)(?!\.?\w)")
_SMALL = re.compile(r"(?<![\w.,])0\.000\d*[1-9]\d*(?!\.?\w)")
_PERCENT = re.compile(r"(?<=\d) ?%(?!\w)")
_MINUS = re.compile(r"(?<![\w.,/)\]–−-])-(?=\.?\d)")


def number(value: float, digits: int = 3) -> str:
    """A number as every page and figure writes it: so many digits, a true minus, a power of ten
    where it is very small or large, and commas between thousands.

    >>> number(-0.01234), number(12345.6), number(2.345e-12)
    ('−0.0123', '12,346', '2.35×10⁻¹²')
    """
    size = abs(value)
    if size == 0 or 1e-3 <= size < 999.5:
        text = f"{value:.{digits}g}" if size else "0"
    elif 999.5 <= size < 1e5:
        text = f"{value:,.0f}"
    else:
        text = typeset(f"{value:.{digits - 1}e}")
    return text.replace("-", "−")


def typeset(text: str) -> str:
    """A sentence with its numbers as ``number`` writes them: 1.50e-05 is 1.5×10⁻⁵, 0.0002 is
    2×10⁻⁴, -2 is −2, 5% is 5 %.

    Names, dates, ranges and options keep their hyphens.
    """

    def power(found: re.Match[str]) -> str:
        return f"{float(found[1]):g}×10{str(int(found[2])).translate(_RAISED)}"

    text = _SMALL.sub(lambda found: f"{float(found[0]):.5e}", text)
    return _PERCENT.sub("\u00a0%", _MINUS.sub("−", _POWER.sub(power, text)))


class Summarised(abc.ABC):
    """An object whose representation is its summary, however large its arrays are."""

    @abc.abstractmethod
    def _summary(self) -> dict[str, str]:
        """At most nine named lines."""

    def __repr__(self) -> str:
        lines = self._summary()
        wide = max(map(len, lines), default=0)
        text = [f"  {name:{wide}}  {value}" for name, value in lines.items()]
        return "\n".join([type(self).__name__, *map(_cut, text)])

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th style='text-align:left'>{escape(name)}</th>"
            f"<td style='text-align:left'>{escape(_cut(value))}</td></tr>"
            for name, value in self._summary().items()
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{''.join(rows)}</table>"


def _cut(line: str) -> str:
    """A line as far as it fits, its line breaks taken out."""
    line = "".join(c if c.isprintable() else " " for c in line)
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..."


def first(values: Sequence[Any] | Any, count: int = 6) -> str:
    """The first of some values, and how many there are."""
    shown = ", ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values[:count])
    return shown if len(values) <= count else f"{shown}, ... ({len(values)} in all)"
