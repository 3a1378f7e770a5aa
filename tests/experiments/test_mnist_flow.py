"""What the results state of the states over the layers."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments.layers import entropy, over_layers
from autoencodes.experiments.mnist import pictures
from autoencodes.experiments.mnist import problem as mnist
from autoencodes.experiments.mnist.result import MnistResult


def test_entropy_of_known_shares() -> None:
    assert entropy(np.full(8, 3.0)) == pytest.approx(np.log(8))
    assert entropy(np.array([5.0, 0.0])) == 0
    assert np.exp(entropy(np.array([1.0, 1.0, 0.0]))) == pytest.approx(2)


def test_statistics_are_those_of_the_components_that_are_on() -> None:
    shape = ac.WidthSchedule.autoencoder(784, (784, 3), 1, 3.0)
    flow = ac.Flow(shape, ac.fields.Translation())
    model = ac.Model(flow, jax.tree.map(np.zeros_like, flow.init(jax.random.key(0))))
    rng = np.random.default_rng(0)
    x, labels = rng.uniform(size=(60, 784)), np.arange(60) % 10
    digits = mnist.Digits(x, x, x, labels)
    settings = mnist.MnistSettings(followed=50, latent=3)
    found = over_layers(flow, model.control, x[: settings.followed], labels)
    assert found["widths"].tolist() == [784, 784, 3, 784]
    rows = x[:50][labels[:50] == 4]
    assert found["mean"][0, 4] == pytest.approx(rows.mean())
    assert found["mean"][2, 4] == pytest.approx(rows[:, :3].mean())
    assert found["deviation"][2, 4] == pytest.approx(rows[:, :3].std())
    # Where all but three components re-entered at 0, the spectrum is that of three.
    np.testing.assert_allclose(found["dimensions"][2], found["dimensions"][3])
    assert 1 < found["dimensions"][2] <= 3
    between = mnist._between(settings, model, digits)["between"]
    assert between.shape == (len(mnist._PAIRS), settings.between, 784)
    middles = (between[:, 2:] + between[:, :-2]) / 2
    np.testing.assert_allclose(between[:, 1:-1], middles, atol=1e-6)  # in float32


def test_its_pictures_are_drawn() -> None:
    from autoencodes.experiments import Results
    from autoencodes.plot import style
    from autoencodes.report.compose import render

    rng = np.random.default_rng(0)
    images = rng.uniform(size=(10, 784))
    shape = ac.WidthSchedule.autoencoder(784, (602, 32), 1, 3.0)
    arrays = {
        **dict.fromkeys(("originals", "reconstructions", "plain", "pca"), images),
        "latent": rng.standard_normal((100, 4)),
        "latent_labels": np.arange(100) % 10,
        "between": rng.uniform(size=(1, 9, 784)),
        "strip": rng.uniform(size=(2, 10, 784)),
        "strip_epochs": np.array([1, 2]),
        "mean": rng.standard_normal((4, 10)),
        "deviation": rng.uniform(size=(4, 10)),
        "entropy": np.array([2.0, 3, 4, 1]),
        "dimensions": np.array([60.0, 50, 20, 30]),
        "widths": np.array([784, 602, 32, 602]),
    }
    errors = {"AutoencODE": 0.004, "fully connected": 0.005, "PCA": 0.01}
    result = MnistResult(**arrays, schedule=shape, pairs=((3, 8),), errors=errors)
    stored = result.stored()
    again = MnistResult.restored(stored._replace(facts=json.loads(json.dumps(stored.facts))))
    assert again.schedule == shape
    results = Results("", {}, again)
    with style.context():
        files = render(pictures.pictures(results, mnist.MnistSettings()))
    assert len(files) == 14
    assert all(len(content) > 2000 for content in files.values())
