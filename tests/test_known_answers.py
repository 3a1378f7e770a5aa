"""The translation field, whose answers are known in closed form.

# notation: c = mean(y − x), T horizon, λ Tikhonov weight, τ step of a movement, θ control,
# q = 2τT / (1 + 2λτ) contraction factor of the shooting map Λ.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import draw, flat, unflat

import autoencodes as ac
from autoencodes.fields import Translation


class Known(NamedTuple):
    """A translation problem with targets, and its closed answers."""

    problem: ac.ControlProblem
    measure: ac.EmpiricalMeasure
    minimiser: Any
    minimum: float


def known(horizon: float, tikhonov: float, steps: int = 6, weighted: bool = True) -> Known:
    random = np.random.default_rng(0)
    x, noise = random.normal(size=(2, 5, 2))
    y, weights = 1 + noise, random.uniform(1, 2, 5) if weighted else np.ones(5)
    flow = ac.Flow(ac.WidthSchedule.constant(2, steps, horizon), Translation())
    c = np.average(y - x, axis=0, weights=weights)
    scatter = np.average(np.sum((y - x - c) ** 2, axis=1), weights=weights)
    return Known(
        ac.ControlProblem(flow, tikhonov=tikhonov),
        ac.EmpiricalMeasure(x, y, weights),
        ({"theta": jnp.tile(jnp.asarray(c / (horizon + tikhonov)), (steps, 1))},),
        tikhonov * (c @ c) / (horizon + tikhonov) + scatter,
    )


EVERY = [known(0.5, 0.01), known(1.0, 0.5, 1), known(3.0, 2.0, 5), known(20.0, 1e-4, 3, False)]
every_answer = pytest.mark.parametrize("answer", EVERY, ids=lambda a: f"T={_numbers(a)[0]:g}")


def _numbers(answer: Known) -> tuple[float, float]:
    return answer.problem.flow.schedule.horizon, answer.problem.tikhonov


@every_answer
def test_the_minimiser_is_stationary_and_its_objective_is_the_minimum(answer: Known) -> None:
    problem, measure, minimiser, minimum = answer
    assert np.abs(flat(problem.gradient(minimiser, measure))).max() < 1e-9
    assert problem.objective(minimiser, measure) == pytest.approx(minimum, rel=1e-9)
    assert problem.pmp_residual(minimiser, measure) < 1e-9
    for seed in range(5):
        other = jax.tree.map(jnp.add, minimiser, tuple(draw(problem.flow, seed, 0.1)))
        assert problem.objective(other, measure) > minimum


@every_answer
def test_the_hessian_has_the_two_known_eigenvalues(answer: Known) -> None:
    problem, measure, minimiser, _ = answer
    (horizon, tikhonov), steps = _numbers(answer), problem.flow.schedule.steps
    columns = [unflat(eta, minimiser) for eta in np.eye(2 * steps)]
    hessian = np.array([flat(problem.hvp(minimiser, measure, eta)) for eta in columns])
    expected = [2 * tikhonov] * 2 * (steps - 1) + [2 * tikhonov + 2 * horizon] * 2
    np.testing.assert_allclose(np.linalg.eigvalsh(hessian), expected, rtol=1e-9, atol=1e-9)


@every_answer
def test_the_hamiltonian_is_maximal_at_the_minimiser_at_every_time(answer: Known) -> None:
    problem, measure, minimiser, _ = answer
    best = problem.hamiltonian(minimiser, measure)
    np.testing.assert_allclose(best, best[0], rtol=1e-9)
    for seed in range(5):
        other = jax.tree.map(jnp.add, minimiser, tuple(draw(problem.flow, seed, 0.1)))
        assert (problem.hamiltonian(minimiser, measure, other) < best).all()


CONTRACTING = [(1.0, 0.5, 0.3), (0.5, 2.0, 1.0), (0.1, 0.02, 2.0), (20.0, 1.0, 0.01)]


@pytest.mark.parametrize(("horizon", "tikhonov", "tau"), CONTRACTING)
def test_movements_reach_the_minimiser_with_the_known_contraction_factor(
    horizon: float, tikhonov: float, tau: float
) -> None:
    problem, measure, minimiser, minimum = known(horizon, tikhonov)
    q = 2 * tau * horizon / (1 + 2 * tikhonov * tau)
    method = ac.MinimizingMovement(tau, ac.Contraction(tolerance=1e-3, factor=0.9))
    still = jax.tree.map(jnp.zeros_like, minimiser)
    result = ac.fit(problem, still, measure, method=method, steps=500, tolerance=1e-11)
    assert result.converged
    assert result.history[0]["contraction"] == pytest.approx(q, rel=1e-9)
    assert {record["retries"] for record in result.history} == {0}
    assert {record["tau"] for record in result.history} == {tau}
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-9)
    assert result.history[-1]["objective"] == pytest.approx(minimum, rel=1e-9)


@pytest.mark.parametrize(("horizon", "tikhonov", "tau"), CONTRACTING)
def test_a_movement_is_the_known_implicit_step(horizon: float, tikhonov: float, tau: float) -> None:
    problem, measure, minimiser, _ = known(horizon, tikhonov)
    method = ac.MinimizingMovement(tau, ac.Contraction(1e-12, factor=0.9, sweeps=500))
    still = jax.tree.map(jnp.zeros_like, minimiser)
    result = ac.fit(problem, still, measure, method=method, steps=1, tolerance=0.0)
    # On constant controls J is quadratic with second derivative 2 (T + λ).
    share = 2 * tau * (horizon + tikhonov) / (1 + 2 * tau * (horizon + tikhonov))
    np.testing.assert_allclose(flat(result.control), share * flat(minimiser), rtol=1e-9)


@pytest.mark.parametrize("tikhonov", [0.05, 0.5])
@pytest.mark.parametrize("excess", [1.0, 1.001, 3.0, 1e6])
@pytest.mark.slow
def test_where_the_contraction_fails_the_guard_still_reaches_the_minimiser(
    tikhonov: float, excess: float
) -> None:
    horizon = 1.0
    # Λ contracts iff 2τT < 1 + 2λτ, that is τ < 1 / (2T − 2λ).
    limit = 1 / (2 * horizon - 2 * tikhonov)
    problem, measure, minimiser, minimum = known(horizon, tikhonov)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MinimizingMovement(excess * limit, "contraction", first_tau=1e9)
    result = ac.fit(problem, still, measure, method=method, steps=2000, tolerance=1e-11)
    assert result.converged, result.reason
    assert result.history[0]["retries"] >= 1
    assert max(record["tau"] for record in result.history) < limit
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-9)
    assert result.history[-1]["objective"] == pytest.approx(minimum, rel=1e-9)


@pytest.mark.parametrize("tikhonov", [1.0, 1.5])
def test_pure_shooting_contracts_where_the_regularisation_is_high(tikhonov: float) -> None:
    problem, measure, minimiser, _ = known(0.5, tikhonov)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MinimizingMovement(1e9, "contraction", first_tau=1e9)
    result = ac.fit(problem, still, measure, method=method, steps=100, tolerance=1e-11)
    assert result.converged
    # As τ → ∞, q → T / λ.
    assert result.history[0]["contraction"] == pytest.approx(0.5 / tikhonov, rel=1e-6)
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-9)


def test_movements_reach_the_minimiser_from_a_control_that_is_not_constant() -> None:
    problem, measure, minimiser, _ = known(1.0, 0.5)
    begin = draw(problem.flow, 3)
    result = ac.fit(problem, begin, measure, steps=2000, tolerance=1e-11)
    assert result.converged
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-9)
