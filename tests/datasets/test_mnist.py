"""MNIST: found where it was said to be, downloaded whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.datasets import mnist
from autoencodes.errors import InputError

SHARED = Path(__file__).parents[3] / "shared" / "data"
SOURCE = os.environ.get("AUTOENCODES_DATA") or (str(SHARED) if SHARED.is_dir() else None)


def _content(name: str) -> bytes:
    """Six images to train on and three to test on, of 2 x 3 pixels."""
    count = 6 if name.startswith("train") else 3
    shape = (count, 2, 3) if "images" in name else (count,)
    size = int(np.prod(shape))
    sizes = np.array(shape, ">u4").tobytes()
    return bytes([0, 0, 8, len(shape)]) + sizes + bytes(k % 10 for k in range(size))


def _write(folder: Path, packed: bool = True) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in mnist.CHECKSUMS:
        raw = _content(name)
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)


def _checksums(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest()
        for name in mnist.CHECKSUMS
    }


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that a local server offers as the only mirror, with an empty cache beside it."""
    folder = tmp_path / "mirror"
    _write(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "MIRRORS", (f"http://127.0.0.1:{server.server_port}/",))
    monkeypatch.setattr(mnist, "CHECKSUMS", _checksums(folder))
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no variable, and no network: no test may touch the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("AUTOENCODES_DATA", raising=False)
    monkeypatch.setattr(mnist, "MIRRORS", ())
    return tmp_path / "cache" / "autoencodes" / "mnist"


def _is_the_small_one(found: datasets.Dataset) -> bool:
    assert (found.size, found.train.size, found.test.size) == (9, 6, 3)
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 3, 4, 5, 0, 1, 2]
    assert (found.x.dtype, found.image_shape, found.value_range) == (np.uint8, (2, 3), (0, 255))
    return True


@pytest.mark.skipif(SOURCE is None, reason="needs MNIST: set AUTOENCODES_DATA to its folder")
def test_the_real_one() -> None:
    found = datasets.load("mnist", data_dir=SOURCE)
    assert (found.x.shape, found.x.dtype) == ((70_000, 784), np.uint8)
    assert (found.train.size, found.test.size, found.image_shape) == (60_000, 10_000, (28, 28))
    assert found.train.x.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert found.labels is not None
    assert np.bincount(found.labels).tolist()[:2] == [6903, 7877]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "mnist"])
def test_it_is_read_from_the_folder_or_below_it(tmp_path: Path, packed: bool, below: str) -> None:
    _write(tmp_path / "data" / below, packed)
    assert _is_the_small_one(datasets.load("mnist", data_dir=tmp_path / "data"))


def test_the_variable_comes_before_the_cache(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(own_cache)
    assert _is_the_small_one(datasets.load("mnist"))
    (own_cache / "train-images-idx3-ubyte.gz").write_bytes(b"damaged")
    _write(tmp_path / "data")
    monkeypatch.setenv("AUTOENCODES_DATA", str(tmp_path / "data"))
    assert _is_the_small_one(datasets.load("mnist"))


def test_a_folder_that_is_named_must_hold_the_files(tmp_path: Path, own_cache: Path) -> None:
    _write(own_cache)
    _write(tmp_path / "data")
    (tmp_path / "data" / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(InputError, match=r"--data-dir .*lacks t10k-labels-idx1-ubyte \("):
        datasets.load("mnist", data_dir=tmp_path / "data")
    with pytest.raises(InputError, match="nowhere is not a folder"):
        datasets.load("mnist", data_dir=tmp_path / "nowhere")


def test_labels_that_disagree_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, packed=False)
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(b"\0\0\x08\1\0\0\0\5" + bytes(5))
    with pytest.raises(InputError, match=r"train-labels.*expected 6 labels.*\(5,\)"):
        datasets.load("mnist", data_dir=tmp_path)


def test_images_that_are_no_images_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, packed=False)
    images = tmp_path / "train-images-idx3-ubyte"
    images.write_bytes(b"\0\0\x08\2\0\0\0\6\0\0\0\1" + bytes(6))
    with pytest.raises(InputError, match=r"train-images.*expected images of unsigned bytes"):
        datasets.load("mnist", data_dir=tmp_path)


def test_downloaded_once(mirror: Path, own_cache: Path) -> None:
    assert _is_the_small_one(datasets.load("mnist"))
    assert sorted(p.name for p in own_cache.iterdir()) == sorted(p.name for p in mirror.iterdir())
    for path in mirror.iterdir():
        path.unlink()
    assert _is_the_small_one(datasets.load("mnist"))


def test_the_second_mirror_serves_when_the_first_does_not(
    mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:1/", *mnist.MIRRORS))
    assert _is_the_small_one(datasets.load("mnist"))


def test_a_wrong_checksum_leaves_nothing(mirror: Path, own_cache: Path) -> None:
    name = "t10k-images-idx3-ubyte"
    (mirror / f"{name}.gz").write_bytes(b"not what was expected")
    with pytest.raises(InputError, match=f"{name}.gz: expected the MD5 {mnist.CHECKSUMS[name]}"):
        datasets.load("mnist")
    assert sorted(p.name for p in own_cache.iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]


def test_an_endless_answer_is_cut_off(
    mirror: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, "_LARGEST_DOWNLOAD", 10)
    with pytest.raises(InputError, match="more than 10 bytes"):
        datasets.load("mnist")
    assert not own_cache.exists() or not any(own_cache.iterdir())


def test_without_network_the_error_says_what_was_tried(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("AUTOENCODES_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:1/a/", "http://127.0.0.1:1/b/"))
    with pytest.raises(InputError) as caught:
        datasets.load("mnist")
    message = str(caught.value)
    for fact in ("--data-dir", "AUTOENCODES_DATA", "nowhere", str(own_cache), "network"):
        assert fact in message
    for fact in ("127.0.0.1:1/a/", "127.0.0.1:1/b/", "refused", "download the four files"):
        assert fact in message
    assert not own_cache.exists() or not any(own_cache.iterdir())


def test_a_cache_that_cannot_be_written_is_an_input_error(
    tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="Not a directory"):
        datasets.load("mnist")


@pytest.mark.parametrize("place", ["", "mnist", "raw", "MNIST/raw"])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("packed", [False, True])
def test_files_are_taken_under_all_usual_names(
    tmp_path: Path, place: str, ending: str, packed: bool
) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name in mnist.CHECKSUMS:
        raw = _content(name)
        dotted = name.replace("-idx", ".idx")
        path = tmp_path / place / (dotted + ending)
        path.write_bytes(gzip.compress(raw) if packed else raw)
    for found in (datasets.load("mnist", data_dir=tmp_path), datasets.load(tmp_path)):
        assert (found.size, found.test.size, found.image_shape) == (9, 3, (2, 3))
        assert found.labels is not None
    images = next((tmp_path / place).glob("train-images*"))
    np.testing.assert_array_equal(datasets.load(images).x, found.x[:6])
