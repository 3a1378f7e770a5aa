"""HDF5: arrays under names, as .npz archives hold them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autoencodes.datasets.archives import Archive, archive_table
from autoencodes.datasets.probing import probe
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.streams import DEFLATE_RATIO, Source, reading
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError, MissingExtra

_SMALL = 1 << 26


def read_hdf5(source: Source, options: Reading) -> Table:
    """The table of an HDF5 file: of its only array, of x, or of the one that is named.

    Raises
    ------
    InputError
        If the file is damaged, an array promises more than the file can hold, or it is not known
        which array is meant.
    MissingExtra
        If h5py is not installed.
    """
    try:
        import h5py as library
    except ImportError as error:
        raise MissingExtra("h5py", "tables", "reading HDF5 files") from error
    h5py: Any = library
    probe(source, "hdf5", "HDF5")
    try:
        with reading(source), source.raw() as stream, h5py.File(stream, "r") as file:
            keys: list[str] = []
            file.visititems(lambda key, item: keys.append(key) if _is_array(item) else None)
            if any(key.endswith("block0_values") for key in keys):
                raise InputError(
                    f"{source}: expected plain arrays, got a table as pandas stores it in HDF5; "
                    "write it with to_parquet"
                )

            def fetch(key: str, text: bool) -> np.ndarray:
                return _fetched(h5py, file[key], f"{source}, array {key}", source, text)

            return archive_table(Archive(str(source), keys, fetch), options)
    except InputError as error:
        if isinstance(error.__cause__, OSError) and not isinstance(
            error.__cause__, PermissionError
        ):
            raise InputError(
                f"{source}: expected a sound HDF5 file, got one that cannot be read "
                f"({str(error.__cause__).splitlines()[0][:120]}); write it again"
            ) from error
        raise
    except (KeyError, RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{source}: expected a sound HDF5 file, got one that cannot be read ({error}); write "
            "it again"
        ) from error


def _is_array(item: Any) -> bool:
    return hasattr(item, "shape") and hasattr(item, "chunks")


def _fetched(h5py: Any, array: Any, where: str, source: Source, text: bool) -> np.ndarray:
    """An array, once its promise is known to be possible."""
    if array.shape is None:
        raise InputError(f"{where}: expected values, got an empty array without a shape")
    promise = math.prod(array.shape) * array.dtype.itemsize
    most = min(int(array.id.get_storage_size()), source.size) * DEFLATE_RATIO + _SMALL
    if array.external or array.is_virtual:
        raise InputError(f"{where}: its values are in other files; write them into this one")
    if promise > most:
        raise InputError(
            f"{where}: it promises {promise:,} bytes out of a file of {source.size:,}, which is "
            "not possible; the file is damaged or its array was never filled: write it again"
        )
    if h5py.check_string_dtype(array.dtype) is not None:
        found = array.asstr("utf-8", "replace")[()]
        return np.asarray(found, str) if text else np.asarray(found, object)
    if array.dtype.kind == "O" or array.dtype.hasobject:
        raise InputError(f"{where}: expected numbers or text, got dtype {array.dtype}")
    return np.asarray(array[()])
