"""The method of successive approximations with exact maximisations.

# notation: θ control, g Hamiltonian gradient, η = −g/(2λ) maximiser, α relaxation, T horizon, λ
# Tikhonov weight.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import Swing
from problems import BY_NAME, distance, draw, flat, unflat
from test_baselines import PARABOLA, SCHEDULE, Counted
from test_known_answers import known

import autoencodes as ac
from autoencodes.fields import LinearInControl, Perceptron
from autoencodes.schemes import Euler, Heun

LINEAR = ac.ControlProblem(ac.Flow(SCHEDULE, LinearInControl()), tikhonov=1e-2)
START = draw(LINEAR.flow, 0, 0.1)
KNOWN = known(1.0, 0.5, 3)
KEY = jax.random.key(0)


def train(steps: int = 8, **options: Any) -> ac.Result:
    if options.get("batch_size"):
        options = {"key": KEY, **options}
    return ac.fit(LINEAR, START, PARABOLA, method=ac.ExactMSA(), steps=steps, **options)


@pytest.fixture(scope="module")
def trained() -> ac.Result:
    return train(8000, tolerance=1e-9)


LINEAR_CASES = ["linear in the control, reset", "linear in the control, skip", "translation, reset"]


@pytest.mark.parametrize("name", LINEAR_CASES)
def test_the_hamiltonian_is_maximal_at_the_multiple_of_its_gradient(name: str) -> None:
    case = BY_NAME[name]
    problem, control, measure = case.problem, case.control, case.measure
    gradient, rate = problem.gradient(control, measure), 2 * problem.tikhonov
    eta = jax.tree.map(lambda theta, slope: theta - slope / rate, control, gradient)
    highest = np.asarray(problem.hamiltonian(control, measure, eta))
    for seed in range(3):
        step = draw(problem.flow, seed)
        other = jax.tree.map(jnp.add, eta, step)
        squares = [
            sum(np.square(a).reshape(len(a), -1).sum(axis=1) for a in block.values())
            for block in step
        ]
        found = problem.hamiltonian(control, measure, other)
        np.testing.assert_allclose(
            found, highest - problem.tikhonov * np.concatenate(squares), rtol=1e-9
        )


def test_the_known_minimiser_is_reached() -> None:
    problem, measure, minimiser, minimum = KNOWN
    begin = draw(problem.flow, 3)
    options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": 1000, "tolerance": 1e-10}
    result = ac.fit(problem, begin, measure, **options)
    assert result.converged, result.reason
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-7)
    assert result.history[-1]["objective"] == pytest.approx(minimum, rel=1e-12)


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_for_large_penalties_it_is_pure_shooting_with_the_known_factor(ratio: float) -> None:
    horizon = 3.0
    problem, measure, minimiser, _ = known(horizon, horizon / ratio, 4)
    error = []
    for steps in (1, 2, 5):
        options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": steps, "tolerance": 0.0}
        result = ac.fit(problem, draw(problem.flow, 3), measure, **options)
        assert [record["alpha"] for record in result.history] == [1.0] * steps
        assert result.resumption.gradient_evaluations == steps + 1
        error.append(flat(result.control) - flat(minimiser))
    # θ − θ* is constant in time after one step, and changes sign in each.
    np.testing.assert_allclose(error[1], -ratio * error[0], rtol=1e-9)
    np.testing.assert_allclose(error[2], ratio**4 * error[0], rtol=1e-9)


def test_a_step_is_one_of_the_gradient_method() -> None:
    result = train(1)
    (record,) = result.history
    rate = record["alpha"] / (2 * LINEAR.tikhonov)
    gradient = LINEAR.gradient(START, PARABOLA)
    expected = jax.tree.map(lambda theta, slope: theta - rate * slope, START, gradient)
    assert distance(result.control, expected) < 1e-12
    assert 0 < record["alpha"] < 1
    assert record["retries"] > 0
    fall = float(LINEAR.objective(START, PARABOLA)) - record["objective"]
    assert fall >= 1e-4 * rate * float(ac.norm(gradient, SCHEDULE.step_size)) ** 2


def test_it_converges_where_shooting_would_not_and_never_increases_the_objective(
    trained: ac.Result,
) -> None:
    assert trained.converged, trained.reason
    objectives = [float(LINEAR.objective(START, PARABOLA))]
    objectives += [record["objective"] for record in trained.history]
    assert (np.diff(objectives) <= 1e-13 * objectives[0]).all()
    assert objectives[-1] < 0.9 * objectives[0]
    alphas = np.array([record["alpha"] for record in trained.history])
    assert (alphas < 1).any()
    assert (np.diff(alphas) > 0).any()  # it grows again
    assert ac.certify(LINEAR, trained.control, PARABOLA).residual < 1e-8


def test_a_stationary_control_is_left_alone(trained: ac.Result) -> None:
    options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": 8, "tolerance": 1e-8}
    result = ac.fit(LINEAR, trained.control, PARABOLA, **options)
    assert result.converged
    np.testing.assert_array_equal(flat(result.control), flat(trained.control))
    assert result.resumption.gradient_evaluations == 1


@pytest.mark.parametrize("batch_size", [None, 2])
def test_every_sweep_is_counted(batch_size: int | None) -> None:
    problem = ac.ControlProblem(KNOWN.problem.flow, Counted(), tikhonov=0.5)
    Counted.seen.clear()
    options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": 20, "tolerance": 0.0, "key": KEY}
    begin = draw(problem.flow, 3, 100.0)
    result = ac.fit(problem, begin, KNOWN.measure, batch_size=batch_size, **options)
    jax.effects_barrier()
    assert len(Counted.seen) == result.resumption.gradient_evaluations
    assert max(record["retries"] for record in result.history) > 0


@pytest.mark.parametrize("batch_size", [None, 4])
def test_an_interrupted_training_goes_on_bit_for_bit(batch_size: int | None) -> None:
    whole = train(batch_size=batch_size)
    part = train(batch_size=batch_size, callbacks=[lambda p: p.step >= 1])
    assert part.resumption.step < 8
    rest = train(batch_size=batch_size, resume=part.resumption)
    assert rest.reason == whole.reason
    np.testing.assert_array_equal(flat(rest.control), flat(whole.control))
    histories = [part.history + rest.history, whole.history]
    timeless = [[{**record, "seconds": 0} for record in history] for history in histories]
    assert timeless[0] == timeless[1]
    assert all(math.isfinite(value) for record in whole.history for value in record.values())


def test_rounding_ends_a_training_with_a_reason() -> None:
    still = jax.tree.map(jnp.zeros_like, KNOWN.minimiser)
    options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": 2000, "tolerance": 0.0}
    result = ac.fit(KNOWN.problem, still, KNOWN.measure, **options)
    assert not result.failed
    assert result.reason.startswith("converged") or "stationary to working" in result.reason
    assert result.history[-1]["residual"] < 1e-12


def test_what_is_not_finite_fails_with_a_reason_and_a_finite_control() -> None:
    huge = unflat(np.full(flat(KNOWN.minimiser).size, 1e200), KNOWN.minimiser)
    result = ac.fit(KNOWN.problem, huge, KNOWN.measure, method=ac.ExactMSA(), steps=5)
    assert result.failed
    assert result.reason.startswith("failed: the objective is not finite")
    np.testing.assert_array_equal(flat(result.control), flat(huge))


def test_the_precision_of_the_control_is_that_of_the_training() -> None:
    single = jax.tree.map(lambda a: a.astype(jnp.float32), draw(KNOWN.problem.flow, 3))
    options: dict[str, Any] = {"method": ac.ExactMSA(), "steps": 100}
    result = ac.fit(KNOWN.problem, single, KNOWN.measure, **options)
    assert {a.dtype for a in jax.tree.leaves(result.control)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(flat(result.control), flat(KNOWN.minimiser), rtol=1e-3)


@pytest.mark.parametrize(
    ("flow", "tikhonov", "message"),
    [
        ((Perceptron(),), 0.1, "linear in the control .*got Perceptron: take one, or ExtendedMSA"),
        (((Swing(), Swing(), Perceptron()),), 0.1, "got Perceptron"),
        ((Swing(), Heun()), 0.1, r"those of Euler\(\) .*got Heun with substeps=1"),
        ((Swing(), Euler(2)), 0.1, "got Euler with substeps=2"),
        ((Swing(),), 0.0, r"tikhonov \(λ\) > 0, .*got 0: give a positive"),
    ],
)
def test_what_has_no_exact_maximiser_is_refused(flow: Any, tikhonov: float, message: str) -> None:
    problem = ac.ControlProblem(ac.Flow(SCHEDULE, *flow), tikhonov=tikhonov)
    begin = problem.flow.init(KEY)
    with pytest.raises(ac.InputError, match=message):
        ac.fit(problem, begin, PARABOLA, method=ac.ExactMSA(), steps=2)


@pytest.mark.parametrize("smallest", [0.0, 1.5, math.nan])
def test_a_relaxation_out_of_range_is_refused(smallest: float) -> None:
    with pytest.raises(ac.InputError, match=r"smallest_alpha must be a number in \(0, 1\]; got"):
        ac.ExactMSA(smallest)
