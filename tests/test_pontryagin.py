"""Pontryagin's principle: the costate and every derivative that it gives.

# notation: θ control, η ζ directions, p_l costate, g gradient of the terminal cost, Δt step
# size, J objective, H its Hessian.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import losses, states
from problems import (
    BY_NAME,
    CASES,
    Case,
    distance,
    draw,
    every_case,
    flat,
    other_cases,
    some_cases,
    unflat,
)

import autoencodes as ac


def plain_objective(case: Case, control: Any) -> Any:
    """J(θ), written a second time on top of the flow."""
    measure = case.measure
    costs = losses(case.cost, case.flow.push(control, measure.x), measure.y)
    squares = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(control))
    return measure.weights @ costs + case.tikhonov * case.schedule.step_size * squares


def by_step_size(case: Case, usual: Any) -> Any:
    """The L² gradient (or Hessian-vector product) that belongs to a usual one."""
    return jax.tree.map(lambda a: a / case.schedule.step_size, usual)


@cache
def value_and_slope(case: Case) -> Any:
    """Flat entries -> J, written a second time, and its usual derivative by autodiff."""
    return jax.jit(jax.value_and_grad(lambda a: plain_objective(case, unflat(a, case.control))))


@cache
def gradient(case: Case) -> Any:
    return case.problem.gradient(case.control, case.measure)


@cache
def hvp(case: Case, seed: int) -> Any:
    return case.problem.hvp(case.control, case.measure, case.direction(seed))


@every_case
def test_the_objective_is_the_mean_cost_and_the_penalty(case: Case) -> None:
    measure, step_size = case.measure, case.schedule.step_size
    output = states(case.flow, case.control, measure.x)[-1]
    cost = np.average(losses(case.cost, output, measure.y), weights=measure.weights)
    penalty = case.tikhonov * step_size * np.sum(flat(case.control) ** 2)
    found = case.problem.objective(case.control, measure)
    assert found == pytest.approx(cost + penalty, rel=1e-12)
    assert case.problem.terminal_cost(case.control, measure) == pytest.approx(cost, rel=1e-12)
    assert case.problem.penalty(case.control) == pytest.approx(penalty, rel=1e-12)


@every_case
def test_the_costate_gradient_is_the_derivative_of_the_objective(case: Case) -> None:
    _, usual = value_and_slope(case)(flat(case.control))
    assert distance(gradient(case), by_step_size(case, usual)) < 1e-12


@every_case
def test_the_costate_gradient_is_the_finite_difference_of_the_objective(case: Case) -> None:
    base, objective = flat(case.control), value_and_slope(case)
    steps = 1e-5 * np.eye(len(base))
    ahead, behind = (np.array([objective(base + s * e)[0] for e in steps]) for s in (1, -1))
    usual = (ahead - behind) / 2e-5
    assert distance(gradient(case), usual / case.schedule.step_size) < 1e-6


@some_cases
def test_the_hessian_is_symmetric(case: Case) -> None:
    step_size = case.schedule.step_size
    one = ac.inner(case.direction(1), hvp(case, 0), step_size)
    other = ac.inner(hvp(case, 1), case.direction(0), step_size)
    assert one == pytest.approx(float(other), rel=1e-10)


@other_cases
def test_the_hessian_is_the_finite_difference_of_the_gradient(case: Case) -> None:
    def ahead(step: float) -> Any:
        theta = jax.tree.map(lambda a, b: a + step * b, case.control, case.direction(0))
        return flat(case.problem.gradient(theta, case.measure))

    difference = (ahead(1e-5) - ahead(-1e-5)) / 2e-5
    assert distance(hvp(case, 0), difference) < 1e-6


@some_cases
@pytest.mark.slow
def test_the_hessian_is_the_derivative_of_the_derivative(case: Case) -> None:
    slope = jax.grad(lambda control: plain_objective(case, control))
    product = jax.jit(lambda eta: jax.jvp(slope, (case.control,), (eta,))[1])
    expected = by_step_size(case, product(case.direction(0)))
    assert distance(hvp(case, 0), expected) < 1e-12


@some_cases
def test_the_streamed_gradient_is_the_gradient(case: Case) -> None:
    streamed = case.problem.gradient(case.control, case.measure, batch_size=3)
    assert distance(streamed, gradient(case)) < 1e-12


@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_streams_of_any_size_give_the_same(batch_size: int) -> None:
    case = BY_NAME["first and last block not full, hold"]
    problem, control, measure = case.problem, case.control, case.measure
    streamed = problem.gradient(control, measure, batch_size)
    assert distance(streamed, gradient(case)) < 1e-12
    whole = problem.objective(control, measure)
    assert problem.objective(control, measure, batch_size) == pytest.approx(float(whole), rel=1e-12)


def test_streamed_products_and_residuals_are_the_unstreamed_ones() -> None:
    case = BY_NAME["overlapping blocks, hold"]
    streamed = case.problem.hvp(case.control, case.measure, case.direction(0), batch_size=3)
    assert distance(streamed, hvp(case, 0)) < 1e-12
    whole = case.problem.pmp_residual(case.control, case.measure)
    streamed = case.problem.pmp_residual(case.control, case.measure, batch_size=3)
    assert streamed == pytest.approx(float(whole), rel=1e-12)


@pytest.mark.slow
def test_the_memory_of_a_streamed_sweep_does_not_grow_with_the_particles() -> None:
    case = BY_NAME["permuted, weights, targets, reset"]

    def temporary(size: int, batch_size: int | None) -> int:
        x = np.random.default_rng(0).normal(size=(size, 4))
        sweep = jax.jit(lambda control, measure: case.problem.sweep(control, measure, batch_size))
        measure = ac.EmpiricalMeasure(x).astype(float)
        compiled = sweep.lower(case.control, measure).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert temporary(2048, 32) == temporary(256, 32)
    assert temporary(2048, None) > 4 * temporary(256, None)
    assert temporary(2048, 32) < temporary(2048, None) / 4


@some_cases
def test_the_first_costate_is_the_gradient_in_the_particles(case: Case) -> None:
    def cost(x: Any) -> Any:
        return jnp.sum(losses(case.cost, case.flow.push(case.control, x), case.measure.y))

    found = case.problem.costate(case.control, case.measure)
    assert found.shape == (case.schedule.steps + 1, *case.measure.x.shape)
    assert distance(found[0], jax.jit(jax.grad(cost))(case.measure.x)) < 1e-12


@some_cases
def test_every_costate_is_the_finite_difference_of_the_cost_to_come(case: Case) -> None:
    path = states(case.flow, case.control, case.measure.x)
    found = np.asarray(case.problem.costate(case.control, case.measure))
    for now, state in enumerate(path):
        for i, step in enumerate(1e-5 * np.eye(case.schedule.dim)):
            ends = [
                states(case.flow, case.control, state + s * step, now, path)[-1] for s in (1, -1)
            ]
            ahead, behind = (losses(case.cost, end, case.measure.y) for end in ends)
            expected = (ahead - behind) / 2e-5
            np.testing.assert_allclose(found[now, :, i], expected, rtol=1e-6, atol=1e-8)


@some_cases
def test_costates_and_linearised_states_are_dual_at_all_times(case: Case) -> None:
    start = np.random.default_rng(3).normal(size=case.measure.x.shape)
    push = jax.jit(
        lambda x, v: jax.jvp(lambda y: case.flow.trajectory(case.control, y), (x,), (v,))
    )
    _, tangents = push(case.measure.x, start)
    products = np.einsum("lni,lni->ln", case.problem.costate(case.control, case.measure), tangents)
    if case.schedule.memory == "skip":  # stored values carry their part, out of sight
        products = products[[0, -1]]
    scale = np.abs(products).max()
    np.testing.assert_allclose(products, products[-1:].repeat(len(products), 0), atol=1e-12 * scale)


@some_cases
def test_the_hamiltonian_falls_along_the_gradient_of_the_objective(case: Case) -> None:
    def total(candidate: Any) -> Any:
        return case.problem.hamiltonian(case.control, case.measure, candidate).sum()

    value, slope = jax.jit(jax.value_and_grad(total))(case.control)
    assert distance(slope, -flat(gradient(case))) < 1e-12
    penalty = case.problem.penalty(case.control) / case.schedule.step_size
    assert value == pytest.approx(float(-penalty - _power(case)), rel=1e-12)


def _power(case: Case) -> Any:
    """Σ_l Σ_i w_i p_(l+1)^i · F_l^i, from the plain trajectory: F_l Δt is what a step adds."""
    path = states(case.flow, case.control, case.measure.x)
    costate = np.asarray(case.problem.costate(case.control, case.measure))
    total = 0.0
    for first, block in zip(case.schedule.first_steps, case.schedule.blocks, strict=True):
        for now in range(first, first + block.steps):
            active = list(block.active)
            before = path[now][:, active].copy()
            if now == first and now > 0 and case.schedule.memory != "hold":
                last = case.schedule.blocks[case.schedule.first_steps.index(first) - 1].active
                before[:, [k for k, i in enumerate(active) if i not in last]] = 0
            gained = path[now + 1][:, active] - before
            total += case.measure.weights @ np.sum(costate[now + 1][:, active] * gained, axis=1)
    return total / case.schedule.step_size


@pytest.mark.slow
def test_the_residual_is_the_gradient_relative_to_its_two_parts() -> None:
    for case in CASES[::9]:
        pull = 2 * case.tikhonov * flat(case.control)
        full = flat(gradient(case))
        parts = np.linalg.norm(pull) + np.linalg.norm(full - pull)
        found = case.problem.pmp_residual(case.control, case.measure)
        assert found == pytest.approx(np.linalg.norm(full) / parts, rel=1e-12)
        assert 0 <= found <= 1


def test_the_dense_hessian_is_symmetric_and_the_usual_one_by_the_step_size() -> None:
    case = Case("tiny", ac.WidthSchedule.autoencoder(2, [2, 1], 1, 1.0), seed=1)
    base = flat(case.control)
    columns = [unflat(eta, case.control) for eta in np.eye(len(base))]
    found = np.array([flat(case.problem.hvp(case.control, case.measure, e)) for e in columns])
    usual = jax.jit(jax.hessian(lambda a: plain_objective(case, unflat(a, case.control))))(base)
    expected = np.asarray(usual) / case.schedule.step_size
    assert np.abs(found - found.T).max() < 1e-10 * np.abs(found).max()
    assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


def test_integer_weights_are_repeated_particles() -> None:
    case, counts = BY_NAME["constant"], np.array([3, 0, 1, 2, 0, 1, 0])
    x, y = np.random.default_rng(5).normal(size=(2, 7, 3))
    weighted = ac.EmpiricalMeasure(x, y, counts)
    repeated = ac.EmpiricalMeasure(x.repeat(counts, axis=0), y.repeat(counts, axis=0))
    one, other = (case.problem.objective(case.control, m) for m in (weighted, repeated))
    assert one == pytest.approx(float(other), rel=1e-13)
    one, other = (case.problem.gradient(case.control, m) for m in (weighted, repeated))
    assert distance(one, other) < 1e-12
    one, other = (
        case.problem.hvp(case.control, m, case.direction(0)) for m in (weighted, repeated)
    )
    assert distance(one, other) < 1e-12


def test_costates_do_not_depend_on_the_weights() -> None:
    case = BY_NAME["permuted, weights, targets, hold"]
    equal = ac.EmpiricalMeasure(case.measure.x, case.measure.y)
    found, expected = (case.problem.costate(case.control, m) for m in (case.measure, equal))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_without_regularisation_a_control_that_fits_has_residual_zero() -> None:
    case = BY_NAME["constant"]
    still = jax.tree.map(jnp.zeros_like, case.control)
    problem = ac.ControlProblem(case.flow, tikhonov=0.0)
    assert problem.pmp_residual(still, case.measure) == 0


def test_every_result_has_the_precision_of_the_control() -> None:
    case = BY_NAME["constant"]
    control, direction = jax.tree.map(
        lambda a: a.astype(jnp.float32), (case.control, case.direction(0))
    )
    problem, measure = case.problem, case.measure
    results = {
        "objective": problem.objective(control, measure),
        "gradient": problem.gradient(control, measure),
        "streamed": problem.gradient(control, measure, 3),
        "hvp": problem.hvp(control, measure, direction),
        "costate": problem.costate(control, measure),
        "hamiltonian": problem.hamiltonian(control, measure),
        "residual": problem.pmp_residual(control, measure),
    }
    kinds = {name: {a.dtype for a in jax.tree.leaves(v)} for name, v in results.items()}
    assert kinds == {name: {jnp.dtype("float32")} for name in results}
    assert distance(results["gradient"], gradient(case)) < 1e-5
    assert distance(results["hvp"], hvp(case, 0)) < 1e-5


@pytest.mark.parametrize("tikhonov", [-1e-3, np.nan, np.inf])
def test_the_tikhonov_weight_is_finite_and_not_negative(tikhonov: float) -> None:
    with pytest.raises(ac.InputError, match=r"tikhonov.*finite number, at least 0"):
        ac.ControlProblem(BY_NAME["constant"].flow, tikhonov=tikhonov)


def _calls(case: Case, measure: ac.EmpiricalMeasure, control: Any = None) -> dict[str, Any]:
    control = case.control if control is None else control
    return {
        name: (lambda name=name: getattr(case.problem, name)(control, measure))
        for name in ("objective", "gradient", "costate", "hamiltonian", "pmp_residual")
    } | {"hvp": lambda: case.problem.hvp(control, measure, case.control)}


@pytest.mark.parametrize("name", _calls(BY_NAME["constant"], BY_NAME["constant"].measure))
def test_what_does_not_fit_the_problem_is_refused_by_name(name: str) -> None:
    case, x = BY_NAME["constant"], np.asarray(BY_NAME["constant"].measure.x)
    with pytest.raises(ac.InputError, match=r"measure must live in dimension 3.*got 2"):
        _calls(case, ac.EmpiricalMeasure(x[:, :2]))[name]()
    with pytest.raises(ac.InputError, match="targets y must have 3 components; got 1"):
        _calls(case, ac.EmpiricalMeasure(x, x[:, :1]))[name]()
    other = draw(ac.Flow(ac.WidthSchedule.constant(3, 5, 1.0)), 0)
    with pytest.raises(ac.InputError, match=r"control\[0\]\['W'\] must have shape \(4, 3, 3\)"):
        _calls(case, case.measure, other)[name]()


@pytest.mark.parametrize("batch_size", [0, -2])
def test_a_batch_has_at_least_one_particle(batch_size: int) -> None:
    case = BY_NAME["constant"]
    for method in (case.problem.objective, case.problem.gradient, case.problem.pmp_residual):
        with pytest.raises(ac.InputError, match="batch_size must be an integer, at least 1"):
            method(case.control, case.measure, batch_size)


@pytest.mark.slow
def test_a_direction_has_the_controls_shapes() -> None:
    case = BY_NAME["constant"]
    with pytest.raises(ac.InputError, match="tuple of 1 dicts"):
        case.problem.hvp(case.control, case.measure, case.control * 2)
    with pytest.raises(ac.InputError, match="tuple of 1 dicts"):
        case.problem.hamiltonian(case.control, case.measure, case.control * 2)


@pytest.mark.parametrize("memory", ["reset", "hold", "skip"])
def test_checkpointing_changes_no_derivative(memory: str) -> None:
    case = next(c for c in CASES if c.schedule.memory == memory and max(c.schedule.widths) > 1)
    blocks = [ac.Block(block.active, 5) for block in case.schedule.blocks]
    schedule = ac.WidthSchedule(case.schedule.dim, blocks, 2.0, memory)
    flow = ac.Flow(schedule, case.field)
    kept, again = (ac.ControlProblem(flow, case.cost, 0.1, checkpoint=b) for b in (False, True))
    control, eta = (flow.init(jax.random.key(k), 0.5) for k in (1, 2))
    for of in ("gradient", "hvp", "costate"):
        given = (control, case.measure, *([eta] if of == "hvp" else []))
        ways = (jax.tree.leaves(getattr(p, of)(*given)) for p in (kept, again))
        for one, other in zip(*ways, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_checkpointing_takes_the_memory_of_few_steps() -> None:
    x = np.random.default_rng(0).normal(size=(500, 4))
    flow = ac.Flow(ac.WidthSchedule.constant(4, 100, 3.0))
    control = flow.init(jax.random.key(0), 0.5)

    def bytes_of(checkpoint: bool) -> int:
        problem = ac.ControlProblem(flow, checkpoint=checkpoint)
        measure = ac.EmpiricalMeasure(x).astype(np.float64)
        sweep = jax.jit(lambda theta: problem.sweep(theta, measure)[1]).lower(control).compile()
        return int(sweep.memory_analysis().temp_size_in_bytes)

    assert bytes_of(True) < bytes_of(False) / 2.5


def test_probabilities_are_taken_with_both_ends_and_refused_beyond() -> None:
    flow = BY_NAME["constant"].flow
    problem = ac.ControlProblem(flow, "binary-cross-entropy")
    assert problem.tikhonov == 1e-4
    x = np.zeros((3, flow.schedule.dim))

    def targets(value: float) -> ac.EmpiricalMeasure:
        y = np.full(x.shape, 0.5)
        y[1, 0] = value
        return ac.EmpiricalMeasure(x, y)

    for value in (0.0, 0.3, 1.0):
        problem.objective(BY_NAME["constant"].control, targets(value))
    for value in (-0.2, 1.2):
        with pytest.raises(
            ac.InputError, match=rf"lie in \[0, 1\]; got {value} in row 1, column 0"
        ):
            problem.objective(BY_NAME["constant"].control, targets(value))
