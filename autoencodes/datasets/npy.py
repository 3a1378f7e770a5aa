"""NumPy's own files: `.npy` with one array, `.npz` with several, never with pickles."""

from __future__ import annotations

import ast
import operator
import re
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import Any, cast

import numpy as np

from autoencodes.datasets.archives import Archive, archive_table
from autoencodes.datasets.arrays import table_of
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import (
    DEFLATE_RATIO,
    Source,
    promised_bytes,
    read_array,
    reading,
)
from autoencodes.datasets.table import Table, image_shape, require_real
from autoencodes.errors import InputError

_PYTHON_2 = re.compile(r"(?<=\d)L(?=[,)])")
"""The mark of a long integer, as in (10L, 3L)."""
_LONGEST_HEADER = 1 << 16
_SIZES = {(1, 0): "<H", (2, 0): "<I", (3, 0): "<I"}


def read_npy(source: Source, options: Reading) -> Table:
    """The table of a `.npy` file.

    Raises
    ------
    InputError
        If the file is damaged, promises more than it holds, needs pickle, or holds
        neither a table nor a stack of images of real numbers, and no records.
    """
    with reading(source), source.opened() as stream:
        return table_of(_array(stream, source.most, str(source)), options, str(source))


def read_npz(source: Source, options: Reading) -> Table:
    """The table of an `.npz` archive, with the labels and the split that its keys name.

    Raises
    ------
    InputError
        As `read_npy`, and if the keys do not say which array is the data.
    """
    with (
        reading(source),
        _sound_archive(source),
        source.raw() as stream,
        zipfile.ZipFile(stream) as archive,
    ):
        keys = {name[:-4]: name for name in archive.namelist() if name.endswith(".npy")}

        def fetch(key: str, text: bool) -> np.ndarray:
            return _member(archive, keys[key], source, text=text)

        return archive_table(Archive(str(source), list(keys), fetch), options)


@contextmanager
def _sound_archive(source: Source) -> Iterator[None]:
    """What zipfile raises for a damaged directory, a password or a foreign compression."""
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, struct.error, LookupError, ValueError, OverflowError) as error:
        raise InputError(
            f"{source}: expected a sound .npz archive of plain arrays, got: {error}; "
            "write it again with numpy.savez"
        ) from error


def _member(
    archive: zipfile.ZipFile, name: str, source: Source, *, text: bool = False
) -> np.ndarray:
    """One array of an archive, once its declared size is known to be possible."""
    where = f"{source}, array {name[:-4]}"
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{where}: expected it stored or deflated, got compression type "
            f"{info.compress_type}; write the file again with numpy.savez_compressed"
        )
    held = min(info.compress_size, source.size)
    if info.file_size > held * DEFLATE_RATIO:
        raise InputError(
            f"{where}: the archive promises {info.file_size:,} bytes out of {held:,}, which is "
            "not possible; the file is damaged: write it again"
        )
    with archive.open(info) as stream:
        return _array(cast(BufferedIOBase, stream), info.file_size, where, text=text)


def _array(stream: BufferedIOBase, size: int, where: str, *, text: bool = False) -> np.ndarray:
    """The array of a stream in NumPy's format that has `size` bytes in all."""
    shape, fortran, dtype = header(stream, where)
    if text:
        _require_labels(shape, dtype, where)
    elif dtype.names is not None or dtype.kind in "UMm":
        _require_plain(dtype, where)
    else:
        require_real(dtype, where)
        image_shape(shape, where)
    promise, held = promised_bytes(shape, dtype), size - stream.tell()
    if promise > held:
        raise InputError(
            f"{where}: the header promises {promise:,} bytes of data (shape {shape}, dtype "
            f"{dtype}), but {held:,} are there; the file is truncated or damaged: write it again"
        )
    array = read_array(stream, shape[::-1] if fortran else shape, dtype, where)
    _require_characters(array, where)
    return array.T if fortran else array


def _require_characters(array: np.ndarray, where: str) -> None:
    """Refuses text with codes that are no characters, of which Python makes no text."""
    for name in array.dtype.names or ("",):
        values = array[name] if name else array
        if values.dtype.kind == "U" and values.dtype.itemsize:
            codes = np.ascontiguousarray(values).view(np.uint32)
            if ((codes > sys.maxunicode) | ((codes >= 0xD800) & (codes < 0xE000))).any():
                raise InputError(f"{where}: holds codes that are no characters; it is damaged")


def _require_plain(dtype: np.dtype[Any], where: str) -> None:
    """Refuses records and other values that only pickle restores."""
    if dtype.hasobject or dtype.itemsize == 0:
        raise InputError(
            f"{where}: expected plain values, got dtype {dtype}; convert it (objects need pickle, "
            "which is never loaded)"
        )


def _require_labels(shape: tuple[int, ...], dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "biufUS" or dtype.itemsize == 0 or 0 in shape or len(shape) > 2:
        raise InputError(
            f"{where}: expected labels as a list of integers or text, got shape {shape} and "
            f"dtype {dtype}; convert them (objects need pickle, which is never loaded)"
        )


def header(stream: BufferedIOBase, where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether in column order, and dtype: what stands before the array's bytes."""
    try:
        version = np.lib.format.read_magic(cast(Any, stream))
        size = _SIZES[version]
        (length,) = struct.unpack(size, stream.read(struct.calcsize(size)))
        if length > _LONGEST_HEADER:
            raise ValueError(f"a header of {length:,} bytes")
        text = stream.read(length)
        if len(text) < length:
            raise ValueError(f"{len(text):,} bytes of a header of {length:,}")
        spelled = text.decode("utf-8" if version == (3, 0) else "latin-1").strip()
        with warnings.catch_warnings(action="ignore"):
            header = ast.literal_eval(_PYTHON_2.sub("", spelled))
        dtype = np.lib.format.descr_to_dtype(header["descr"])
        shape, fortran = tuple(operator.index(n) for n in header["shape"]), header["fortran_order"]
        if not isinstance(fortran, bool):
            raise ValueError(f"fortran_order {fortran!r}")
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error):
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
    return shape, fortran, dtype
