"""Bytes of a source, plain or compressed: how many can come, and as many as were promised."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
_PACKINGS = {"gzip": b"\x1f\x8b", "bzip2": b"BZh", "xz": b"\xfd7zXZ\x00"}
"""How what is compressed begins."""
_ENDINGS = (".gz", ".bz2", ".xz", ".zip")
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)


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
    def packing(self) -> str:
        """What compressed the content, whatever the name says: gzip, bzip2, xz, zip, or nothing.

        Workbooks and .npz are zip archives too: one with files in it is a file called .zip.
        """
        with self.raw() as stream:
            start = stream.read(8)
        if self.name.lower().endswith(".zip") and start.startswith(b"PK"):
            return "zip"
        return next((name for name, mark in _PACKINGS.items() if start.startswith(mark)), "")

    @cached_property
    def unpacked_name(self) -> str:
        """The name in small letters, without the ending of what compressed it; of the file in a
        zip archive its own.
        """
        lower = self.name.lower()
        if self.packing == "zip":
            with self.raw() as raw, zipfile.ZipFile(raw) as archive:
                return self._only(archive).filename.lower()
        return next((lower.removesuffix(e) for e in _ENDINGS[:3] if lower.endswith(e)), lower)

    def _only(self, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
        """The one file in an archive."""
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        files = [e for e in files if not e.filename.startswith(("__MACOSX/", "."))]
        if len(files) != 1:
            names = ", ".join(repr(entry.filename) for entry in files[:5])
            raise InputError(
                f"{self}: expected an archive of one file, got {len(files):,} ({names or 'none'}"
                f"{', ...' if files[5:] else ''}); unpack it, and give the one to read"
            )
        if files[0].flag_bits & 1:
            raise InputError(f"{self}: the archive has a password; unpack it, and give the file")
        return files[0]

    @property
    def most(self) -> int:
        """The most bytes that ``opened`` can deliver, as far as that is bounded."""
        return self.size * DEFLATE_RATIO if self.packing else self.size

    @contextmanager
    def opened(self) -> Iterator[BufferedIOBase]:
        """The bytes, decompressed where they are compressed."""
        with ExitStack() as stack:
            stream: Any = stack.enter_context(self.raw())
            match self.packing:
                case "gzip":
                    stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
                case "bzip2":
                    stream = stack.enter_context(bz2.BZ2File(stream))
                case "xz":
                    stream = stack.enter_context(lzma.LZMAFile(stream))
                case "zip":
                    archive = stack.enter_context(zipfile.ZipFile(stream))
                    stream = stack.enter_context(archive.open(self._only(archive)))
            yield cast(BufferedIOBase, stream)

    def start(self, count: int) -> bytes:
        """The first bytes, decompressed; those as stored where they are not sound."""
        try:
            with self.opened() as stream:
                return stream.read(count)
        except (*_DAMAGED, OSError):
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
    except _DAMAGED as error:
        raise _damaged(source, error) from error
    except (zipfile.BadZipFile, NotImplementedError) as error:
        if source.name.lower().endswith(".zip"):
            raise _damaged(source, error) from error
        raise InputError(
            f"{source}: expected a sound .npz archive, got a truncated or damaged file ({error}); "
            "write it again with numpy.savez"
        ) from error
    except MemoryError as error:
        raise InputError(
            f"{source}: its content does not fit in memory; give a file with fewer rows"
        ) from error
    except OSError as error:
        if error.errno is None and source.packing:  # as bz2 says that data are none of its
            raise _damaged(source, error) from error
        raise InputError(
            f"{source}: cannot be read ({error.strerror or error}); check the file and its disk"
        ) from error


def _damaged(source: Source, error: Exception) -> InputError:
    return InputError(
        f"{source}: expected sound {source.packing or 'gzip'} data, got a truncated or damaged "
        f"file ({error}); download or compress it again"
    )


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
