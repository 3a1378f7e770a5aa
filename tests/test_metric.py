"""Movements in a variable metric: their formula, their average, and noise on the particles.

# notation: θ control, θ̄ average, m and v running means of g and g², P metric, τ_k step.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import BY_NAME, draw, flat, unflat
from test_known_answers import known

import autoencodes as ac
from autoencodes.fields import Perceptron
from autoencodes.training.breakdown import BatchObjectives

CASE = BY_NAME["permuted, weights, targets, reset"]
KEY = jax.random.key(0)


def pull(control: Any, measure: ac.EmpiricalMeasure = CASE.measure) -> np.ndarray:
    """g(θ), from the gradient of J."""
    slope = flat(CASE.problem.gradient(control, measure))
    return slope - 2 * CASE.problem.tikhonov * flat(control)


def rate(k: int, steps: int, tau: float, decay: float) -> float:
    share = (k + 1) / steps
    fall = min(max((share - (1 - decay)) / decay, 0), 1)
    return tau * min(share / 0.02, 1) * (1 + math.cos(math.pi * fall)) / 2


@pytest.mark.parametrize("decay", [1.0, 0.4])
def test_a_movement_is_the_minimiser_in_its_metric(decay: float) -> None:
    steps, tau = 4, 0.05
    method = ac.MetricMovement(tau=tau, decay=decay)
    found = ac.fit(
        CASE.problem, CASE.control, CASE.measure, method=method, steps=steps, tolerance=0.0
    )
    theta, mean, square = flat(CASE.control), 0.0, 0.0
    for k in range(steps):
        g = pull(unflat(theta, CASE.control))
        mean, square = 0.9 * mean + 0.1 * g, square + (g**2 - square) / (1 + 0.1 * k)
        metric = np.sqrt(square)
        metric = np.maximum(metric, 1e-6 * np.sqrt(np.mean(metric**2)))
        step = rate(k, steps, tau, decay)
        # The stationarity of <m, θ> + λ‖θ‖² + <θ − θ^k, P (θ − θ^k)>/(2τ), entry by entry.
        pushed = metric * theta - step * mean / (1 - 0.9 ** (k + 1))
        theta = pushed / (metric + 2 * CASE.problem.tikhonov * step)
    np.testing.assert_allclose(flat(found.control), theta, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("steps", "largest"), [(10, 5e-3), (1000, 5e-3), (16_000, 2.5e-3)])
def test_in_a_longer_training_the_largest_step_is_smaller(steps: int, largest: float) -> None:
    method = ac.MetricMovement()
    assert float(method.step_at(steps // 2, steps)) == pytest.approx(largest)
    assert float(ac.MetricMovement(tau=0.1).step_at(steps // 2, steps)) == pytest.approx(0.1)


def test_the_result_on_mini_batches_is_the_average() -> None:
    options = {"steps": 60, "batch_size": 3, "key": KEY}
    averaged = ac.fit(
        CASE.problem, CASE.control, CASE.measure, method=ac.MetricMovement(average=0.5), **options
    )
    plain = ac.fit(
        CASE.problem, CASE.control, CASE.measure, method=ac.MetricMovement(average=0.0), **options
    )
    state = averaged.resumption.state
    np.testing.assert_array_equal(flat(state.moving), flat(plain.control))
    np.testing.assert_array_equal(flat(state.average), flat(averaged.control))
    assert (flat(averaged.control) != flat(plain.control)).any()
    # τ has fallen to 0 at the end: nothing is left to average out.
    np.testing.assert_allclose(flat(averaged.control), flat(plain.control), atol=2e-3)


def test_the_whole_measure_has_nothing_to_average() -> None:
    problem, measure, minimiser, minimum = known(1.0, 0.5)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MetricMovement(tau=0.05)
    result = ac.fit(problem, still, measure, method=method, steps=4000, tolerance=1e-5)
    assert result.converged, result.reason
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-3)
    assert result.history[-1]["objective"] == pytest.approx(minimum, rel=1e-6)


def test_an_entry_without_gradient_is_brought_to_zero() -> None:
    # A component that is 0 in every particle: nothing but the Tikhonov term acts on its column.
    flow = ac.Flow(ac.WidthSchedule.constant(2, 1, 1.0))
    measure = ac.EmpiricalMeasure(np.stack([np.linspace(-1, 1, 9), np.zeros(9)], axis=1))
    problem = ac.ControlProblem(flow, tikhonov=1e-3)
    control = flow.init(jax.random.key(0), 0.5)
    method = ac.MetricMovement(tau=0.01)
    result = ac.fit(problem, control, measure, method=method, steps=200, tolerance=0.0)
    column = np.asarray(result.control[0]["W"])[0, :, 1]
    assert np.abs(column).max() < 1e-3 * np.abs(np.asarray(control[0]["W"])[0, :, 1]).max()


def test_a_failure_has_a_reason_and_a_finite_control() -> None:
    huge = jax.tree.map(lambda a: 1e200 * a, BY_NAME["constant, relu"].control)
    case = BY_NAME["constant, relu"]
    result = ac.fit(case.problem, huge, case.measure, method=ac.MetricMovement(), steps=5)
    assert result.failed
    assert result.reason.startswith("failed: the objective or its gradient is not finite")
    np.testing.assert_array_equal(flat(result.control), flat(huge))


def test_noise_moves_the_particles_and_not_their_targets() -> None:
    x = np.random.default_rng(0).normal(size=(4000, 3))
    measure = ac.EmpiricalMeasure(x)
    moved = measure.jittered(KEY, 0.3)
    np.testing.assert_array_equal(moved.y, x)
    assert not moved.reconstructs
    assert np.std(np.asarray(moved.x) - x) == pytest.approx(0.3, rel=0.02)


def test_noise_is_drawn_anew_and_the_same_again_on_resuming() -> None:
    options = {"batch_size": 3, "key": KEY, "noise": 0.2, "steps": 6}
    args = (CASE.problem, CASE.control, CASE.measure)
    whole = ac.fit(*args, **options)
    part = ac.fit(*args, **options, callbacks=[lambda progress: True])
    rest = ac.fit(*args, **options, resume=part.resumption)
    np.testing.assert_array_equal(flat(rest.control), flat(whole.control))
    calm = ac.fit(*args, **{**options, "noise": 0.0})
    assert (flat(calm.control) != flat(whole.control)).any()


def test_a_training_that_breaks_down_retreats_to_its_average() -> None:
    # A flow that is linear in its state, at a step far too large for it.
    flow = ac.Flow(ac.WidthSchedule.constant(3, steps=8, horizon=4.0), Perceptron("identity"))
    problem, control = ac.ControlProblem(flow), draw(flow, 0, 0.1)
    x = np.random.default_rng(0).normal(size=(400, 3))
    measure = ac.EmpiricalMeasure(x, x @ np.diag([1.0, -0.5, 2.0]))
    method = ac.MetricMovement(tau=1.0)
    options = {"steps": 1000, "batch_size": 40, "key": KEY}
    result = ac.fit(problem, control, measure, method=method, **options)
    assert sum(record["retreats"] for record in result.history) > 0
    assert not result.failed, result.reason
    assert result.resumption.state.scale < 1
    assert problem.objective(result.control, measure) < 0.2 * problem.objective(control, measure)


def watched(values: np.ndarray) -> tuple[BatchObjectives, int]:
    """The watch that has seen ``values``, and how many of them it would have called broken."""
    watch, count = BatchObjectives.start(np.dtype(float)), 0
    for k, value in enumerate(values):
        count += bool(watch.broken(jnp.asarray(value), jnp.asarray(k)))
        watch = watch.seen(jnp.asarray(value), jnp.asarray(k))
    return watch, count


def test_batches_that_differ_by_factors_are_no_breakdown() -> None:
    # A cross-entropy nearly learned: one batch in ten costs ten times as much as the others.
    rng = np.random.default_rng(0)
    values = np.exp(0.3 * rng.normal(size=600)) * np.where(rng.uniform(size=600) < 0.1, 10.0, 1.0)
    assert (values > 2 * np.median(values)).sum() > 40
    _, count = watched(values)
    assert count <= 2


@pytest.mark.parametrize("last", [2.5, 1e30, math.inf, math.nan])
def test_twice_the_mean_of_batches_that_agree_is_a_breakdown(last: float) -> None:
    values = 1 + 0.05 * np.random.default_rng(0).normal(size=300)
    watch, count = watched(values)
    assert count == 0
    assert watch.broken(jnp.asarray(last), jnp.asarray(300))
    assert not watch.broken(jnp.asarray(1.5), jnp.asarray(300))
    assert not watch.broken(jnp.asarray(last), jnp.asarray(100))
    assert math.isfinite(watch.seen(jnp.asarray(math.inf), jnp.asarray(300)).level)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -1.0, "batch_size": 3, "key": KEY}, "noise must be a finite number"),
        ({"noise": math.nan, "batch_size": 3, "key": KEY}, "noise must be a finite number"),
        ({"noise": 0.1}, "noise is drawn anew for every mini-batch: give a batch_size below"),
        ({"every": 0}, "every must be an integer, at least 1, or None; got 0"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.fit(CASE.problem, CASE.control, CASE.measure, steps=1, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 0.0}, "tau must be a positive finite number, or None; got 0"),
        ({"tau": math.inf}, "tau must be a positive finite number"),
        ({"decay": 0.0}, r"decay must be a number in \(0, 1\]"),
        ({"average": 1.5}, r"average must be a number in \[0, 1\]"),
        ({"floor": 1.0}, r"floor must be a number in \[0, 1\)"),
        ({"momentum": 1.0}, r"momentum must be a number in \[0, 1\)"),
        ({"memory": 0.0}, r"memory must be a number in \(0, 1\]"),
    ],
)
def test_a_metric_movement_that_cannot_be_says_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.MetricMovement(**options)
