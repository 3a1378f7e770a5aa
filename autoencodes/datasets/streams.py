"""Bytes of a file, plain or gzip: how many can come, and exactly as many as were promised."""

from __future__ import annotations

import gzip
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.errors import InputError

# Deflate cannot expand a byte into more than this many (zlib's technical notes), so a
# larger promise in a header is refused before any memory is asked for.
DEFLATE_RATIO = 1032
_CHUNK = 1 << 24


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turns whatever a damaged or forbidden file makes the readers raise into an InputError."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{path}: permission denied; expected a file that this user may read: "
            "change its permissions or give another file"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path}: expected sound gzip data, got a truncated or damaged file ({error}); "
            "download or compress it again"
        ) from error
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{path}: expected a sound .npz archive, got a truncated or damaged file ({error}); "
            "write it again with numpy.savez"
        ) from error
    except MemoryError as error:
        raise InputError(
            f"{path}: its content does not fit in memory; give a file with fewer rows"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its disk"
        ) from error


def is_gzip(path: Path) -> bool:
    """Whether the name says that the file is compressed by gzip."""
    return path.suffix.lower() == ".gz"


@contextmanager
def opened(path: Path) -> Iterator[BufferedIOBase]:
    """The file's bytes, decompressed where its name ends in `.gz`."""
    with open(path, "rb") as raw:
        if not is_gzip(path):
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            yield unpacked


def most_bytes(path: Path) -> int:
    """The most bytes that `opened(path)` can deliver."""
    size = path.stat().st_size
    return size * DEFLATE_RATIO if is_gzip(path) else size


def promised_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """The bytes of an array as its header promises them, in exact integers."""
    return math.prod(shape) * dtype.itemsize


def read_array(
    stream: BufferedIOBase, shape: tuple[int, ...], dtype: np.dtype[Any], where: str
) -> np.ndarray:
    """The next bytes of a stream as an array in row order, in this machine's byte order.

    The caller has compared the promise with what the stream can hold.

    Raises
    ------
    InputError
        If the stream ends early, or goes on after the array.
    """
    array = np.empty(math.prod(shape), dtype)
    view = array.view(np.uint8).data
    got = 0
    while got < len(view):
        # In pieces, because a decompressor doubles each piece in memory.
        count = stream.readinto(view[got : got + _CHUNK])
        if not count:
            raise InputError(
                f"{where}: the header promises {len(view):,} bytes of data (shape {shape}), "
                f"but only {got:,} came; the file is truncated: write or download it again"
            )
        got += count
    if stream.read(1):
        raise InputError(
            f"{where}: the header promises {len(view):,} bytes of data (shape {shape}), but "
            "more follow; the file is damaged or holds several arrays: write or download it again"
        )
    native = dtype.newbyteorder("=")
    return array.astype(native, copy=False).reshape(shape)
