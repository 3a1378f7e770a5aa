"""Certificates of controls that are made to mislead, beside a Hessian in extended precision."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from benchmarks.adversarial_controls import SHAPES, hessian, held, particles

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
