"""IDX: what is written comes back; what a header promises is checked before memory is taken."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.datasets import idx
from autoencodes.errors import InputError


def content(array: np.ndarray, code: int, shape: tuple[int, ...] | None = None) -> bytes:
    sizes = array.shape if shape is None else shape
    values = array.astype(idx.TYPES[code]).tobytes()
    return bytes([0, 0, code, len(sizes)]) + np.array(sizes, ">u4").tobytes() + values


IMAGES = np.arange(60).reshape(5, 3, 4)


@pytest.mark.parametrize("code", list(idx.TYPES))
@pytest.mark.parametrize("name", ["a.idx", "a-idx2-ubyte.gz", "without-ending", "magic.dat.gz"])
def test_a_table_of_any_type_code_comes_back(tmp_path: Path, code: int, name: str) -> None:
    rows = np.arange(-6, 6).reshape(4, 3) * (1 if code != 0x08 else -1) % 120
    raw = content(rows, code)
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    found = datasets.load(str(path))
    np.testing.assert_array_equal(found.x, rows)
    assert found.x.dtype == idx.TYPES[code].newbyteorder("=")
    assert found.x.dtype.isnative
    assert found.value_range == ((0, 255) if code == 0x08 else None)
    assert found.image_shape is None


def test_images_are_flattened_and_keep_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x-images-idx3-ubyte"
    path.write_bytes(content(IMAGES, 0x08))
    found = datasets.load(str(path))
    assert found.x.dtype == np.uint8
    assert (found.image_shape, found.value_range) == ((3, 4), (0, 255))
    np.testing.assert_array_equal(found.x, IMAGES.reshape(5, 12))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("raw", "facts"),
    [
        (b"\0\0\x08\3" + b"\xff" * 12, ["promises", "truncated"]),
        (content(IMAGES, 0x08, (10**6, 28, 28)), ["784,000,000", "(1000000, 28, 28)"]),
        (content(IMAGES, 0x08, (6, 3, 4)), ["72", "truncated"]),
        (content(IMAGES, 0x08, (4, 3, 4)), ["48", "more follow"]),
        (content(IMAGES, 0x08)[:9], ["3 sizes", "5 bytes"]),
        (b"\0\0\x07\2" + bytes(16), ["magic number", "00 00 07 02"]),
        (b"PK\3\4" + bytes(16), ["magic number", "50 4b 03 04"]),
        (b"\0\0\x08\4" + bytes(16), ["rank 4"]),
        (content(np.arange(4), 0x08), ["rank 1", "labels"]),
        (content(np.zeros((0, 3)), 0x08), ["(0, 3)", "empty"]),
        (content(np.zeros((3, 0)), 0x0D), ["(3, 0)", "empty"]),
        (content(np.ones((1, 3)), 0x0D), ["at least 2 rows", "got 1"]),
        (content(np.array([[1, 2], [3, np.nan]]), 0x0E), ["nan", "row 1, column 1"]),
    ],
)
def test_a_header_that_lies_is_refused(
    tmp_path: Path, raw: bytes, facts: list[str], packed: bool
) -> None:
    path = tmp_path / ("bad.idx.gz" if packed else "bad.idx")
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(InputError) as caught:
        datasets.load(str(path))
    for fact in ["bad.idx", *facts]:
        assert fact in str(caught.value)


def test_gzip_that_could_hold_the_promise_but_does_not(tmp_path: Path) -> None:
    path = tmp_path / "few.idx.gz"
    path.write_bytes(gzip.compress(content(IMAGES, 0x08, (500, 3, 4))))
    with pytest.raises(InputError, match=r"promises 6,000 bytes.*only 60 came"):
        datasets.load(str(path))


@pytest.mark.parametrize("raw", [b"not gzip at all", b"\x1f\x8b"])
def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "x-ubyte.gz"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"x-ubyte\.gz.*(gzip|magic number)"):
        datasets.load(str(path))


def test_damage_inside_gzip_is_noticed_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x-ubyte.gz"
    raw = bytearray(gzip.compress(content(IMAGES, 0x08)))
    raw[-8] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="CRC"):
        datasets.load(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied_says_so(tmp_path: Path) -> None:
    for name in ("x.idx", "x.npy", "x.npz", "x.csv", "x"):
        path = tmp_path / name
        path.write_bytes(b"1")
        path.chmod(0)
        with pytest.raises(InputError, match="permission denied"):
            datasets.load(str(path))
