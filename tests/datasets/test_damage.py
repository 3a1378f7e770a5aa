"""Whatever happens to a file, loading it gives a data set or an InputError, never another error."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.errors import InputError

IDX = b"\0\0\x08\3" + np.array([6, 3, 4], ">u4").tobytes() + bytes(range(72))
CSV = "a,b,label\n" + "".join(f"{k},{k / 7},{'uv'[k % 2]}\n" for k in range(20))


def _sound(path: Path) -> bytes:
    x, y = np.arange(40.0).reshape(10, 4), np.arange(10)
    if path.name == "a.npy":
        np.save(path, x)
    elif path.name == "stored.npz":
        np.savez(path, x=x, y=y)
    elif path.suffix == ".npz":
        np.savez_compressed(path, x_train=x, x_test=x, y_train=y, y_test=y)
    elif path.name.startswith("a.csv"):
        path.write_bytes(gzip.compress(CSV.encode()) if path.suffix == ".gz" else CSV.encode())
    else:
        path.write_bytes(gzip.compress(IDX) if path.suffix == ".gz" else IDX)
    return path.read_bytes()


def _survives(path: Path) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of odd headers, zipfile of odd names
        try:
            found = datasets.load(str(path))
        except InputError as error:
            assert path.name in str(error)  # noqa: PT017
            return False
    assert np.isfinite(found.x).all()
    assert 0 < found.is_test.sum() < found.size
    return True


FILES = ("a.npy", "stored.npz", "deflated.npz", "a.csv", "a.csv.gz", "a.idx", "a-ubyte.gz")


@pytest.mark.parametrize("name", FILES)
def test_changed_bytes_give_a_dataset_or_an_input_error(tmp_path: Path, name: str) -> None:
    path, rng = tmp_path / name, np.random.default_rng(0)
    sound = _sound(path)
    assert _survives(path)
    for _ in range(150):
        damaged = np.frombuffer(sound, np.uint8).copy()
        places = rng.integers(0, damaged.size, rng.integers(1, 4))
        damaged[places] = rng.integers(0, 256, places.size)
        path.write_bytes(damaged.tobytes())
        _survives(path)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sound = _sound(path)
    for size in np.linspace(0, len(sound) - 1, 60).astype(int):
        path.write_bytes(sound[:size])
        # Plain text has no length to disagree with: cut at a line's end it is sound.
        assert not _survives(path) or name == "a.csv"
