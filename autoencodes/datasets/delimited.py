"""Delimited text: a fast pass for tables of numbers, and two for all others.

The fast pass reads numbers as NumPy reads them. Where that is not possible (text, empty fields,
line breaks within quotes) the first of the others finds what every column is, and the second
fills arrays, so that numbers are never kept as text.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, cast

import numpy as np

from autoencodes.datasets import texts
from autoencodes.datasets.columns import build
from autoencodes.datasets.dialect import (
    SPACES,
    Dialect,
    Record,
    delimiter_called,
    dialect,
    head_of,
    lines,
    records,
)
from autoencodes.datasets.kinds import LABEL_NAMES, Given
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import Source, reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError

_EXACT = 2**53
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
         codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
_OTHERS = {
    b"%PDF": "a PDF document: save the table as CSV",
    b"PK\3\4": "a workbook or another zip archive: name it .xlsx if it is a workbook",
    b"\x93NUMPY": "a NumPy array: name it .npy",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls): save it as .xlsx or CSV",
    b"<!DOCTYPE": "a web page: save the table itself",
    b"<html": "a web page: save the table itself",
    b"version https://git-lfs": "a pointer of Git LFS and not the data: fetch it with git lfs pull",
}
_CONTROL = re.compile(r"[\x01-\x08\x0e-\x1f\x7f]")
_CHUNK = 1 << 20
_FIRST = 1 << 21
"""Bytes of the first lines that say what the columns of a large text are."""
_MULTIBYTE = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_KNOWN = 500
"""The most spellings of a column that are remembered."""


class _NotPlain(Exception):
    """The fast pass cannot read the file as it should be read."""


def read_text(source: Source, options: Reading) -> Table:
    """The table of a text file whose lines are rows of fields with a delimiter between them.

    A first line in which no field is a number is a header; so are the numbers 0, 1, 2, ... that
    programs write for columns without names. Delimiter, decimal mark and encoding are what the
    content shows, unless ``options`` say what they are.

    Raises
    ------
    InputError
        If the lines are no table, or as ``columns.build`` says; with the line (from 1, as an editor
        shows it) and column.
    """
    with reading(source):
        marked = _marked(source)
        encoding = options.encoding or marked
        if encoding is not None:
            return _decoded(source, options, encoding)
        try:
            return _decoded(source, options, "utf-8")
        except UnicodeDecodeError as error:
            found = error
        if _mostly_utf8(source) or _binary(source):
            raise _undecodable(source, found, "UTF-8")
        try:
            table = _decoded(source, options, "cp1252")
        except InputError as error:
            raise InputError(
                f"{error} (the text is not in UTF-8 and was read in Windows' cp1252: name another "
                "with --encoding)"
            ) from error
        return table


def _decoded(source: Source, options: Reading, encoding: str) -> Table:
    """The table in an encoding; UnicodeDecodeError if UTF-8 was supposed and is not there."""
    try:
        file = TextFile(source, encoding)
        table = _read(file, options)
    except UnicodeDecodeError as error:
        if encoding == "utf-8" and options.encoding is None:
            raise
        raise _undecodable(source, error, "UTF-8" if encoding == "cp1252" else encoding) from error
    return table


def _undecodable(source: Source, error: UnicodeDecodeError, encoding: str) -> InputError:
    return InputError(
        f"{source}: expected text in {encoding}, got other bytes ({error.reason} at byte "
        f"{error.start}); save it in UTF-8, or name its encoding with --encoding"
    )


def _marked(source: Source) -> str | None:
    """The encoding that a byte order mark at the start tells of; InputError for other formats."""
    with source.opened() as stream:
        start = stream.read(32)
    other = next((what for mark, what in _OTHERS.items() if start.startswith(mark)), None)
    if other is not None:
        raise InputError(f"{source}: expected a text of rows, got {other}")
    return next((name for mark, name in _BOMS.items() if start.startswith(mark)), None)


def _mostly_utf8(source: Source) -> bool:
    """Whether there are letters in UTF-8: then other bytes are damage, and no other encoding."""
    with source.opened() as stream:
        return any(_MULTIBYTE.search(part) for part in iter(lambda: stream.read(_CHUNK), b""))


def _binary(source: Source) -> bool:
    """Whether there are control characters that no text has."""
    with source.opened() as stream:
        parts = iter(lambda: stream.read(_CHUNK), b"")
        return any(_CONTROL.search(part.decode("latin-1")) for part in parts)


@dataclass(frozen=True)
class TextFile:
    """A file as text."""

    source: Source
    encoding: str

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        """Its lines, from the first, with their ends as they are."""
        try:
            with (
                self.source.opened() as stream,
                io.TextIOWrapper(cast(Any, stream), self.encoding, newline="") as text,
            ):
                yield lines(text, str(self.source))
        except LookupError as error:
            raise InputError(
                f"the encoding must be one that Python knows, as utf-8, cp1252 or utf-16; got "
                f"{self.encoding!r}"
            ) from error


def form_of(file: TextFile, options: Reading) -> Dialect:
    """How the lines of a file are laid out."""
    mark = None if options.delimiter is None else delimiter_called(options.delimiter)
    if options.decimal not in (None, ".", ","):
        raise InputError(f"the decimal mark must be . or ,; got {options.decimal!r}")
    spaces = not file.source.unpacked_name.endswith((".csv", ".tsv"))
    with file.lines() as text:
        return dialect(head_of(text), str(file.source), mark, spaces)


def _read(file: TextFile, options: Reading) -> Table:
    """The table of a file in a known encoding."""
    form = form_of(file, options)
    kept = _as_text(form, options)
    decimal: str | None = None
    sure: str | None = None
    line: int | np.ndarray
    try:
        if options.decimal == ",":
            raise _NotPlain
        given, line = _numbers(file, form, kept)
    except _NotPlain:
        surveys, count = _surveyed(file, form, kept)
        decimal = options.decimal or _decimal(surveys, form)
        sure = _sure_decimal(surveys)
        given, line = _filled(file, form, surveys, decimal, count)
    numbered = form.header is None
    table = build(given, options, form.where, line=line, numbered=numbered, decimal=sure)
    said = list(form.notes())
    if decimal == ",":
        said.append("decimals are marked with a comma")
    if file.encoding not in ("utf-8", "utf-8-sig"):
        said.append(f"the text is in the encoding {file.encoding}")
    return replace(table, notes=(*said, *table.notes))


def _as_text(form: Dialect, options: Reading) -> set[int]:
    """The columns whose fields are kept as they are spelled: labels, identifiers, roles, dates,
    numbers with a unit.
    """
    kept = {*options.roles.values()}
    kept |= {c.name for c in options.schema or () if c.moments or c.form}
    for name, kind in options.said.items():
        if kind == "identifier" or kind.startswith(("date", "cyclic")):
            kept.add(name)
    if options.label is not None:
        kept.add(options.label)
    elif form.header is not None:
        kept |= {name for name in form.header if name.lower() in LABEL_NAMES}
    return {k for k, name in enumerate(form.names) if name in kept}


def _numbers(file: TextFile, form: Dialect, kept: set[int]) -> tuple[list[Given], int]:
    """The columns of a table of numbers, and the line of its first row.

    Raises
    ------
    _NotPlain
        If there is anything else than numbers and labels, one row a line.
    """
    spellings: dict[int, dict[str, int]] = {k: {} for k in kept}

    def coder(k: int) -> Callable[[str], int]:
        return lambda text: spellings[k].setdefault(text.strip(), len(spellings[k]))

    with file.lines() as text:
        for _ in range(form.marked):
            next(text)
        if form.headed:
            _fields(next(text), form)
        row = next(text, "")
        fields = _fields(row, form)
        if any(not texts.is_number(t) for k, t in enumerate(fields) if k not in kept):
            raise _NotPlain
        try:
            x = np.loadtxt(
                _plain(chain([row], text), form),
                delimiter=None if form.delimiter == SPACES else form.delimiter,
                converters={k: coder(k) for k in kept} or None,
                comments=None,
                quotechar='"',
                ndmin=2,
                encoding=None,
            )
        except UnicodeDecodeError:
            raise
        except ValueError as error:
            raise _NotPlain from error
    if x.shape[1] != form.width or any("" in known for known in spellings.values()):
        raise _NotPlain
    given = []
    for k, name in enumerate(form.names):
        values = x[:, k]
        if k in kept:
            values = np.array(list(spellings[k]), object)[values.astype(np.intp)]
        elif texts.is_integer(fields[k]) and (values == np.round(values)).all():
            if np.abs(values).max() >= _EXACT:
                raise _NotPlain
            values = values.astype(np.int64)
        given.append(Given(name, values, k + 1))
    return given, 1 + form.marked + form.headed


def _fields(line: str, form: Dialect) -> list[str]:
    """The fields of a line that is a record by itself."""
    try:
        ((_, fields),) = records([line], form.delimiter, form.where)
    except (InputError, ValueError) as error:
        raise _NotPlain from error
    return fields


def _plain(text: Iterator[str], form: Dialect) -> Iterator[str]:
    """The lines as long as the fast pass reads them as they should be read.

    It joins a line whose quote is left open to the next one, reads "4"5 as 45 and 007 as 7, and
    passes over blank lines.
    """
    mark = r"\s" if form.delimiter == SPACES else re.escape(form.delimiter) + r"\s"
    codes = re.compile(rf'(?:^|[{mark}"])[+-]?0\d+(?=[{mark}"]|$)', re.ASCII)
    blank = False
    for line in text:
        if not line.strip():
            blank = True
            continue
        if blank or (form.header is not None and codes.search(line)):
            raise _NotPlain
        if '"' in line:
            _fields(line, form)
        yield line


@dataclass
class _Survey:
    """What the fields of a column are, as far as they were seen."""

    text: bool = False
    whole: bool = True
    point: bool = False
    comma: bool = False
    certain: bool = False
    codes: bool = False
    digits: int = 0
    large: bool = False
    gap: str | None = None
    known: set[str] = field(default_factory=set)

    def see(self, field: str) -> None:
        """Takes note of one more field."""
        if texts.absent(field):
            if self.gap is None:
                self.gap = field
            return
        if len(self.known) < _KNOWN:
            self.known.add(field)
        if texts.is_integer(field):
            self.codes |= texts.is_code(field)
            self.digits = max(self.digits, len(field))
            self.large |= len(field) > 18 and (len(field) > 20 or abs(int(field)) >= 2**63)
        elif texts.is_number(field):
            self.whole = False
            self.point |= "." in field
        elif _COMMA.fullmatch(field):
            self.whole, self.comma = False, True
            self.certain |= not _THOUSANDS.fullmatch(field)
        else:
            self.text = True

    def type(self, decimal: str, numbered: bool) -> str:
        """Of which type the values are: "q" integers, "d" floats, "" text."""
        other = self.comma if decimal == "." else self.point
        if self.text or other or (self.codes and not numbered):
            return ""
        if self.whole:  # with gaps they stand among floats
            return "" if self.large or (self.gap is not None and self.digits > 15) else "q"
        return "d"


def _surveyed(file: TextFile, form: Dialect, kept: set[int]) -> tuple[list[_Survey], int]:
    """What all columns are, and the number of rows."""
    surveys = [_Survey(text=k in kept) for k in range(form.width)]
    count = 0
    with _rows(file, form) as rows:
        for _, fields in rows:
            count += 1
            for survey, text in zip(surveys, fields, strict=True):
                if not survey.text and text not in survey.known:
                    survey.see(text)
    if not count:
        raise InputError(
            f"{form.where}: expected rows of numbers or text below the header, got none; give data"
        )
    return surveys, count


def _sure_decimal(surveys: list[_Survey]) -> str | None:
    """The decimal mark that some columns of numbers surely have, and none has another."""
    numbers = [s for s in surveys if not s.text]
    marks = {"."} if any(s.point for s in numbers) else set()
    marks |= {","} if any(s.certain for s in numbers) else set()
    return marks.pop() if len(marks) == 1 else None


@contextmanager
def _rows(file: TextFile, form: Dialect) -> Iterator[Iterator[Record]]:
    """The records of rows, each of the right number of fields."""
    with file.lines() as text:
        for _ in range(form.marked):
            next(text)
        found = records(text, form.delimiter, form.where, form.marked + 1)
        first = form.marked + 1
        if form.headed:
            first, _ = next(found)

        def checked() -> Iterator[Record]:
            for number, fields in found:
                if len(fields) != form.width:
                    raise InputError(
                        f"{form.where}, line {number}: expected {form.width} fields as in line "
                        f"{first}, got {len(fields)}; complete or remove the line, and put fields "
                        "that hold the delimiter into quotes"
                    )
                yield number, fields

        yield checked()


def _decimal(surveys: list[_Survey], form: Dialect) -> str:
    """The decimal mark: a comma where only commas make numbers of the fields, and do so surely.

    1,234 may be a thousand; 1,5 and 0,123 are not.
    """
    numbers = [s for s in surveys if not s.text]
    comma = form.delimiter != "," and any(s.certain for s in numbers)
    return "," if comma and not any(s.point for s in numbers) else "."


def _filled(
    file: TextFile, form: Dialect, surveys: list[_Survey], decimal: str, count: int
) -> tuple[list[Given], np.ndarray]:
    """The columns in arrays of their types, and the line of every row."""
    types = [survey.type(decimal, form.header is None) for survey in surveys]
    line = np.empty(count, np.int64)
    arrays: list[Any] = [
        np.zeros(count, kind) if kind else np.empty(count, object) for kind in types
    ]
    gaps = [
        np.zeros(count, bool) if kind and s.gap is not None else None
        for kind, s in zip(types, surveys, strict=True)
    ]
    spelled: dict[str, str] = {}
    read = {"q": int, "d": float if decimal == "." else _with_comma}
    with _rows(file, form) as rows:
        for row, (number, fields) in enumerate(rows):
            line[row] = number
            for k, text in enumerate(fields):
                kind = types[k]
                if not kind:
                    arrays[k][row] = spelled.setdefault(text, text)
                elif (gap := gaps[k]) is not None and texts.absent(text):
                    gap[row] = True
                else:
                    arrays[k][row] = read[kind](text)
    given = [
        Given(name, values, k + 1, gaps[k], gap=surveys[k].gap)
        for k, (name, values) in enumerate(zip(form.names, arrays, strict=True))
    ]
    return given, line


def _with_comma(text: str) -> float:
    return float(text.replace(",", "."))


def head_table(source: Source, options: Reading) -> tuple[Dialect, Table]:
    """The dialect of a text in UTF-8, and the table of its first lines.

    Raises
    ------
    InputError
        If it is compressed, in another encoding, or parted by runs of spaces.
    """
    marked = _marked(source)
    other = options.encoding or marked or "utf-8"
    fault = "compressed" if source.packing else ""
    if other.lower().replace("_", "-") not in ("utf-8", "utf-8-sig", "utf8", "ascii"):
        fault = f"in the encoding {other}"
    file, form = TextFile(source, "utf-8"), None
    try:
        form = None if fault else form_of(file, options)
    except UnicodeDecodeError:
        fault = "not in UTF-8"
    if form is not None and form.delimiter == SPACES:
        fault = "parted by runs of spaces"
    if fault or form is None:
        raise InputError(
            f"{source} does not fit into --memory-limit, and of texts those in UTF-8 with a "
            f"delimiter are read a block at a time; this one is {fault}: convert it to Parquet, or "
            "give a larger --memory-limit"
        )
    with source.raw() as stream:
        content = stream.read(_FIRST)
    whole = content if len(content) < _FIRST else content[: content.rfind(b"\n") + 1]
    return form, read_text(Source(None, whole), replace(options, missing="mask"))
