"""Rows a few at a time: the host's loop over blocks, and its one padding trick.

Inside compiled code the loop is ``EmpiricalMeasure.integrate``; this file needs NumPy alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped
from numpy.typing import DTypeLike

Rows = Shaped[np.ndarray, "particle ..."]
ROWS = 4096
"""Rows of a block where nothing else decides: a large table is not doubled."""
_ALIGNED = 64
"""Bytes: arrays that begin at a multiple are taken by JAX as they are, others are copied."""


def strips(count: int, size: int = ROWS) -> Iterator[slice]:
    """The rows 0, ..., count − 1, ``size`` at a time; of no rows one empty strip."""
    for first in range(0, max(count, 1), size):
        yield slice(first, min(first + size, count))


def blocks(count: int, size: int) -> Iterator[Int[np.ndarray, " row"]]:
    """The same as indices, always ``size`` of them: what runs on them is compiled once.

    The last block is filled up with copies of its first row, to be dropped or given weight 0.
    """
    for rows in strips(count, size):
        indices = np.arange(rows.start, rows.start + size)
        yield np.where(indices < count, indices, rows.start)


def map_rows(
    function: Callable[..., Any],
    *arrays: Rows,
    size: int = ROWS,
    dtype: DTypeLike | None = None,
    filled: bool = False,
) -> Any:
    """A function of rows, applied to all rows of arrays (N, ...) that have equally many.

    ``function`` takes as many rows of each, and returns an array with one entry a row, or a
    tuple of such arrays; the result is of the same kind, in NumPy, of ``dtype`` if given.
    ``filled`` pads the last block as ``blocks`` does (N ≥ 1 then).
    """
    count = len(arrays[0])
    whole: list[np.ndarray] = []
    taken: Iterator[Any] = (blocks if filled else strips)(count, size)
    for rows, block in zip(strips(count, size), taken, strict=True):
        results = function(*(array[block] for array in arrays))
        parts = results if isinstance(results, tuple) else (results,)
        if not whole:
            whole = [aligned((count, *part.shape[1:]), dtype or part.dtype) for part in parts]
        for array, part in zip(whole, parts, strict=True):
            array[rows] = np.asarray(part)[: rows.stop - rows.start]
    return tuple(whole) if isinstance(results, tuple) else whole[0]


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array without values, so placed in memory that JAX can use it where it lies."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + _ALIGNED, np.uint8)
    first = -raw.ctypes.data % _ALIGNED
    return raw[first : first + size].view(dtype).reshape(shape)


def first_non_finite(x: Rows, *, nan: bool = False) -> tuple[int, int] | None:
    """Row and column of the first NaN or infinity of a matrix (N, d); ``nan``: NaN may be."""
    if x.dtype.kind in "biuUSO":
        return None
    for rows in strips(len(x)):
        wrong = np.isinf(x[rows]) if nan else ~np.isfinite(x[rows])
        if wrong.any():
            row, column = (int(k) for k in np.argwhere(wrong)[0])
            return rows.start + row, column
    return None
