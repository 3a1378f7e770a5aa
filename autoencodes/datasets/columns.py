"""From columns as a reader has them to a table: which are features, of what kind, and which not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from autoencodes.datasets import spelling, texts
from autoencodes.datasets.kinds import (
    LABEL_NAMES,
    TOO_LONG,
    Builder,
    Given,
    as_known,
    as_numbers,
    as_said,
    constant,
    levelled,
    moments,
    number,
    plain,
    present,
    same,
    set_aside,
    text,
)
from autoencodes.datasets.options import option, typed
from autoencodes.datasets.reading import Reading, named
from autoencodes.datasets.table import Lines, Table, classes
from autoencodes.errors import InputError

_IDENTIFIES = re.compile(
    r"|#|unnamed: \d+|(.*[_ ])?"
    r"(id|identifier|idx|index|key|uuid|guid|row|rows|rownum|row_?names?|(nr|no)\.?)",
    re.IGNORECASE,
)
_INDEX = re.compile(r"|unnamed: 0", re.IGNORECASE)
_FEW = 10
"""Rows below which nothing is concluded from all values being different."""


def build(
    given: Sequence[Given],
    reading: Reading,
    where: str,
    *,
    line: int | Lines | None = None,
    numbered: bool = False,
    decimal: str | None = None,
) -> Table:
    """The table of columns, as far as values and ``reading`` say what these are.

    Parameters
    ----------
    given : sequence of Given
    reading : Reading
    where : str
        The file, for messages.
    line : int or array of int (N,), optional
        In a text file, the number of the line that holds the first row, or of every row.
    numbered : bool
        Whether columns have no names but their numbers.
    decimal : str, optional
        The decimal mark that other columns of the file surely have.

    Raises
    ------
    InputError
        If a column that was named is not there, two have one name, a value is none of its column's
        kind, values are missing and ``reading`` refuses them, or no feature is left.
    """
    made = Builder(where, line, reading, numbered, decimal)
    rest = _selected(list(given), reading, where)
    for g in rest:
        if g.fault is not None:
            drop = option("drop", g.name)
            raise InputError(
                f"{where}: column {g.name!r} {g.fault}; expected numbers, text, truths or dates: "
                f"convert it, or leave it out{typed(f' with {drop}')}"
            )
    label = _label(rest, reading, where)
    roles: dict[str, np.ndarray] = {}
    for role, name in reading.roles.items():
        named_one = next((g for g in rest if g.name == name), None)
        if named_one is None:
            named(name, [g.name for g in rest], role, where)
            raise InputError(f"{where}: column {name!r} cannot be dropped and be the {role}")
        roles[role] = made.identifiers[name] = plain(named_one)
        made.notes.append(f"{name!r} is the {role} of the rows, and no feature")
    rest = [g for g in rest if g is not label and g.name not in reading.roles.values()]
    said = reading.said
    for name in said:
        named(name, [g.name for g in given], "kinds", where)
    known = None if reading.schema is None else {c.name: c for c in reading.schema}
    if known is not None:
        rest = _numbered(rest, len(known), made) if numbered else _matched(rest, list(known), made)
    for k, column in enumerate(rest):
        schema = None if known is None else (reading.schema or ())[k]
        if schema is not None:
            as_known(column, schema, made)
        else:
            _decide(column, said.get(column.name), made, len(rest))
    labels = None if label is None else _labels(label, made)
    made.order = tuple(g.name for g in given)
    return _table(made, labels, None if label is None else label.name, roles)


def _selected(given: list[Given], reading: Reading, where: str) -> list[Given]:
    """The columns that are to be looked at, every one with a name of its own."""
    counts = Counter(g.name for g in given)
    twice = next((name for name, count in counts.items() if count > 1 and name), None)
    if twice is not None:
        places = [str(g.number) for g in given if g.name == twice]
        raise InputError(
            f"{where}: columns {' and '.join(places)} are both called {twice!r}; rename one of them"
        )
    names = [g.name for g in given]
    for name in reading.drop:
        named(name, names, "drop", where)
    for name in reading.columns:
        named(name, names, "columns", where)
    kept = {*(reading.columns or names), *reading.roles.values()}
    if reading.label is not None:
        kept.add(reading.label)
    elif reading.columns:
        kept |= {name for name in names if name.lower() in LABEL_NAMES}
    return [g for g in given if g.name in kept and g.name not in reading.drop]


def _label(given: list[Given], reading: Reading, where: str) -> Given | None:
    """The column of labels."""
    names = [g.name for g in given]
    if reading.label is not None and (reading.schema is None or reading.label in names):
        named(reading.label, names, "label", where)
        return next(g for g in given if g.name == reading.label)
    said = reading.said
    likely = [g for g in given if g.name.lower() in LABEL_NAMES and g.name not in said]
    if len(likely) > 1:
        raise InputError(
            f"{where}: expected at most one column of labels, got "
            f"{' and '.join(g.name for g in likely)}; {typed('name it with --label, or ')}"
            "rename or remove all but one"
        )
    return likely[0] if likely else None


def _matched(given: list[Given], wanted: list[str], made: Builder) -> list[Given]:
    """The columns that a model was trained on, in its order; others must be no feature."""
    there, taken = {g.name: g for g in given}, set(wanted)
    for name in wanted:
        if name not in there:
            spare = [g for g in there if g not in taken]
            named(name, spare or list(there), "the model, which was trained with it", made.where)
    for column in given:
        if column.name in taken:
            continue
        known = column.aside or column.name in made.reading.aside
        if not known and not _INDEX.fullmatch(column.name):
            drop = option("drop", column.name)
            raise InputError(
                f"{made.where}: the model was trained without a column {column.name!r}; rename it, "
                f"leave it out{typed(f' ({drop})')}, or train anew with it"
            )
        made.identifiers[column.name] = plain(column)
    return [there[name] for name in wanted]


def _numbered(given: list[Given], wanted: int, made: Builder) -> list[Given]:
    """The columns of a file without names, as many as the model was trained on."""
    if len(given) != wanted:
        raise InputError(
            f"{made.where}: the model was trained with {wanted} columns, and the file has "
            f"{len(given)}, without names; give it a header, or as many columns"
        )
    made.notes.append("the columns have no names: they are taken in the order of the model's")
    return given


def _decide(given: Given, said: str | None, made: Builder, count: int) -> None:
    """Makes of a column a feature of its kind, an identifier, or what is carried along."""
    if said == "identifier" or (said is None and given.aside):
        made.identifiers[given.name] = plain(given)
        return
    if said is not None:
        as_said(given, said, made)
        return
    gone, values = present(given)
    seen = values[~gone]
    if made.reading.as_numbers:
        if values.dtype.kind in "biuf":
            number(given, gone, values, "number", made)
        else:
            made.identifiers[given.name] = plain(given)
    elif made.numbered and values.dtype.kind == "O":
        text(given, gone, values, made)  # which refuses what is no number
    elif not seen.size or (len(values) > 1 and same(seen)):
        constant(given, gone, seen, made)
    elif count > 1 and _INDEX.fullmatch(given.name):
        set_aside(given, "is the index that a program wrote beside the rows", made)
    elif count > 1 and _counts_rows(given, gone, seen):
        set_aside(given, "names the rows", made)
    elif given.levels is not None:
        kind = "ordinal" if given.ordered else "category"
        levelled(given, gone, values, kind, given.levels, made)
    elif values.dtype.kind == "b":
        levelled(given, gone, values, "boolean", (False, True), made)
    elif values.dtype.kind == "M":
        moments(given, gone, values, "date", made)
    elif values.dtype.kind in "iuf":
        number(given, gone, values, "number", made)
    else:
        text(given, gone, values, made)


def _counts_rows(given: Given, gone: np.ndarray, seen: np.ndarray) -> bool:
    """Whether a column is an index or a number of the rows: integers that count up, or by its name
    and all different; or text that is never twice the same.
    """
    if gone.any() or len(set(seen.tolist())) < len(seen):
        return False
    likely = bool(_IDENTIFIES.fullmatch(given.name))
    if given.text and not as_numbers(seen):
        fields = seen.tolist()
        numbers = any(map(texts.is_number, fields)) or all(map(spelling.written, fields))
        mixed = numbers and not all(map(texts.is_integer, fields))
        doubt = not likely and (len(seen) < _FEW or mixed)
        return not doubt and not texts.date_format(fields)
    values = np.array([float(v) for v in seen.tolist()]) if given.text else seen
    if values.dtype.kind == "M" or not np.array_equal(values, np.round(values)):
        return False
    counting = bool((np.diff(values.astype(np.float64)) == 1).all())
    if likely:
        return counting or len(seen) >= _FEW
    return counting and given.number == 1 and values[0] in (0, 1) and len(seen) >= _FEW


def _labels(given: Given, made: Builder) -> np.ndarray:
    """The labels: integers where all are whole numbers, the text otherwise."""
    gone, values = present(given)
    if values.dtype.kind == "O":  # a label may be called none, or a question mark
        gone = np.array([v is None or not str(v).strip() for v in given.values.tolist()], bool)
        gone |= np.zeros(len(gone), bool) if given.missing is None else given.missing
    if gone.any():
        row = int(np.argmax(gone))
        raise InputError(
            f"{made.place(given, row)}: expected a label, got an empty field; fill it in, remove "
            "the line, or drop the column"
        )
    if values.dtype.kind != "O":
        return classes(values, len(values), made.where)
    distinct = set(values.tolist())
    numeric = all(texts.is_number(t) and not texts.is_code(t) for t in distinct)
    if numeric and all(abs(float(t)) < 2**53 and float(t).is_integer() for t in distinct):
        return np.array([int(float(t)) for t in values.tolist()], np.int64)
    return values.astype(str)


def _table(
    made: Builder, labels: np.ndarray | None, label: str | None, roles: dict[str, np.ndarray]
) -> Table:
    """The table of all that was decided."""
    numbers = all(column.kind == "number" for column in made.columns)
    if made.reading.schema is None and not (numbers and len({v.dtype for v in made.values}) == 1):
        _set_aside_long(made)
    _refuse_missing(made)
    if not any(column.kind != "constant" for column in made.columns):
        only = [repr(name) for name in (label, *made.identifiers, *made.constant) if name]
        raise InputError(
            f"{made.where}: expected at least one column of numbers or categories that is not "
            f"constant, got only {', '.join(only[:6]) or 'none'}; add the columns to train on, or "
            f"say with {option('kinds')} what they are"
        )
    _refuse_single_text(made)
    if made.constant and made.reading.schema is None:
        shown = ", ".join(map(repr, made.constant[:5])) + (", ..." if made.constant[5:] else "")
        verb = "is constant" if len(made.constant) == 1 else "are constant"
        made.notes.append(f"{shown} {verb}: no feature, carried along")
    kinds = {values.dtype for values in made.values}
    numeric = all(column.kind == "number" for column in made.columns)
    dtype = kinds.pop() if len(kinds) == 1 and numeric else np.dtype(np.float64)
    x = np.empty((len(made.values[0]), len(made.values)), dtype)
    for k, values in enumerate(made.values):
        x[:, k] = values
    return Table(
        x,
        labels,
        columns=tuple(made.columns),
        identifiers=made.identifiers,
        roles=roles,
        notes=tuple(made.notes),
        label_name=label,
        line=made.line,
        order=made.order,
    )


def _set_aside_long(made: Builder) -> None:
    """Leaves out columns of integers that, among floats, would not come back as they were."""
    for column, values in [*zip(made.columns, made.values, strict=True)]:
        if values.dtype.kind not in "iu" or column.name in made.reading.said:
            continue
        far = values[np.abs(values.astype(np.float64)) >= 2.0**53]
        if any(int(float(value)) != value for value in far.tolist()):
            place = made.columns.index(column)
            made.columns.pop(place)
            set_aside(Given(column.name, made.values.pop(place)), TOO_LONG, made)


def _refuse_single_text(made: Builder) -> None:
    """InputError for lines that were not taken apart: one column of text, never twice the same."""
    only = made.columns[0]
    known = made.reading.schema is not None or only.name in made.reading.said
    if len(made.columns) > 1 or made.identifiers or known:
        return
    if only.kind == "category" and len(only.levels) == len(made.values[0]):
        raise InputError(
            f"{made.where}: expected columns to train on, got one of text, {only.name!r}, in which "
            f"no value comes twice (as {only.levels[0]!r}); "
            f"{typed('say what parts the fields with --delimiter, as --delimiter space, or ')}"
            "add columns"
        )


def _refuse_missing(made: Builder) -> None:
    """InputError if values are missing, and were not said to be expected."""
    if made.reading.missing != "refuse" or not made.absent:
        return
    first, row, _ = min(made.absent, key=lambda absent: absent[1])
    value = first.values[row] if first.gap is None else first.gap
    got = "an empty field" if value is None or not str(value).strip() else str(value)
    counts = ", ".join(f"{g.name!r} {count:,}" for g, _, count in made.absent[:8])
    more = f" and {len(made.absent) - 8} more columns" if made.absent[8:] else ""
    advice = (
        f"take {option('missing', 'mask')} (what is missing is not learned from, and filled by "
        f"reconstruction), {option('missing', 'mean')}, or leave columns out"
        f"{typed(' with --drop')}"
    )
    if made.reading.schema is not None:
        again = option("missing", "mask")
        advice = f"fill them in, leave these rows out, or train anew with {again}"
    raise InputError(
        f"{made.place(first, row)}: expected a value, got {got}; missing are in {counts}{more}: "
        f"{advice}"
    )
