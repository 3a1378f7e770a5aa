"""Delimited text, `.csv` and `.csv.gz`: a fast pass for the numbers, a slow one for the error."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np

from autoencodes.datasets.streams import opened, reading
from autoencodes.datasets.table import Classes, Table, classes
from autoencodes.errors import InputError
from autoencodes.measure.streaming import first_non_finite

LABEL_NAMES = ("label", "labels", "class", "target")
# A gzip bomb without a line break would otherwise be unpacked into one string.
_LONGEST_LINE = 1 << 26
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class _Layout:
    """How the lines are laid out, as the first one says."""

    path: Path
    delimiter: str
    width: int
    header: tuple[str, ...] | None
    label: int | None

    def column(self, index: int) -> str:
        """The column as a person would look for it: number from 1, and name."""
        named = f" ({self.header[index]!r})" if self.header else ""
        return f"column {index + 1}{named}"


def read_csv(path: Path) -> Table:
    """The table of a file of numbers separated by commas, semicolons or tabs.

    A first line in which no field is a number is a header. A column that the header
    calls label, labels, class or target (in any case) holds the labels.

    Raises
    ------
    InputError
        If a field is empty, not a number or not finite, or a line has another number
        of fields than the first; with the line (from 1, as an editor shows it) and column.
    """
    with reading(path):
        try:
            with _text(path) as text:
                lines = _lines(text, path)
                first = next(lines, None)
                if first is None:
                    raise InputError(f"{path}: expected lines of numbers, got none; give data")
                layout = _layout(first, path)
                x, labels = _parse(first, lines, layout)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: expected text in UTF-8, got other bytes ({error.reason} at byte "
                f"{error.start}); save it as CSV in UTF-8"
            ) from error
        _require_finite(x, layout)
    return Table(x, labels)


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper[Any]]:
    # utf-8-sig because spreadsheets write a byte order mark; newline="" because csv asks for it.
    with (
        opened(path) as stream,
        io.TextIOWrapper(cast(Any, stream), "utf-8-sig", newline="") as text,
    ):
        yield text


def _lines(text: io.TextIOWrapper[Any], path: Path) -> Iterator[str]:
    """The lines up to the blank ones at the end; a blank line before that is an error.

    Hence the row i of the numbers stands in a line known without counting.
    """
    blank = 0
    for number, line in enumerate(iter(lambda: text.readline(_LONGEST_LINE), ""), 1):
        if len(line) == _LONGEST_LINE:
            raise InputError(
                f"{path}: expected lines of numbers, got a line {number} of more than "
                f"{_LONGEST_LINE:,} characters; break it into rows"
            )
        if not line.strip():
            blank = blank or number
        elif blank:
            raise InputError(
                f"{path}, line {blank}: expected a row of numbers, got an empty line before the "
                "last row; delete it"
            )
        else:
            yield line


def _soundly_quoted(lines: Iterator[str], layout: _Layout) -> Iterator[str]:
    """The lines; those with quotes are checked, since the fast pass mends what it should refuse.

    It joins a line whose quote is left open to the next one, and reads "4"5 as 45.
    """
    for number, line in enumerate(lines, 2 if layout.header else 1):
        if '"' in line:
            _fields(line, layout.delimiter, layout.path, number)
        yield line


def _layout(first: str, path: Path) -> _Layout:
    bare = _QUOTED.sub("", first)
    delimiter = next((mark for mark in "\t;" if mark in bare), ",")
    fields = _fields(first, delimiter, path, 1)
    if any(_is_number(field) for field in fields) or not any(fields):
        return _Layout(path, delimiter, len(fields), None, None)
    named = [k for k, field in enumerate(fields) if field.lower() in LABEL_NAMES]
    if len(named) > 1:
        raise InputError(
            f"{path}, line 1: expected at most one column of labels, got "
            f"{' and '.join(fields[k] for k in named)}; rename or remove all but one"
        )
    if len(named) == len(fields):
        raise InputError(
            f"{path}: expected at least one column of numbers, got only the labels "
            f"{fields[0]!r}; add the columns to train on"
        )
    return _Layout(path, delimiter, len(fields), tuple(fields), named[0] if named else None)


def _parse(first: str, lines: Iterator[str], layout: _Layout) -> tuple[np.ndarray, Classes | None]:
    start = next(lines, None) if layout.header else first
    if start is None:
        raise InputError(
            f"{layout.path}: expected rows of numbers below the header, got none; give data"
        )
    names: dict[str, int] = {}

    def code(field: str) -> int:
        return names.setdefault(field.strip(), len(names))

    try:
        x = np.loadtxt(
            _soundly_quoted(chain([start], lines), layout),
            delimiter=layout.delimiter,
            converters=None if layout.label is None else {layout.label: code},
            comments=None,
            quotechar='"',
            ndmin=2,
            encoding=None,
        )
    except (InputError, UnicodeDecodeError):
        raise
    except ValueError as error:
        _locate(layout, error)
    if x.shape[1] != layout.width or "" in names:
        _locate(layout, None)
    if layout.label is None:
        return x, None
    labels = np.array(list(names))[x[:, layout.label].astype(np.intp)]
    return np.delete(x, layout.label, axis=1), _text_classes(labels, layout)


def _text_classes(labels: np.ndarray, layout: _Layout) -> Classes:
    """Integers where every label is a whole number (also as 1.0), the text otherwise."""
    try:
        numbers = labels.astype(np.float64)
    except ValueError:
        return labels
    whole = np.isfinite(numbers) & (numbers == np.round(numbers)) & (abs(numbers) < 2**53)
    return classes(numbers, labels.shape[0], str(layout.path)) if whole.all() else labels


def _locate(layout: _Layout, cause: ValueError | None) -> NoReturn:
    """Reads again, line by line, up to the first field or line that cannot be used."""
    path = layout.path
    with _text(path) as text:
        for number, line in enumerate(_lines(text, path), 1):
            if number == 1 and layout.header:
                continue
            fields = _fields(line, layout.delimiter, path, number)
            if len(fields) != layout.width:
                raise InputError(
                    f"{path}, line {number}: expected {layout.width} fields as in line 1, got "
                    f"{len(fields)}; complete or remove the line"
                )
            _require_numbers(fields, number, layout)
    raise InputError(f"{path}: expected a table of numbers; it cannot be read ({cause})")


def _require_numbers(fields: list[str], number: int, layout: _Layout) -> None:
    for index, field in enumerate(fields):
        place = f"{layout.path}, line {number}, {layout.column(index)}"
        if not field:
            wanted = "a label" if index == layout.label else "a number"
            raise InputError(
                f"{place}: expected {wanted}, got an empty field; fill it in or remove the line"
            )
        if index != layout.label and not _is_number(field):
            advice = "write numbers with a decimal point, or remove the column"
            if number == 1:
                advice = "a header line must hold no numbers; " + advice
            elif layout.label is None:
                advice += f", or call it {LABEL_NAMES[0]!r} in a header if it holds classes"
            raise InputError(f"{place}: expected a number, got {field[:40]!r}; {advice}")


def _fields(line: str, delimiter: str, path: Path, number: int) -> list[str]:
    try:
        rows = list(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(
            f"{path}, line {number}: expected fields separated by {delimiter!r}, got a line that "
            f"cannot be taken apart ({error}); check its quotes"
        ) from error
    return [field.strip() for field in rows[0]]


def _is_number(field: str) -> bool:
    if "_" in field or not field.isascii():
        return False  # float() takes 1_000 and other scripts' digits, the fast pass does not
    try:
        float(field)
    except ValueError:
        return False
    return True


def _require_finite(x: np.ndarray, layout: _Layout) -> None:
    position = first_non_finite(x)
    if position is None:
        return
    row, column = position
    line = row + (2 if layout.header else 1)
    if layout.label is not None and column >= layout.label:
        column += 1
    raise InputError(
        f"{layout.path}, line {line}, {layout.column(column)}: expected a finite number, got "
        f"{x[position]}; remove or replace the values that are not finite"
    )
