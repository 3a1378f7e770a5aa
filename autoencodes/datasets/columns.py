"""From columns as a reader has them to a table: which are features, of what kind, and which not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from autoencodes.datasets import texts
from autoencodes.datasets.reading import Reading, named
from autoencodes.datasets.table import Column, Table, classes
from autoencodes.errors import InputError

LABEL_NAMES = ("label", "labels", "class", "target")
_IDENTIFIES = re.compile(
    r"|unnamed: \d+|(.*[_ ])?(id|idx|index|key|uuid|guid|row|rows|rownum|row_?names?|nr|no)",
    re.IGNORECASE,
)
_FEW = 10
"""Rows below which nothing is concluded from all values being different."""
_LEVELS = 200
"""The most levels of a text column that is taken for a category without being called one."""


@dataclass(frozen=True, eq=False)
class Given:
    """A column as a reader has it.

    Parameters
    ----------
    name : str
    values : array (N,)
        Numbers, booleans, NumPy's dates, or objects: text, with None where there is none.
    number : int
        Its place in the file, from 1.
    missing : array of bool (N,), optional
        Where there is no value, beside NaN, NaT and None.
    levels : tuple, optional
        Of a categorical column, all that there are.
    ordered : bool
        Whether these have an order.
    """

    name: str
    values: Shaped[np.ndarray, " particle"]
    number: int = 0
    missing: Bool[np.ndarray, " particle"] | None = None
    levels: tuple[Any, ...] | None = None
    ordered: bool = False

    @property
    def text(self) -> bool:
        """Whether values are objects: text."""
        return self.values.dtype.kind == "O"


@dataclass(eq=False)
class _Builder:
    """A table in the making."""

    where: str
    line: int | None
    reading: Reading
    numbered: bool
    columns: list[Column] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    identifiers: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: list[tuple[Given, int, int]] = field(default_factory=list)
    constant: list[str] = field(default_factory=list)

    def place(self, given: Given, row: int) -> str:
        """Where a value stands, as an editor or a person counts."""
        place = f"row {row + 1}" if self.line is None else f"line {row + self.line}"
        shown = "" if self.numbered else f" ({given.name!r})"
        return f"{self.where}, {place}, column {given.number}{shown}"


def build(
    given: Sequence[Given],
    reading: Reading,
    where: str,
    *,
    line: int | None = None,
    numbered: bool = False,
) -> Table:
    """The table of columns, as far as values and ``reading`` say what these are.

    Parameters
    ----------
    given : sequence of Given
    reading : Reading
    where : str
        The file, for messages.
    line : int, optional
        The number of the line that holds the first row, where each has one line.
    numbered : bool
        Whether columns have no names but their numbers.

    Raises
    ------
    InputError
        If a column that was named is not there, two have one name, a value is none of its column's
        kind, values are missing and ``reading`` refuses them, or no feature is left.
    """
    made = _Builder(where, line, reading, numbered)
    rest = _selected(list(given), reading, where)
    label = _label(rest, reading, where)
    roles: dict[str, np.ndarray] = {}
    for role, name in reading.roles.items():
        column = next((g for g in rest if g.name == name), None)
        if column is None:
            named(name, [g.name for g in rest], role, where)
            raise InputError(f"{where}: column {name!r} cannot be dropped and be the {role}")
        roles[role] = made.identifiers[name] = _plain(column)
        made.notes.append(f"{name!r} is the {role} of the rows, and no feature")
    rest = [g for g in rest if g is not label and g.name not in reading.roles.values()]
    said = reading.said
    for name in said:
        named(name, [g.name for g in given], "kinds", where)
    known = None if reading.schema is None else {c.name: c for c in reading.schema}
    if known is not None and not numbered:
        rest = _matched(rest, list(known), made)
    for k, column in enumerate(rest):
        schema = None if known is None else (reading.schema or ())[k]
        if schema is not None:
            _as_known(column, schema, made)
        else:
            _decide(column, said.get(column.name), made, len(rest))
    labels = None if label is None else _labels(label, made)
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
    if reading.label is not None:
        named(reading.label, [g.name for g in given], "label", where)
        return next(g for g in given if g.name == reading.label)
    said = reading.said
    likely = [g for g in given if g.name.lower() in LABEL_NAMES and g.name not in said]
    if len(likely) > 1:
        raise InputError(
            f"{where}: expected at most one column of labels, got "
            f"{' and '.join(g.name for g in likely)}; name it with --label, or rename or remove "
            "all but one"
        )
    return likely[0] if likely else None


def _matched(given: list[Given], wanted: list[str], made: _Builder) -> list[Given]:
    """The columns that a model was trained on, in its order; others must be no feature."""
    there = {g.name: g for g in given}
    for name in wanted:
        if name not in there:
            spare = [g for g in there if g not in wanted]
            named(name, spare or list(there), "the model, which was trained with it", made.where)
    left = [g for g in given if g.name not in wanted]
    for column in left:
        if not _names_rows(column):
            raise InputError(
                f"{made.where}: the model was trained without a column {column.name!r}; leave it "
                f"out with --drop {column.name}, or train anew with it"
            )
        made.identifiers[column.name] = _plain(column)
    return [there[name] for name in wanted]


def _names_rows(column: Given) -> bool:
    """Whether a column that a model does not know may go along as what names the rows."""
    return bool(_IDENTIFIES.fullmatch(column.name)) or column.text


def _decide(given: Given, said: str | None, made: _Builder, count: int) -> None:
    """Makes of a column a feature of its kind, an identifier, or what is carried along."""
    if said == "identifier":
        made.identifiers[given.name] = _plain(given)
        return
    if said is not None:
        _as_said(given, said, made)
        return
    gone, values = _present(given)
    seen = values[~gone]
    if not seen.size or _same(seen):
        _constant(given, gone, seen, made)
    elif count > 1 and _counts_rows(given, gone, seen):
        _set_aside(given, "names the rows", made)
    elif given.levels is not None:
        kind = "ordinal" if given.ordered else "category"
        _levelled(given, gone, values, kind, given.levels, made)
    elif values.dtype.kind == "b":
        _levelled(given, gone, values, "boolean", (False, True), made)
    elif values.dtype.kind == "M":
        _moments(given, gone, values, "date", made)
    elif values.dtype.kind in "iuf":
        _number(given, gone, values, "number", made)
    else:
        _text(given, gone, values, made)


def _present(given: Given) -> tuple[np.ndarray, np.ndarray]:
    """Where a column has no value, and its values: text stripped, numbers and truths as such."""
    values = given.values
    gone = np.zeros(len(values), bool) if given.missing is None else given.missing.copy()
    if values.dtype.kind == "f":
        gone |= np.isnan(values)
    elif values.dtype.kind == "M":
        gone |= np.isnat(values)
    if not given.text:
        return gone, values
    if all(isinstance(v, bool | np.bool_) or v is None for v in values.tolist()):
        gone |= np.array([v is None for v in values.tolist()], bool)
        return gone, np.array([bool(v) for v in values.tolist()], bool)
    fields = np.array(["" if v is None else str(v).strip() for v in values.tolist()], object)
    return gone | np.array([texts.absent(t) for t in fields.tolist()], bool), fields


def _same(seen: np.ndarray) -> bool:
    return bool((seen == seen[0]).all())


def _counts_rows(given: Given, gone: np.ndarray, seen: np.ndarray) -> bool:
    """Whether a column is an index or a number of the rows: integers that count up, or by its name
    and all different; or text that is never twice the same.
    """
    if gone.any() or len(set(seen.tolist())) < len(seen):
        return False
    likely = bool(_IDENTIFIES.fullmatch(given.name))
    if given.text and not _as_numbers(seen):
        few = len(seen) < _FEW and not likely
        return not few and not texts.date_format(seen.tolist())
    numbers = np.array([float(v) for v in seen.tolist()]) if given.text else seen
    if numbers.dtype.kind == "M" or not np.array_equal(numbers, np.round(numbers)):
        return False
    counting = bool((np.diff(numbers.astype(np.float64)) == 1).all())
    if not given.name or likely:
        return True if counting else likely and len(seen) >= _FEW
    return counting and given.number == 1 and numbers[0] in (0, 1) and len(seen) >= _FEW


def _as_numbers(seen: np.ndarray) -> bool:
    return all(texts.is_number(t) and not texts.is_code(t) for t in seen.tolist())


def _set_aside(given: Given, why: str, made: _Builder) -> None:
    made.identifiers[given.name] = _plain(given)
    made.notes.append(
        f"{given.name!r} {why}: left out, and returned beside the results "
        f"(--kinds {given.name}=number or category takes it)"
    )


def _constant(given: Given, gone: np.ndarray, seen: np.ndarray, made: _Builder) -> None:
    levels: tuple[Any, ...] = ()
    if seen.size:
        value = seen[0]
        if given.text and _as_numbers(seen[:1]):
            value = int(value) if value.lstrip("+-").isdigit() else float(value)
        levels = (value.item() if hasattr(value, "item") else value,)
    x = np.where(gone, np.nan, 0.0)
    made.constant.append(given.name)
    _add(given, Column(given.name, "constant", _dtype(given), levels), x, made)


def _dtype(given: Given) -> str:
    return "str" if given.text else str(given.values.dtype)


def _add(given: Given, column: Column, x: np.ndarray, made: _Builder) -> None:
    """Takes a column into the table; what is missing is counted, infinity refused."""
    if x.dtype.kind == "f":
        infinite = np.isinf(x)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise InputError(
                f"{made.place(given, row)}: expected a finite number, got {x[row]}; remove or "
                "replace the values that are not finite"
            )
        gone = np.isnan(x)
        if gone.any() and not (column.kind == "constant" and not column.levels):
            made.absent.append((given, int(np.argmax(gone)), int(gone.sum())))
    made.columns.append(column)
    made.values.append(x)


def _number(given: Given, gone: np.ndarray, values: np.ndarray, kind: Any, made: _Builder) -> None:
    x = np.where(gone, np.nan, values.astype(np.float64)) if gone.any() else values
    if kind == "log":
        wrong = ~gone & ~(values > 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"{made.place(given, row)}: the logarithm is of positive numbers, got "
                f"{values[row]}; take --kinds {given.name}=number"
            )
    dtype = values.dtype if values.dtype.kind != "f" or values.dtype.itemsize <= 8 else np.float64
    _add(given, Column(given.name, kind, str(np.dtype(dtype))), x, made)


def _text(given: Given, gone: np.ndarray, fields: np.ndarray, made: _Builder) -> None:
    """Text: numbers, truths, dates or names of categories, as all of its fields are."""
    seen = fields[~gone]
    distinct = list(dict.fromkeys(seen.tolist()))
    numeric = [texts.is_number(t) for t in distinct]
    if made.numbered and not all(numeric):
        _refuse_text(given, fields, gone, made)
    if all(numeric) and not any(map(texts.is_code, distinct)):
        _number(given, gone, *_parsed(fields, ~gone), made)
        return
    if any(numeric) and not all(numeric):
        _refuse_text(given, fields, gone, made)
    if all(t.lower() in ("true", "false") for t in distinct):
        levels = tuple(sorted(distinct, key=str.lower))
        _levelled(given, gone, fields, "boolean", levels, made)
        return
    form = texts.date_format(distinct)
    if isinstance(form, tuple):
        raise InputError(
            f"{made.where}: the dates of column {given.name!r} may be {form[0]} or {form[1]}, as "
            f"{distinct[0]!r}; say which: --kinds '{given.name}=date({form[0]})'"
        )
    if form is not None:
        _moments(given, gone, fields, "date", made, form)
        return
    if all(map(texts.nearly_number, distinct)):
        row = int(np.flatnonzero(~gone)[0])
        raise InputError(
            f"{made.place(given, row)}: expected a number, got {fields[row]!r}; write numbers "
            "without marks or units, say how decimals are marked with --decimal, or take "
            f"--kinds {given.name}=category"
        )
    if len(distinct) > _LEVELS or (len(distinct) > 20 and 2 * len(distinct) > len(seen)):
        _set_aside(given, f"is text with {len(distinct):,} different values", made)
        return
    _levelled(given, gone, fields, "category", tuple(sorted(distinct)), made)


def _parsed(fields: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, str]:
    values, whole = texts.numbers(fields, present)
    if whole and present.all() and np.abs(values).max() < 2**63:
        return np.array([int(t) for t in fields.tolist()], np.int64), "number"
    return values, "number"


def _refuse_text(given: Given, fields: np.ndarray, gone: np.ndarray, made: _Builder) -> None:
    """The error for a column that is neither numbers nor text."""
    wrong = [not (out or texts.is_number(t)) for t, out in zip(fields.tolist(), gone, strict=True)]
    row = int(np.argmax(wrong))
    advice = "write numbers with a decimal point, or remove the column"
    if row == 0 and made.numbered:
        advice = "a header line must hold no numbers; " + advice
    name = given.number if made.numbered else given.name
    advice += f"; if its values are names, take --kinds {name}=category"
    if not made.numbered:
        advice += f", or call it {LABEL_NAMES[0]!r} if it holds classes (--label {given.name})"
    raise InputError(
        f"{made.place(given, row)}: expected a number, got {fields[row][:40]!r}; {advice}"
    )


def _levelled(
    given: Given,
    gone: np.ndarray,
    values: np.ndarray,
    kind: Any,
    levels: tuple[Any, ...],
    made: _Builder,
) -> None:
    """A column of places among levels; a value that is none of them is refused."""
    places = {level: float(k) for k, level in enumerate(levels)}
    x = np.full(len(values), np.nan)
    for row in np.flatnonzero(~gone).tolist():
        value = values[row].item() if hasattr(values[row], "item") else values[row]
        if value not in places:
            shown = ", ".join(map(str, levels[:10])) + (", ..." if len(levels) > 10 else "")
            raise InputError(
                f"{made.place(given, row)}: expected one of {shown}; got {value!r}: correct it, "
                "leave it empty, or say otherwise with --kinds"
            )
        x[row] = places[value]
    _add(given, Column(given.name, kind, _dtype(given), levels), x, made)


def _moments(
    given: Given, gone: np.ndarray, values: np.ndarray, kind: Any, made: _Builder, form: str = ""
) -> None:
    if values.dtype.kind == "M":
        x = np.where(gone, 0, values.astype("datetime64[us]").astype(np.int64)) / 1e6
        x = np.where(gone, np.nan, x)
        form = str(values.dtype)
    else:
        try:
            x = texts.seconds(values, ~gone, form)
        except ValueError as error:
            raise InputError(
                f"{made.where}: column {given.name!r} holds what is no date of the form {form} "
                f"({error}); give its form as --kinds '{given.name}=date(%d/%m/%Y)'"
            ) from error
    _add(given, Column(given.name, kind, form), x, made)


def _as_said(given: Given, said: str, made: _Builder) -> None:
    """A column of the kind that the user gave."""
    gone, values = _present(given)
    if "<" in said:
        said, levels = "ordinal", tuple(v.strip() for v in said.split("<"))
        values = np.array([str(v) for v in values.tolist()], object)
        _levelled(given, gone, values, said, levels, made)
        return
    kind, _, form = said.rstrip(")").partition("(") if said.endswith(")") else (said, "", "")
    if kind in ("number", "log"):
        if given.text or values.dtype.kind == "O":
            for row in np.flatnonzero(~gone).tolist():
                if not texts.is_number(values[row]):
                    _refuse_text(given, values, gone, made)
            values, _ = _parsed(values, ~gone)
        elif values.dtype.kind == "b":
            values = values.astype(np.int64)
        _number(given, gone, values, kind, made)
    elif kind in ("date", "cyclic"):
        _as_date(given, gone, values, kind, form, made)
    elif kind == "constant":
        seen = values[~gone]
        if seen.size and not _same(seen):
            row = int(np.argmax(~gone & (values != seen[0])))
            raise InputError(
                f"{made.place(given, row)}: column {given.name!r} is not constant: got "
                f"{values[row]!r} after {seen[0]!r}"
            )
        _constant(given, gone, seen, made)
    else:
        seen = values[~gone]
        distinct = sorted(set(seen.tolist()))
        if given.text and kind == "ordinal" and _as_numbers(np.array(distinct, object)):
            distinct = sorted(distinct, key=float)
        levels = given.levels or tuple(distinct)
        if kind == "boolean" and len(levels) != 2:
            raise InputError(
                f"{made.where}: a boolean has two values; column {given.name!r} has "
                f"{len(levels)}: take --kinds {given.name}=category"
            )
        _levelled(given, gone, values, kind, levels, made)


def _as_date(
    given: Given, gone: np.ndarray, values: np.ndarray, kind: str, form: str, made: _Builder
) -> None:
    """A column of dates that was called one."""
    if values.dtype.kind == "O" and not form:
        known = texts.date_format(list(dict.fromkeys(values[~gone].tolist())))
        if not isinstance(known, str):
            raise InputError(
                f"{made.where}: the form of the dates in column {given.name!r} is not known; give "
                f"it as --kinds '{given.name}={kind}(%d/%m/%Y)'"
            )
        form = known
    if values.dtype.kind in "biuf":
        raise InputError(
            f"{made.where}: column {given.name!r} holds numbers, and no dates; take "
            f"--kinds {given.name}=number"
        )
    _moments(given, gone, values, kind, made, form)


def _as_known(given: Given, column: Column, made: _Builder) -> None:
    """A column as the model that it is for has it."""
    gone, values = _present(given)
    if column.kind == "constant":
        x = np.where(gone, np.nan, 0.0)
        same = np.array([str(v) for v in values.tolist()]) == str((*column.levels, None)[0])
        if not (gone | same).all():
            made.notes.append(
                f"{column.name!r} was constant ({(*column.levels, None)[0]!r}) where the model was "
                "trained, and is not here; the model knows nothing of it"
            )
        _add(given, column, x, made)
    elif column.levelled:
        levels: Any = column.levels
        if values.dtype.kind != "O" and not isinstance(levels[0], str):
            values = values.astype(object)
        if values.dtype.kind == "O" and not isinstance(levels[0], str):
            names = {str(level): level for level in levels}
            values = np.array([names.get(str(v), v) for v in values.tolist()], object)
        elif isinstance(levels[0], str):
            values = np.array([str(v) for v in values.tolist()], object)
        _levelled(given, gone, values, column.kind, levels, made)
        made.columns[-1] = column
    elif column.moments:
        form = "" if column.dtype.startswith("datetime64") else column.dtype
        _as_date(given, gone, values, column.kind, form, made)
        made.columns[-1] = column
    else:
        _as_said(given, column.kind, made)
        made.columns[-1] = column


def _plain(given: Given) -> np.ndarray:
    """A column as it came, with None where text is missing."""
    return given.values


def _labels(given: Given, made: _Builder) -> np.ndarray:
    """The labels: integers where all are whole numbers, the text otherwise."""
    gone, values = _present(given)
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
    made: _Builder, labels: np.ndarray | None, label: str | None, roles: dict[str, np.ndarray]
) -> Table:
    """The table of all that was decided."""
    _refuse_missing(made)
    if not any(column.kind != "constant" for column in made.columns):
        only = [repr(name) for name in (label, *made.identifiers, *made.constant) if name]
        raise InputError(
            f"{made.where}: expected at least one column of numbers or categories that is not "
            f"constant, got only {', '.join(only[:6]) or 'none'}; add the columns to train on, or "
            "say with --kinds what they are"
        )
    if made.constant and made.reading.schema is None:
        shown = ", ".join(map(repr, made.constant[:5])) + (", ..." if made.constant[5:] else "")
        verb = "is constant" if len(made.constant) == 1 else "are constant"
        made.notes.append(f"{shown} {verb}: no feature, carried along")
    kinds = {values.dtype for values in made.values}
    plain = all(column.kind == "number" for column in made.columns)
    dtype = kinds.pop() if len(kinds) == 1 and plain else np.dtype(np.float64)
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
    )


def _refuse_missing(made: _Builder) -> None:
    """InputError if values are missing, and were not said to be expected."""
    if made.reading.missing != "refuse" or not made.absent:
        return
    first, row, _ = min(made.absent, key=lambda absent: absent[1])
    value = first.values[row]
    got = "an empty field" if not str(value or "").strip() or value is None else str(value)
    counts = ", ".join(f"{g.name!r} {count:,}" for g, _, count in made.absent[:8])
    more = f" and {len(made.absent) - 8} more columns" if made.absent[8:] else ""
    raise InputError(
        f"{made.place(first, row)}: expected a value, got {got}; missing are in {counts}{more}: "
        "take --missing mask (what is missing is not learned from, and filled by reconstruction), "
        "--missing mean, or leave columns out with --drop"
    )
