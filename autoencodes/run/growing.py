"""Files that grow block by block, and are there at the end or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from autoencodes import atomic
from autoencodes.datasets.blocks import arrow
from autoencodes.errors import InputError
from autoencodes.run import export
from autoencodes.run.export import Columns

Add = Callable[[Columns], None]
"""Takes the columns of the next rows."""

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet", ".feather", ".arrow", ".npy")


def growing(path: Path, rows: int) -> AbstractContextManager[Add]:
    """A file of so many rows, to which blocks of columns are added in the order of their rows.

    Raises
    ------
    InputError
        If the format cannot grow.
    """
    require_growing(path)
    ending = export.ending_of(path)
    if ending in (".csv", ".tsv"):
        return _delimited(path, "," if ending == ".csv" else "\t")
    if ending == ".jsonl":
        return _lines(path)
    return _array(path, rows) if ending == ".npy" else _arrow(path, ending)


def require_growing(path: Path) -> None:
    """InputError if the format of a file cannot grow."""
    ending = export.ending_of(path)
    if ending not in ENDINGS:
        raise InputError(
            f"{path}: what is made of rows that do not fit into memory is written block by block, "
            f"as {', '.join(ENDINGS)}; got {ending!r}: take one of them, or give a larger "
            "--memory-limit"
        )


@contextmanager
def _out(path: Path) -> Iterator[Callable[[bytes], None]]:
    if str(path) == export.STDOUT:
        yield export.printed
        return
    with atomic.writing(path) as stream:

        def write(content: bytes) -> None:
            stream.write(content)

        yield write


@contextmanager
def _delimited(path: Path, mark: str) -> Iterator[Add]:
    begun = False
    with _out(path) as out:

        def add(columns: Columns) -> None:
            nonlocal begun
            text = io.StringIO()
            writer = csv.writer(text, delimiter=mark, lineterminator="\n")
            if not begun:
                writer.writerow(columns)
                begun = True
            writer.writerows(zip(*map(export.texts_of, columns.values()), strict=True))
            out(text.getvalue().encode("utf-8", "backslashreplace"))

        yield add


@contextmanager
def _lines(path: Path) -> Iterator[Add]:
    with _out(path) as out:

        def add(columns: Columns) -> None:
            values = [export.objects_of(column) for column in columns.values()]
            for row in zip(*values, strict=True):
                line = dict(zip(columns, row, strict=True))
                out((json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode())

        yield add


@contextmanager
def _array(path: Path, rows: int) -> Iterator[Add]:
    """Numbers alone, as one array whose header stands before them."""
    first: tuple[int, np.dtype[Any]] | None = None
    with atomic.writing(path) as stream:

        def add(columns: Columns) -> None:
            nonlocal first
            text = [name for name, values in columns.items() if values.dtype.kind not in "biuf"]
            if text:
                raise InputError(
                    f"{path}: .npy holds numbers, and column {text[0]!r} is none; take .csv or "
                    ".parquet"
                )
            whole = np.stack(list(columns.values()), axis=1)
            if first is None:
                first = whole.shape[1], whole.dtype
                shape = (rows, whole.shape[1]) if whole.shape[1] > 1 else (rows,)
                head = {"descr": whole.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, head)
            stream.write(np.ascontiguousarray(whole.astype(first[1], copy=False)).data)

        yield add


@contextmanager
def _arrow(path: Path, ending: str) -> Iterator[Add]:
    pa = arrow()
    writer: Any = None
    schema: Any = None
    with atomic.writing(path) as stream:

        def add(columns: Columns) -> None:
            nonlocal writer, schema
            table = pa.table({name: _column(pa, values) for name, values in columns.items()})
            if writer is None:
                schema = table.schema
                writer = _opened(pa, stream, schema, ending)
            writer.write_table(table.cast(schema))

        yield add
        if writer is not None:
            writer.close()


def _opened(pa: Any, stream: BinaryIO, schema: Any, ending: str) -> Any:
    if ending == ".parquet":
        return pa.parquet.ParquetWriter(stream, schema)
    return pa.ipc.new_file(stream, schema)


def _column(pa: Any, values: np.ndarray) -> Any:
    """Values as Arrow has them, null where there is none."""
    if values.dtype.kind in "biufM":
        return pa.array(values, from_pandas=True)
    return pa.array(export.objects_of(values))
