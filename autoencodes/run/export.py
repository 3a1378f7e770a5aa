"""Rows on their way out of a model, in the format that a name's ending says; whole or absent."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from jaxtyping import Shaped

from autoencodes import atomic, datasets
from autoencodes.datasets.spelling import written
from autoencodes.errors import InputError, MissingExtra, Notice
from autoencodes.flow.flow import Latent
from autoencodes.measure.streaming import strips

STDOUT = "-"
_LATENT = re.compile(r"latent(_\d+)?")
_LONGEST_NAME = 255
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell of text begins that a spreadsheet computes."""

Columns = Mapping[str, Shaped[np.ndarray, " particle"]]


def require_writable(path: str | Path, *inputs: str | Path) -> Path:
    """The path, once its ending is known and its folder exists: asked before any work.

    ``-`` is standard output, as CSV.

    Raises
    ------
    InputError
        If the ending is not known, no file can be written there, or it is one of the ``inputs``.
    """
    path = Path(os.path.expanduser(path))
    if str(path) == STDOUT:
        return path
    if ending_of(path) not in ENDINGS:
        raise InputError(
            f"{path}: expected an output file that ends in {', '.join(ENDINGS)}; "
            f"got the ending {path.suffix!r}"
        )
    try:
        str(path).encode()
        if "\0" in str(path) or len(path.name.encode()) > _LONGEST_NAME:
            raise OSError(
                errno.ENAMETOOLONG, f"it holds NUL or has more than {_LONGEST_NAME} bytes"
            )
        is_folder, in_folder, there = path.is_dir(), path.parent.is_dir(), path.exists()
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise InputError(f"{str(path)[:80]!a}: no such name is possible ({reason})") from error
    if is_folder or not in_folder:
        fault = "is a folder" if is_folder else "lies in a folder that does not exist"
        raise InputError(f"{path}: {fault}; give the name of a file in an existing folder")
    if ending_of(path) in _BY_POLARS:
        _polars()
    for source in map(os.path.expanduser, inputs):
        if there and os.path.exists(source) and os.path.samefile(path, source):
            raise InputError(
                f"{path} is the file that is read; its rows would be replaced by what is made of "
                "them: give another name"
            )
    return path


def write_rows(
    path: str | Path,
    rows: Shaped[np.ndarray, "particle ..."],
    stem: str,
    *,
    names: tuple[str, ...] | None = None,
    identifiers: Columns | None = None,
    **more: np.ndarray,
) -> None:
    """Writes an array with a row or an entry for each row, and beside it what names the rows.

    Parameters
    ----------
    path : path
    rows : array (N, k) or (N,)
    stem : str
        What a row's entries are: the array's key in .npz, elsewhere the stem of the columns' names.
    names : tuple of str, optional
        The columns' own names.
    identifiers : mapping of str to array (N,), optional
    more : arrays
        Further arrays by name, which only .npz can hold.

    Raises
    ------
    InputError
        If the ending is not known.
    OSError
        If the file cannot be written; nothing is left then.
    """
    path, beside = require_writable(path), identifiers or {}
    if ending_of(path) == ".npy":
        _save(path, lambda buffer: np.save(buffer, rows, allow_pickle=False))
    elif ending_of(path) == ".npz":
        arrays = {stem: rows, **more, **{name: _plain(v) for name, v in beside.items()}}
        _save(path, lambda buffer: _archive(buffer, arrays))
    else:
        table = rows.reshape(len(rows), -1)
        stems = [stem] if rows.ndim == 1 else [f"{stem}_{k}" for k in range(table.shape[1])]
        columns = zip(names or stems, table.T, strict=True)
        _write(path, {**beside, **dict(columns)})


def write_table(
    path: str | Path, columns: Columns, *, identifiers: Columns | None = None, stem: str = "x"
) -> None:
    """Writes columns by name, in their own dtypes; None, NaN and NaT as nothing.

    .npy holds the columns as one array, which must be numbers, and .npz as well under the key
    ``stem`` where they are; there the identifiers stand beside, or are lost in .npy.

    Raises
    ------
    InputError
        If the ending is not known, or the format cannot hold the columns.
    OSError
        If the file cannot be written; nothing is left then.
    """
    path, beside = require_writable(path), identifiers or {}
    numeric = all(values.dtype.kind in "biuf" for values in columns.values())
    if ending_of(path) in (".npy", ".npz") and numeric:
        write_rows(path, np.stack(list(columns.values()), axis=1), stem, identifiers=beside)
    elif ending_of(path) == ".npy":
        text = next(name for name, values in columns.items() if values.dtype.kind not in "biuf")
        raise InputError(
            f"{path}: .npy holds numbers, and column {text!r} is none; take .csv, .parquet or .npz"
        )
    elif ending_of(path) == ".npz":
        arrays = {name: _plain(values) for name, values in {**beside, **columns}.items()}
        _save(path, lambda buffer: _archive(buffer, arrays))
    else:
        _write(path, {**beside, **columns})


_NO_ARCHIVE = (
    *(OSError, ValueError, EOFError, LookupError, OverflowError, MemoryError, RuntimeError),
    *(BadZipFile, zlib.error, struct.error, SyntaxError, TypeError),
)
"""What zipfile and NumPy raise of a damaged archive: also of a password, and of a promise of
terabytes."""


def read_latent(path: str | Path) -> tuple[Latent, dict[str, np.ndarray]]:
    """Latent rows from a file that ``encode`` wrote, the held ones that .npz has, identifiers.

    Columns are numbers as they are; those that are not called latent_0, ... stand beside, where
    some are.
    """
    if str(path).lower().endswith(".npz"):
        try:
            with np.load(path, allow_pickle=False) as archive:
                if "latent" in archive:
                    latent = archive["latent"]
                    held = archive["held"] if "held" in archive else latent[:, :0]
                    beside = {k: archive[k] for k in archive if k not in ("latent", "held")}
                    return Latent(latent, held), beside
        except FileNotFoundError as error:
            raise InputError(f"{path}: there is no such file; expected latent rows") from error
        except _NO_ARCHIVE as error:
            raise InputError(
                f"{path}: expected an .npz archive of latent rows ({error})"
            ) from error
    rows = datasets.load(path, to_split=False, reading=datasets.Reading(as_numbers=True))
    table = rows.table
    assert table is not None
    identifiers = dict(table.identifiers)
    named = [k for k, name in enumerate(table.names) if _LATENT.fullmatch(name)]
    if table.columns is None or not named:
        return Latent(table.x, table.x[:, :0]), identifiers
    for k, column in enumerate(table.columns):
        if k not in named:
            identifiers[column.name] = column.values(table.x[:, k])
    return Latent(table.x[:, named], table.x[:, :0]), identifiers


def ending_of(path: Path) -> str:
    """The ending that names the format; of standard output that of CSV."""
    return ".csv" if str(path) == STDOUT else path.suffix.lower()


def _write(path: Path, columns: Columns) -> None:
    if ending_of(path) in (".csv", ".tsv"):
        _say_formulas(columns)
    _WRITERS[ending_of(path)](path, columns)


def _save(path: Path, write: Callable[[io.BytesIO], None]) -> None:
    buffer = io.BytesIO()
    write(buffer)
    atomic.write(path, buffer.getvalue())


def _archive(buffer: io.BytesIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes an .npz archive, in which an array may have any name: numpy.savez has none for
    ``file``.
    """
    with ZipFile(buffer, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)


def _delimited(mark: str) -> Callable[[Path, Columns], None]:
    def write(path: Path, columns: Columns) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=mark, lineterminator="\n")
        writer.writerow(columns)
        for rows in strips(len(next(iter(columns.values())))):
            writer.writerows(zip(*(texts_of(v[rows]) for v in columns.values()), strict=True))
        content = text.getvalue().encode("utf-8", "backslashreplace")
        if str(path) == STDOUT:
            printed(content)
        else:
            atomic.write(path, content)

    return write


def printed(content: bytes) -> None:
    """Writes to standard output, in UTF-8 as to a file, as long as someone reads it."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:  # as by | head: the rest is not wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json_lines(path: Path, columns: Columns) -> None:
    values = [objects_of(column) for column in columns.values()]
    lines = (dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True))
    text = "".join(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n" for line in lines)
    atomic.write(path, text)


def _by_polars(method: str) -> Callable[[Path, Columns], None]:
    def write(path: Path, columns: Columns) -> None:
        pl = _polars()
        frame = pl.DataFrame(
            [pl.Series(name, v if v.dtype.kind in "biufM" else objects_of(v), strict=False)
             for name, v in columns.items()],
            nan_to_null=True,
        )  # fmt: skip
        floats = [name for name, kind in frame.schema.items() if kind.is_float()]
        frame = frame.with_columns(pl.col(floats).fill_nan(None)) if floats else frame

        def save(buffer: io.BytesIO) -> None:
            try:
                getattr(frame, method)(buffer)
            except ImportError as error:  # the workbook's own package
                raise MissingExtra("xlsxwriter", "tables", f"writing {path.suffix}") from error

        _save(path, save)

    return write


def _polars() -> Any:
    try:
        import polars
    except ImportError as error:
        purpose = "writing .parquet, .feather, .arrow and .xlsx"
        raise MissingExtra("polars", "tables", purpose) from error
    return polars


_BY_POLARS = {
    ".parquet": _by_polars("write_parquet"),
    ".feather": _by_polars("write_ipc"),
    ".arrow": _by_polars("write_ipc"),
    ".xlsx": _by_polars("write_excel"),
}
_WRITERS: dict[str, Callable[[Path, Columns], None]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".jsonl": _json_lines,
    **_BY_POLARS,
}
ENDINGS = (".npy", ".npz", *_WRITERS)


def texts_of(values: Shaped[np.ndarray, " particle"]) -> Iterator[str]:
    """Values as fields of text: a float by its shortest spelling, what is missing empty."""
    if values.dtype.kind == "f":
        return ("" if v != v else str(v) for v in _spelled(values))
    return ("" if v is None else str(v) for v in objects_of(values))


def _spelled(values: Shaped[np.ndarray, " particle"]) -> Iterator[Any]:
    """Floats as they are spelled in their own precision, NaN as itself."""
    if values.dtype == np.float64:
        return iter(values.tolist())
    return (v if v != v else str(v) for v in values)


def objects_of(values: Shaped[np.ndarray, " particle"]) -> list[Any]:
    """Values as Python's own: dates in ISO's form, None where there is none."""
    if values.dtype.kind == "M":
        return [None if text == "NaT" else text for text in np.datetime_as_string(values).tolist()]
    if values.dtype.kind == "f":
        return [None if v != v else v for v in values.astype(np.float64).tolist()]
    return values.tolist()


def _plain(values: Shaped[np.ndarray, " particle"]) -> np.ndarray:
    """An array that needs no pickle: objects as text."""
    if values.dtype.kind != "O":
        return values
    return np.array(["" if v is None else str(v) for v in values.tolist()])


def _say_formulas(columns: Columns) -> None:
    """Warns of cells that a spreadsheet computes: changed, they would not be the same any more."""
    cells = {
        str(value)
        for values in (np.array(list(columns)), *columns.values())
        if values.dtype.kind in "OU"
        for value in set(values.tolist())
    }
    formulas = sorted(c for c in cells if c.startswith(_FORMULA) and not written(c))
    if formulas:
        warnings.warn(
            f"a spreadsheet takes for formulas: {', '.join(formulas[:3])}; open the file "
            "with these columns as text",
            Notice,
            stacklevel=4,
        )
