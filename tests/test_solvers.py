"""Inner solvers: one movement, solved in five ways.

# notation: τ step of a movement, T horizon, λ Tikhonov weight, G Gauss-Newton matrix.
"""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from problems import BY_NAME, draw, flat
from test_known_answers import known

import autoencodes as ac
from autoencodes.catalogue import SOLVERS
from autoencodes.second_order.gauss_newton import gauss_newton
from autoencodes.training.method import Batch
from autoencodes.training.solvers import choose
from autoencodes.training.solvers.quasi_newton import Pairs, two_loops

EXACT = {
    "contraction": ac.Contraction(1e-12, factor=0.99, sweeps=2000),
    "anderson": ac.Anderson(1e-12, window=8, sweeps=200),
    "newton-cg": ac.NewtonCG(forcing=1e-12, products=200),
    "gauss-newton": ac.GaussNewton(),
}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize(("horizon", "tikhonov", "tau"), [(1.0, 0.5, 0.3), (3.0, 0.01, 0.1)])
def test_an_exact_solver_makes_the_known_implicit_step(
    name: str, horizon: float, tikhonov: float, tau: float
) -> None:
    problem, measure, minimiser, _ = known(horizon, tikhonov)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MinimizingMovement(tau, EXACT[name])
    result = ac.fit(problem, still, measure, method=method, steps=1, tolerance=0.0)
    share = 2 * tau * (horizon + tikhonov) / (1 + 2 * tau * (horizon + tikhonov))
    np.testing.assert_allclose(flat(result.control), share * flat(minimiser), rtol=1e-8)


@pytest.mark.parametrize("name", ["anderson", "newton-cg", "gauss-newton"])
def test_a_step_beyond_the_contraction_is_solved_by_the_others(name: str) -> None:
    # Λ contracts iff 2τT < 1 + 2λτ; here 2τT = 30. The movement is strongly convex all the same.
    problem, measure, minimiser, _ = known(3.0, 0.01)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MinimizingMovement(5.0, EXACT[name])
    result = ac.fit(problem, still, measure, method=method, steps=1, tolerance=0.0)
    assert result.history[0]["retries"] == 0
    share = 2 * 5 * 3.01 / (1 + 2 * 5 * 3.01)
    np.testing.assert_allclose(flat(result.control), share * flat(minimiser), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["permuted, weights, targets, hold", "translation, reset"])
def test_the_gauss_newton_matrix_is_the_hessian_of_the_linearised_flow(name: str) -> None:
    case = BY_NAME[name]
    control, measure = case.control, case.measure.astype(jnp.float64)
    entries, unravel = ravel_pytree(control)
    compiled = eqx.filter_jit(gauss_newton)
    found = compiled(case.problem, control, measure)
    push = jax.jit(jax.linearize(lambda v: case.flow.push(unravel(v), measure.x), entries)[1])
    ends = case.flow.push(control, measure.x)

    def linearised(step: Any) -> Any:
        losses = jax.vmap(case.problem.cost)(ends + push(step), measure.y)
        return jnp.vdot(measure.weights, losses) / case.schedule.step_size

    still = jnp.zeros_like(entries)
    slope, hessian = jax.jit(lambda v: (jax.grad(linearised)(v), jax.hessian(linearised)(v)))(still)
    np.testing.assert_allclose(found.matrix, hessian, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.g, slope, rtol=1e-10, atol=1e-12)
    cost, g = case.problem.sweep(control, measure)
    np.testing.assert_allclose(found.terminal_cost, cost, rtol=1e-12)
    np.testing.assert_allclose(found.g, ravel_pytree(g)[0], rtol=1e-10, atol=1e-12)
    streamed = compiled(case.problem, control, measure, 3)
    np.testing.assert_allclose(streamed.matrix, found.matrix, rtol=1e-12, atol=1e-14)


def test_two_loops_invert_the_model_that_the_pairs_make() -> None:
    random, size, tau = np.random.default_rng(0), 6, 0.7
    root = random.normal(size=(size, size))
    hessian = root @ root.T + np.eye(size)
    s = random.normal(size=(4, size))
    y = s @ hessian
    shifted = y + s / tau
    scale = (shifted[-1] @ shifted[-1]) / (s[-1] @ shifted[-1])
    model = scale * np.eye(size)
    for a, b in zip(s, shifted, strict=True):  # BFGS, oldest pair first
        model = model - np.outer(model @ a, model @ a) / (a @ model @ a) + np.outer(b, b) / (a @ b)
    pairs = Pairs(jnp.asarray(s), jnp.asarray(y), jnp.asarray(4))
    slope = random.normal(size=size)
    found = two_loops(pairs, jnp.asarray(slope), jnp.asarray(tau))
    np.testing.assert_allclose(model @ np.asarray(found), slope, rtol=1e-10, atol=1e-12)
    # Of short pairs the model is the same.
    short = Pairs(1e-10 * pairs.s, 1e-10 * pairs.y, pairs.seen)
    again = two_loops(short, jnp.asarray(slope), jnp.asarray(tau))
    np.testing.assert_allclose(again, found, rtol=1e-10)


@pytest.mark.slow
def test_newton_detects_where_a_movement_is_not_convex() -> None:
    case = BY_NAME["one-component bottleneck, reset"]
    problem = ac.ControlProblem(case.flow, tikhonov=1e-6)
    entries, unravel = ravel_pytree(case.control)
    columns = [problem.hvp(case.control, case.measure, unravel(e)) for e in np.eye(entries.size)]
    lowest = np.linalg.eigvalsh(np.array([flat(c) for c in columns]))[0]
    assert lowest < -1e-3
    batch = Batch(case.measure.astype(jnp.float64), True)
    solver = ac.NewtonCG(forcing=1e-10, products=200)
    start, memory, _ = solver.begin(problem, case.control, batch)

    def solve(tau: float) -> Any:
        return jax.jit(lambda t: solver.solve(problem, start, memory, t, batch))(jnp.asarray(tau))

    assert solve(0.9 / -lowest).solved
    beyond = solve(20.0 / -lowest)
    assert not beyond.solved
    # What it found bounds λ_min from above, so that the next τ is not below half the limit.
    assert 20 / -lowest * beyond.shrinkage >= 0.5 / -lowest * (1 - 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inner", "name"),
    [
        ("auto", "permuted, weights, targets, reset"),
        ("anderson", "scanned blocks, hold"),
        ("lbfgs", "permuted, weights, targets, reset"),
        ("newton-cg", "scanned blocks, hold"),
        ("gauss-newton", "scanned blocks, hold"),
    ],
)
def test_movements_converge_by_every_solver(inner: str, name: str) -> None:
    case = BY_NAME[name]
    method = ac.MinimizingMovement(inner=inner)
    result = ac.fit(case.problem, case.control, case.measure, method=method, steps=5000)
    assert result.converged, result.reason
    objectives = [record["objective"] for record in result.history]
    assert (np.diff(objectives) <= 2e-14 * np.abs(objectives[1:])).all()


def test_the_automatic_choice_goes_by_size() -> None:
    small = BY_NAME["constant"]
    assert isinstance(choose("auto", small.problem, small.control), ac.GaussNewton)
    wide = ac.Flow(ac.WidthSchedule.constant(20, 2, 1.0))
    problem = ac.ControlProblem(wide)
    assert isinstance(choose("auto", problem, draw(wide, 0)), ac.QuasiNewton)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ac.Contraction(tolerance=0.0), r"tolerance must be a number in \(0, 1\); got 0"),
        (lambda: ac.Contraction(factor=1.0), r"factor must be a number in \(0, 1\); got 1"),
        (lambda: ac.Contraction(sweeps=0), "sweeps must be an integer, at least 1; got 0"),
        (lambda: ac.Anderson(window=0), "window must be an integer, at least 1; got 0"),
        (lambda: ac.Anderson(tolerance=1.0), r"tolerance must be a number in \(0, 1\)"),
        (lambda: ac.QuasiNewton(pairs=0), "pairs must be an integer, at least 1; got 0"),
        (lambda: ac.NewtonCG(forcing=1.0), r"forcing must be a number in \(0, 1\); got 1"),
        (lambda: ac.NewtonCG(products=0), "products must be an integer, at least 1; got 0"),
    ],
)
def test_a_solver_that_cannot_be_says_why(make: Any, message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ac.Contraction, "sweeps"),
        (ac.Anderson, "window"),
        (ac.Anderson, "sweeps"),
        (ac.QuasiNewton, "pairs"),
        (ac.NewtonCG, "products"),
        (ac.LBFGS, "memory"),
        (ac.LBFGS, "trials"),
        (ac.ExtendedMSA, "iterations"),
    ],
)
def test_integers_are_taken_from_numpy_and_nothing_else_is_one(kind: Any, name: str) -> None:
    made = getattr(kind(**{name: np.int64(7)}), name)
    assert (made, type(made)) == (7, int)
    for wrong in (2.5, True, "2", None, math.nan, -1, [2]):
        with pytest.raises(ac.InputError, match=f"{name} must be an integer, at least 1; got"):
            kind(**{name: wrong})


@pytest.mark.parametrize("inner", SOLVERS)
def test_every_registered_solver_makes_movements_that_descend(inner: str) -> None:
    case = BY_NAME["constant"]
    method = ac.MinimizingMovement(1.0, inner)
    result = ac.fit(case.problem, case.control, case.measure, method=method, steps=3)
    objectives = [record["objective"] for record in result.history]
    assert objectives[-1] < case.problem.objective(case.control, case.measure)
    assert (np.diff(objectives) < 0).all()


class Shrinking(ac.Contraction):
    """A solver of one's own, which is the contraction with another name."""


def test_a_registered_solver_has_its_name_wherever_solvers_are_listed() -> None:
    SOLVERS.register("shrinking", "a toy")(Shrinking)
    try:
        assert SOLVERS.names[-1] == "shrinking"
        assert choose("shrinking", BY_NAME["constant"].problem, ()) == Shrinking()
        test_every_registered_solver_makes_movements_that_descend("shrinking")
        listed = test_every_registered_solver_makes_movements_that_descend.pytestmark[0].args[1]
        assert "shrinking" in listed
        with pytest.raises(ac.InputError, match="gauss-newton, shrinking, or an InnerSolver"):
            ac.MinimizingMovement(inner="nothing")
    finally:
        SOLVERS.remove("shrinking")
    assert "shrinking" not in SOLVERS
