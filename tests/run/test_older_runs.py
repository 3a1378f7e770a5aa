"""What the package wrote before: run folders and models open, go on and certify as they did."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import datasets
from autoencodes.model.storage import read_tensors
from autoencodes.run import RunFolder, resume, train
from autoencodes.run.certify import certify

OLDER = Path(__file__).parents[1] / "fixtures" / "older"
NAMES = tuple(sorted(path.name for path in OLDER.iterdir() if path.is_dir()))

# Other machines, and other optimisations of the compiler, round otherwise.
ROUNDING = {"float32": {"rtol": 1e-3, "atol": 1e-4}, "float64": {"rtol": 1e-9, "atol": 1e-10}}


@pytest.fixture(params=NAMES)
def older(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of an older run's folder, beside its data."""
    shutil.copytree(OLDER / request.param, tmp_path / "older")
    monkeypatch.chdir(tmp_path / "older")
    with jax.enable_x64(False):  # as the command line has it, which wrote them
        yield tmp_path / "older"


def recorded(older: Path) -> dict[str, Any]:
    entries: dict[str, Any] = json.loads((older / "recorded.json").read_text())
    return entries


def assert_same_control(one: ac.Model, other: ac.Model, **bounds: float) -> None:
    assert one.flow.schedule == other.flow.schedule
    assert one.flow.field == other.flow.field
    for left, right in zip(one.control, other.control, strict=True):
        assert set(left) == set(right)
        for name in left:
            np.testing.assert_allclose(left[name], right[name], **bounds)


def test_there_are_three() -> None:
    assert NAMES == ("classes", "parabola", "table")


def test_an_older_run_opens_and_gives_the_same_numbers(older: Path) -> None:
    folder, before = RunFolder.open("run"), recorded(older)
    model, x = ac.load("run"), np.array(before["rows"])
    bounds = ROUNDING[str(model.dtype)]
    classes = model.readout.target == "classes"
    predicted = model.probabilities(x) if classes else model.reconstruct(x)
    np.testing.assert_allclose(predicted, before["predicted"], **bounds)
    data = datasets.load(folder.config.data)
    np.testing.assert_array_equal(data.x[:5], x)
    labels = data.labels[:5] if classes and data.labels is not None else None
    np.testing.assert_allclose(model.errors(x, labels), before["errors"], **bounds)
    assert not folder.finished
    assert folder.metrics["interrupted"]
    assert len(folder.history) > 0
    if (older / "run" / "samples.safetensors").exists():
        assert folder.samples.facts["target"] == model.readout.target


def test_an_older_model_is_written_as_it_was_and_gains_a_checksum(older: Path) -> None:
    for path in (older / "run" / "model.safetensors", older / "finished.safetensors"):
        ac.save("again.safetensors", ac.load(path))
        assert b"sha256" in (older / "again.safetensors").read_bytes()
        (was, arrays), (found, written) = (
            read_tensors(p, "autoencodes", "a model") for p in (path, older / "again.safetensors")
        )
        assert found == was
        assert all(np.array_equal(written[name], arrays[name]) for name in arrays | written)


@pytest.mark.slow
def test_an_older_run_goes_on_to_the_end_of_an_uninterrupted_one(older: Path) -> None:
    config = RunFolder.open("run").config
    bounds = ROUNDING[str(config.precision)]
    outcome = resume("run")
    assert outcome.folder.finished
    assert not outcome.metrics["failed"]
    today = train(config, "today")
    assert outcome.folder.config == today.folder.config
    assert outcome.metrics["steps"] == today.metrics["steps"]
    assert_same_control(outcome.folder.model, today.folder.model, **bounds)
    assert_same_control(outcome.folder.model, ac.load("finished.safetensors"), **bounds)
    np.testing.assert_allclose(
        outcome.metrics["test_mse"], recorded(older)["final_test_mse"], **bounds
    )


@pytest.mark.slow
def test_an_older_run_certifies_as_before(older: Path) -> None:
    before = json.loads((older / "run" / "certificate.json").read_text())
    certificate, path = certify("run", seconds=100_000)
    after = json.loads(path.read_text())
    assert set(after) >= set(before)
    assert certificate.residual == pytest.approx(before["residual"], rel=1e-4)
    for part in ("train_cost", "test_cost"):
        assert after[part]["value"] == pytest.approx(before[part]["value"], rel=1e-4)
    for end in ("smallest", "largest"):  # each is known to three digits of the largest
        scale = abs(before["curvature"]["largest"]["value"])
        np.testing.assert_allclose(
            after["curvature"][end]["value"], before["curvature"][end]["value"], atol=1e-3 * scale
        )
