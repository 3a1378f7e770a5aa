"""Orders: which components to keep longest."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import autoencodes as ac
from autoencodes.model.order import at_random, by_index, by_variance, natural
from autoencodes.model.pca import Pca, principal_axes
from autoencodes.model.scaling import Scaling
from autoencodes.plan.facts import carried


def explained(x: np.ndarray, y: np.ndarray) -> float:
    """R² of the regression of y on x, over all of y's columns."""
    left = y - LinearRegression().fit(x, y).predict(x)
    return 1 - float(np.sum(left**2) / np.sum((y - y.mean(axis=0)) ** 2))


def test_the_scores_are_the_gains_of_regressions() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 5)) @ random.normal(size=(5, 5))
    y = np.tanh(x @ random.normal(size=(5, 3))) + 0.1 * random.normal(size=(200, 3))
    found = natural(x, y)
    kept = [explained(x[:, found.components[:k]], y) for k in range(1, 6)]
    gains = np.diff([0, *kept])
    np.testing.assert_allclose(found.scores[list(found.components)], gains, atol=1e-10)
    for k in range(4):  # each is the best that could be added
        rest = [i for i in range(5) if i not in found.components[:k]]
        best = max(rest, key=lambda i: explained(x[:, [*found.components[:k], i]], y))
        assert found.components[k] == best


def test_a_component_that_others_determine_comes_late_however_varied() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 500))
    x = np.column_stack([0.5 * a, 3 * (a + b), 0.9 * b])
    order = natural(x)
    assert by_variance(x).components[0] == order.components[0] == 1
    assert order.scores[order.components[2]] == pytest.approx(0, abs=1e-12)
    assert order.scores.sum() == pytest.approx(1)


def test_what_the_target_needs_comes_first() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 6)) * [9, 5, 4, 1, 1, 0.1]
    classes = (x[:, 5] > 0).astype(int)
    assert natural(x, np.eye(2)[classes]).components[0] == 5
    with pytest.raises(ac.InputError, match="targets that vary"):
        natural(x, np.ones((300, 1)))


def test_constant_components_come_last_and_every_order_is_a_permutation() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4)) * [1, 0, 2, 0]
    for order in (natural(x), by_variance(x)):
        assert set(order.components[2:]) == {1, 3}
    for order in (natural(x), by_variance(x), by_index(4), at_random(4, 7)):
        assert sorted(order.components) == [0, 1, 2, 3]
        scores = order.scores[list(order.components)]
        assert (np.diff(scores) <= 1e-12).all()
    assert at_random(4, 7) != at_random(4, 8)


@pytest.mark.parametrize("seed", range(5))
def test_equal_variances_keep_the_order_of_the_columns_in_any_precision(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(201, 7)) * 10.0 ** random.integers(-3, 4, 7) + random.normal(size=7)
    for dtype in (np.float32, np.float64):
        z = Scaling.of("standard", x).apply(x, dtype)
        for rows in (z, z[::-1]):  # summed in another order
            assert by_variance(rows).components == tuple(range(7))
    x = np.hstack([x, x[:, 2:3], np.ones((201, 2))])  # two columns alike, two that are constant
    z = Scaling.of("standard", x).apply(x, np.float32)
    assert by_variance(z).components == tuple(range(10))
    z[:, 4] *= 1.0001  # beyond rounding
    assert by_variance(z).components == (4, 0, 1, 2, 3, 5, 6, 7, 8, 9)
    assert natural(z).components == natural(z.astype(np.float64)).components


def test_the_components_that_arecarried_are_not_a_matter_of_rounding() -> None:
    # The last of 10,000 equal variances is a share of exactly 1e-4.
    for noise in (0.0, 1e-15, -1e-15, 1e-8, -1e-8):
        variance = np.ones(10_000)
        variance[-1] += noise
        assert carried(variance, np.zeros(10_000)) == 9_999


def test_pca_of_fewer_rows_than_components_is_the_same_map() -> None:
    x = np.random.default_rng(0).normal(size=(6, 9)) + 3.0
    for latent in (2, 5, 8):
        axes = principal_axes(x)[:, : min(latent, 5)]
        expected = x.mean(axis=0) + (x - x.mean(axis=0)) @ axes @ axes.T
        np.testing.assert_allclose(Pca.fit(x, latent).reconstruct(x), expected, atol=1e-12)
