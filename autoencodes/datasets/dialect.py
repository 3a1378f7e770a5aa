"""How a text file is written: what parts its fields, whether it has a header, where rows begin."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from autoencodes.datasets import spelling, texts
from autoencodes.errors import InputError

# A gzip bomb without a line break would otherwise be unpacked into one string.
LONGEST_LINE = 1 << 26
_HEAD, _HEAD_CHARACTERS = 200, 1 << 20
"""The most lines from which the dialect is read, and characters after which no more are."""
_WIDEST = 1 << 20
"""The most columns of a text file."""
SPACES = " "
"""The delimiter that stands for runs of spaces."""
_MARKS = "\t;|,"
_NAMED = {"tab": "\t", "\\t": "\t", "semicolon": ";", "comma": ",", "pipe": "|", "space": SPACES}
_SHOWN = {"\t": "tabs", ";": "semicolons", "|": "pipes", ",": "commas", SPACES: "runs of spaces"}
_QUOTED = re.compile(r'"[^"]*"')
_MARKED = re.compile(r"[+-]?\d[\d.,' ]*", re.ASCII)
_CERTAIN = 5
"""The fewest numbers 0, 1, 2, ... in a first line that are names and surely no row."""

Record = tuple[int, list[str]]
"""The number of a record's first line, from 1, and its fields without the spaces around them."""


@dataclass(frozen=True)
class Dialect:
    """How the lines are laid out.

    Parameters
    ----------
    where : str
        The file, for messages.
    delimiter : str
        ``SPACES`` for runs of spaces.
    header : tuple of str, optional
        The columns' names; absent where the file has no header.
    width : int
        The number of fields of every record.
    marked : int
        Lines at the start that begin with #; the last of them may be the header.
    comments : int
        How many of these are comments.
    """

    where: str
    delimiter: str
    header: tuple[str, ...] | None
    width: int
    marked: int = 0
    comments: int = 0

    @property
    def headed(self) -> bool:
        """Whether the first record after the marked lines is the header."""
        return self.header is not None and self.comments == self.marked

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names; x_0, x_1, ... where the file has none."""
        if self.header is not None:
            return self.header
        return tuple(f"x_{k}" for k in range(self.width))

    def notes(self) -> Iterator[str]:
        """What was recognised, in words."""
        if self.delimiter != ",":
            yield f"the fields are parted by {_SHOWN.get(self.delimiter, repr(self.delimiter))}"
        if self.comments:
            verb = "line is a comment" if self.comments == 1 else "lines are comments"
            yield f"the first {self.comments} {verb}" if self.comments > 1 else f"the first {verb}"
        if self.header is not None and any(map(texts.is_integer, self.header)):
            yield "the first line is a header of numbers, which are taken for the columns' names"


def lines(text: Iterable[str], where: str) -> Iterator[str]:
    """The lines of a text, as long as each is one that a person may have written."""
    readline = getattr(text, "readline", None)
    source = iter(text) if readline is None else iter(lambda: readline(LONGEST_LINE), "")
    for number, line in enumerate(source, 1):
        if len(line) >= LONGEST_LINE:
            raise InputError(
                f"{where}: expected lines of fields, got a line {number} of more than "
                f"{LONGEST_LINE:,} characters; break it into rows"
            )
        if "\0" in line:
            raise InputError(
                f"{where}, line {number}: expected text, got the character NUL; the file is no "
                "text, or text in UTF-16: name its encoding with --encoding utf-16-le"
            )
        yield line


def head_of(text: Iterator[str]) -> list[str]:
    """The first lines, enough to know the dialect."""
    found: list[str] = []
    size = 0
    while len(found) < _HEAD and size < _HEAD_CHARACTERS and (line := next(text, None)):
        found.append(line)
        size += len(line)
    return found


def records(text: Iterable[str], delimiter: str, where: str, first: int = 1) -> Iterator[Record]:
    """The records of lines from the number ``first`` on, without blank lines at the end.

    A quoted field may hold line breaks. Records of empty fields alone, which spreadsheets write
    below a table, are blank at the end and rows elsewhere.

    Raises
    ------
    InputError
        If quotes do not match, or a blank line stands before the last record; with its number.
    """
    source: Iterator[str] = iter(text)
    if delimiter == SPACES:
        source = (line.strip() + "\n" for line in source)
    reader = csv.reader(source, delimiter=delimiter, skipinitialspace=True, strict=True)
    blank: list[Record] = []
    number = first
    while True:
        try:
            fields = [field.strip() for field in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{where}, line {number}: expected fields separated by {delimiter!r}, got a line "
                f"that cannot be taken apart ({error}); check its quotes, "
                "or say what parts the fields with --delimiter, as --delimiter space"
            ) from error
        if not any(fields):
            blank.append((number, fields))
        elif empty := next((n for n, found in blank if len(found) < 2), None):
            raise InputError(
                f"{where}, line {empty}: expected a row, got an empty line before the last row; "
                "delete it"
            )
        else:
            yield from blank
            blank.clear()
            yield number, fields
        number = first + reader.line_num


def delimiter_called(name: str) -> str:
    """The delimiter that a user names: one character, or its name."""
    mark = _NAMED.get(name.lower(), name)
    if len(mark) != 1 or mark in '"\r\n':
        raise InputError(
            f"the delimiter must be one character, or one of {', '.join(_NAMED)}; got {name!r}"
        )
    return mark


def dialect(head: list[str], where: str, delimiter: str | None, spaces: bool) -> Dialect:
    """The dialect that the first lines show.

    Parameters
    ----------
    head : list of str
        The first lines, with their ends.
    where : str
    delimiter : str, optional
        If it is known.
    spaces : bool
        Whether runs of spaces may part the fields.

    Raises
    ------
    InputError
        If there is no line, or it is in doubt whether the first one is a header.
    """
    hashed = 0
    while hashed < len(head) and head[hashed].lstrip().startswith("#"):
        hashed += 1
    marked, plain = head[:hashed], head[hashed:]
    if not any(line.strip() for line in plain):
        none = "none but comments" if hashed else "none"
        raise InputError(f"{where}: expected lines of numbers or text, got {none}; give data")
    mark = delimiter or _delimiter(plain, spaces)
    if plain[0].count(mark) >= _WIDEST:
        raise InputError(
            f"{where}: expected at most {_WIDEST:,} columns, got {plain[0].count(mark) + 1:,} "
            f"fields in the first line, parted by {mark!r}; write rows as lines"
        )
    rows = [fields for _, fields in _tolerant(plain, mark, where)]
    names = _hashed(marked[-1], mark, where) if marked else None
    if names is not None and _heads(names, rows):
        return Dialect(where, mark, _filled(names), len(names), hashed, hashed - 1)
    if not rows:
        rows = [fields for _, fields in records(plain, mark, where, hashed + 1)]
    if _is_header(rows[0], rows[1:], where, hashed + 1):
        names = _beside_names_of_rows(rows[0], rows[1:])
        return Dialect(where, mark, _filled(names), len(names), hashed, hashed)
    return Dialect(where, mark, None, len(rows[0]), hashed, hashed)


def _beside_names_of_rows(header: list[str], rows: list[list[str]]) -> list[str]:
    """The header, with an empty name before it where every row begins with a name of its own that
    the header leaves out, as R's write.table does.
    """
    first = [row[0] for row in rows]
    longer = all(len(row) == len(header) + 1 for row in rows)
    ended = not any(row[-1] for row in rows)  # by a delimiter
    own = len(set(first)) == len(first) > 1
    return ["", *header] if longer and own and not ended else header


def _tolerant(head: list[str], delimiter: str, where: str) -> list[Record]:
    """The records of the first lines, up to what cannot be read: the head may end in a field."""
    found: list[Record] = []
    with suppress(InputError):
        found.extend(records(head, delimiter, where))
    return found


def _delimiter(head: list[str], spaces: bool) -> str:
    """The mark that parts the first line and those after it into the same number of fields."""
    bare = [_QUOTED.sub("", line).strip("\r\n") for line in head if line.strip()]
    there = [mark for mark in _MARKS if mark in bare[0].strip(" ")]
    for mark in there:
        if all(line.count(mark) == bare[0].count(mark) for line in bare):
            return mark
    parted = [_QUOTED.sub("text", line).split() for line in head if line.strip()]
    sizes = [len(fields) for fields in parted]
    even = len(set(sizes)) == 1 < sizes[0]
    if len(set(sizes[1:])) == 1 < sizes[0] == sizes[1] - 1:  # names of rows have no header
        even = any(map(texts.is_number, parted[-1]))
    if not there and even and (spaces or all(map(texts.is_number, parted[-1]))):
        return SPACES
    return there[0] if there else ","


def _hashed(line: str, delimiter: str, where: str) -> list[str] | None:
    """The fields of a line that begins with #, without it unless it is all of the first field."""
    bare = line.lstrip()[1:]
    rows = _tolerant([bare], delimiter, where)
    if not rows:
        return None
    fields = rows[0][1]
    return fields if fields[0] else ["#", *fields[1:]]


def _heads(names: list[str], rows: list[list[str]]) -> bool:
    """Whether the last line that begins with # holds the names of the columns below it."""
    if not rows or len(rows[0]) != len(names) or any(map(_numeric, names)):
        return not rows and len(names) > 1
    below = any(_numeric(field) for row in rows[1:2] for field in row)
    headed = below and not any(map(_numeric, rows[0]))  # then it is a comment above a header
    return not headed and (len(names) > 1 or _numeric(rows[0][0]))


def _filled(fields: list[str]) -> tuple[str, ...]:
    """Names for the columns whose header is empty, as pandas gives them."""
    return tuple(name or f"Unnamed: {k}" for k, name in enumerate(fields))


def _numeric(field: str) -> bool:
    """Whether a field is a number, or would be one with another decimal mark."""
    return texts.is_number(field) or field.lower() == "nan" or bool(_MARKED.fullmatch(field))


def _is_header(first: list[str], rows: list[list[str]], where: str, number: int) -> bool:
    """Whether the first record holds names: no number, the numbers 0, 1, 2, ... of columns, or
    years, as wide tables of a time series have them.

    Raises
    ------
    InputError
        If it may as well be a row.
    """
    numbers = [field for field in first if _numeric(field)]
    if not any(first):
        return False
    if not numbers:
        columns = [*zip(*(row for row in rows if len(row) == len(first)), strict=True)]
        alike = sum(_alike(*pair) for pair in zip(first, columns, strict=False))
        numeric = any(all(map(_numeric, column)) for column in columns)
        if columns and not numeric and 2 * alike >= len(first):
            raise InputError(
                f"{where}, line {number}: expected a header, got {_short(first)}, which may be a "
                "row: its fields are as those below; write the columns' names above it"
            )
        return True
    if _are_years(first) and rows and not any(map(_are_years, rows)):
        return True
    named = not _numeric(first[0])
    rest = first[1:] if named else first
    if rest != [str(k) for k in range(len(rest))] or not rows:
        return False
    if named:  # else: a header may not have numbers beside names, as the reader says
        return not first[0] or _numeric(rows[0][0]) or len(rest) >= _CERTAIN
    if _counts(rows[0]) or first in rows:
        return False
    if len(first) >= _CERTAIN:
        return True
    raise InputError(
        f"{where}, line {number}: {_short(first)} may be a row, or numbers that a program wrote as "
        "the columns' names; write names above it if it is a row, or in its place if it is none"
    )


def _are_years(fields: list[str]) -> bool:
    """Whether the numbers among fields are years at even distances, enough of them to be sure."""
    numbers = [field for field in fields if _numeric(field)]
    if not all(map(texts.is_integer, numbers)) or len(numbers) < 3:
        return False
    years = [int(field) for field in numbers]
    steps = {b - a for a, b in pairwise(years)}
    alone = len(numbers) == len(fields)
    sure = steps == {1} and len(fields) >= _CERTAIN if alone else len(steps) == 1 and min(steps) > 0
    return sure and all(1000 <= year < 3000 for year in years)


def _alike(name: str, column: tuple[str, ...]) -> bool:
    """Whether a field of the first record is a value as the others in its column."""
    below = column[0]
    both = spelling.written(name) and spelling.written(below)
    return bool(name) and (name in column or both or texts.date_format([name, below]) is not None)


def _counts(fields: list[str]) -> bool:
    """Whether fields are integers that count up."""
    if not all(map(texts.is_integer, fields)):
        return False
    values = [int(field) for field in fields]
    return all(b - a == 1 for a, b in pairwise(values))


def _short(fields: list[str]) -> str:
    shown = ", ".join(field[:40] for field in fields[:6])
    return repr(shown + (", ..." if len(fields) > 6 else ""))
