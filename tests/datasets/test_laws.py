"""Toy laws: their supports, moments and streams."""

from __future__ import annotations

import numpy as np
import pytest

from autoencodes import datasets
from autoencodes.errors import InputError

LAWS = tuple(datasets.LAWS)
SIZE = 20_000


@pytest.mark.parametrize("law", LAWS)
def test_sizes_and_streams_of_a_law(law: str) -> None:
    found, again = datasets.load(law, seed=3), datasets.load(law, seed=3)
    other = datasets.load(law, seed=4)
    assert found.law
    assert found.value_range is None
    assert (found.train.size, found.test.size) == (200 if law == "parabola" else 2_000, 5_000)
    np.testing.assert_array_equal(found.x, again.x)
    assert not np.isin(found.test.x[:, 0], other.test.x[:, 0]).any()
    assert not np.isin(found.test.x[:, 0], found.train.x[:, 0]).any()


@pytest.mark.parametrize("law", [law for law in LAWS if law != "parabola"])
def test_the_training_rows_are_the_sample_of_the_seed(law: str) -> None:
    found = datasets.load(law, seed=5)
    x, y, labels = datasets.sample(law, 2_000, 5)
    np.testing.assert_array_equal(found.train.x, x)
    np.testing.assert_array_equal(found.train.y, x if y is None else y)
    np.testing.assert_array_equal(found.part_labels("train"), labels)
    assert found.train.reconstructs == (y is None)


def test_gaussian_sign() -> None:
    x, y, labels = datasets.sample("gaussian-sign", SIZE, 0)
    assert y is not None
    np.testing.assert_allclose(np.cov(x.T), np.eye(2), atol=0.05)
    np.testing.assert_array_equal(y[:, 0], np.sign(x[:, 0]))
    np.testing.assert_array_equal(y[:, 1], 0)
    np.testing.assert_array_equal(labels, y[:, 0])


def test_parabola() -> None:
    found = datasets.load("parabola")
    s, square = found.x.T
    np.testing.assert_array_equal(square, s**2)
    np.testing.assert_allclose(np.diff(found.train.x[:, 0]), 2 / 199)
    assert (found.train.x[0, 0], found.train.x[-1, 0]) == (-1, 1)
    assert abs(found.test.x[:, 0].mean()) < 0.05
    assert found.labels is None
    assert found.train.reconstructs


def test_bimodal() -> None:
    x, y, cluster = datasets.sample("bimodal-1d", SIZE, 0)
    assert y is not None
    assert cluster is not None
    assert x.shape == y.shape == (SIZE, 1)
    np.testing.assert_array_equal(y[:, 0], 2 * cluster)
    assert set(cluster) == {-1, 1}
    assert abs(cluster.mean()) < 0.03
    for sign in (-1, 1):
        part = x[cluster == sign]
        np.testing.assert_allclose([part.mean(), part.std()], [sign, 0.2], atol=0.01)


@pytest.mark.parametrize("law", ["moons", "circles"])
def test_distance_to_the_curves_is_the_noise(law: str) -> None:
    x, y, labels = datasets.sample(law, SIZE, 0)
    assert y is None
    assert labels is not None
    assert abs(labels.mean() - 0.5) < 0.02
    centre, radius = np.zeros((SIZE, 2)), np.where(labels == 0, 1.0, 0.5)
    if law == "moons":
        centre = np.where(labels[:, None] == 0, [0.0, 0.0], [1.0, 0.5])
        radius = np.ones(SIZE)
    distance = np.linalg.norm(x - centre, axis=1) - radius
    assert distance.std() == pytest.approx(0.05, abs=0.003)
    if law == "moons":
        assert x[labels == 0, 1].min() > -0.3
        assert x[labels == 1, 1].max() < 0.8


@pytest.mark.parametrize(
    ("law", "size", "seed", "facts"),
    [
        ("moon", 5, 0, ["'moon'", "did you mean moons", "parabola"]),
        ("moons", 0, 0, ["size", "got 0"]),
        ("moons", 5, -1, ["seed", "-1"]),
    ],
)
def test_a_sample_that_cannot_be_drawn(law: str, size: int, seed: int, facts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        datasets.sample(law, size, seed)
    for fact in facts:
        assert fact in str(caught.value)
