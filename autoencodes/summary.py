"""What an object says of itself: a title and a few named lines, as text and for notebooks."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH = 100


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
