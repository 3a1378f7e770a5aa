"""The table: rows as a reader returns them, and what is known of their columns.

Values of all kinds stand in one matrix of numbers: a category as the place of its level among the
column's levels, a date as seconds since 1970, what is missing as NaN. So a million rows are one
array, and the way back to people's own values is in one place, ``Column.values``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Bool, Float, Int, Real, Shaped

from autoencodes.datasets import texts
from autoencodes.datasets.options import option
from autoencodes.datasets.spelling import Spelling
from autoencodes.errors import InputError
from autoencodes.measure.streaming import first_non_finite

Rows = Real[np.ndarray, "particle dim"]
Classes = Shaped[np.ndarray, " particle"]
Mask = Bool[np.ndarray, " particle"]
Observed = Bool[np.ndarray, "particle dim"]
Lines = Int[np.ndarray, " particle"]

SHAPES = (
    "a table (N, d), a stack of grey images (N, H, W) or (N, H, W, 1), or of colour images "
    "(N, H, W, 3)"
)

Kind = Literal["number", "log", "category", "boolean", "ordinal", "date", "cyclic", "constant"]
"""number: scaled. log: the logarithm of a positive number. category, boolean: one of some levels.
ordinal: levels in an order. date: a moment as a number; cyclic: and its parts of year, week and
day. constant: one value, which is no feature."""
KINDS: tuple[Kind, ...] = get_args(Kind)
LEVELLED = ("category", "boolean", "ordinal", "constant")
"""Kinds whose values are places among levels."""


@dataclass(frozen=True)
class Column:
    """What is known of a column: enough to read another table's, and to write values back.

    Parameters
    ----------
    name : str
    kind : Kind
    dtype : str
        How values came, by NumPy's name: "int64", "float32", "bool", "str"; of dates in text
        their format, as "%Y-%m-%d", else "datetime64[us]" and the like.
    levels : tuple
        Of a category, boolean or ordinal its values in order; of a constant its only one, or none
        where all are missing.
    form : str
        Of numbers that are written with a unit or with marks for thousands, how, as spreadsheets
        describe it: "#.##0,00 EUR", "0.0 %"; empty where numbers are written as programs do.

    Examples
    --------
    >>> column = ac.datasets.Column("size", "ordinal", "str", levels=("S", "M", "L"))
    >>> column.values(np.array([0.0, 1.9, np.nan]))
    array(['S', 'L', None], dtype=object)
    """

    name: str
    kind: Kind = "number"
    dtype: str = "float64"
    levels: tuple[Any, ...] = ()
    form: str = ""

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> Column:
        """A column from the JSON values ``described``, as ``asdict`` makes them of one.

        Raises
        ------
        KeyError, TypeError, ValueError
            If they are not those of a column.
        """
        name, kind, dtype = (described[key] for key in ("name", "kind", "dtype"))
        levels = tuple(described["levels"])
        if not (isinstance(name, str) and isinstance(dtype, str) and kind in KINDS):
            raise ValueError(f"a column of kind {kind!r}")
        if not all(isinstance(v, str | bool | int | float) for v in levels):
            raise ValueError(f"levels {levels!r}")
        if kind in ("number", "log") and np.dtype(dtype).kind not in "biuf":
            raise ValueError(f"numbers of dtype {dtype!r}")
        form = described.get("form", "")
        if form:
            Spelling.read(form)
        return cls(name, kind, dtype, levels, form)

    @property
    def described(self) -> dict[str, Any]:
        """The column as JSON values, of which ``read`` makes it again."""
        described = asdict(self)
        return described if self.form else {k: v for k, v in described.items() if k != "form"}

    @property
    def levelled(self) -> bool:
        """Whether the table holds places among levels."""
        return self.kind in LEVELLED

    @property
    def moments(self) -> bool:
        """Whether the table holds seconds since 1970."""
        return self.kind in ("date", "cyclic")

    @property
    def whole(self) -> bool:
        """Whether values are integers."""
        return self.kind in ("number", "log") and np.dtype(self.dtype).kind in "iu"

    def values(self, x: Shaped[np.ndarray, " particle"]) -> Shaped[np.ndarray, " particle"]:
        """Values as people gave them, from the table's numbers ``x`` (N,): the nearest that there
        are.

        Levels, dates, text and numbers with a unit come back as objects with None where missing,
        other numbers in the column's own dtype; integers rounded, and as floats with NaN where some
        are missing.
        """
        missing = np.isnan(x)
        if self.levelled:
            known = np.array([*self.levels, None], dtype=object)
            place = np.where(missing, len(self.levels), np.clip(np.round(x), 0, None))
            return known[np.minimum(place, len(self.levels)).astype(np.intp)]
        if self.moments:
            return moments(x, self.dtype)
        if self.form:
            spell = Spelling.read(self.form).text
            written = [
                None if gone else spell(v) for v, gone in zip(x.tolist(), missing, strict=True)
            ]
            return np.array(written, dtype=object)
        dtype = np.dtype(self.dtype)
        if not self.whole:
            return x.astype(dtype if dtype.kind == "f" else np.float64, copy=False)
        rounded = np.round(x)
        if missing.any():
            return rounded
        limits = np.iinfo(dtype)
        # The largest int64 is no float64: clipped to the one below it, it fits.
        high = np.nextafter(float(limits.max), 0) if limits.bits == 64 else limits.max
        return np.clip(rounded, limits.min, high).astype(dtype)

    def numbers(self, values: Shaped[np.ndarray, " particle"]) -> Float[np.ndarray, " particle"]:
        """The numbers that ``values`` of a column of numbers are, however they are written."""
        if not self.form or values.dtype.kind != "O":
            return values.astype(np.float64)
        spell = Spelling.read(self.form)
        read = [np.nan if v is None else spell.number(v) for v in values.tolist()]
        return np.array(read, np.float64)


_HALF = {
    "D": np.timedelta64(12, "h"),
    "h": np.timedelta64(30, "m"),
    "m": np.timedelta64(30, "s"),
    "s": np.timedelta64(500, "ms"),
    "ms": np.timedelta64(500, "us"),
}


def moments(seconds: np.ndarray, dtype: str) -> np.ndarray:
    """Dates in the form they came in, from seconds since 1970; None or NaT where missing."""
    missing = np.isnan(seconds)
    micro = np.round(np.where(missing, 0, seconds) * 1e6).astype("datetime64[us]")
    if dtype.startswith("datetime64"):
        unit = np.datetime_data(np.dtype(dtype))[0]
        half = _HALF.get(unit, np.timedelta64(0, "us"))  # to the nearest
        dates = (micro + half).astype(dtype)
        dates[missing] = np.datetime64("NaT")
        return dates
    form = texts.padded(dtype)
    if "%H" not in form and "%I" not in form:  # whole days: to the nearest
        micro = (micro + np.timedelta64(12, "h")).astype("datetime64[D]").astype("datetime64[us]")
    elif "%f" not in dtype:
        micro = (micro + np.timedelta64(500, "ms")).astype("datetime64[s]").astype("datetime64[us]")
    zone = UTC if "%z" in dtype else None
    moments = [when.replace(tzinfo=zone) for when in micro.tolist()]
    made = np.array([texts.written(moment, dtype) for moment in moments], dtype=object)
    made[missing] = None
    return made


@dataclass(frozen=True, eq=False)
class Table:
    """What a reader returns: rows, perhaps their columns' names, labels, identifiers, a split.

    Parameters
    ----------
    x : array (N, c)
        The rows in the file's order and units, as numbers; NaN where a value is missing.
    labels : array (N,), optional
        Integer or string classes.
    is_test : array of bool (N,), optional
        The split that the data came with; absent where it has none.
    image_shape : tuple, optional
        Height and width, of colour images also 3, where a row is an image.
    value_range : (float, float), optional
        The fixed range of the values, where it is known.
    columns : tuple of Column, optional
        One for each column of x; absent where these have no names and are plain numbers.
    identifiers : mapping of str to array (N,)
        Columns that name the rows: no features, returned beside the results.
    roles : mapping of str to array (N,)
        Columns that say which rows belong together: what ``split``, ``group`` and ``time`` name.
    notes : tuple of str
        What was recognised or left out, in words for whoever gave the data.
    order : tuple of str
        The names of all columns as the file has them, also of those that were left out.
    label_name : str, optional
        What the column of labels is called.
    line : int or array of int (N,), optional
        In a text file, the number of the line that holds the first row, or of every row.

    Examples
    --------
    >>> table = ac.datasets.from_array(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    >>> table.names
    ('x_0', 'x_1')
    >>> table.taken(np.array([2, 0])).x
    array([[5., 6.],
           [1., 2.]])
    """

    x: Rows
    labels: Classes | None = None
    is_test: Mask | None = None
    image_shape: tuple[int, ...] | None = None
    value_range: tuple[float, float] | None = None
    columns: tuple[Column, ...] | None = None
    identifiers: Mapping[str, Shaped[np.ndarray, " particle"]] = field(default_factory=dict)
    roles: Mapping[str, Shaped[np.ndarray, " particle"]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label_name: str | None = None
    line: int | Lines | None = None
    order: tuple[str, ...] = ()

    @property
    def missing(self) -> Observed | None:
        """Where values are missing; None where none is."""
        if self.x.dtype.kind != "f":
            return None
        gone = np.isnan(self.x)
        return gone if gone.any() else None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names; where they have none, x_0, x_1, ..."""
        if self.columns is None:
            return tuple(f"x_{k}" for k in range(self.x.shape[1]))
        return tuple(column.name for column in self.columns)

    def taken(self, rows: Int[np.ndarray, " some"]) -> Table:
        """The table of some rows, in that order."""
        line = self.line + rows if isinstance(self.line, int) else self.line
        line = line[rows] if line is self.line and line is not None else line
        return replace(
            self,
            x=self.x[rows],
            labels=None if self.labels is None else self.labels[rows],
            is_test=None if self.is_test is None else self.is_test[rows],
            identifiers={name: values[rows] for name, values in self.identifiers.items()},
            roles={name: values[rows] for name, values in self.roles.items()},
            line=line,
        )

    def place(self, row: int, column: int) -> str:
        """Where a value stands, as a person would look for it."""
        line = line_of(row, self.line)
        where = f"row {row}" if line is None else f"line {line}"
        if self.columns is None:
            return f"{where}, column {column} (counted from 0)"
        return f"{where}, column {self.columns[column].name!r}"


def line_of(row: int, line: int | Lines | None) -> int | None:
    """The number of the line in which a row begins, where it is known."""
    if line is None or isinstance(line, int):
        return None if line is None else line + row
    return int(line[row])


def require_real(dtype: np.dtype[Any], where: str) -> None:
    """Refuses a type code whose values are not real numbers (complex, object, text, records)."""
    if dtype.kind not in "biuf":
        raise InputError(
            f"{where}: expected real numbers, got dtype {dtype}; "
            "convert the array to a float or integer dtype before saving it"
        )


def image_shape(shape: tuple[int, ...], where: str) -> tuple[int, ...] | None:
    """Height, width and for colours 3 of the images in an array; None for a plain table.

    Raises
    ------
    InputError
        If the shape is no table and no stack of images, or holds no number.
    """
    grey = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    colour = len(shape) == 4 and shape[3] == 3
    if len(shape) != 2 and not grey and not colour:
        advice = "reshape it" if len(shape) != 1 else "reshape it to (N, 1)"
        raise InputError(f"{where}: expected {SHAPES}, got shape {shape}; {advice}")
    if 0 in shape:
        raise InputError(
            f"{where}: expected at least 2 rows and 1 column, got shape {shape}, which is empty; "
            "give a file with data"
        )
    return shape[1:] if colour else shape[1:3] if grey else None


def table(array: np.ndarray, where: str, labels: Classes | None = None) -> Table:
    """The table of an array of numbers: images flattened, narrow dtypes kept."""
    require_real(array.dtype, where)
    image = image_shape(array.shape, where)
    rows = np.ascontiguousarray(array).reshape(array.shape[0], -1)
    if rows.dtype.kind == "b":
        return Table(rows.view(np.uint8), labels, None, image, (0.0, 1.0))
    if rows.dtype.kind == "f" and rows.dtype.itemsize > 8:
        rows = rows.astype(np.float64)  # no accelerator computes in extended precision
    known = (0.0, 255.0) if rows.dtype == np.uint8 else None
    return Table(rows, labels, None, image, known)


def joined(train: Table, test: Table, where: str) -> Table:
    """One table of two that came as train and test, with their split."""
    if train.x.shape[1] != test.x.shape[1] or train.image_shape != test.image_shape:
        raise InputError(
            f"{where}: expected train and test rows of one shape, got "
            f"{train.image_shape or train.x.shape[1:]} and {test.image_shape or test.x.shape[1:]}; "
            "save both with the same columns"
        )
    labels = None
    if train.labels is not None and test.labels is not None:
        labels = np.concatenate([train.labels, test.labels])
    is_test = np.repeat([False, True], [train.x.shape[0], test.x.shape[0]])
    same = train.value_range == test.value_range
    return Table(
        np.concatenate([train.x, test.x]),
        labels,
        is_test,
        train.image_shape,
        train.value_range if same else None,
    )


def classes(values: np.ndarray, count: int, where: str) -> Classes:
    """Labels as integers where they are whole numbers, as text otherwise.

    Raises
    ------
    InputError
        If there is not exactly one label for each of the `count` rows.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (count,):
        raise InputError(
            f"{where}: expected one label for each of the {count} rows, got shape "
            f"{values.shape}; give labels of length {count} or leave them out"
        )
    if values.dtype.kind == "f" and _whole(values):
        return values.astype(np.int64)
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8", "replace")
    return values if values.dtype.kind in "iuU" else values.astype(str)


def _whole(values: np.ndarray) -> bool:
    """Whether all are integers that a float64 tells apart."""
    return bool(np.all((np.abs(values) < 2**53) & (values == np.round(values))))


def require_usable(table: Table, where: str, *, to_split: bool, missing: str) -> None:
    """Refuses infinity, NaN if missing values are, and of what must be split fewer than 2 rows."""
    count = table.x.shape[0]
    if to_split and count < 2:
        raise InputError(
            f"{where}: expected at least 2 rows (one to train on, one to test on), got {count}; "
            "give more rows"
        )
    position = first_non_finite(table.x, nan=missing != "refuse")
    if position is not None:
        value = table.x[position]
        kind = np.isnan(table.x) if np.isnan(value) else np.isinf(table.x)
        advice = "remove or replace the values that are not finite"
        if np.isnan(value):
            advice += f", or take {option('missing', 'mask')} or {option('missing', 'mean')}"
        raise InputError(
            f"{where}: expected finite numbers, got {value} in {table.place(*position)} "
            f"({int(kind.sum()):,} of them in {int(kind.any(axis=0).sum()):,} columns); {advice}"
        )
