"""Tables in their three forms: all digits in CSV, readable text, LaTeX that compiles."""

from __future__ import annotations

import csv
import io

import pytest

from autoencodes.experiments import ResultTable
from autoencodes.experiments.table import shown

TABLE = ResultTable(
    "λ_min over the epochs, 50 % of ‖θ‖ & more",
    ("λ", "λ_min", "note", "kept"),
    ((0.1, 0.2034567891234, "convex", True), (1e-5, -3.25e-7, "x_1 {a}", None)),
)


def test_csv_keeps_all_digits() -> None:
    rows = list(csv.reader(io.StringIO(TABLE.csv)))
    assert rows[0] == list(TABLE.columns)
    assert float(rows[1][1]) == 0.2034567891234
    assert rows[2][3] == ""


def test_text_is_aligned() -> None:
    lines = TABLE.text.splitlines()
    assert lines[0] == TABLE.caption
    assert lines[2].split() == list(TABLE.columns)
    assert lines[4].split() == ["0.1", "0.203", "convex", "yes"]
    assert lines[5].split()[:2] == ["1×10⁻⁵", "−3.25×10⁻⁷"]
    assert lines[4].index("convex") == lines[5].index("x_1")


def test_latex_is_escaped_and_balanced() -> None:
    text = TABLE.latex
    assert r"\caption{$\lambda$\_min over the epochs, 50 \% of $\|$$\theta$$\|$ \& more}" in text
    assert r"$-3.25 \cdot 10^{-7}$" in text
    assert r"x\_1 \{a\}" in text
    assert text.count("{tabular}") == 2
    assert r"\begin{tabular}{rrll}" in text
    assert text.count("$") % 2 == 0


def test_what_is_written_reads_back() -> None:
    assert ResultTable.from_dict(TABLE.as_dict()) == TABLE


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (True, "yes"),
        (12345, "12,345"),
        (-0.5, "−0.5"),
        (1234.6, "1,235"),
        (-1.5e-7, "−1.5×10⁻⁷"),
        ("-1e-05 ± 2%", "−1×10⁻⁵ ± 2\N{NO-BREAK SPACE}%"),
    ],
)
def test_cells_for_people(cell: object, text: str) -> None:
    assert shown(cell) == text  # type: ignore[arg-type]


def test_a_cell_for_every_column() -> None:
    with pytest.raises(AssertionError, match="a cell for every column"):
        ResultTable("", ("a", "b"), ((1,),))
