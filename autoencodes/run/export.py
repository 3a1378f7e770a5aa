"""Rows on their way out of a model: .npy, .npz or .csv, every file whole or absent."""

from __future__ import annotations

import csv
import io
import os
import warnings
import zlib
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from autoencodes import atomic, datasets
from autoencodes.errors import InputError, Notice
from autoencodes.flow.flow import Latent

_ENDINGS = (".npy", ".npz", ".csv")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell of text begins that a spreadsheet computes."""


def require_writable(path: str | Path, *inputs: str | Path) -> Path:
    """The path, once its ending is known and its folder exists: asked before any work.

    Raises
    ------
    InputError
        If the ending is not known, no file can be written there, or it is one of the ``inputs``.
    """
    path = Path(path)
    if path.suffix.lower() not in _ENDINGS:
        raise InputError(
            f"{path}: expected an output file that ends in {', '.join(_ENDINGS)}; "
            f"got the ending {path.suffix!r}"
        )
    if path.is_dir() or not path.parent.is_dir():
        fault = "is a folder" if path.is_dir() else "lies in a folder that does not exist"
        raise InputError(f"{path}: {fault}; give the name of a file in an existing folder")
    for source in inputs:
        if os.path.exists(source) and path.exists() and os.path.samefile(path, source):
            raise InputError(
                f"{path} is the file that is read; its rows would be replaced by what is made of "
                "them: give another name"
            )
    return path


def write_rows(path: str | Path, rows: np.ndarray, column: str, **more: np.ndarray) -> None:
    """Writes a table in the format that the path's ending names.

    Parameters
    ----------
    path : path
    rows : array (N, k) or (N,)
    column : str
        What a row's entries are: the array's key in .npz, the columns' stem in .csv.
    more : arrays
        Further arrays by name, which only .npz can hold.

    Raises
    ------
    InputError
        If the ending is none of .npy, .npz, .csv.
    OSError
        If the file cannot be written; nothing is left then.
    """
    path = require_writable(path)
    buffer = io.BytesIO()
    if path.suffix.lower() == ".npy":
        np.save(buffer, rows, allow_pickle=False)
    elif path.suffix.lower() == ".npz":
        np.savez(buffer, **{column: rows, **more})  # type: ignore[arg-type]
    else:
        table = rows.reshape(len(rows), -1)
        names = [f"{column}_{k}" for k in range(table.shape[1])] if rows.ndim > 1 else [column]
        buffer.write(_csv(names, table).encode())
    atomic.write(path, buffer.getvalue())


def _csv(names: list[str], table: np.ndarray) -> str:
    """Rows with their names above; text is quoted where it must be."""
    text = io.StringIO()
    if table.dtype.kind in "fiu":
        form = {"f": f"%.{9 if table.dtype == np.float32 else 17}g"}.get(table.dtype.kind, "%d")
        np.savetxt(text, table, form, delimiter=",", header=",".join(names), comments="")
    else:
        rows = table.tolist()
        csv.writer(text, lineterminator="\n").writerows([names, *rows])
        cells = {str(value) for row in rows for value in row}
        formulas = sorted(c for c in cells if c.startswith(_FORMULA) and not _is_number(c))
        if formulas:  # changed, they would not be the same labels any more
            warnings.warn(
                f"a spreadsheet takes for formulas: {', '.join(formulas[:3])}; open the file "
                "with these columns as text",
                Notice,
                stacklevel=3,
            )
    return text.getvalue()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def read_latent(path: str | Path) -> Latent | np.ndarray:
    """Latent rows from a table, or with their held values from an .npz that ``encode`` wrote."""
    if str(path).lower().endswith(".npz"):
        try:
            with np.load(path, allow_pickle=False) as archive:
                if "latent" in archive and "held" in archive:
                    return Latent(archive["latent"], archive["held"])
        except (OSError, ValueError, EOFError, BadZipFile, zlib.error) as error:
            raise InputError(
                f"{path}: expected an .npz archive of latent rows ({error})"
            ) from error
    return datasets.load(path, to_split=False).x
