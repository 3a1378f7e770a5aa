"""Going on from an earlier run: its model as it was, on its grid or a finer one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from test_train import SMALL, Stopper, config

import autoencodes as ac
from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, resume, train
from autoencodes.run.job import prepare


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with settings of its own."""
    path = tmp_path_factory.mktemp("start") / "run"
    train(config(epochs=1, horizon=3.0, tikhonov=0.01, activation="sin", split_seed=2), path)
    return path


@pytest.mark.slow
def test_a_training_begins_with_the_model_of_the_run_that_it_starts_from(before: Path) -> None:
    model, job = RunFolder.open(before).model, prepare(Settings(start=str(before)))
    assert job.model.flow == model.flow
    for found, given in zip(
        jax.tree.leaves(job.model.control), jax.tree.leaves(model.control), strict=True
    ):
        np.testing.assert_array_equal(found, given)
    metrics = RunFolder.open(before).metrics
    np.testing.assert_allclose(
        job.errors(job.model.control, job.test)["mse"], metrics["test_mse"], rtol=1e-6
    )
    taken = (job.plan.tikhonov, job.plan.activation, job.plan.split_seed, job.plan.horizon)
    assert taken == (0.01, "sin", 2, 3.0)


def test_a_refined_start_is_the_same_control_on_the_finer_grid(before: Path) -> None:
    model = RunFolder.open(before).model
    job = prepare(Settings(start=str(before), refine=3, scheme="heun", precision="float64"))
    assert job.plan.steps_per_block == 3
    assert job.model.flow.schedule == model.flow.schedule.refined(3)
    assert job.model.dtype == np.float64
    for found, given in zip(
        jax.tree.leaves(job.model.control), jax.tree.leaves(model.control), strict=True
    ):
        np.testing.assert_array_equal(found, np.repeat(given, 3, axis=0))
    assert type(job.model.flow.scheme).__name__ == "Heun"


def test_a_refined_training_resumes_bit_for_bit(before: Path, tmp_path: Path) -> None:
    settings = Settings(start=str(before), refine=2, epochs=4)
    straight = train(settings, tmp_path / "straight").folder.model
    stopper = Stopper(11)
    train(settings, tmp_path / "run", stopper, stopper.asked)
    resumed = resume(tmp_path / "run", {"start": str(before), "refine": 2}).folder.model
    for found, expected in zip(
        jax.tree.leaves(resumed.control), jax.tree.leaves(straight.control), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert resumed.flow == straight.flow
    with pytest.raises(InputError, match=r"started with refine 2, not 3|finished run"):
        resume(tmp_path / "run", {"refine": 3})


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"widths": (64, 16)}, r"widths \(64, 16\) contradicts.*64,8 is taken over: leave it out"),
        ({"refine": 2, "steps_per_block": 3}, r"steps-per-block 3 .*2 times finer.*or refine"),
        ({"memory": "hold"}, "memory hold contradicts.*memory reset is taken over"),
        ({"field": "two-layer"}, "field two-layer contradicts"),
        ({"hidden": 3}, "hidden 3 contradicts.*has none"),
        ({"init_scale": 1.0}, "init-scale 1.0 contradicts"),
        ({"scaling": "standard"}, "scaling standard contradicts"),
        ({"test_fraction": 0.5}, "test-fraction 0.5 contradicts"),
        ({"data": "moons"}, "has 64 features; got data with 2"),
        ({"start": "nowhere"}, "nowhere holds no run"),
        ({"refine": 1}, "refine must be an integer, at least 2; got 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_contradicts_the_model_is_refused(
    before: Path, entries: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare(Settings(**{"start": str(before), **entries}))


def test_refining_nothing_is_refused() -> None:
    with pytest.raises(InputError, match=r"refine carries.*--start RUN"):
        prepare(Settings(**SMALL, refine=2))


def test_other_data_of_the_dimension_can_be_gone_on_with(before: Path, tmp_path: Path) -> None:
    rows = ac.datasets.load("digits").x[:50]
    np.save(tmp_path / "rows.npy", rows)
    job = prepare(Settings(start=str(before), data=str(tmp_path / "rows.npy"), test_fraction=0.4))
    model = RunFolder.open(before).model
    np.testing.assert_array_equal(job.model.scaling.scale, model.scaling.scale)
    assert job.test.size == 20
