"""What kind a column is, by its values or as it was said to be, and its numbers in the table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped

from autoencodes.datasets import texts
from autoencodes.datasets.options import option, typed
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.spelling import Spelling, spelling
from autoencodes.datasets.table import Column, Lines, line_of
from autoencodes.errors import InputError

LABEL_NAMES = ("label", "labels", "class", "target")
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
    gap : str, optional
        What stands in the file where the first value is missing.
    fault : str, optional
        Why the values can be nothing that a table holds, in words that go on from the name.
    aside : bool
        Whether it is known to name the rows, as the index of a data frame.
    """

    name: str
    values: Shaped[np.ndarray, " particle"]
    number: int = 0
    missing: Bool[np.ndarray, " particle"] | None = None
    levels: tuple[Any, ...] | None = None
    ordered: bool = False
    gap: str | None = None
    fault: str | None = None
    aside: bool = False

    @property
    def text(self) -> bool:
        """Whether values are objects: text."""
        return self.values.dtype.kind == "O"


@dataclass(eq=False)
class Builder:
    """A table in the making."""

    where: str
    line: int | Lines | None
    reading: Reading
    numbered: bool
    decimal: str | None = None
    columns: list[Column] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    identifiers: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    absent: list[tuple[Given, int, int]] = field(default_factory=list)
    constant: list[str] = field(default_factory=list)
    order: tuple[str, ...] = ()

    def place(self, given: Given, row: int) -> str:
        """Where a value stands, as an editor or a person counts."""
        line = line_of(row, self.line)
        place = f"row {row + 1}" if line is None else f"line {line}"
        shown = "" if self.numbered else f" ({given.name!r})"
        return f"{self.where}, {place}, column {given.number}{shown}"


def present(given: Given) -> tuple[np.ndarray, np.ndarray]:
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


def same(seen: np.ndarray) -> bool:
    return bool((seen == seen[0]).all())


def as_numbers(seen: np.ndarray) -> bool:
    return all(texts.is_number(t) and not texts.is_code(t) for t in seen.tolist())


def constant(given: Given, gone: np.ndarray, seen: np.ndarray, made: Builder) -> None:
    levels: tuple[Any, ...] = ()
    if seen.size:
        value = seen[0]
        if given.text and as_numbers(seen[:1]):
            value = int(value) if texts.is_integer(value) else float(value)
        levels = (value.item() if hasattr(value, "item") else value,)
    # Where all is missing, nothing is: that there is no value is the one value.
    x = np.where(gone, np.nan, 0.0) if levels else np.zeros(len(gone))
    made.constant.append(given.name)
    _add(given, Column(given.name, "constant", _dtype(given), levels), x, made)


def _dtype(given: Given) -> str:
    return "str" if given.text else str(given.values.dtype)


def _add(given: Given, column: Column, x: np.ndarray, made: Builder) -> None:
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
        if gone.any():
            made.absent.append((given, int(np.argmax(gone)), int(gone.sum())))
    made.columns.append(column)
    made.values.append(x)


def number(given: Given, gone: np.ndarray, values: np.ndarray, kind: Any, made: Builder) -> None:
    x = np.where(gone, np.nan, values.astype(np.float64)) if gone.any() else values
    if kind == "log":
        wrong = ~gone & ~(values > 0)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"{made.place(given, row)}: the logarithm is of positive numbers, got "
                f"{values[row]}; take {option('kinds', given.name + '=number')}"
            )
    dtype = values.dtype if values.dtype.kind != "f" or values.dtype.itemsize <= 8 else np.float64
    _add(given, Column(given.name, kind, str(np.dtype(dtype))), x, made)


def text(given: Given, gone: np.ndarray, fields: np.ndarray, made: Builder) -> None:
    """Text: numbers, truths, dates or names of categories, as all of its fields are."""
    seen = fields[~gone]
    distinct = list(dict.fromkeys(seen.tolist()))
    numeric = [texts.is_number(t) for t in distinct]
    if made.numbered and not all(numeric):
        _refuse_text(given, fields, gone, made)
    codes = any(map(texts.is_code, distinct)) and all(map(texts.is_integer, distinct))
    if all(numeric) and not made.numbered and any(map(_inexact, distinct)):
        set_aside(given, TOO_LONG, made)
        return
    if all(numeric) and (made.numbered or not codes):
        number(given, gone, *_parsed(fields, ~gone), made)
        return
    if any(numeric) and not all(numeric):
        if not _spelled(given, gone, fields, "number", made):
            _refuse_text(given, fields, gone, made)
        return
    if all(t.lower() in ("true", "false") for t in distinct):
        levels = tuple(sorted(distinct, key=str.lower))
        levelled(given, gone, fields, "boolean", levels, made)
        return
    form = texts.date_format(distinct)
    if isinstance(form, tuple):
        raise InputError(
            f"{made.where}: the dates of column {given.name!r} may be {form[0]} or {form[1]}, as "
            f"{distinct[0]!r}; say which: "
            f"{option('kinds', f'{given.name}=date({form[0]})')}"
        )
    if form is not None:
        moments(given, gone, fields, "date", made, form)
        return
    if codes and all(numeric):
        made.notes.append(f"{given.name!r} has leading zeros that matter: names, and no numbers")
    elif _spelled(given, gone, fields, "number", made):
        return
    if texts.in_several_forms(distinct):
        drop = typed(f" with {option('drop', given.name)}")
        raise InputError(
            f"{made.place(given, _other_form(fields, gone))}: column {given.name!r} holds dates in "
            f"several forms, as {distinct[0]!r}; write all of them in one, leave the column out"
            f"{drop}, or take {option('kinds', given.name + '=category')}"
        )
    if len(distinct) > _LEVELS or (len(distinct) > 20 and 2 * len(distinct) > len(seen)):
        set_aside(given, f"is text with {len(distinct):,} different values", made)
        return
    levelled(given, gone, fields, "category", tuple(sorted(distinct)), made)


def _other_form(fields: np.ndarray, gone: np.ndarray) -> int:
    """The first row whose date is not written as the first one's."""
    there = np.flatnonzero(~gone).tolist()
    first = texts.date_format([fields[there[0]]])
    for row in there:
        if texts.date_format([fields[row]]) != first:
            return row
    return there[0]


def _spelled(given: Given, gone: np.ndarray, fields: np.ndarray, kind: Any, made: Builder) -> bool:
    """Takes text for numbers with a unit, or marks among their digits, if it is that.

    Raises
    ------
    InputError
        If it is numbers, and in doubt which.
    """
    sure = made.reading.decimal is not None
    how = spelling(
        dict.fromkeys(fields[~gone].tolist()), made.reading.decimal or made.decimal, sure
    )
    if isinstance(how, str):
        there = np.flatnonzero(~gone).tolist()
        plain = [texts.is_number(fields[row]) for row in there]
        row = there[int(np.argmin(plain))]
        marks = typed("say which with --decimal, ") if "thousands" in how else ""
        drop = typed(f" with {option('drop', given.name)}")
        raise InputError(
            f"{made.place(given, row)}: expected numbers, got {fields[row]!r}: the values {how}; "
            f"{marks}write them alike, leave the column out{drop}, or take "
            f"{option('kinds', given.name + '=category')}"
        )
    if how is None:
        return False
    _number_as(given, gone, fields, kind, how, made)
    made.notes.append(f"{given.name!r} is numbers written as {how.form}: taken for numbers")
    return True


def _number_as(
    given: Given, gone: np.ndarray, fields: np.ndarray, kind: Any, how: Spelling, made: Builder
) -> None:
    """A column of numbers whose spelling is known."""
    there = np.flatnonzero(~gone)
    values = how.numbers(fields[there].tolist())
    if None in values:
        row = int(there[values.index(None)])
        raise InputError(
            f"{made.place(given, row)}: expected a number as {how.form!r}, got "
            f"{fields[row][:40]!r}; write it so"
        )
    x = np.full(len(fields), np.nan)
    x[there] = values
    whole = not how.places and not gone.any() and (np.abs(x) < 2**53).all()
    number(given, gone, x.astype(np.int64) if whole else x, kind, made)
    dtype = "float64" if how.places else "int64"
    made.columns[-1] = replace(made.columns[-1], dtype=dtype, form=how.form)


TOO_LONG = "holds integers of more digits than a number in floating point keeps"


def _inexact(text: str) -> bool:
    """Whether a field is an integer that float64 does not tell from its neighbours."""
    return len(text) > 15 and texts.is_integer(text) and int(float(text)) != int(text)


def _parsed(fields: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, str]:
    values, whole = texts.numbers(fields, present)
    if whole and present.all() and np.abs(values).max() < 2**63:
        return np.array([int(t) for t in fields.tolist()], np.int64), "number"
    return values, "number"


def _refuse_text(given: Given, fields: np.ndarray, gone: np.ndarray, made: Builder) -> None:
    """The error for a column that is neither numbers nor text."""
    wrong = [not (out or texts.is_number(t)) for t, out in zip(fields.tolist(), gone, strict=True)]
    row = int(np.argmax(wrong))
    advice = "write numbers with a decimal point, or remove the column"
    if row == 0 and made.numbered:
        advice = "a header line must hold no numbers; " + advice
    seen = fields[~gone].tolist()
    kind = "identifier" if len(seen) >= 10 and len(set(seen)) == len(seen) else "category"
    if len({text for text, other in zip(fields.tolist(), wrong, strict=True) if other}) == 1:
        advice += "; leave the field empty if the value is missing"
    advice += "; if its values are names, take "
    advice += option("kinds", f"{given.name}={kind}")
    if not made.numbered:
        called = typed(f" ({option('label', given.name)})")
        advice += f", or call it {LABEL_NAMES[0]!r} if it holds classes{called}"
    raise InputError(
        f"{made.place(given, row)}: expected a number, got {fields[row][:40]!r}; {advice}"
    )


def levelled(
    given: Given,
    gone: np.ndarray,
    values: np.ndarray,
    kind: Any,
    levels: tuple[Any, ...],
    made: Builder,
) -> None:
    """A column of places among levels; a value that is none of them is refused, or has place -1."""
    places = {level: float(k) for k, level in enumerate(levels)}
    apart = made.reading.unseen and made.reading.schema is not None and kind == "category"
    unseen: dict[Any, int] = {}
    x = np.full(len(values), np.nan)
    for row in np.flatnonzero(~gone).tolist():
        value = values[row].item() if hasattr(values[row], "item") else values[row]
        if value not in places:
            if not apart:
                raise InputError(
                    f"{made.place(given, row)}: expected one of {_few(levels)}; got {value!r}: "
                    f"{_other_level(made.reading, kind)}"
                )
            unseen.setdefault(value, row)
        x[row] = places.get(value, -1.0)
    if unseen:
        made.notes.append(
            f"{given.name!r} has values that the model has never seen "
            f"({_few(list(map(repr, unseen)))}): rows with one are judged as having none that it "
            "knows"
        )
    _add(given, Column(given.name, kind, _dtype(given), levels), x, made)


def _few(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:10])) + (", ..." if len(values) > 10 else "")


def _other_level(reading: Reading, kind: str) -> str:
    """What to do about a value that is none of the levels."""
    if reading.schema is None:
        return f"correct it, leave it empty, or say otherwise with {option('kinds')}"
    empty = "" if reading.missing == "refuse" else ", leave it empty"
    judged = "; finding anomalies takes such rows, and judges them" * (kind == "category")
    return f"the model was trained with these: correct it{empty}, or train anew with it{judged}"


def moments(
    given: Given, gone: np.ndarray, values: np.ndarray, kind: Any, made: Builder, form: str = ""
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
                f"({error}); give its form as "
                f"{option('kinds', given.name + '=date(%d/%m/%Y)')}"
            ) from error
    _add(given, Column(given.name, kind, form), x, made)


def as_said(given: Given, said: str, made: Builder) -> None:
    """A column of the kind that the user gave."""
    gone, values = present(given)
    if "<" in said:
        said, levels = "ordinal", tuple(v.strip() for v in said.split("<"))
        values = np.array([_name(v) for v in values.tolist()], object)
        levelled(given, gone, values, said, levels, made)
        return
    kind, _, form = said.rstrip(")").partition("(") if said.endswith(")") else (said, "", "")
    if kind in ("number", "log"):
        if given.text or values.dtype.kind == "O":
            plain = all(map(texts.is_number, values[~gone].tolist()))
            if not plain and _spelled(given, gone, values, kind, made):
                return
            for row in np.flatnonzero(~gone).tolist():
                if not texts.is_number(values[row]):
                    _refuse_text(given, values, gone, made)
            values, _ = _parsed(values, ~gone)
        elif values.dtype.kind == "b":
            values = values.astype(np.int64)
        number(given, gone, values, kind, made)
    elif kind in ("date", "cyclic"):
        _as_date(given, gone, values, kind, form, made)
    elif kind == "constant":
        seen = values[~gone]
        if seen.size and not same(seen):
            row = int(np.argmax(~gone & (values != seen[0])))
            raise InputError(
                f"{made.place(given, row)}: column {given.name!r} is not constant: got "
                f"{str(values[row])!r} after {str(seen[0])!r}"
            )
        constant(given, gone, seen, made)
    else:
        seen = values[~gone]
        distinct = sorted(set(seen.tolist()))
        if given.text and kind == "ordinal" and as_numbers(np.array(distinct, object)):
            distinct = sorted(distinct, key=float)
        levels = given.levels or tuple(distinct)
        if kind == "boolean" and len(levels) != 2:
            raise InputError(
                f"{made.where}: a boolean has two values; column {given.name!r} has "
                f"{len(levels)}: take {option('kinds', given.name + '=category')}"
            )
        levelled(given, gone, values, kind, levels, made)


def _name(value: Any) -> str:
    """What a level is called: a float that is whole as an integer is."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_date(
    given: Given, gone: np.ndarray, values: np.ndarray, kind: str, form: str, made: Builder
) -> None:
    """A column of dates that was called one."""
    if values.dtype.kind == "O" and not form:
        known = texts.date_format(list(dict.fromkeys(values[~gone].tolist())))
        if not isinstance(known, str):
            raise InputError(
                f"{made.where}: the form of the dates in column {given.name!r} is not known; give "
                f"it as {option('kinds', f'{given.name}={kind}(%d/%m/%Y)')}"
            )
        form = known
    if values.dtype.kind in "iu" and form:  # as 20240131
        values = np.array([str(v) for v in values.tolist()], object)
    if values.dtype.kind == "O":
        with suppress(ValueError):  # which ``moments`` tells of
            form = texts.as_written(list(dict.fromkeys(values[~gone].tolist())), form)
    if values.dtype.kind in "biuf":
        raise InputError(
            f"{made.where}: column {given.name!r} holds numbers, and no dates; take "
            f"{option('kinds', given.name + '=number')}, or give their form as "
            f"{option('kinds', f'{given.name}={kind}(%Y%m%d)')}"
        )
    moments(given, gone, values, kind, made, form)


def as_known(given: Given, column: Column, made: Builder) -> None:
    """A column as the model that it is for has it."""
    gone, values = present(given)
    if column.kind == "constant":
        x = np.where(gone, np.nan, 0.0) if column.levels else np.zeros(len(gone))
        only = _name((*column.levels, None)[0])
        other = ~gone & np.array([_name(v) != only for v in values.tolist()], bool)
        if other.any():
            what = "the model knows nothing of it"
            if made.reading.unseen:
                x, what = np.where(other, -1.0, x), "rows with another value are judged by that"
            made.notes.append(
                f"{column.name!r} was constant ({(*column.levels, None)[0]!r}) where the model was "
                f"trained, and is not here; {what}"
            )
        _add(given, column, x, made)
    elif column.levelled:
        # However the file's format spells them: 1 and 1.0 are one level, True and TRUE one truth.
        fold = str.lower if column.kind == "boolean" else str
        names = {fold(_name(level)): level for level in column.levels}
        values = np.array([names.get(fold(_name(v)), v) for v in values.tolist()], object)
        levelled(given, gone, values, column.kind, column.levels, made)
        made.columns[-1] = column
    elif column.moments:
        form = "" if column.dtype.startswith("datetime64") else column.dtype
        _as_date(given, gone, values, column.kind, form, made)
        made.columns[-1] = column
    elif column.form and values.dtype.kind == "O":
        _number_as(given, gone, values, column.kind, Spelling.read(column.form), made)
        made.columns[-1] = column
    else:
        as_said(given, column.kind, made)
        made.columns[-1] = column


def set_aside(given: Given, why: str, made: Builder) -> None:
    made.identifiers[given.name] = plain(given)
    made.notes.append(
        f"{given.name!r} {why}: left out, and returned beside the results "
        f"({option('kinds', given.name + '=number')} or category takes it)"
    )


def plain(given: Given) -> np.ndarray:
    """A column as it came, with None where text is missing."""
    return given.values
