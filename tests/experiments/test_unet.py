"""The U-net: what is cleaned, and that trainings are ordinary runs, which go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.unet import problem as unet
from autoencodes.run import RunFolder


@pytest.mark.slow
def test_a_training_of_one_memory_is_measured_as_it_is(tmp_path: Path) -> None:
    settings = unet.UnetSettings(latent=48, epochs=1, memories=("skip",))
    results = unet.run(settings, Notebook(tmp_path))
    (row,) = results.tables["memories"].rows
    folder = RunFolder.open(tmp_path / "skip--clean")
    assert folder.config.noise == settings.noise
    assert row[3] == RunFolder.open(tmp_path / "skip--reconstruct").metrics["test_mse"]
    # Pixels of [0, 1] with noise of deviation s are off by s² in the mean.
    noisy = results.measured.noisy_error
    assert noisy == pytest.approx(settings.noise**2, rel=0.05)
    difference = results.measured.noisy - results.measured.original
    assert np.std(difference) == pytest.approx(settings.noise, rel=0.1)
    assert f"{noisy:.2g}" in results.notes[0]
    assert f"skip {row[3]:.2g}" in results.sentence
    assert len(results.sentence.split()) <= 25
    again = unet.run(settings, Notebook(tmp_path))
    assert again.tables == results.tables
    restored = unet.UnetResult.restored(results.measured.stored()).memories["skip"]
    assert restored.error == row[3]
    np.testing.assert_array_equal(restored.cleaned, results.measured.memories["skip"].cleaned)
