"""A Tikhonov weight for each entry of the control: the weighted norm, through every derivative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from problems import distance, draw

import autoencodes as ac
from autoencodes.certificate.layers import layer
from autoencodes.certificate.smoothness import kink
from autoencodes.fields import Perceptron, Weighted
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian

WEIGHTS = {"W": 0.5, "b": 10.0}
STEP, TIKHONOV = 0.3, 0.1


def problem(activation: str = "tanh", steps: int = 3, dim: int = 2) -> ac.ControlProblem:
    schedule = ac.WidthSchedule.constant(dim, steps, STEP * steps)
    return ac.ControlProblem(
        ac.Flow(schedule, Weighted(Perceptron(activation), WEIGHTS)), tikhonov=TIKHONOV
    )


def plain(weighted: ac.ControlProblem) -> ac.ControlProblem:
    """The same flow without weights, and without a penalty."""
    return ac.ControlProblem(
        ac.Flow(weighted.flow.schedule, weighted.flow.field.field), tikhonov=0.0
    )


def particles(dim: int = 2) -> ac.EmpiricalMeasure:
    x, y = np.random.default_rng(0).normal(size=(2, 7, dim))
    return ac.EmpiricalMeasure(x, y)


def penalty(theta: Any) -> float:
    """λ ∫ Σ_k w_k |θ_k|² dt, written out."""
    return TIKHONOV * STEP * sum(w * float(np.sum(theta[0][k] ** 2)) for k, w in WEIGHTS.items())


def test_the_objective_is_that_of_the_weighted_norm() -> None:
    weighted = problem()
    eta = draw(weighted.flow, 0)
    theta = (weighted.flow.field.own(eta[0]),)
    expected = plain(weighted).objective(theta, particles()) + penalty(theta)
    assert weighted.objective(eta, particles()) == pytest.approx(float(expected), rel=1e-14)
    back = weighted.flow.field.weighted(theta[0])
    assert distance((back,), eta) < 1e-15


def test_the_gradient_is_the_one_of_the_weighted_inner_product() -> None:
    """∇_η J = (g_k + 2 λ w_k θ_k) / √w_k, and central differences of J."""
    weighted, measure = problem(), particles()
    eta, direction = (draw(weighted.flow, seed) for seed in (0, 1))
    theta = (weighted.flow.field.own(eta[0]),)
    g = plain(weighted).gradient(theta, measure)[0]
    expected = (
        {k: (g[k] + 2 * TIKHONOV * w * theta[0][k]) / np.sqrt(w) for k, w in WEIGHTS.items()},
    )
    found = weighted.gradient(eta, measure)
    assert distance(found, expected) < 1e-13

    def along(step: float) -> float:
        moved = jax.tree.map(lambda a, b: a + step * b, eta, direction)
        return float(weighted.objective(moved, measure))

    slope = (along(1e-5) - along(-1e-5)) / 2e-5
    assert ac.inner(found, direction, STEP) == pytest.approx(slope, rel=1e-7)
    curved = (along(1e-4) - 2 * along(0.0) + along(-1e-4)) / 1e-8
    product = weighted.hvp(eta, measure, direction)
    assert ac.inner(product, direction, STEP) == pytest.approx(curved, rel=1e-5)


def ridge(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The minimiser (W, b) of one linear step, and the eigenvalues of its Hessian."""
    features = np.stack([x, np.ones_like(x)])
    second = features @ features.T / len(x)
    weights = np.array([WEIGHTS["W"], WEIGHTS["b"]])
    system = STEP * second + TIKHONOV * np.diag(weights)
    scaled = 2 * system / np.sqrt(np.outer(weights, weights))
    return np.linalg.solve(system, features @ (y - x) / len(x)), np.linalg.eigvalsh(scaled)


def test_one_linear_step_is_ridge_regression_with_a_penalty_of_its_own_for_the_intercept() -> None:
    measure = particles(1)
    x, y = (np.asarray(a)[:, 0] for a in (measure.x, measure.y))
    expected, spectrum = ridge(x, y)
    weighted = problem("identity", steps=1, dim=1)
    start = weighted.flow.init(jax.random.key(0), 0.0)
    result = ac.fit(weighted, start, measure, steps=200, tolerance=1e-12)
    theta = weighted.flow.field.own(result.control[0])
    found = [float(np.ravel(theta[k])[0]) for k in ("W", "b")]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert weighted.pmp_residual(result.control, measure) < 1e-12
    curved = curvature(Hessian(weighted, result.control, measure))
    assert curved.smallest.value == pytest.approx(spectrum[0], rel=1e-8)
    assert curved.largest.value == pytest.approx(spectrum[-1], rel=1e-8)


def test_a_field_without_its_entry_or_with_a_bad_weight_is_refused() -> None:
    with pytest.raises(ac.InputError, match=r"weights name c, but .* entries W, b"):
        Weighted(Perceptron(), {"c": 1.0}).init(jax.random.key(0), 2, 1.0)
    for wrong in ({"b": 0.0}, {"b": -1.0}, {"b": "x"}, {}, 3.0, [("b",)], [("b", 1), ("b", 2)]):
        with pytest.raises(ac.InputError, match="weight"):
            Weighted(Perceptron(), wrong)


def test_certificates_see_the_field_within() -> None:
    field = Weighted(Perceptron("relu"), WEIGHTS)
    flow = ac.Flow(ac.WidthSchedule.constant(2, 2, 1.0), field)
    assert kink(ac.ControlProblem(flow)) == "the activation relu"
    assert kink(problem()) is None
    eta = {name: np.asarray(values[0]) for name, values in draw(flow, 0)[0].items()}
    known = layer(field, eta, 2, 2, 0.0)
    assert known is not None
    np.testing.assert_allclose(known.b, eta["b"] / np.sqrt(10.0))


def test_a_model_of_weighted_controls_comes_back(tmp_path: Path) -> None:
    weighted = problem()
    model = ac.Model(weighted.flow, draw(weighted.flow, 0))
    ac.save(tmp_path / "model.safetensors", model)
    again = ac.load(tmp_path / "model.safetensors")
    assert again.flow.field == weighted.flow.field
