"""A table of results: what a paper would print, in the forms in which it is wanted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from autoencodes.summary import number, typeset

Cell = str | int | float | bool | None
"""A number is kept as it was measured; None was not measured."""


@dataclass(frozen=True)
class ResultTable:
    """Rows under named columns."""

    caption: str
    """One sentence."""
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """A cell for every column."""

    def __post_init__(self) -> None:
        assert all(len(row) == len(self.columns) for row in self.rows), "a cell for every column"

    @classmethod
    def of(cls, caption: str, columns: Mapping[str, str], records: Iterable[Any]) -> ResultTable:
        """A row for each record, an object or a mapping: its entries under these headings.

        What a mapping lacks was not measured.
        """
        rows = tuple(
            tuple(
                record.get(name) if isinstance(record, Mapping) else getattr(record, name)
                for name in columns.values()
            )
            for record in records
        )
        return cls(caption, tuple(columns), rows)

    @property
    def records(self) -> list[dict[str, Cell]]:
        """Every row by the headings of its columns."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def text(self) -> str:
        """Columns aligned, for a terminal."""
        cells = [list(self.columns), *[[shown(cell) for cell in row] for row in self.rows]]
        wide = [max(len(row[k]) for row in cells) for k in range(len(self.columns))]
        numeric = self.numeric
        lines = [
            "  ".join(
                cell.rjust(w) if right else cell.ljust(w)
                for cell, w, right in zip(row, wide, numeric, strict=True)
            ).rstrip()
            for row in cells
        ]
        rule = "  ".join("-" * w for w in wide)
        return "\n".join([self.caption, "", lines[0], rule, *lines[1:]]) + "\n"

    @property
    def csv(self) -> str:
        """Numbers with all their digits."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([["" if cell is None else cell for cell in row] for row in self.rows])
        return stream.getvalue()

    @property
    def latex(self) -> str:
        """A ``tabular`` of the package booktabs, within a ``table``."""
        kinds = "".join("r" if right else "l" for right in self.numeric)
        lines = [
            "\\begin{table}",
            "  \\centering",
            f"  \\caption{{{_escaped(self.caption)}}}",
            f"  \\begin{{tabular}}{{{kinds}}}",
            "    \\toprule",
            "    " + " & ".join(_escaped(name) for name in self.columns) + r" \\",
            "    \\midrule",
            *["    " + " & ".join(_tex(cell) for cell in row) + r" \\" for row in self.rows],
            "    \\bottomrule",
            "  \\end{tabular}",
            "\\end{table}",
        ]
        return "\n".join(lines) + "\n"

    @property
    def numeric(self) -> list[bool]:
        """For each column, whether all that stands in it are numbers."""
        return [
            any(row[k] is not None for row in self.rows)
            and all(row[k] is None or _is_number(row[k]) for row in self.rows)
            for k in range(len(self.columns))
        ]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"caption": self.caption, "columns": self.columns, "rows": self.rows}

    @classmethod
    def from_dict(cls, entries: dict[str, Any]) -> ResultTable:
        """What ``as_dict`` gave, read again."""
        rows = tuple(tuple(row) for row in entries["rows"])
        return cls(str(entries["caption"]), tuple(entries["columns"]), rows)


def shown(cell: Cell) -> str:
    """A cell for people: numbers to three digits."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return number(cell)
    return f"{cell:,}".replace("-", "−") if isinstance(cell, int) else typeset(cell)


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _tex(cell: Cell) -> str:
    text = shown(cell)
    if not _is_number(cell):
        return _escaped(text)
    text = text.replace("−", "-").replace(",", "{,}").replace("×", r" \cdot ")
    return f"${_RAISED.sub(lambda found: f'^{{{found[0].translate(_LOWERED)}}}', text)}$"


_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_RAISED = re.compile("[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_SYMBOLS = {
    "\\": r"\textbackslash{}",
    "λ": r"$\lambda$",
    "θ": r"$\theta$",
    "τ": r"$\tau$",
    "μ": r"$\mu$",
    "Δ": r"$\Delta$",
    "²": r"$^2$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "×": r"$\times$",
    "−": "$-$",
    "‖": r"$\|$",
    "→": r"$\to$",
    "·": r"$\cdot$",
    "₀": r"$_0$",
    "₁": r"$_1$",
    "₂": r"$_2$",
    "ψ": r"$\psi$",
    "ρ": r"$\rho$",
    "∂": r"$\partial$",
    "∫": r"$\int$",
    "ℓ": r"$\ell$",
    "∇": r"$\nabla$",
    "–": "--",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "^": r"\^{}",
    "~": r"\~{}",
    "|": r"$|$",
    "<": "$<$",
    ">": "$>$",
}


def _escaped(text: str) -> str:
    return "".join(_SYMBOLS.get(letter, letter) for letter in text)
