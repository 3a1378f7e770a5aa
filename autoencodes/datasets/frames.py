"""Data frames of pandas, Polars and Arrow, and what narwhals knows beside them: in and out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autoencodes.datasets.arrays import column
from autoencodes.datasets.columns import build
from autoencodes.datasets.kinds import Given
from autoencodes.datasets.options import in_python, option
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError, MissingExtra

_LIBRARIES = ("pandas", "polars", "pyarrow", "modin", "cudf", "dask", "duckdb", "ibis", "pyspark")
_INDEX = re.compile(r"__index_level_\d+__")
_NESTED = ("List", "Array", "Struct", "Binary", "Unknown")


def is_frame(value: object) -> bool:
    """Whether a value is a data frame: of pandas, Polars, Arrow, or what narwhals wraps.

    Examples
    --------
    >>> import pandas as pd
    >>> ac.datasets.is_frame(pd.DataFrame({"a": [1]})), ac.datasets.is_frame(np.ones((2, 2)))
    (True, False)
    """
    if hasattr(value, "__narwhals_dataframe__") or hasattr(value, "__narwhals_lazyframe__"):
        return True
    library = type(value).__module__.split(".")[0]
    return library in _LIBRARIES and hasattr(value, "columns")


@in_python()
def from_frame(frame: Any, reading: Reading | None = None) -> Table:
    """The table of a data frame; of a lazy one once it is collected.

    Categories keep their levels, and an order where they have one. The index of a pandas frame
    names the rows, unless it only counts them.

    Parameters
    ----------
    frame : data frame
        Of pandas, Polars, Arrow, or what narwhals knows.
    reading : Reading, optional
        What is known of its columns.

    Raises
    ------
    InputError
        If this is no data frame, two columns have one name, or as ``columns.build`` says.
    MissingExtra
        If narwhals is not installed.

    Examples
    --------
    >>> import pandas as pd
    >>> table = ac.datasets.from_frame(pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]}))
    >>> [(column.name, column.kind) for column in table.columns]
    [('a', 'number'), ('b', 'category')]
    """
    return table_of_frame(frame, reading or Reading(), "the data frame")


def table_of_frame(
    frame: Any, options: Reading, where: str, aside: frozenset[str] = frozenset()
) -> Table:
    """The table of a data frame that came from ``where``; ``aside`` names rows."""
    nw = _narwhals()
    index: list[Given] = []
    if type(frame).__module__.split(".")[0] == "pandas" and hasattr(frame, "index"):
        index = _index(frame, where)
        frame = frame.set_axis(_names(frame), axis=1)
    try:
        frame = nw.from_native(frame)
        frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    except Exception as error:  # each library has errors of its own
        raise InputError(f"{where}: expected a data frame with unique names ({error})") from error
    if not len(frame):
        raise InputError(f"{where}: expected rows, got none (columns: {', '.join(frame.columns)})")
    given = [*index]
    for number, name in enumerate(frame.columns, 1):
        made = _given(nw, frame[name], name, number, where)
        given.append(replace(made, aside=name in aside or bool(_INDEX.fullmatch(name))))
    table = build(given, options, where)
    texts = {g.name for g in given if g.text}
    spelled = [c.name for c in table.columns or () if c.kind == "number" and c.name in texts]
    names = option("kinds", "NAME=category")
    note = f"is text that holds numbers: taken for numbers ({names} if they are names)"
    return replace(table, notes=(*table.notes, *(f"{name!r} {note}" for name in spelled)))


def to_frame_like(frame: Any, columns: Mapping[str, np.ndarray]) -> Any:
    """A data frame of the same library with other columns, and the same index where there is one.

    Objects come as text or truths, with what stands for nothing there where there is none.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1, 2]}, index=["p", "q"])
    >>> ac.datasets.to_frame_like(frame, {"b": np.array([0.5, 1.5])}).index.tolist()
    ['p', 'q']
    """
    nw = _narwhals()
    library = type(frame).__module__.split(".")[0]
    if library == "pandas":
        import pandas  # type: ignore[import-untyped,unused-ignore]

        index = frame.index if all(len(v) == len(frame) for v in columns.values()) else None
        return pandas.DataFrame({k: _column_out(v) for k, v in columns.items()}, index=index)
    wrapped = nw.from_native(frame)
    backend = wrapped.implementation if isinstance(wrapped, nw.DataFrame) else "polars"
    made = {name: _column_out(values) for name, values in columns.items()}
    return nw.from_dict(made, backend=backend).to_native()


def _column_out(values: np.ndarray) -> Any:
    return values.tolist() if values.dtype.kind in "OU" else values


def _narwhals() -> Any:
    try:
        import narwhals.stable.v2 as nw
    except ImportError as error:
        raise MissingExtra("narwhals", "tables", "reading data frames") from error
    return nw


def _names(frame: Any) -> list[str]:
    """The names of a pandas frame's columns as text; those of several levels joined by dots."""
    names = [
        ".".join(str(part) for part in name) if isinstance(name, tuple) else str(name)
        for name in frame.columns
    ]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise InputError(f"the data frame: two columns are called {twice!r}; rename one of them")
    return names


def _index(frame: Any, where: str) -> list[Given]:
    """The index of a pandas frame, unless it is the default one, which has no name and counts."""
    index = frame.index
    counts = type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    if counts and index.name is None:
        return []
    given = []
    for level in range(index.nlevels):
        name = index.names[level]
        if name is None:
            name = "index" if index.nlevels == 1 else f"level_{level}"
        name = str(name)
        if name in map(str, frame.columns):
            continue
        values = index.get_level_values(level)
        if values.dtype.kind in "iuf":
            given.append(Given(name, values.to_numpy(), 0, aside=True))
        else:
            made = column(name, values.tolist(), 0, where)
            given.append(replace(made, aside=True))
    return given


def _given(nw: Any, series: Any, name: str, number: int, where: str) -> Given:
    """A column of a frame as NumPy has it, with where values are missing."""
    dtype = series.dtype
    gone = np.asarray(series.is_null().to_numpy(), bool)
    missing = gone if gone.any() else None
    if gone.all():
        return Given(name, np.full(len(gone), None, object), number, missing)
    kind = type(dtype).__name__ if not isinstance(dtype, type) else dtype.__name__
    if kind in _NESTED:
        return Given(name, np.full(len(gone), None, object), number, fault=f"is of type {dtype}")
    if kind in ("Categorical", "Enum"):
        return _categorical(nw, series, name, number, where)
    if kind == "Datetime":
        if dtype.time_zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return Given(name, series.to_numpy().astype("datetime64[us]"), number, missing)
    if kind == "Date":
        return Given(name, series.to_numpy().astype("datetime64[D]"), number, missing)
    if kind == "Time":
        spelled = [None if v is None else str(v) for v in series.to_list()]
        return Given(name, np.array(spelled, object), number, missing)
    if kind == "Duration":
        seconds = series.to_numpy().astype("timedelta64[us]").astype(np.float64) / 1e6
        return Given(name, np.where(gone, np.nan, seconds), number)
    if kind == "Boolean":
        return Given(name, np.asarray(series.fill_null(False).to_numpy(), bool), number, missing)
    if dtype.is_integer():
        if missing is not None:
            series = series.fill_null(0)
        return Given(name, np.asarray(series.to_numpy()), number, missing)
    if dtype.is_float():
        return Given(name, np.asarray(series.to_numpy(), _float_type(kind)), number, missing)
    return column(name, series.to_list(), number, where)


def _float_type(kind: str) -> str:
    return "float32" if kind == "Float32" else "float64"


def _categorical(nw: Any, series: Any, name: str, number: int, where: str) -> Given:
    """A categorical column with its levels; an order only where pandas has one."""
    levels = series.cat.get_categories().to_list()
    native = series.to_native()
    accessor = getattr(native, "cat", None)
    ordered = bool(getattr(accessor, "ordered", False))
    found = column(name, series.to_list(), number, where)
    if type(native).__module__.startswith("polars") and "Enum" not in str(series.dtype):
        # Polars' categories may be those of other columns too.
        levels = sorted({v for v in series.to_list() if v is not None})
    whole = column(name, [*series.to_list(), *levels], number, where)  # one type for both
    values, steps = whole.values[: len(found.values)], whole.values[len(found.values) :]
    if whole.fault is not None or values.dtype.kind == "M":
        return found
    return Given(name, values, number, found.missing, tuple(steps.tolist()), ordered)
