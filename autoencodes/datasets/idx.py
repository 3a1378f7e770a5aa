"""IDX files, the format of MNIST: a magic number, the sizes, then the values big-endian."""

from __future__ import annotations

import re
from io import BufferedIOBase
from typing import Any

import numpy as np

from autoencodes.datasets.streams import Source, promised_bytes, read_array, reading
from autoencodes.datasets.table import Table, table
from autoencodes.errors import InputError

# Third byte of the magic number; the first two are zero, the fourth is the rank.
TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
_RANKS = (1, 2, 3)
_NAME = re.compile(r"([-.]ubyte|\.idx[123]?)(\.gz)?$", re.IGNORECASE)


def recognises(source: Source) -> bool:
    """Whether the name or the magic number says that it is an IDX file."""
    if _NAME.search(source.name):
        return True
    with reading(source):
        magic = source.start(4)
    return len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in TYPES and magic[3] in _RANKS


def read(source: Source) -> np.ndarray:
    """The array of an IDX file, plain or gzip, of rank 1 to 3.

    Raises
    ------
    InputError
        If the magic number is wrong, or the header promises another number of bytes
        than the file holds; checked before memory is asked for.
    """
    with reading(source), source.opened() as stream:
        shape, dtype = _header(stream, source)
        promise = promised_bytes(shape, dtype)
        most = source.most - 4 - 4 * len(shape)
        if promise > most:
            raise InputError(
                f"{source}: the IDX header promises {promise:,} bytes of data (shape {shape}), but "
                f"the file cannot hold more than {max(most, 0):,}; it is truncated or damaged: "
                "write or download it again"
            )
        return read_array(stream, shape, dtype, str(source))


def read_table(source: Source) -> Table:
    """The table of an IDX file of images (rank 3) or of rows (rank 2)."""
    array = read(source)
    if array.ndim == 1:
        raise InputError(
            f"{source}: expected an IDX file of images (rank 3) or of rows (rank 2), got rank 1, "
            "which is a list of labels; give the file of the images"
        )
    return table(array, str(source))


def _header(stream: BufferedIOBase, source: Source) -> tuple[tuple[int, ...], np.dtype[Any]]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        codes = " ".join(f"{code:02x}" for code in TYPES)
        raise InputError(
            f"{source}: expected an IDX file, whose magic number is 00 00, a type code among "
            f"{codes}, and the rank; got {magic.hex(' ') or 'no bytes'}; give another file"
        )
    rank = magic[3]
    if rank not in _RANKS:
        raise InputError(
            f"{source}: expected an IDX array of rank 1, 2 or 3, got rank {rank} "
            f"(magic number {magic.hex(' ')}); save tables as rank 2 and grey images as rank 3"
        )
    sizes = stream.read(4 * rank)
    if len(sizes) < 4 * rank:
        raise InputError(
            f"{source}: expected {rank} sizes after the magic number, got {len(sizes)} bytes; "
            "the file is truncated: write or download it again"
        )
    return tuple(int(n) for n in np.frombuffer(sizes, ">u4")), TYPES[magic[2]]
