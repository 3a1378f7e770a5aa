"""PolyNODE's tasks: the curves, and what is measured on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.polynode.pictures import pictures
from autoencodes.experiments.polynode.problem import (
    THEIR_PARAMETERS,
    PolyNodeSettings,
    run,
    spiral,
    task_rows,
)
from autoencodes.experiments.polynode.result import PolyNodeResult
from autoencodes.plot import style


def test_a_spiral_is_spaced_evenly_and_has_its_radii() -> None:
    x = spiral(1.0, 400, 0.5)
    gaps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    assert gaps.max() / gaps.min() < 1.01
    radii = np.linalg.norm(x, axis=1)
    assert (np.diff(radii) > 0).all()
    assert (radii[0], radii[-1]) == (
        pytest.approx(1, abs=0.02), pytest.approx(1 + np.pi, abs=0.02),
    )  # fmt: skip


def test_sizes_are_those_of_the_published_configurations() -> None:
    settings = PolyNodeSettings(speeds=(1.0,))
    learned, fresh, latent = task_rows(settings, "sphere")
    assert (len(learned), len(fresh), latent) == (4950, 800, 2)
    np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1)
    learned, _, latent = task_rows(settings, "spiral, s = 1")
    assert (len(learned), latent, THEIR_PARAMETERS) == (900, 1, 164_000)


@pytest.mark.slow
def test_results_read_back_and_are_drawn(tmp_path: Path) -> None:
    settings = PolyNodeSettings(seeds=(0,), speeds=(0.5,), steps=2, updates=20)
    results = run(settings, Notebook(tmp_path))
    assert len(results.sentence.split()) <= 25
    again = PolyNodeResult.restored(results.measured.stored())
    np.testing.assert_array_equal(again.errors["sphere"], results.measured.errors["sphere"])
    pytest.importorskip("matplotlib")
    with style.context():
        assert len(style.png(pictures(results, settings)[0].figure)) > 4000
