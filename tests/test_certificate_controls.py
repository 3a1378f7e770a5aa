"""Certificates of controls that are made to mislead, beside a Hessian in extended precision."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.growth import growth
from autoencodes.second_order.hessian import Hessian
from benchmarks.adversarial_controls import SHAPES, held, hessian, particles

BLOCKS = SHAPES[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "horizon", "name", "tikhonov", "dtype"),
    [
        (3.0, 21.0, "parabola", 0.1, "float32"),
        (3.0, 21.0, "two clusters", 0.1, "float64"),
        (30.0, 21.0, "one heavy", 0.1, "float64"),
        (0.1, 21.0, "far away", 0.1, "float64"),
    ],
)
def test_a_certificate_holds_the_eigenvalues(
    scale: float, horizon: float, name: str, tikhonov: float, dtype: str
) -> None:
    flow = ac.Flow(ac.WidthSchedule(2, BLOCKS, horizon))
    problem = ac.ControlProblem(flow, tikhonov=tikhonov)
    random = np.random.default_rng(1)
    measure = particles(name, random)
    shapes: Any = jax.eval_shape(flow.init, jax.random.key(0))
    control = jax.tree.map(lambda a: random.normal(0, scale, a.shape).astype(dtype), shapes)
    found = ac.certify(problem, control, measure, stretched=1)
    exact = hessian(BLOCKS, horizon / 7, control, measure, tikhonov)
    assert held(found, np.linalg.eigvalsh(exact.astype(float)))
    assert found.curvature is not None
    # The interval tells something: a thousandth of the spectrum's width at most.
    low = found.curvature.lambda_min
    assert low.upper - low.lower < 1e-3 * found.curvature.largest.value


@pytest.mark.slow
def test_what_saturated_neurons_lose_to_rounding_is_in_the_bound() -> None:
    """float32 rounds tanh to 1 and its slope to 0: it errs less than its unit, float64 does not."""
    blocks, horizon = SHAPES[2], 21.0
    flow = ac.Flow(ac.WidthSchedule(2, blocks, horizon))
    problem = ac.ControlProblem(flow, tikhonov=1e-8)
    random = np.random.default_rng(28)
    measure = particles("parabola", random)
    shapes: Any = jax.eval_shape(flow.init, jax.random.key(0))
    control = jax.tree.map(lambda a: random.normal(0, 30.0, a.shape), shapes)
    product = Hessian(problem, control, measure)
    computed = curvature(product, method="dense")
    exact = np.linalg.eigvalsh(hessian(blocks, horizon / 8, control, measure, 1e-8).astype(float))
    error = max(abs(computed.smallest.value - exact[0]), abs(computed.largest.value - exact[-1]))
    rounding, bounded = growth(problem, control, measure, product, 2048, 0)
    assert bounded
    assert computed.rounding < error < computed.rounding + rounding
    assert rounding < 1e-7 * exact[-1]
