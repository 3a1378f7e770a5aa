"""Data that move by a known W₁, and what is said of the values and controls that follow."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from autoencodes.experiments import Results
from autoencodes.experiments.mean_field_limit.problem import target
from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.stability.problem import StabilitySettings, changed, distance, run
from autoencodes.experiments.stability.result import StabilityResult, verdict

TINY = StabilitySettings(seeds=(0,), dims=(1,), particles=16, exponents=(6, 8), tolerance=1e-8)


@cache
def results() -> Results[StabilityResult]:
    with TemporaryDirectory() as folder:
        return run(TINY, Notebook(Path(folder)))


@pytest.mark.parametrize("kind", ["shift", "share", "spread"])
def test_the_distance_is_that_of_the_pairs(kind: str) -> None:
    ot = pytest.importorskip("ot")
    x, v = np.random.default_rng(0).uniform(-1, 1, (20, 2)), np.array([0.6, 0.8])
    after = changed(kind, x, v, 0.01)
    pairs = np.hstack([x, target(x)])
    moved = np.hstack([np.asarray(after.x), np.asarray(after.y)])
    apart = np.linalg.norm(pairs[:, None] - moved[None], axis=2)
    exact = ot.emd2(np.full(20, 1 / 20), np.asarray(after.weights, float), apart)
    assert distance(kind, x, v, 0.01) == pytest.approx(exact, rel=1e-9)


@pytest.mark.slow
def test_controls_follow_the_data_with_a_large_weight_alone() -> None:
    trials = {(t.tikhonov, t.kind): t for t in results().measured.trials}
    shift, spread = trials[0.3, "shift"], trials[0.3, "spread"]
    assert shift.convex
    assert shift.power(shift.distances) == pytest.approx(1, abs=0.02)
    assert spread.power(spread.distances) == pytest.approx(2, abs=0.02)
    assert spread.power(spread.costs) == pytest.approx(2, abs=0.02)
    for trial in trials.values():
        assert trial.tikhonov < 0.3 or 0 < trial.tightness <= 1.01
        assert trial.stretch is None or trial.stretch <= trial.lipschitz
    far = trials[0.003, "shift"]
    assert far.distances[-1] > 0.5
    assert far.distances[-1] > 20 * shift.distances[0]


def test_what_is_said_follows_from_the_trials() -> None:
    found = results()
    assert len(found.sentence.split()) <= 25
    assert found.notes[0] == verdict(found.measured)
    assert "held for 3 of 3" in found.notes[0]
    assert "is not stable there" in found.notes[0]
    tamed = [replace(t, distances=t.moved) for t in found.measured.trials]
    assert "is not stable there" not in verdict(StabilityResult(tuple(tamed)))
    again = StabilityResult.restored(found.measured.stored())
    assert again.trials == found.measured.trials


def test_the_picture_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.stability.pictures import pictures
    from autoencodes.plot import style

    with style.context():
        (picture,) = pictures(results(), TINY)
        assert style.png(picture.figure).startswith(b"\x89PNG")
