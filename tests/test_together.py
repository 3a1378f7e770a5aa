"""Trainings at once are the trainings that they would be one by one."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.errors import InputError
from autoencodes.fields import TwoLayer
from autoencodes.training.together import Candidates, costs_together, fit_together

FLOW = ac.Flow(ac.WidthSchedule.autoencoder(3, (3, 1), 2, 3.0), TwoLayer(4))
PROBLEM = ac.ControlProblem(FLOW, "squared", 0.0)
PENALTIES, NOISES = np.array([1e-3, 1e-1]), np.array([0.0, 0.3])


def measures(*sizes: int) -> list[ac.EmpiricalMeasure]:
    random = np.random.default_rng(0)
    return [ac.EmpiricalMeasure(random.normal(size=(n, 3))) for n in sizes]


def candidates(tikhonov: np.ndarray, noise: np.ndarray) -> Candidates:
    control = FLOW.init(jax.random.key(0), 0.5)
    repeated = jax.tree.map(lambda a: np.repeat(np.asarray(a)[None], len(noise), 0), control)
    return Candidates(repeated, tikhonov, noise)


def test_a_training_among_others_is_that_training() -> None:
    """On whole measures without noise, it is that of ``fit``."""
    own = measures(12, 12)
    tried = candidates(PENALTIES, np.zeros(2))
    result = fit_together(
        [PROBLEM] * 2, [tried] * 2, own, method=ac.Adam(1e-2), steps=8, batch_size=12
    )
    for f, measure in enumerate(own):
        for c, tikhonov in enumerate(PENALTIES):
            problem = ac.ControlProblem(FLOW, "squared", float(tikhonov))
            alone = ac.fit(
                problem, FLOW.init(jax.random.key(0), 0.5), measure, method=ac.Adam(1e-2), steps=8
            )
            expected = jax.tree.leaves(alone.control)
            for a, b in zip(jax.tree.leaves(result), expected, strict=True):
                np.testing.assert_allclose(a[f, c], b, rtol=1e-9, atol=1e-12)


def test_candidates_do_not_see_each_other() -> None:
    """Beside another candidate, with measures of several sizes, mini-batches and noise."""
    own = measures(11, 14)
    method, options = ac.MetricMovement(1e-2), {"steps": 7, "batch_size": 5, "seed": 3}
    both = fit_together(
        [PROBLEM] * 2, [candidates(PENALTIES, NOISES)] * 2, own, method=method, **options
    )
    for c in range(2):
        one = candidates(PENALTIES[c : c + 1], NOISES[c : c + 1])
        alone = fit_together([PROBLEM] * 2, [one] * 2, own, method=method, **options)
        for a, b in zip(jax.tree.leaves(both), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a[:, c], b[:, 0], rtol=1e-9, atol=1e-12)
    costs = costs_together([PROBLEM] * 2, both, own)
    for f, measure in enumerate(own):
        control = jax.tree.map(lambda a, f=f: a[f, 1], both)
        expected = PROBLEM.terminal_cost(tuple(control), measure)
        np.testing.assert_allclose(costs[f][1].mean(), expected, rtol=1e-12)


def test_it_shows_how_far_it_is() -> None:
    shown: list[tuple[int, int]] = []
    fit_together(
        [PROBLEM],
        [candidates(PENALTIES, NOISES)],
        measures(9),
        method=ac.MetricMovement(1e-2),
        steps=150,
        batch_size=4,
        advanced=lambda step, steps: shown.append((step, steps)),
    )
    assert shown == [(100, 150), (150, 150)]


def test_problems_of_several_shapes_are_refused() -> None:
    other = ac.ControlProblem(ac.Flow(FLOW.schedule, TwoLayer(5)), "squared", 0.0)
    tried = candidates(PENALTIES, NOISES)
    with pytest.raises(InputError, match="one shape"):
        fit_together(
            [PROBLEM, other],
            [tried] * 2,
            measures(9, 9),
            method=ac.Adam(1e-2),
            steps=2,
            batch_size=4,
        )
