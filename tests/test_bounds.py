"""Upper Lipschitz bounds: what they bound is seen never to exceed them.

# notation: ε radius, D slopes of the neurons.
"""

from __future__ import annotations

import numpy as np
import pytest
from plain import ACTIVATIONS
from problems import BY_NAME, Case, some_cases

import autoencodes as ac
from autoencodes.certificate import words
from autoencodes.certificate.bounds import Bounds, bounds
from autoencodes.certificate.layers import SLOPES, slopes
from autoencodes.certificate.lipschitz import lipschitz

RADIUS = 0.05


def checked(case: Case) -> Bounds:
    """The bounds of a case, compared with differences of what they bound, far and near."""
    x, random = np.asarray(case.measure.x), np.random.default_rng(0)
    found = bounds(case.flow, case.control, x, RADIUS, reconstructs=True)
    if found.reason is not None:
        return found
    assert found.encoder is not None
    assert found.decoder is not None
    assert found.whole is not None
    assert found.error is not None
    away = random.normal(size=(40, x.shape[1]))
    away *= random.choice([1e-3, 0.1, 1.0], size=(40, 1))
    u = random.normal(size=(10, *x.shape))
    u *= RADIUS / np.linalg.norm(u, axis=2, keepdims=True)
    near = (x + u).reshape(-1, x.shape[1])
    far = 2 * random.normal(size=away.shape)
    # One call: what is compiled for one number of particles serves all.
    rows = np.concatenate([far, far + away, np.tile(x, (10, 1)), near])
    ends = np.asarray(case.flow.push(case.control, rows))
    one, other, seen, moved = np.split(ends, [40, 80, 80 + len(near)])
    ratios = np.linalg.norm(other - one, axis=1) / np.linalg.norm(away, axis=1)
    assert ratios.max() <= found.whole.upper
    ratios = np.linalg.norm(moved - seen, axis=1) / RADIUS
    assert ratios.max() <= found.whole.near <= found.whole.upper
    assert np.linalg.norm(moved - near, axis=1).max() <= found.error.maximum
    errors = np.linalg.norm(seen - np.tile(x, (10, 1)), axis=1)
    assert found.error.seen == pytest.approx(errors.max())
    estimates = lipschitz(case.flow, case.control, x)
    assert estimates is not None
    for bound, estimate in zip((found.encoder, found.decoder), estimates, strict=True):
        assert bound.lower == pytest.approx(estimate.maximum, rel=1e-6)
        assert bound.lower <= bound.near <= bound.upper
    return found


@some_cases
def test_nothing_exceeds_its_bound(case: Case) -> None:
    found = checked(case)
    assert (found.reason is None) == (found.whole is not None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for k, n in enumerate(BY_NAME) if k % 4])
def test_nothing_exceeds_its_bound_elsewhere(name: str) -> None:
    checked(BY_NAME[name])


@pytest.mark.parametrize("activation", SLOPES)
def test_slopes_lie_in_their_ranges(activation: str) -> None:
    random = np.random.default_rng(0)
    middle, half = random.normal(0, 3, (200, 1)), random.exponential(1, (200, 1))
    low, high = middle - half, middle + half
    least, most = slopes(activation, low, high)
    points = low + (high - low) * np.linspace(1e-4, 1 - 1e-4, 101)
    function = ACTIVATIONS[activation]
    found = (function(points + 1e-6) - function(points - 1e-6)) / 2e-6
    assert (found.min(axis=1) >= least[:, 0] - 1e-8).all()
    assert (found.max(axis=1) <= most[:, 0] + 1e-8).all()
    assert (most - least).max() <= SLOPES[activation][1] - SLOPES[activation][0]
    if activation not in ("relu", "identity"):  # and they are no wider than need be
        assert np.abs(found.max(axis=1) - most[:, 0]).max() < 0.1


def test_one_step_has_the_bound_of_the_theory() -> None:
    """|I + ½ΔtW| + ½Δt|W| for slopes in [0, 1], where that is less than the logarithmic norm's."""
    flow = ac.Flow(ac.WidthSchedule.constant(3, 1, 0.5))
    w = np.random.default_rng(0).normal(size=(1, 3, 3))
    control = ({"W": w, "b": np.zeros((1, 3))},)
    found = bounds(flow, control, np.zeros((1, 3)), 0.1, reconstructs=True).whole
    assert found is not None
    plain = np.linalg.norm(np.eye(3) + w[0] / 4, 2) + np.linalg.norm(w[0], 2) / 4
    assert found.upper <= plain * (1 + 1e-6)
    corners = [
        np.linalg.norm(np.eye(3) + np.diag(d) @ w[0] / 2, 2)
        for d in np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
    ]
    assert max(corners) <= found.upper <= 1.5 * max(corners)


def test_where_no_bound_is_known_it_is_said() -> None:
    case = BY_NAME["constant, scanned, own field"]
    found = bounds(case.flow, case.control, np.asarray(case.measure.x), 0.1, reconstructs=True)
    assert found.reason is not None
    assert found.whole is None
    assert "No upper bound" in words.certified(found)
    assert found == Bounds(reason=found.reason)
