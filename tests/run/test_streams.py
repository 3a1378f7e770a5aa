"""Rows that are read a block at a time: the same mathematics as of rows that are loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from autoencodes.cli import main
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import InputError
from autoencodes.measure.streamed import StreamedMeasure
from autoencodes.plan.settings import Settings
from autoencodes.run import memory, resume, source, train
from autoencodes.run.applying import Percentiles
from autoencodes.run.job import Job, prepare

pl = pytest.importorskip("polars")
pytest.importorskip("pyarrow")

ROWS = 60
SETTINGS: dict[str, Any] = {
    "split": "part",
    "precision": "float64",
    "latent": 2,
    "epochs": 2,
    "batch_size": 16,
    "tikhonov": 1e-3,
    "rotation": "pca",
}


def table(seed: int = 0, gaps: bool = False) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    z = random.normal(size=(4 * ROWS, 2))
    x = np.c_[z, z[:, 0] ** 2, 7 + 3 * z[:, 1] - z[:, 0]] + 0.1 * random.normal(size=(4 * ROWS, 4))
    columns: dict[str, Any] = {f"c{k}": x[:, k] for k in range(4)}
    if gaps:
        columns["c1"] = np.where(random.random(len(x)) < 0.2, np.nan, x[:, 1])
    columns["kind"] = np.where(z[:, 0] > 0, "high", "low").astype(object)
    columns["part"] = np.array(["train", "train", "validation", "train", "test"] * len(x))[: len(x)]
    return columns


def written(folder: Path, **options: Any) -> Path:
    """Four parts in Parquet; a level that the first rows do not have, in the last one alone."""
    folder.mkdir()
    columns = table(**options)
    columns["kind"][-3] = "rare"
    for k in range(4):
        own = {name: values[k * ROWS : (k + 1) * ROWS] for name, values in columns.items()}
        pl.DataFrame(own, nan_to_null=True).write_parquet(folder / f"part-{k}.parquet")
    return folder


def prepared(data: Path, streamed: bool, **more: Any) -> Job:
    settings = Settings(data=str(data), **{**SETTINGS, **more})
    return prepare(settings, lambda given, model: source.read(given, model, streamed=streamed))


@pytest.mark.parametrize("missing", ["refuse", "mean", "mask"])
def test_all_that_is_fitted_is_what_loaded_rows_give(missing: str, tmp_path: Path) -> None:
    data = written(tmp_path / "parts", gaps=missing != "refuse")
    streamed, whole = (
        prepared(data, how, missing=missing, **({} if how else {"distinct": False}))
        for how in (True, False)
    )
    assert isinstance(streamed.learned, StreamedMeasure)
    assert streamed.model.encoding is not None
    assert streamed.model.encoding.columns == whole.model.encoding.columns  # type: ignore[union-attr]
    near = {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(streamed.model.encoding.fill, whole.model.encoding.fill, **near)  # type: ignore[union-attr]
    for name in ("shift", "scale"):
        pair = [getattr(job.model.scaling, name) for job in (streamed, whole)]
        np.testing.assert_allclose(*pair, **near)
    axes = [job.model.coordinates.rotation[:, :2] for job in (streamed, whole)]
    np.testing.assert_allclose(*(V @ V.T for V in axes), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(*(job.order.scores for job in (streamed, whole)), **near)
    same = ("widths", "epochs", "batch_size", "latent", "noise")
    assert [getattr(streamed.plan, n) for n in same] == [getattr(whole.plan, n) for n in same]
    assert streamed.record.sha256 == whole.record.sha256
    assert {p: streamed.measure(p).size for p in streamed.parts} == {
        p: whole.measure(p).size for p in whole.parts
    }
    control = streamed.model.control
    if missing != "mask":  # whose copies have other holes
        pairs = [(job.problem.objective(control, job.learned)) for job in (streamed, whole)]
        np.testing.assert_allclose(*pairs, rtol=1e-9)
    for part in streamed.parts:
        errors = [job.errors(control, job.measure(part)) for job in (streamed, whole)]
        for name in errors[0]:
            np.testing.assert_allclose(errors[0][name], errors[1][name], rtol=1e-9)
    pcas = [(job.pca_error(job.pca(), "test")) for job in (streamed, whole)]
    np.testing.assert_allclose(*pcas, rtol=1e-10)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for some twenty rows a block, and buffers of two blocks."""
    monkeypatch.setattr(memory, "room", lambda limit: 12 * 6 * 8 * 64)


def test_an_interrupted_training_goes_on_bit_for_bit(small: None, tmp_path: Path) -> None:
    data = written(tmp_path / "parts")
    settings = Settings(data=str(data), memory_limit="1GB", noise=0.1, **SETTINGS)
    whole = train(settings, tmp_path / "whole")
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) == 2

    part = train(settings, tmp_path / "part", stop=stop)
    assert part.metrics["interrupted"]
    rest = resume(tmp_path / "part")
    passes = "passes_before_training"  # one more, to know the data again
    assert {**rest.metrics["reading"], passes: 2} == whole.metrics["reading"]
    assert whole.metrics["reading"]["how"] == "a block at a time"
    assert rest.metrics["train_mse"] == whole.metrics["train_mse"]
    for one, other in zip(
        jax.tree.leaves(rest.folder.model.control),
        jax.tree.leaves(whole.folder.model.control),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_the_split_is_known_without_a_pass(small: None, tmp_path: Path) -> None:
    data = written(tmp_path / "parts")
    rows = source.read(Settings(data=str(data), drop=("part",)), streamed=True)
    assert isinstance(rows, Streamed)
    parts = np.concatenate([part for _, _, part in rows.tables()])
    again = rows.record.part_of_rows()
    assert again is not None
    np.testing.assert_array_equal(parts, again)
    shares = np.bincount(parts, minlength=3) / len(parts)
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.08)
    grouped = source.read(Settings(data=str(data), group="kind"), streamed=True)
    assert isinstance(grouped, Streamed)
    of: dict[str, set[int]] = {}
    for _, own, part in grouped.tables():
        for name, number in zip(own.roles["group"], part.tolist(), strict=True):
            of.setdefault(name, set()).add(number)
    assert all(len(numbers) == 1 for numbers in of.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"trim": 0.3}, "trim"),
        ({"target": "classes"}, "target classes"),
        ({"window": 3, "time": "c0", "split": None}, "windows"),
    ],
)
def test_what_needs_all_rows_is_refused_with_advice(
    options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as error:
        prepared(written(tmp_path / "parts"), True, **options)
    assert "--memory-limit" in str(error.value)


def test_a_limit_below_what_the_program_takes_is_refused() -> None:
    with pytest.raises(InputError, match="libraries"):
        memory.room(200_000_000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run on rows that were read a block at a time, and its data."""
    place = tmp_path_factory.mktemp("streams")
    data = written(place / "parts", gaps=True)
    settings = {**SETTINGS, "rotation": "none", "split": None, "drop": ("part",)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(memory, "room", lambda limit: 12 * 6 * 8 * 64)
        train(Settings(data=str(data), missing="mask", **settings), place / "run")
    return place / "run", data


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of the command with these words."""
    monkeypatch.setattr(sys, "argv", ["autoencodes", *words])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "impute", "anomalies", "score"])
def test_what_is_written_of_blocks_is_what_is_written_of_all_rows(
    verb: str,
    trained: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, data = trained
    said = {}
    for name, room in (("whole", 2**40), ("blocks", 12 * 6 * 8 * 64)):
        monkeypatch.setattr(memory, "room", lambda limit, room=room: room)
        out = tmp_path / f"{name}.parquet"
        assert called(monkeypatch, verb, str(run), str(data), "-o", str(out)) == 0
        text = capsys.readouterr()
        assert ("a block at a time" in text.err) == (name == "blocks")
        said[name] = text.out
    one, other = (pl.read_parquet(tmp_path / f"{name}.parquet") for name in ("whole", "blocks"))
    assert one.columns == other.columns
    assert one.height == other.height == 4 * ROWS
    for column in one.columns:
        a, b = one[column].to_numpy(), other[column].to_numpy()
        if a.dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
        else:
            assert (a == b).all()
    if verb in ("score", "anomalies"):
        assert said["whole"].splitlines()[0] == said["blocks"].splitlines()[0]
    if verb == "score":
        assert said["whole"].splitlines()[:4] == said["blocks"].splitlines()[:4]


def test_percentiles_of_blocks_are_those_of_all_numbers() -> None:
    numbers = np.random.default_rng(0).lognormal(0, 3, 5000)
    found = Percentiles()
    for part in np.array_split(numbers, 7):
        found.add(part)
    for share in (50, 90, 99, 100):
        np.testing.assert_allclose(found.at(share), np.percentile(numbers, share), rtol=2e-2)


def test_an_output_that_cannot_grow_is_refused_before_any_work(
    small: None,
    trained: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, data = trained
    words = ["encode", str(run), str(data), "-o", str(tmp_path / "z.xlsx")]
    assert called(monkeypatch, *words) == 2
    assert ".parquet" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
