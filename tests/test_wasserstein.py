"""The Wasserstein distance: known answers, and agreement of its three ways.

# notation: a weights, N rows.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import scipy.stats

import autoencodes as ac
from autoencodes.measure.wasserstein import sampled, wasserstein

pot = pytest.mark.skipif(importlib.util.find_spec("ot") is None, reason="needs POT")


def test_one_dimension_is_scipys() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 1)), random.normal(1, 2, size=(23, 1))
    a, b = random.uniform(0, 1, 40), random.uniform(0, 1, 23)
    expected = scipy.stats.wasserstein_distance(x[:, 0], y[:, 0], a, b)
    assert wasserstein(x, y, a, b) == pytest.approx(expected, rel=1e-12)
    assert wasserstein(x, x) == 0


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_a_translation_moves_every_row_as_far(dim: int) -> None:
    x = np.random.default_rng(1).normal(size=(30, dim))
    shift = np.linspace(1, 2, dim)
    assert wasserstein(x, x[::-1] + shift) == pytest.approx(np.linalg.norm(shift), rel=1e-12)


@pot
def test_the_network_simplex_agrees_with_the_assignment() -> None:
    x, y = np.random.default_rng(2).normal(size=(2, 25, 3))
    assignment = wasserstein(x, y)
    # Each row twice, at half the weight, is the same measure.
    doubled = wasserstein(np.repeat(x, 2, axis=0), y)
    assert doubled == pytest.approx(assignment, rel=1e-9)


@pot
def test_the_network_simplex_agrees_with_one_dimension() -> None:
    random = np.random.default_rng(3)
    x, y = random.normal(size=(20, 1)), random.normal(size=(31, 1))
    a = random.uniform(0, 1, 20)
    flat = wasserstein(np.hstack([x, np.zeros_like(x)]), np.hstack([y, np.zeros_like(y)]), a)
    assert flat == pytest.approx(wasserstein(x, y, a), rel=1e-9)


def test_without_pot_unequal_samples_have_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    x = np.zeros((4, 2))
    assert wasserstein(x, x[:3]) is None
    assert wasserstein(x, x + 1) == pytest.approx(2**0.5)


def test_weights_that_cannot_be_are_refused() -> None:
    x = np.zeros((4, 2))
    with pytest.raises(ac.InputError, match="non-negative"):
        wasserstein(x, x, -np.ones(4))


def test_samples_follow_the_weights() -> None:
    random = np.random.default_rng(4)
    assert sorted(sampled(random, np.full(6, 1 / 6), 6)) == list(range(6))
    drawn = sampled(random, np.array([0.0, 0.25, 0.75]), 4000)
    assert np.bincount(drawn, minlength=3) / 4000 == pytest.approx([0, 0.25, 0.75], abs=0.03)
