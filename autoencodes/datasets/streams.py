"""Bytes of a source, plain or gzip: how many can come, and exactly as many as were promised."""

from __future__ import annotations

import gzip
import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np

from autoencodes.errors import InputError

# Deflate cannot expand a byte into more than this many (zlib's technical notes), so a
# larger promise in a header is refused before any memory is asked for.
DEFLATE_RATIO = 1032
_CHUNK = 1 << 24


@dataclass(frozen=True)
class Source:
    """Bytes that are read: a file's, or those of standard input; ``str`` is what messages say.

    Parameters
    ----------
    path : Path, optional
        The file; absent for standard input.
    content : bytes
        What came from standard input.
    """

    path: Path | None
    content: bytes = b""

    def __str__(self) -> str:
        return "standard input" if self.path is None else str(self.path)

    @property
    def name(self) -> str:
        """The file's name."""
        return "standard input" if self.path is None else self.path.name

    @property
    def size(self) -> int:
        """The number of bytes, as they are stored."""
        return len(self.content) if self.path is None else self.path.stat().st_size

    def raw(self) -> BufferedIOBase:
        """The bytes as they are stored, as a stream that can be closed."""
        return io.BytesIO(self.content) if self.path is None else open(self.path, "rb")

    @cached_property
    def packed(self) -> bool:
        """Whether the content is compressed by gzip, whatever the name says."""
        with self.raw() as stream:
            return stream.read(2) == b"\x1f\x8b"

    @property
    def most(self) -> int:
        """The most bytes that ``opened`` can deliver."""
        return self.size * DEFLATE_RATIO if self.packed else self.size

    @contextmanager
    def opened(self) -> Iterator[BufferedIOBase]:
        """The bytes, decompressed where they are compressed by gzip."""
        with self.raw() as raw:
            if not self.packed:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast(BufferedIOBase, unpacked)

    def start(self, count: int) -> bytes:
        """The first bytes, decompressed; those as stored where they are no sound gzip."""
        try:
            with self.opened() as stream:
                return stream.read(count)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            with self.raw() as stream:
                return stream.read(count)


@contextmanager
def reading(source: Source) -> Iterator[None]:
    """Turns whatever a damaged or forbidden file makes the readers raise into an InputError."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{source}: permission denied; expected a file that this user may read: "
            "change its permissions or give another file"
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{source}: expected sound gzip data, got a truncated or damaged file ({error}); "
            "download or compress it again"
        ) from error
    except zipfile.BadZipFile as error:
        raise InputError(
            f"{source}: expected a sound .npz archive, got a truncated or damaged file ({error}); "
            "write it again with numpy.savez"
        ) from error
    except MemoryError as error:
        raise InputError(
            f"{source}: its content does not fit in memory; give a file with fewer rows"
        ) from error
    except OSError as error:
        raise InputError(
            f"{source}: cannot be read ({error.strerror or error}); check the file and its disk"
        ) from error


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
        count = cast(Any, stream).readinto(view[got : got + _CHUNK])
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
