"""Rows that a robust fit leaves out."""

from __future__ import annotations

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.measure.trimming import core, ordinary, trimmed


def _contaminated(d: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    clean = rng.normal(size=(180, d)) @ rng.normal(size=(d, d))
    return np.vstack([clean, rng.normal(size=(20, d)) + 40])


def test_what_is_far_off_is_left_out() -> None:
    weights = trimmed(_contaminated())
    assert weights.sum() == 140
    assert not weights[180:].any()


def test_a_curved_law_keeps_its_ends() -> None:
    rng = np.random.default_rng(0)
    t = 3 * np.pi * (rng.random(600) - 0.5)
    curve = np.c_[np.sin(t), 2 * rng.random(600), np.sign(t) * (np.cos(t) - 1)]
    apart = rng.normal(size=(30, 3)) * 0.1 + 10
    z = np.vstack([curve, apart])
    assert core(z)[:600].sum() < 450
    kept, curved = ordinary(z)
    assert curved
    assert kept[:600].sum() > 570
    assert not kept[600:].any()


def test_it_does_not_depend_on_units_or_order() -> None:
    z = _contaminated()
    order = np.random.default_rng(1).permutation(len(z))
    assert np.array_equal(trimmed(z)[order], trimmed(z[order]))
    assert np.array_equal(trimmed(z), trimmed(7 * z - 3))


def test_equal_rows_are_treated_equally() -> None:
    z = np.repeat(_contaminated()[:40], 3, axis=0)
    weights = trimmed(z).reshape(40, 3)
    assert (weights == weights[:, :1]).all()
    assert (trimmed(np.zeros((50, 3))) == 1).all()


@pytest.mark.parametrize("shape", [(1, 3), (5, 1), (6, 30), (40, 300)])
def test_few_rows_and_many_columns(shape: tuple[int, int]) -> None:
    z = np.random.default_rng(0).normal(size=shape)
    weights = trimmed(z)
    assert weights.shape == shape[:1]
    assert weights.sum() >= 0.7 * shape[0]


def test_a_share_of_none_keeps_all() -> None:
    assert trimmed(_contaminated(), share=0).all()


@pytest.mark.parametrize("share", [-0.1, 0.5, float("nan")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ac.InputError, match="share"):
        trimmed(_contaminated(), share=share)
