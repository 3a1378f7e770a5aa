"""A run that stands at a saddle is left where its certificate saw the objective fall."""

from __future__ import annotations

import shlex
from pathlib import Path

import jax
import numpy as np
import pytest
from test_cli import call

from autoencodes.errors import InputError
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, train
from autoencodes.run.certify import certify
from autoencodes.run.job import prepare

AT_REST = {
    "data": "parabola",
    "field": "low-rank",
    "rank": 1,
    "init_scale": 0.0,
    "widths": (2, 1),
    "steps_per_block": 1,
    "horizon": 3.0,
    "epochs": 20,
}


def objective(path: Path) -> float:
    """J at the end of a run."""
    job = prepare(RunFolder.open(path).config)
    return job.objective(RunFolder.open(path).model.control)


@pytest.fixture(scope="module")
def stands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of a low-rank field that begins, and ends, with θ = 0."""
    path = tmp_path_factory.mktemp("saddle") / "a run"
    train(Settings(**AT_REST), path)
    return path


@pytest.mark.slow
def test_the_printed_command_leaves_a_saddle(
    stands: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert RunFolder.open(stands).metrics["converged"]
    with pytest.raises(InputError, match="look for one with: autoencodes certify"):
        prepare(Settings(start=str(stands), leave_saddle=True))
    assert call("certify", stands) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert "had not converged" not in said
    name, *command = shlex.split(said.split(": ", 1)[1])
    assert name == "autoencodes"
    assert call(*command, "--epochs", 20) == 0
    left = stands.with_name("a run-2")
    assert RunFolder.open(left).config.leave_saddle
    assert objective(left) < 0.6 * objective(stands)
    lower = RunFolder.open(stands).lower
    assert lower is not None
    assert objective(left) < prepare(RunFolder.open(stands).config).objective(lower.control)
    # Where nothing lies lower, nothing is kept, and no command is printed.
    certify(left)
    assert RunFolder.open(left).lower is None


@pytest.mark.slow
@pytest.mark.parametrize("inner", ["contraction", "newton-cg"])
def test_solvers_call_it_converged(stands: Path, inner: str) -> None:
    entries = RunFolder.open(stands).config.entries
    job = prepare(Settings(**{**entries, "inner": inner}))
    result = job.fit()
    assert result.converged
    assert all(not np.any(leaf) for leaf in jax.tree.leaves(result.control))


def test_what_does_not_lie_lower_is_refused(stands: Path, tmp_path: Path) -> None:
    certify(stands)
    lower = RunFolder.open(stands).lower
    assert lower is not None
    settings = Settings(start=str(stands), leave_saddle=True, epochs=1)
    finer = prepare(Settings(**{**settings.given, "refine": 2, "precision": "float32"}))
    assert finer.model.dtype == np.float32
    assert finer.model.flow.schedule.steps == 2 * lower.flow.schedule.steps
    gone = train(settings, tmp_path / "gone").folder
    gone.write_lower(RunFolder.open(stands).model)
    with pytest.raises(InputError, match=r"certify the run as it is now.*or leave --leave-saddle"):
        prepare(Settings(start=str(gone.path), leave_saddle=True))
    with pytest.raises(InputError, match="add --start RUN, or leave it out"):
        prepare(Settings(data="parabola", leave_saddle=True))
