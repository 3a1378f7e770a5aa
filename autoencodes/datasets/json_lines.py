"""JSON lines: one object a line, whose entries are columns; or one list of objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from autoencodes.datasets.arrays import column
from autoencodes.datasets.columns import build
from autoencodes.datasets.dialect import LONGEST_LINE
from autoencodes.datasets.kinds import Given
from autoencodes.datasets.options import option
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import Source, reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError

_DEEPEST = 8
"""Objects in each other, at most."""
_TIMES = 50
"""How many times its size a compressed list may have of characters."""


def read_json(source: Source, options: Reading) -> Table:
    """The table of JSON lines, or of a file that is one list of objects.

    Raises
    ------
    InputError
        If a line is no JSON object of numbers, text, truths and null, or not of the width of the
        others where lines are lists; with its number.
    """
    with reading(source), source.opened() as stream:
        encoding = options.encoding or "utf-8-sig"
        try:
            text = io.TextIOWrapper(cast(Any, stream), encoding)
            values: list[Any] = []
            numbers: list[int] = []
            for number, line in _lines(text, str(source), max(LONGEST_LINE, _TIMES * source.size)):
                values.append(_parsed(line, f"{source}, line {number}"))
                numbers.append(number)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{source}: expected text in {encoding}, got other bytes ({error.reason} at byte "
                f"{error.start}); save it in UTF-8, or name its encoding with --encoding"
            ) from error
        except LookupError as error:
            raise InputError(f"the encoding {encoding!r} is not known") from error
    if len(values) == 1 and isinstance(values[0], list) and _all(values[0], (dict, list)):
        values, numbers = values[0], []

    def place(k: int) -> str:
        return f"{source}, line {numbers[k]}" if numbers else f"{source}, row {k + 1}"

    if not values:
        raise InputError(f"{source}: expected JSON objects, one a line, got none; give data")
    # One object of objects alone is a table by columns, as programs write it, and no row.
    if len(values) > 1 or not (
        isinstance(values[0], dict) and _all([*values[0].values()], (dict,))
    ):
        values = [_flat(value, place(k)) for k, value in enumerate(values)]
    given, numbered = _columns(values, place, str(source), options.drop)
    starts = np.array(numbers) if numbers else None
    return build(given, options, str(source), line=starts, numbered=numbered)


def _lines(text: io.TextIOBase, where: str, most: int) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, or the whole text where it is one value on several lines."""
    number = 0
    first = True
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) >= LONGEST_LINE:
            raise InputError(
                f"{where}: expected a JSON object a line, got a line {number} of more than "
                f"{LONGEST_LINE:,} characters; break it into rows"
            )
        if not line.strip():
            continue
        start, end = line.strip()[0], line.strip()[-1]
        if first and start in "[{" and end != {"[": "]", "{": "}"}[start]:  # goes on below
            rest = text.read(most)
            yield number, line + rest
            return
        first = False
        yield number, line


def _parsed(line: str, where: str) -> Any:
    """The value of a line."""
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except RecursionError as error:
        raise InputError(f"{where}: expected a flat JSON object, got nested ones") from error
    except ValueError as error:
        raise InputError(
            f"{where}: expected a JSON object of numbers, text, true, false and null, got what "
            f"is none ({error}); write one object a line"
        ) from error
    return value


def _flat(value: Any, where: str) -> Any:
    """A row, the entries of whose objects are its own: {"a": {"b": 1}} is {"a.b": 1}."""
    if not isinstance(value, dict) or not any(isinstance(v, dict) for v in value.values()):
        return value
    pairs, depth = list(value.items()), 0
    while any(isinstance(entry, dict) for _, entry in pairs):
        if (depth := depth + 1) > _DEEPEST:
            raise InputError(
                f"{where}: expected at most {_DEEPEST} objects in each other, got more"
            )
        pairs = [
            own
            for name, entry in pairs
            for own in (
                [(f"{name}.{key}", inner) for key, inner in entry.items()]
                if isinstance(entry, dict)
                else [(name, entry)]
            )
        ]
    try:
        return _once(pairs)
    except ValueError as error:
        raise InputError(f"{where}: {error}; give it another name") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the entry {twice!r} stands there twice")
    return found


def _all(values: list[Any], types: tuple[type, ...]) -> bool:
    return bool(values) and all(isinstance(value, types) for value in values)


def _columns(
    values: list[Any], place: Any, where: str, drop: tuple[str, ...]
) -> tuple[list[Given], bool]:
    """The columns of objects or of lists, and whether they are only numbered; what is to be
    dropped may be anything.
    """
    kind = dict if isinstance(values[0], dict) else list
    for k, value in enumerate(values):
        if not isinstance(value, kind) or not value:
            raise InputError(
                f"{place(k)}: expected a JSON {'object' if kind is dict else 'list'} with entries, "
                f"as in the first row, got {str(value)[:40]!r}"
            )
        if kind is list and len(value) != len(values[0]):
            raise InputError(
                f"{place(k)}: expected {len(values[0])} entries as in the first row, got "
                f"{len(value)}"
            )
    if kind is list:
        names: list[Any] = list(range(len(values[0])))
        get = [[row[k] for row in values] for k in names]
        names = [f"x_{k}" for k in names]
    else:
        names = list(dict.fromkeys(name for row in values for name in row))
        get = [[row.get(name) for row in values] for name in names]
    get = [[None] * len(g) if n in drop else g for n, g in zip(names, get, strict=True)]
    for name, entries in zip(names, get, strict=True):
        for k, entry in enumerate(entries):
            if isinstance(entry, dict | list):
                raise InputError(
                    f"{place(k)}: expected a number, text, true, false or null for {name!r}, got "
                    f"{'an object' if isinstance(entry, dict) else 'a list'}; write its entries "
                    f"as entries of their own, or leave it out with {option('drop', name)}"
                )
            if isinstance(entry, str) and any("\ud800" <= c <= "\udfff" for c in entry):
                raise InputError(f"{place(k)}: {name!r} holds half of a character (a surrogate)")
    given = [
        column(name, entries, k, where)
        for k, (name, entries) in enumerate(zip(names, get, strict=True), 1)
    ]
    return given, kind is list
