"""Loading by name or path: splits, and errors that say what to write instead."""

from __future__ import annotations

from pathlib import Path

import jaxtyping
import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.catalogue import DATASETS
from autoencodes.datasets.laws import Sample
from autoencodes.datasets.parts import TEST, parts
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError
from autoencodes.plan.settings import DATA


def test_digits() -> None:
    found = datasets.load("digits")
    assert (found.size, found.dim, found.image_shape) == (1797, 64, (8, 8))
    assert found.value_range == (found.x.min(), found.x.max()) == (0, 16)
    assert found.labels is not None
    assert set(found.labels) == set(range(10))
    assert (found.train.size, found.test.size) == (1438, 359)
    assert found.train.reconstructs
    assert not found.law


def test_names_are_loadable_names() -> None:
    assert datasets.names() == ("digits", "mnist", *datasets.LAWS)


def split(count: int, *, seed: int, test_fraction: float) -> np.ndarray:
    rows = Table(np.zeros((count, 1)))
    return parts(rows, "zeros", seed=seed, test=test_fraction, validation=0.0) == TEST


@pytest.mark.parametrize("count", [2, 3, 10, 1000])
@pytest.mark.parametrize("fraction", [0.001, 0.2, 0.5, 0.999])
def test_the_split_holds_out_the_fraction_and_one_row_at_least(count: int, fraction: float) -> None:
    held_out = split(count, seed=0, test_fraction=fraction)
    assert 1 <= held_out.sum() <= count - 1
    assert abs(held_out.sum() - fraction * count) <= 1
    np.testing.assert_array_equal(held_out, split(count, seed=0, test_fraction=fraction))


def test_the_split_depends_on_the_seed_alone() -> None:
    before = split(500, seed=1, test_fraction=0.2)
    np.random.default_rng(7).normal(size=10)
    np.testing.assert_array_equal(before, split(500, seed=1, test_fraction=0.2))
    assert (before != split(500, seed=2, test_fraction=0.2)).any()


def test_the_parts_are_the_rows_in_their_order(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(40).reshape(20, 2))
    found = datasets.load(str(tmp_path / "a.npy"), test_fraction=0.25)
    assert found.test.size == 5
    np.testing.assert_array_equal(found.test.x, found.x[found.is_test])
    np.testing.assert_array_equal(found.train.x, found.x[~found.is_test])
    np.testing.assert_array_equal(found.part("all").x, found.x)
    with pytest.raises(InputError, match="train, validation, test, all; got 'valid'"):
        found.part("valid")


def test_a_contiguous_part_is_not_copied() -> None:
    found = datasets.load("moons")
    assert np.shares_memory(found.train.x, found.x)
    assert np.shares_memory(found.test.x, found.x)


def test_a_path_and_a_home_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.ones((3, 2)))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.load("~/a.npy").size == 3
    assert datasets.load(tmp_path / "a.npy").size == 3


@pytest.mark.parametrize(
    ("source", "facts"),
    [
        ("mnits", ["'mnits'", "did you mean mnist", "digits", ".csv"]),
        ("Digits", ["did you mean digits", "gaussian-sign"]),
        ("zzz", ["'zzz'", "built-in name", "parabola"]),
        ("no/such/file.csv", ["no file 'no/such/file.csv'", ".npz"]),
        ("", ["''"]),
        ("a\0b", ["built-in name"]),
        ("x" * 5000, ["built-in name"]),
        ("/dev/null", ["not a regular file"]),
    ],
)
def test_an_unknown_source_says_what_there_is(source: str, facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        datasets.load(source)
    for fact in facts:
        assert fact in str(caught.value)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(InputError, match=r"is a folder without images .*\.npy"):
        datasets.load(tmp_path)


@pytest.mark.parametrize("name", ["a.csv", "a.npy", "a.npz", "a-ubyte", "a.csv.gz", "a"])
def test_an_empty_file_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name} is empty"):
        datasets.load(str(tmp_path / name))


@pytest.mark.parametrize("name", ["a.foo", "a", "a.tar.gz"])
def test_an_unknown_format_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(InputError) as caught:
        datasets.load(str(tmp_path / name))
    for fact in [name, ".npy", ".npz", ".csv.gz", "IDX", "digits", "moons"]:
        assert fact in str(caught.value)


@pytest.mark.parametrize("fraction", [0, 1, -0.5, float("nan")])
def test_a_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(InputError, match="test_fraction"):
        datasets.load("moons", test_fraction=fraction)


@pytest.mark.parametrize("seed", [-1, -10])
def test_a_seed_that_is_none(seed: int) -> None:
    with pytest.raises(InputError, match="seed"):
        datasets.load("moons", seed=seed)


@pytest.fixture
def _as_users_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the test suite's type checker, which would refuse these arguments first."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.usefixtures("_as_users_call")
@pytest.mark.parametrize("seed", [1.5, True, "1", None, np.nan])
def test_a_seed_that_is_no_integer(seed: object) -> None:
    for source in ("parabola", "digits"):
        with pytest.raises(InputError, match=r"seed must be an integer, at least 0; got"):
            datasets.load(source, seed=seed)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="seed must be an integer"):
        datasets.sample("moons", 5, seed)  # type: ignore[arg-type]


@pytest.mark.usefixtures("_as_users_call")
def test_integers_of_numpy_are_seeds_and_sizes() -> None:
    np.testing.assert_array_equal(
        datasets.load("moons", seed=np.int64(3)).x,  # type: ignore[arg-type]
        datasets.load("moons", seed=3).x,
    )
    assert len(datasets.sample("moons", np.int64(4), 0)[0]) == 4  # type: ignore[arg-type]


@pytest.mark.usefixtures("_as_users_call")
@pytest.mark.parametrize("entries", [{"test_fraction": "half"}, {"to_split": 1}])
def test_what_is_no_fraction_and_no_flag(entries: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(entries))):
        datasets.load("moons", **entries)  # type: ignore[arg-type]


def test_a_data_set_and_a_law_are_added_by_registering_them() -> None:
    @DATASETS.register("steps", "two rows", defaults={"latent": 1})
    def steps(data_dir: str | Path | None = None) -> Table:
        return Table(np.arange(6.0).reshape(3, 2))

    @DATASETS.register("diagonal", "a line in the plane", law=True)
    def diagonal(size: int, rng: np.random.Generator) -> Sample:
        return np.repeat(rng.normal(size=(size, 1)), 2, axis=1), None, None

    try:
        assert datasets.names()[-2:] == ("steps", "diagonal")
        assert tuple(datasets.LAWS)[-1] == "diagonal"
        assert (datasets.load("steps").size, datasets.load("steps").test.size) == (3, 1)
        rows = datasets.load("diagonal", seed=2)
        assert rows.law
        np.testing.assert_array_equal(rows.train.x, datasets.sample("diagonal", 2_000, 2)[0])
        with pytest.raises(InputError, match=r"did you mean diagonal\?; .*, steps, diagonal"):
            datasets.load("diagonl")
    finally:
        DATASETS.remove("steps")
        DATASETS.remove("diagonal")
    assert "diagonal" not in datasets.LAWS


def test_the_command_lists_every_data_set() -> None:
    assert DATA == (
        "digits, mnist, a toy law (gaussian-sign, parabola, bimodal-1d, moons, circles), or a "
        "file: .csv, .tsv, .txt, .parquet, .feather, .arrow, .xlsx, .jsonl, .npy, .npz, .h5, IDX; "
        "a folder of images or Parquet parts; or - for standard input."
    )
