"""NumPy's own files: `.npy` with one array, `.npz` with several, never with pickles."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np

from autoencodes.datasets.streams import DEFLATE_RATIO, promised_bytes, read_array, reading
from autoencodes.datasets.table import (
    Classes,
    Table,
    classes,
    image_shape,
    joined,
    require_real,
    table,
)
from autoencodes.errors import InputError

LABEL_KEYS = ("y", "labels", "label", "class", "target")
_KEYS = f"x (with labels in {', '.join(LABEL_KEYS)}), or x_train and x_test, or a single array"


def read_npy(path: Path) -> Table:
    """The table of a `.npy` file.

    Raises
    ------
    InputError
        If the file is damaged, promises more than it holds, needs pickle, or holds
        neither a table nor a stack of grey images of real numbers.
    """
    with reading(path), open(path, "rb") as stream:
        return table(_array(stream, path.stat().st_size, str(path)), str(path))


def read_npz(path: Path) -> Table:
    """The table of an `.npz` archive, with the labels and the split that its keys name.

    Raises
    ------
    InputError
        As `read_npy`, and if the keys do not say which array is the data.
    """
    with reading(path), _sound_archive(path), zipfile.ZipFile(path) as archive:
        keys = {name[:-4]: name for name in archive.namelist() if name.endswith(".npy")}
        if "x_train" in keys or "x_test" in keys:
            return _split_table(archive, keys, path)
        key = _data_key(keys, path)
        rows = table(_member(archive, keys[key], path), f"{path}, array {key}")
        named = [k for k in LABEL_KEYS if k in keys and k != key]
        if len(named) > 1:
            raise InputError(
                f"{path}: expected the labels in one array, got {' and '.join(named)}; "
                "leave all but one out"
            )
        labels = _labels(archive, keys, named[0], rows, path) if named else None
        return replace(rows, labels=labels)


@contextmanager
def _sound_archive(path: Path) -> Iterator[None]:
    """What zipfile raises for a damaged directory, a password or a foreign compression."""
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, struct.error, LookupError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path}: expected a sound .npz archive of plain arrays, got: {error}; "
            "write it again with numpy.savez"
        ) from error


def _data_key(keys: dict[str, str], path: Path) -> str:
    if "x" in keys:
        return "x"
    candidates = list(keys) if len(keys) == 1 else [k for k in keys if k not in LABEL_KEYS]
    if len(candidates) != 1:
        raise InputError(
            f"{path}: expected the arrays {_KEYS}; got {', '.join(keys) or 'no array'}; "
            "save the rows under the key x"
        )
    return candidates[0]


def _split_table(archive: zipfile.ZipFile, keys: dict[str, str], path: Path) -> Table:
    for pair in (("x_train", "x_test"), ("y_train", "y_test")):
        if (pair[0] in keys) != (pair[1] in keys):
            got, missing = pair if pair[0] in keys else pair[::-1]
            raise InputError(
                f"{path}: expected both {pair[0]} and {pair[1]}, got {got} only; "
                f"add {missing} or rename {got}"
            )
    parts = []
    for part in ("train", "test"):
        rows = table(_member(archive, keys[f"x_{part}"], path), f"{path}, array x_{part}")
        if f"y_{part}" in keys:
            rows = replace(rows, labels=_labels(archive, keys, f"y_{part}", rows, path))
        parts.append(rows)
    return joined(parts[0], parts[1], str(path))


def _labels(
    archive: zipfile.ZipFile, keys: dict[str, str], key: str, rows: Table, path: Path
) -> Classes:
    values = _member(archive, keys[key], path, text=True)
    return classes(values, rows.x.shape[0], f"{path}, array {key}")


def _member(archive: zipfile.ZipFile, name: str, path: Path, *, text: bool = False) -> np.ndarray:
    """One array of an archive, once its declared size is known to be possible."""
    where = f"{path}, array {name[:-4]}"
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{where}: expected it stored or deflated, got compression type "
            f"{info.compress_type}; write the file again with numpy.savez_compressed"
        )
    held = min(info.compress_size, path.stat().st_size)
    if info.file_size > held * DEFLATE_RATIO:
        raise InputError(
            f"{where}: the archive promises {info.file_size:,} bytes out of {held:,}, which is "
            "not possible; the file is damaged: write it again"
        )
    with archive.open(info) as stream:
        return _array(cast(BufferedIOBase, stream), info.file_size, where, text=text)


def _array(stream: BufferedIOBase, size: int, where: str, *, text: bool = False) -> np.ndarray:
    """The array of a stream in NumPy's format that has `size` bytes in all."""
    shape, fortran, dtype = _header(stream, where)
    if text:
        _require_labels(shape, dtype, where)
    else:
        require_real(dtype, where)
        image_shape(shape, where)
    promise, held = promised_bytes(shape, dtype), size - stream.tell()
    if promise > held:
        raise InputError(
            f"{where}: the header promises {promise:,} bytes of data (shape {shape}, dtype "
            f"{dtype}), but {held:,} are there; the file is truncated or damaged: write it again"
        )
    if fortran:
        return read_array(stream, shape[::-1], dtype, where).T
    return read_array(stream, shape, dtype, where)


def _require_labels(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "biufUS" or dtype.itemsize == 0 or 0 in shape or len(shape) > 2:
        raise InputError(
            f"{where}: expected labels as a list of integers or text, got shape {shape} and "
            f"dtype {dtype}; convert them (objects need pickle, which is never loaded)"
        )


def _header(stream: BufferedIOBase, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    try:
        version = np.lib.format.read_magic(stream)
        shape, fortran, dtype = readers[version](stream)
    except (OSError, EOFError, MemoryError, zipfile.BadZipFile):
        raise
    except Exception as error:  # a damaged header ends in tokenizer, syntax, type, ... errors
        raise InputError(
            f"{where}: expected an array in NumPy's .npy format, got a header that cannot be "
            f"read ({type(error).__name__}: {error}); write the file again with numpy.save"
        ) from error
    if any(n < 0 for n in shape):
        raise InputError(
            f"{where}: expected sizes of at least 0, got shape {shape}; write it again"
        )
    return tuple(int(n) for n in shape), bool(fortran), dtype
