"""The rule of the indicators, and rows of known dimension."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments.latent_dimension.pictures import pictures
from autoencodes.experiments.latent_dimension.problem import (
    LAWS,
    LatentSettings,
    chosen,
    rows,
    run,
)
from autoencodes.experiments.latent_dimension.result import LatentResult
from autoencodes.experiments.notebook import Notebook
from autoencodes.plot import style


def test_the_rule_takes_the_least_k_that_leaves_one_percent() -> None:
    curve = {"a": np.array([[0.5, 0.009, 0.0], [0.5, 0.011, 0.0]])}
    gain = {"a": np.array([[-0.3, 0.2, 0.0], [0.02, 0.0101, 0.0]])}
    objective = {"a": np.array([[0.5, 0.2, 0.195], [0.5, 0.495, 0.0]])}
    found = chosen(LatentResult(curve, objective, gain, curve, {"a": 2}), "a")
    assert found == {
        "held-out error": [2, 3], "λ": [2, 1], "costates": [1, 3], "PCA": [2, 3],
    }  # fmt: skip


@pytest.mark.parametrize("name", list(LAWS))
def test_rows_have_variance_one_along_principal_axes(name: str) -> None:
    learned, fresh = rows(name, 200, 1)
    assert np.sum(learned**2, axis=1).mean() == pytest.approx(1)
    second = learned.T @ learned / 200
    np.testing.assert_allclose(second - np.diag(np.diag(second)), 0, atol=1e-12)
    assert (np.diff(np.diag(second)) <= 1e-12).all()
    assert fresh.shape == learned.shape


@pytest.mark.slow
def test_results_read_back_and_are_drawn(tmp_path: Path) -> None:
    settings = LatentSettings(seeds=(0,), laws=("parabola",), rows=150, updates=40)
    results = run(settings, Notebook(tmp_path))
    assert len(results.sentence.split()) <= 25
    again = LatentResult.restored(results.measured.stored())
    assert again.truth == {"parabola": 1}
    np.testing.assert_array_equal(again.gain["parabola"], results.measured.gain["parabola"])
    pytest.importorskip("matplotlib")
    with style.context():
        assert len(style.png(pictures(results, settings)[0].figure)) > 4000
