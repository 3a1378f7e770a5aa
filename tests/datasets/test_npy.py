"""NumPy's files: arrays come back as they were; pickles, lies and other shapes are refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.errors import InputError

X = np.arange(24.0).reshape(6, 4)
Y = np.arange(6) % 2


def _refused(path: Path, *facts: str) -> None:
    with pytest.raises(InputError) as caught:
        datasets.load(str(path))
    for fact in (path.name, *facts):
        assert fact in str(caught.value)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "i2", "u1", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_table_comes_back_in_its_own_dtype(tmp_path: Path, dtype: str, order: Any) -> None:
    np.save(tmp_path / "a.npy", X.astype(dtype, order=order))
    found = datasets.load(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(found.x, X)
    assert found.x.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.value_range == ((0, 255) if dtype == "u1" else None)
    assert (found.name, found.labels, found.y, found.image_shape) == ("a.npy", None, None, None)


@pytest.mark.parametrize("shape", [(6, 2, 2), (6, 2, 2, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_images_are_flattened_row_by_row(tmp_path: Path, shape: Any, order: Any) -> None:
    np.save(tmp_path / "a.npy", np.asarray(X.reshape(shape), order=order))
    found = datasets.load(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(found.x, X)
    assert found.image_shape == (2, 2)


def test_truth_values_are_numbers_between_0_and_1(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X > 5)
    found = datasets.load(str(tmp_path / "a.npy"))
    assert found.train.size + found.test.size == 6
    assert (found.x.dtype, found.value_range) == (np.uint8, (0, 1))


@pytest.mark.parametrize(
    ("array", "facts"),
    [
        (np.ones(5), ["(5,)", "(N, 1)"]),
        (np.float64(3), ["shape ()"]),
        (np.ones((5, 4, 4, 2)), ["(5, 4, 4, 2)", "(N, H, W)"]),
        (np.ones((5, 0)), ["(5, 0)", "empty"]),
        (np.ones((0, 5)), ["(0, 5)", "empty"]),
        (np.ones((1, 5)), ["at least 2 rows", "got 1"]),
        (np.ones((5, 2), complex), ["complex128"]),
        (np.full((5, 2), "a"), ["not constant", "'x_0'"]),
        (np.zeros((5, 2), "M8[s]"), ["not constant", "'x_0'"]),
        (np.zeros((5, 2), [("a", "f4")]), ["'a'"]),
        (np.array([[1, 2], [3, np.inf]]), ["inf", "row 1, column 1"]),
        (np.array([[1, np.nan], [3, np.inf]], "f4"), ["nan", "row 0, column 1"]),
    ],
)
def test_what_is_no_table_of_finite_numbers_is_refused(
    tmp_path: Path, array: np.ndarray, facts: list[str]
) -> None:
    np.save(tmp_path / "bad.npy", array)
    _refused(tmp_path / "bad.npy", *facts)
    np.savez(tmp_path / "bad.npz", x=array)
    _refused(tmp_path / "bad.npz", *facts)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "o.npy", np.full((3, 2), None), allow_pickle=True)
    _refused(tmp_path / "o.npy", "object")
    np.savez(tmp_path / "o.npz", x=X, y=np.array(["a", 1, None, 2, 3, 4], object))
    _refused(tmp_path / "o.npz", "array y", "object")


@pytest.mark.parametrize("shape", [(10**12, 8), (7, 4), (2**62, 2**62)])
def test_a_promise_beyond_the_file_is_refused(tmp_path: Path, shape: tuple[int, int]) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    raw = stream.getvalue() + X.tobytes()
    (tmp_path / "a.npy").write_bytes(raw)
    _refused(tmp_path / "a.npy", "promises", str(shape), "192")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", raw)
    _refused(tmp_path / "a.npz", "promises", str(shape), "192")


def test_bytes_after_the_array_are_refused(tmp_path: Path) -> None:
    with open(tmp_path / "a.npy", "wb") as stream:
        np.save(stream, X)
        np.save(stream, X)
    _refused(tmp_path / "a.npy", "192", "more follow")


def test_a_file_under_a_wrong_name_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    _refused(tmp_path / "a.npz", ".npz archive")
    (tmp_path / "b.npy").write_bytes(b"hello, world, hello, world")
    _refused(tmp_path / "b.npy", ".npy format")


@pytest.mark.parametrize("key", ["y", "labels", "label", "target"])
def test_labels_of_an_archive(tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "a.npz", x=X, other=np.ones(3), **{key: Y})
    found = datasets.load(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(found.labels, Y)
    np.testing.assert_array_equal(found.part_labels("test"), Y[found.is_test])
    assert found.train.reconstructs


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Y.astype("f4")[:, None], Y),
        (Y > 0, Y),
        (np.array(list("abcabc")), np.array(list("abcabc"))),
        (np.array([b"a", b"b"] * 3), np.array(["a", "b"] * 3)),
        (Y + 0.5, np.array(["0.5", "1.5"] * 3)),
    ],
)
def test_labels_are_integers_or_text(
    tmp_path: Path, given: np.ndarray, expected: np.ndarray
) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=X, y=given)
    labels = datasets.load(str(tmp_path / "a.npz")).labels
    assert labels is not None
    assert labels.dtype.kind in "iU"
    np.testing.assert_array_equal(labels, expected)


def test_the_only_array_is_the_data_whatever_its_name(tmp_path: Path) -> None:
    for key in ("arr_0", "y"):
        np.savez(tmp_path / "a.npz", **{key: X})
        np.testing.assert_array_equal(datasets.load(str(tmp_path / "a.npz")).x, X)


def test_a_split_that_is_given_is_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X[:5], x_test=X[5:], y_train=Y[:5], y_test=Y[5:])
    for seed in (0, 1):
        found = datasets.load(str(tmp_path / "a.npz"), seed=seed, test_fraction=0.5)
        np.testing.assert_array_equal(found.train.x, X[:5])
        np.testing.assert_array_equal(found.test.x, X[5:])
        np.testing.assert_array_equal(found.part_labels("test"), Y[5:])


@pytest.mark.parametrize(
    ("arrays", "facts"),
    [
        ({"x_train": X}, ["x_test", "x_train only"]),
        ({"x_test": X}, ["x_train", "x_test only"]),
        ({"x_train": X, "x_test": X, "y_train": Y}, ["y_test", "y_train only"]),
        ({"x_train": X, "x_test": X[:, :2]}, ["(4,)", "(2,)"]),
        ({"x_train": X, "x_test": X.reshape(6, 2, 2)}, ["(2, 2)"]),
        ({"x": X, "y": Y[:4]}, ["array y", "6 rows", "(4,)"]),
        ({"x": X, "y": X}, ["array y", "6 rows", "(6, 4)"]),
        ({"x": X, "y": Y, "label": Y}, ["y and label"]),
        ({"a": X, "b": X}, ["a, b", "key x"]),
        ({}, ["no array"]),
    ],
)
def test_keys_that_do_not_fit_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], facts: list[str]
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    _refused(tmp_path / "a.npz", *facts)


def test_an_impossible_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=X)
    raw = bytearray(path.read_bytes())
    # The uncompressed size in the central directory, 24 bytes after its signature.
    at = raw.index(b"PK\1\2") + 24
    raw[at : at + 4] = b"\xf0\xff\xff\xff"
    path.write_bytes(raw)
    _refused(path, "4,294,967,280", "not possible")


def test_an_unusual_compression_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, X)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("x.npy", stream.getvalue())
    _refused(tmp_path / "a.npz", "compression type 12", "savez")
