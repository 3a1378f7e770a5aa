"""The classifications: which component is off, what counts as arrived, what the report says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments.classification import problem as classification
from autoencodes.experiments.classification.problem import ClassificationSettings
from autoencodes.experiments.notebook import Notebook

TINY = {"seeds": (0,), "particles": 100, "fresh": 200, "steps": 12}


@pytest.mark.parametrize("off", [0, 1])
def test_the_component_is_off_in_the_middle(off: int) -> None:
    settings = ClassificationSettings(switched_off=off)
    schedule = classification._problem(settings, (7, 7, 7)).flow.schedule
    assert schedule.step_size == 1
    assert [block.active for block in schedule.blocks] == [(0, 1), (1 - off,), (0, 1)]


@pytest.mark.slow
def test_results_of_a_training_are_those_of_its_states(tmp_path: Path) -> None:
    settings = ClassificationSettings(blocks=((3, 2, 3),), **TINY)
    results = classification.run(settings, Notebook(tmp_path))
    (row,) = results.tables["accuracy"].rows
    (motion,) = results.motions
    final = motion.states[-1]
    right = np.where(final[:, 0] < 0, 0, 1) == motion.labels
    assert row[2] == pytest.approx(right.mean())
    assert f"{row[2]:.2%}" in results.sentence
    assert (motion.states[4:6, :, 1] == 0).all()
    assert len(results.certificates) == 1


@pytest.mark.slow
def test_starts_that_do_not_converge_are_restarted_and_reported(tmp_path: Path) -> None:
    # From θ = 0, a saddle where x₁ is off, gradients vanish: no start can leave it.
    settings = ClassificationSettings(
        switched_off=0, blocks=((3, 2, 3),), scale=0.0, starts=2, **{**TINY, "steps": 3}
    )
    results = classification.run(settings, Notebook(tmp_path))
    assert results.tables["accuracy"].rows[0][-1] == 2
    assert "restarted from another" in results.notes[0]
    assert "no start remains" in results.notes[1]
    assert "0 of 1 trainings" in results.sentence
