"""Arrays of every dtype as tables: numbers as they are, what is no number column by column."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from autoencodes.datasets.columns import build
from autoencodes.datasets.kinds import Given
from autoencodes.datasets.options import in_python
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.table import SHAPES, Table, require_real, require_usable, table
from autoencodes.errors import InputError

_LARGEST = 2**63


@in_python()
def from_array(array: Any, reading: Reading | None = None) -> Table:
    """The table of an array of numbers, text, dates, objects or records; of a list of rows too.

    Numbers are taken as they are, in this machine's byte order; masked entries are missing; of
    text, dates and objects every column is taken for what all of its values are; the fields of a
    structured array are columns with names.

    Parameters
    ----------
    array : array (N, c), (N, H, W) or (N, H, W, 3), structured array (N,), or list of rows
    reading : Reading, optional
        What is known of its columns.

    Raises
    ------
    InputError
        If values are complex, bytes or of no known type, or not finite; if the shape is no table
        and no stack of images.

    Examples
    --------
    >>> table = ac.datasets.from_array([["red", 1], ["blue", 2], ["red", 3]])
    >>> [(column.kind, column.levels) for column in table.columns]
    [('category', ('blue', 'red')), ('number', ())]
    """
    options, where = reading or Reading(), "the array"
    if hasattr(array, "toarray") and hasattr(array, "nnz"):
        raise InputError(f"{where} is sparse; pass array.toarray()")
    if not isinstance(array, np.ndarray):
        try:
            array = np.asarray(array)
        except ValueError as error:
            raise InputError(f"{where}: expected rows of the same length ({error})") from error
    made = table_of(array, options, where)
    require_usable(made, where, to_split=False, missing=options.missing)
    return made


def table_of(array: np.ndarray, options: Reading, where: str) -> Table:
    """The table of an array of any dtype, with the columns that ``options`` ask for."""
    masked = isinstance(array, np.ma.MaskedArray)
    if array.dtype.names is not None:
        return _structured(array, options, where)
    if array.dtype.kind in "cSV":
        require_real(array.dtype, where)
    if array.dtype.kind in "OUMm" or (masked and np.ma.is_masked(array)):
        return _by_columns(array, options, where)
    return arranged(table(_native(np.asarray(array)), where), options, where)


def arranged(made: Table, options: Reading, where: str) -> Table:
    """A table of plain numbers with the columns that ``options`` ask for, called x_0, x_1, ..."""
    asked = options.columns or options.drop or options.kinds or options.roles or options.label
    if made.columns is not None or not (asked or options.schema):
        return made
    if asked and made.image_shape is not None:
        raise InputError(
            f"{where}: images have no columns to choose, drop or take for a kind; leave these "
            "options out, or save the images as a table (N, d)"
        )
    given = [Given(name, made.x[:, k], k + 1) for k, name in enumerate(made.names)]
    built = build(given, options, where, numbered=True)
    whole = built.x.shape == made.x.shape
    return replace(
        built,
        identifiers={**made.identifiers, **built.identifiers},
        roles={**made.roles, **built.roles},
        notes=(*made.notes, *built.notes),
        labels=made.labels if built.labels is None else built.labels,
        is_test=made.is_test,
        image_shape=made.image_shape if whole else None,
        value_range=made.value_range if whole else None,
    )


def column(name: str, values: Sequence[Any], number: int, where: str) -> Given:
    """A column of Python's or NumPy's values: of the type that all have, else as text.

    Raises
    ------
    InputError
        If a value is of a type that no column has, as bytes, complex numbers or lists.
    """
    items = [_item(value) for value in values]
    types = {type(item) for item in items} - {type(None)}
    strange = next((t for t in types if t not in _TYPES), None)
    if strange is not None:
        row = next(k for k, item in enumerate(items) if type(item) is strange)
        return Given(
            name,
            np.full(len(items), None, object),
            number,
            fault=f"holds a value of type {strange.__name__} in row {row}",
        )
    gone = np.array([item is None for item in items], bool)
    missing = gone if gone.any() else None
    if types <= {bool} and types:
        return Given(name, np.array([bool(item) for item in items]), number, missing)
    if types <= {int, float, Decimal}:
        if types == {int} and all(item is None or abs(item) < _LARGEST for item in items):
            return Given(name, np.array([item or 0 for item in items], np.int64), number, missing)
        filled = [np.nan if item is None else _float(item) for item in items]
        return Given(name, np.array(filled, np.float64), number, missing)
    if types <= {datetime.datetime, datetime.date} or types <= {datetime.timedelta}:
        return _of_time(name, items, types, number, missing)
    texts = [item if item is None or isinstance(item, str) else str(item) for item in items]
    return Given(name, np.array(texts, object), number, missing)


_TYPES = {bool, int, float, Decimal, str, datetime.datetime, datetime.date, datetime.timedelta}


def _float(item: Any) -> float:
    try:
        return float(item)
    except OverflowError:
        return np.inf


def _of_time(
    name: str, items: list[Any], types: set[type], number: int, missing: np.ndarray | None
) -> Given:
    """A column of moments, in universal time if they have a zone; or of durations in seconds."""
    if datetime.timedelta in types:
        seconds = [np.nan if item is None else item.total_seconds() for item in items]
        return Given(name, np.array(seconds), number, missing)
    unit = "us" if datetime.datetime in types else "D"
    moments = [None if item is None else _universal(item) for item in items]
    return Given(name, np.array(moments, f"datetime64[{unit}]"), number, missing)


def _universal(moment: Any) -> Any:
    if isinstance(moment, datetime.datetime) and moment.tzinfo is not None:
        return moment.astimezone(datetime.UTC).replace(tzinfo=None)
    return moment


def _item(value: Any) -> Any:
    """A value as Python's own; None where it stands for no value."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        value = value.astype(f"{'datetime' if value.dtype.kind == 'M' else 'timedelta'}64[us]")
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType", "MaskedConstant"):
        return None
    if isinstance(value, float | Decimal) and value != value:
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if hasattr(value, "to_pytimedelta"):
        return value.to_pytimedelta()
    if isinstance(value, datetime.time):  # as text it is a date of the form %H:%M:%S
        return str(value)
    if type(value) not in _TYPES and isinstance(value, str):
        return str.__str__(value)
    return value


def _native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _by_columns(array: np.ndarray, options: Reading, where: str) -> Table:
    """The table of an array of objects, text, dates or masked numbers."""
    if array.ndim != 2:
        plain = np.ma.is_masked(array) and array.dtype.kind in "biuf"
        advice = "fill the masked entries" if plain else "only numbers may have other shapes"
        raise InputError(f"{where}: expected a table (N, d), got shape {array.shape}; {advice}")
    if 0 in array.shape:
        raise InputError(f"{where}: expected {SHAPES}, got shape {array.shape}, which is empty")
    given = [_column(f"x_{k}", array[:, k], k + 1, where) for k in range(array.shape[1])]
    return build(given, options, where)


def _column(name: str, values: np.ndarray, number: int, where: str) -> Given:
    """A column of an array."""
    missing = None
    if isinstance(values, np.ma.MaskedArray):
        missing = np.ma.getmaskarray(values)
        values = values.data
    if values.dtype.kind in "OUm":
        found = column(
            name, list(values) if values.dtype.kind == "m" else values.tolist(), number, where
        )
        return found if missing is None else replace(found, missing=_either(found, missing))
    if values.dtype.kind in "cSV":
        return Given(name, values, number, fault=f"is of dtype {values.dtype}")
    return Given(name, _native(values), number, missing)


def _either(found: Given, missing: np.ndarray) -> np.ndarray:
    return missing if found.missing is None else missing | found.missing


def _structured(array: np.ndarray, options: Reading, where: str) -> Table:
    """The table of records, whose fields are columns."""
    if array.ndim != 1 or not len(array):
        raise InputError(
            f"{where}: expected records in a list, got shape {array.shape} of {array.dtype}"
        )
    given = []
    for number, name in enumerate(array.dtype.names or (), 1):
        values = array[name]
        if values.ndim != 1 or values.dtype.names is not None:
            fault = f"is of dtype {array.dtype[name]}, which is no single value"
            given.append(Given(name, np.full(len(array), None, object), number, fault=fault))
        else:
            given.append(_column(name, values, number, where))
    return build(given, options, where)
