"""The table: rows as a reader found them, not yet split into train and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autoencodes.datasets.dataset import Classes, Mask, Rows
from autoencodes.errors import InputError
from autoencodes.measure.streaming import first_non_finite

SHAPES = "a table (N, d) or a stack of grey images (N, H, W) or (N, H, W, 1)"


@dataclass(frozen=True, eq=False)
class Table:
    """What a reader returns: rows, perhaps their classes, perhaps a split.

    Parameters
    ----------
    x : array (N, d)
        The rows in the file's order and units.
    labels : array (N,), optional
        Integer or string classes.
    is_test : array of bool (N,), optional
        The split that the data came with; absent where it has none.
    image_shape : (int, int), optional
        Height and width, where a row is an image.
    value_range : (float, float), optional
        The fixed range of the values, where it is known.
    """

    x: Rows
    labels: Classes | None = None
    is_test: Mask | None = None
    image_shape: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None


def require_real(dtype: np.dtype[Any], where: str) -> None:
    """Refuses a type code whose values are not real numbers (complex, object, text, records)."""
    if dtype.kind not in "biuf":
        raise InputError(
            f"{where}: expected real numbers, got dtype {dtype}; "
            "convert the array to a float or integer dtype before saving it"
        )


def image_shape(shape: tuple[int, ...], where: str) -> tuple[int, int] | None:
    """Height and width of the images in an array of the given shape; None for a plain table.

    Raises
    ------
    InputError
        If the shape is no table and no stack of grey images, or holds no number.
    """
    grey = len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)
    if len(shape) != 2 and not grey:
        advice = "reshape it" if len(shape) != 1 else "reshape it to (N, 1)"
        raise InputError(f"{where}: expected {SHAPES}, got shape {shape}; {advice}")
    if 0 in shape:
        raise InputError(
            f"{where}: expected at least 2 rows and 1 column, got shape {shape}, which is empty; "
            "give a file with data"
        )
    return (shape[1], shape[2]) if grey else None


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


def require_usable(found: Table, where: str, *, to_split: bool) -> None:
    """Refuses NaN and infinity, and of what must be split fewer than two rows."""
    count = found.x.shape[0]
    if to_split and count < 2:
        raise InputError(
            f"{where}: expected at least 2 rows (one to train on, one to test on), got {count}; "
            "give more rows"
        )
    position = first_non_finite(found.x)
    if position is not None:
        row, column = position
        raise InputError(
            f"{where}: expected finite numbers, got {found.x[position]} in row {row}, column "
            f"{column} (counted from 0); remove or replace the values that are not finite"
        )
