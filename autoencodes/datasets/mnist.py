"""MNIST: 60,000 + 10,000 digits of 28 x 28 pixels, found on disk or downloaded once."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from http.client import HTTPException
from pathlib import Path

from autoencodes import atomic
from autoencodes.cache import folder
from autoencodes.catalogue import DATASETS
from autoencodes.datasets import idx
from autoencodes.datasets.streams import Source
from autoencodes.datasets.table import Table, classes, joined
from autoencodes.errors import InputError

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
# MD5 of each compressed file: against damage on the way, not against malice.
CHECKSUMS = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
VARIABLE = "AUTOENCODES_DATA"
_TIMEOUT = 10.0
_LARGEST_DOWNLOAD = 1 << 26
_CHUNK = 1 << 18


@DATASETS.register("mnist", "70,000 images of 28 x 28", rank=1, defaults={"latent": 32})
def read(data_dir: str | Path | None = None) -> Table:
    """MNIST with its own split, bytes 0, ..., 255, and the classes 0, ..., 9.

    Parameters
    ----------
    data_dir : path, optional
        The folder with the four IDX files, plain or gzip, there or in its subfolder
        mnist/. Absent: $AUTOENCODES_DATA, the user's cache, the network, in that order.

    Raises
    ------
    InputError
        If the files are nowhere to be had, are damaged, or disagree.
    """
    files = _find(data_dir)
    train = _part(files["train-images-idx3-ubyte"], files["train-labels-idx1-ubyte"])
    test = _part(files["t10k-images-idx3-ubyte"], files["t10k-labels-idx1-ubyte"])
    return joined(train, test, str(files["train-images-idx3-ubyte"].parent))


def cache() -> Path:
    """The folder that a download is kept in."""
    return folder("mnist")


def _part(images_path: Path, labels_path: Path) -> Table:
    images = idx.read_table(Source(images_path))
    if images.image_shape is None or images.value_range is None:
        raise InputError(
            f"{images_path}: expected images of unsigned bytes (rank 3), got rows of "
            f"{images.x.shape[1]} values of dtype {images.x.dtype}; give MNIST's own file"
        )
    labels = idx.read(Source(labels_path))
    count = images.x.shape[0]
    if labels.shape != (count,):
        raise InputError(
            f"{labels_path}: expected {count} labels, one for each image of {images_path.name}, "
            f"got shape {labels.shape}; take both files from one download"
        )
    return Table(
        images.x,
        classes(labels, count, str(labels_path)),
        image_shape=images.image_shape,
        value_range=images.value_range,
    )


def _find(data_dir: str | Path | None) -> dict[str, Path]:
    if data_dir is not None:
        folder = Path(os.path.expanduser(data_dir))
        files = _files(folder)
        if len(files) < len(CHECKSUMS):
            # What was named is meant: silently taking other files would mislead.
            raise InputError(
                f"--data-dir {folder}: {_lack(folder, files)}; put them there, or leave "
                f"--data-dir out to use ${VARIABLE}, the cache or a download"
            )
        return files
    tried = ["--data-dir (not given)"]
    named = os.environ.get(VARIABLE)
    if named:
        files = _files(Path(os.path.expanduser(named)))
        if len(files) == len(CHECKSUMS):
            return files
        tried.append(f"${VARIABLE} ({_lack(Path(named), files)})")
    else:
        tried.append(f"${VARIABLE} (not set)")
    files = _files(cache())
    if len(files) == len(CHECKSUMS):
        return files
    tried.append(f"the cache ({_lack(cache(), files)})")
    return _downloaded(files, tried)


def _files(folder: Path) -> dict[str, Path]:
    """Those of the four files that lie in the folder or in a subfolder that is usual for them."""
    files = {}
    for name in CHECKSUMS:
        candidates = (
            folder / place / (spelled + suffix)
            for place in ("", "mnist", "raw", "MNIST/raw")
            for spelled in (name, name.replace("-idx", ".idx"))
            for suffix in ("", ".gz")
        )
        path = next((path for path in candidates if os.path.isfile(path)), None)
        if path is not None:
            files[name] = path
    return files


def lies_in(folder: Path) -> bool:
    """Whether all four files lie in a folder."""
    return len(_files(folder)) == len(CHECKSUMS)


def _lack(folder: Path, files: dict[str, Path]) -> str:
    if not os.path.isdir(folder):
        return f"{folder} is not a folder that can be read"
    missing = [name for name in CHECKSUMS if name not in files]
    return f"{folder} lacks {', '.join(missing)} (plain or .gz, there or in mnist/ or MNIST/raw/)"


def _downloaded(files: dict[str, Path], tried: list[str]) -> dict[str, Path]:
    """The files with the missing ones fetched into the cache, from the first mirror that works."""
    failures: list[str] = []
    for name in CHECKSUMS:
        for mirror in MIRRORS if name not in files else ():
            try:
                files[name] = _fetch(mirror, name)
                break
            except (OSError, HTTPException, ValueError) as error:
                failures.append(f"{mirror}{name}.gz: {error}")
        if name not in files:
            tried.append(f"the network ({'; '.join(failures)})")
            raise InputError(
                f"MNIST was not found; tried {', '.join(tried)}; download the four files "
                f"{', '.join(f'{key}.gz' for key in CHECKSUMS)} and name their folder with "
                f"--data-dir or ${VARIABLE}"
            )
    return files


def _fetch(mirror: str, name: str) -> Path:
    """Downloads one file; it appears in the cache whole and verified, or not at all."""
    data = bytearray()
    with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=_TIMEOUT) as response:
        while chunk := response.read(_CHUNK):
            data += chunk
            if len(data) > _LARGEST_DOWNLOAD:
                raise ValueError(f"more than {_LARGEST_DOWNLOAD:,} bytes came")
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if digest != CHECKSUMS[name]:
        raise ValueError(f"expected the MD5 {CHECKSUMS[name]}, got {digest}")
    path = cache() / f"{name}.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write(path, bytes(data))
    return path
