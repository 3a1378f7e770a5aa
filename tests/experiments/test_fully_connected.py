"""The plain autoencoder: its shape, and that it learns."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from autoencodes.experiments.mnist.fully_connected import FullyConnected, train


def test_widths_run_down_and_back() -> None:
    network = FullyConnected.drawn((9, 5, 2), 0)
    assert [w.shape for w, _ in network.layers] == [(9, 5), (5, 2), (2, 5), (5, 9)]
    assert network.parameters == 2 * (9 * 5 + 5 * 2) + 5 + 2 + 5 + 9
    made = network.reconstruct(np.random.default_rng(0).uniform(size=(3000, 9)))
    assert made.shape == (3000, 9)
    assert ((made > 0) & (made < 1)).all()


def test_latent_values_are_linear() -> None:
    """Without a relu before the latent values, opposite weights give opposite codes."""
    network = FullyConnected.drawn((4, 1), 0)
    (w, b), second = network.layers
    x = np.random.default_rng(0).uniform(size=(5, 4))
    flipped = FullyConnected(((-w, -b), (-second[0], second[1])), network.latent)
    np.testing.assert_allclose(flipped.reconstruct(x), network.reconstruct(x))


def test_it_learns_until_its_seconds_are_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()  # every look at it is a second later: 40 rounds of 50 steps
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    x = np.random.default_rng(0).uniform(size=(64, 1)) * np.ones(6)
    shares = []
    network, steps = train(
        x,
        (6, 8, 1),
        seconds=41.0,
        batch_size=16,
        learning_rate=1e-2,
        seed=0,
        advance=lambda text, share: shares.append(share),
    )
    assert steps == 2000
    assert np.all(np.diff(shares) > 0)
    assert np.mean((network.reconstruct(x) - x) ** 2) < 0.1 * x.var()
