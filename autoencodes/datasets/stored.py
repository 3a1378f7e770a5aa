"""Tables with types, as programs store them: Parquet, Arrow and Feather, and workbooks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.datasets.frames import table_of_frame
from autoencodes.datasets.probing import probe
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import Source, reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError, MissingExtra

_RATIO = 4000
"""The most bytes of values for a byte of a file: Parquet keeps a value that repeats once."""
_SMALL = 1 << 26
PARQUET = (".parquet", ".pq")


def read_parquet(source: Source, options: Reading) -> Table:
    """The table of a Parquet file; an index that pandas kept in it names the rows."""
    pl = polars("Parquet files")
    probe(source, "read_parquet", "Parquet")
    with sound(source, "Parquet"):
        content = source.raw() if source.path is None else source.path
        lazy = pl.scan_parquet(content)
        width = len(lazy.collect_schema())
        count = lazy.select(pl.len()).collect().item()
        _require_possible(source, count * max(width, 1) * 8)
        index = _pandas_index(pl.read_parquet_metadata(content).get("pandas", ""))
        frame = lazy.collect()
    return table_of_frame(frame, options, str(source), index)


def parts_of(folder: Path) -> list[Path]:
    """The Parquet files in a folder and the folders in it, in the order of their names."""
    found = [p for p in folder.rglob("*") if p.suffix.lower() in PARQUET and p.is_file()]
    hidden = ("_", ".")
    return sorted(p for p in found if not any(q.startswith(hidden) for q in _below(p, folder)))


def _below(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).parts


def read_parts(folder: Path, parts: Sequence[Path], options: Reading) -> Table:
    """The table of a folder of Parquet files, one below the other in the order of their names.

    Raises
    ------
    InputError
        If one is damaged, or they have not the same columns.
    """
    pl = polars("Parquet files")
    first: dict[str, Any] | None = None
    for path in parts:
        source = Source(path)
        probe(source, "read_parquet", "Parquet")
        with sound(source, "Parquet"):
            schema = dict(pl.read_parquet_schema(path))
        first = schema if first is None else first
        if list(schema.items()) != list(first.items()):
            raise InputError(unlike(path, parts[0], schema, first))
    with sound(Source(parts[0]), "Parquet"):
        frame = pl.read_parquet(list(parts))
        index = _pandas_index(pl.read_parquet_metadata(parts[0]).get("pandas", ""))
    return table_of_frame(frame, options, str(folder), index)


def unlike(path: Path, other: Path, schema: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """How a part differs from the first one, whose columns it must have."""
    differs = [f"without {name!r}" for name in first if name not in schema]
    differs += [f"with {name!r}" for name in schema if name not in first]
    differs += [
        f"{name!r} as {kind} instead of {first[name]}"
        for name, kind in schema.items()
        if name in first and first[name] != kind
    ]
    return (
        f"{path}: expected the columns of {other}, got them "
        f"{', '.join(differs[:4]) or 'in another order'}; write all parts with one schema"
    )


def read_arrow(source: Source, options: Reading) -> Table:
    """The table of an Arrow file (Feather, IPC), or of a stream of one."""
    pl = polars("Arrow files")
    start = source.start(6)
    if start[:4] == b"FEA1":
        raise InputError(
            f"{source}: expected a Feather file of version 2, got version 1; write it again with "
            "a newer pandas or pyarrow"
        )
    reader = "read_ipc" if start == b"ARROW1" else "read_ipc_stream"
    probe(source, reader, "Arrow")
    with sound(source, "Arrow"), source.raw() as stream:
        frame = getattr(pl, reader)(stream)
    return table_of_frame(frame, options, str(source))


def read_workbook(source: Source, options: Reading) -> Table:
    """The table of a sheet of an .xlsx workbook: the only one with content, or the one named."""
    try:
        import fastexcel
    except ImportError as error:
        raise MissingExtra("fastexcel", "tables", "reading workbooks") from error
    polars("workbooks")
    with sound(source, "workbook"):
        content = source.content if source.path is None else str(source.path)
        book = fastexcel.read_excel(content)
        names = list(book.sheet_names)
        if options.sheet is not None:
            wanted = _sheet(options.sheet, names, source)
            frame = _loaded(book, wanted)
        else:
            found = {name: _loaded(book, name) for name in names}
            full = [name for name, frame in found.items() if frame.width and frame.height]
            if len(full) != 1:
                raise InputError(
                    f"{source}: expected one sheet with rows below a header, got "
                    f"{', '.join(map(repr, full)) or 'none'}; say which to read with --sheet"
                )
            frame = found[full[0]]
    unnamed = [name for name in frame.columns if name.startswith("__UNNAMED__")]
    if 2 * len(unnamed) > frame.width:
        raise InputError(
            f"{source}: expected the columns' names in the sheet's first row, got "
            f"{', '.join(n for n in frame.columns if n not in unnamed) or 'none'}; remove what "
            "stands above the table"
        )
    renamed = {name: f"Unnamed: {frame.columns.index(name)}" for name in unnamed}
    return table_of_frame(_whole(frame.rename(renamed)), options, str(source))


def _loaded(book: Any, name: str) -> Any:
    """A sheet as a frame without the empty rows at its end, its types by all of its rows: by some
    of them, values of another type further down would be lost.
    """
    import polars as pl

    frame = book.load_sheet(name, schema_sample_rows=None).to_polars()
    if not frame.width:
        return frame
    full = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    return frame.head(full[-1] + 1 if len(full) else 0)


def _sheet(wanted: str, names: list[str], source: Source) -> str:
    if wanted in names:
        return wanted
    raise InputError(
        f"{source}: there is no sheet {wanted!r}; expected one of {', '.join(map(repr, names))}"
    )


def _whole(frame: Any) -> Any:
    """Columns of integers as integers: a workbook knows floats only."""
    import polars as pl

    whole = []
    for name in frame.columns:
        series = frame[name]
        if series.dtype == pl.Float64:
            values = series.drop_nulls().to_numpy()
            small = len(values) > 0 and bool((np.abs(values) < 2**53).all())
            if small and bool((values == np.round(values)).all()):
                whole.append(pl.col(name).cast(pl.Int64))
    return frame.with_columns(whole)


def _pandas_index(described: str) -> frozenset[str]:
    """The columns that were the index of a pandas frame, as its own note in the file says."""
    try:
        columns = json.loads(described)["index_columns"]
        return frozenset(name for name in columns if isinstance(name, str))
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()


def _require_possible(source: Source, promise: int) -> None:
    if promise > max(source.size * _RATIO, _SMALL):
        raise InputError(
            f"{source}: the file promises {promise:,} bytes of values out of {source.size:,}, "
            "which is hardly possible; it is damaged: write it again"
        )


def polars(purpose: str) -> Any:
    """Polars, or an error that says what needs it."""
    try:
        import polars
    except ImportError as error:
        raise MissingExtra("polars", "tables", f"reading {purpose}") from error
    return polars


@contextmanager
def sound(source: Source, what: str) -> Iterator[None]:
    """What a library says of a damaged file, as an InputError: a panic of its own too."""
    try:
        with reading(source):
            yield
    except (InputError, MissingExtra):
        raise
    except Exception as error:
        raise _damaged(source, what, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(source, what, error) from error


def _damaged(source: Source, what: str, error: BaseException) -> InputError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return InputError(
        f"{source}: expected a sound {what} file, got one that cannot be read ({reason}); write "
        "it again"
    )
