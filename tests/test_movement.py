"""Minimizing movements: descent on random problems, and the guard.

# notation: θ^k control after k movements, τ their step, J objective, λ Tikhonov weight.
"""

from __future__ import annotations

import math
from typing import Any

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import ACTIVATIONS
from problems import BY_NAME, draw, flat

import autoencodes as ac
from autoencodes.catalogue import SOLVERS
from autoencodes.fields import Perceptron
from autoencodes.training.method import Batch, evaluate
from autoencodes.training.movement import _lower
from autoencodes.training.rounding import extent, slack

SHAPES = ((2, [2, 1]), (2, [1]), (3, [2, 1]))


def _log(low: float, high: float) -> Any:
    return st.floats(math.log10(low), math.log10(high)).map(lambda power: 10**power)


PROBLEMS = st.fixed_dictionaries(
    {
        "shape": st.sampled_from(SHAPES),
        "steps": st.sampled_from([1, 5]),
        "horizon": st.floats(0.1, 20),
        "memory": st.sampled_from(["reset", "hold"]),
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "tikhonov": _log(1e-6, 1),
        "tau": _log(1e-3, 1e2),
        "inner": st.sampled_from(["auto", *SOLVERS]),
        "seed": st.integers(0, 2**20),
    }
)


@pytest.mark.slow
@hypothesis.settings(max_examples=8)  # benchmarks/guarantee.py draws a thousand
@hypothesis.given(PROBLEMS)
def test_every_accepted_movement_decreases_the_objective_by_what_it_moved(
    drawn: dict[str, Any],
) -> None:
    dim, widths = drawn["shape"]
    schedule = ac.WidthSchedule.autoencoder(
        dim, widths, drawn["steps"], drawn["horizon"], memory=drawn["memory"]
    )
    flow = ac.Flow(schedule, Perceptron(drawn["activation"]))
    problem = ac.ControlProblem(flow, tikhonov=drawn["tikhonov"])
    method = ac.MinimizingMovement(drawn["tau"], drawn["inner"])
    for scale in (0.1, 1.0, 3.0):
        x, y = np.random.default_rng(drawn["seed"]).normal(size=(2, 4, dim))
        _follow(problem, method, draw(flow, drawn["seed"], scale), ac.EmpiricalMeasure(x, y))


def _follow(
    problem: ac.ControlProblem, method: ac.MinimizingMovement, control: Any, measure: Any
) -> None:
    """Three movements one by one: theory's inequality (section 5) recomputed, and honest ends."""
    before, resume = float(problem.objective(control, measure)), None
    for step in (1, 2, 3):
        result = ac.fit(problem, control, measure, method=method, steps=step, resume=resume)
        assert np.isfinite(flat(result.control)).all()
        assert result.failed == result.reason.startswith("failed: no movement")
        assert result.converged == result.reason.startswith("converged: the PMP residual")
        if not result.history:
            assert result.failed
            assert step == 1
            np.testing.assert_array_equal(flat(result.control), flat(control))
            return
        [record] = result.history
        assert all(math.isfinite(value) for value in record.values())
        after = float(problem.objective(result.control, measure))
        assert record["objective"] == pytest.approx(after, rel=1e-12)
        moved = flat(result.control) - flat(control)
        work = problem.flow.schedule.step_size * moved @ moved / (2 * record["tau"])
        assert after + work <= before * (1 + 1e-12)
        assert 0 < record["tau"] <= method.tau
        if result.converged:
            assert problem.pmp_residual(result.control, measure) <= 1e-6 * (1 + 1e-9)
            return
        control, before, resume = result.control, after, result.resumption


def _trap() -> tuple[ac.ControlProblem, Any, ac.EmpiricalMeasure]:
    """One component to be contracted about 1: shooting with τ = 1 does not contract."""
    flow = ac.Flow(ac.WidthSchedule.constant(1, 2, 2.0))
    x = np.random.default_rng(0).normal(size=(6, 1))
    problem = ac.ControlProblem(flow, tikhonov=0.01)
    return problem, draw(flow, 0, 0.3), ac.EmpiricalMeasure(x, 1 + 0.5 * x)


def test_where_unguarded_movements_oscillate_with_period_two_the_guarded_ones_arrive() -> None:
    problem, control, measure = _trap()
    tau, data, path = 1.0, measure.astype(float), [control]
    pull = jax.jit(lambda theta: problem.sweep(theta, data)[1])
    for _ in range(400):
        start = theta = path[-1]
        for _ in range(5):
            theta = jax.tree.map(lambda a, g: (a - tau * g) / (1 + 0.02 * tau), start, pull(theta))
        path.append(theta)
    last, one_ago, two_ago = (flat(theta) for theta in path[:-4:-1])
    assert np.abs(last - two_ago).max() < 1e-9
    assert np.abs(last - one_ago).max() > 0.1
    assert problem.pmp_residual(path[-1], measure) > 0.5
    method = ac.MinimizingMovement(tau, "contraction")
    result = ac.fit(problem, control, measure, method=method, steps=5000, tolerance=1e-8)
    assert result.converged, result.reason
    assert problem.pmp_residual(result.control, measure) <= 1e-8 * (1 + 1e-6)
    assert sum(record["retries"] for record in result.history) > 0
    objectives = [record["objective"] for record in result.history]
    assert (np.diff(objectives) <= 1e-12 * np.abs(objectives[1:])).all()


@pytest.mark.parametrize("name", ["permuted, weights, targets, reset", "decoder, hold"])
def test_the_guard_shrinks_a_step_that_is_far_too_large(name: str) -> None:
    case, tau = BY_NAME[name], 1e8
    method = ac.MinimizingMovement(tau, "contraction", first_tau=tau)
    result = ac.fit(case.problem, case.control, case.measure, method=method, steps=20)
    assert len(result.history) == 20
    assert result.history[0]["retries"] > 0
    assert result.history[0]["tau"] < tau / 1e3
    objectives = [record["objective"] for record in result.history]
    assert (
        np.diff([float(case.problem.objective(case.control, case.measure)), *objectives]) < 0
    ).all()


def _valleys() -> tuple[ac.ControlProblem, Any, ac.EmpiricalMeasure]:
    """The parabola at small λ, from a start from which first steps lead to several minima."""
    flow = ac.Flow(ac.WidthSchedule(2, [ac.Block(a, 3) for a in ((0, 1), (0,), (0, 1))], 9.0))
    s = np.linspace(-1, 1, 20)
    measure = ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    return ac.ControlProblem(flow, tikhonov=1e-3), draw(flow, 0, 0.1), measure


@pytest.mark.slow
def test_of_several_trials_the_lowest_is_returned_and_the_objective_never_rises() -> None:
    problem, control, measure = _valleys()
    alone = [
        ac.fit(problem, control, measure, method=ac.MinimizingMovement(first_tau=tau), steps=2000)
        for tau in (1e3, 1e-2)
    ]
    method = ac.MinimizingMovement(first_tau=(1e3, 1e-2))
    both = ac.fit(problem, control, measure, method=method, steps=4000)
    assert both.converged, both.reason
    ends = [float(problem.objective(result.control, measure)) for result in alone]
    assert abs(ends[0] - ends[1]) > 0.01 * min(ends)
    assert float(problem.objective(both.control, measure)) == pytest.approx(min(ends), rel=1e-9)
    assert problem.pmp_residual(both.control, measure) <= 1e-6 * (1 + 1e-9)
    assert both.history[-1]["residual"] == pytest.approx(
        float(problem.pmp_residual(both.control, measure)), rel=1e-6
    )
    trials = [record["trial"] for record in both.history]
    assert trials == sorted(trials)
    assert [trials.count(k) for k in (1, 2)] == [len(result.history) for result in alone]
    path = [record["objective"] for record in both.history]
    assert (np.diff(path) <= 1e-12 * np.abs(path[1:])).all()
    # Begun again, the start is evaluated once more, and nothing else is counted twice.
    spent = [result.history[-1]["gradient_evaluations"] for result in alone]
    assert both.history[-1]["gradient_evaluations"] == sum(spent)


@pytest.mark.slow
def test_where_steps_end_in_a_later_trial_the_lowest_is_still_known_to_have_converged() -> None:
    problem, control, measure = _valleys()
    method = ac.MinimizingMovement(first_tau=(1e3, 1e-2))
    first = ac.fit(
        problem, control, measure, method=ac.MinimizingMovement(first_tau=1e3), steps=2000
    )
    steps = len(first.history) + 3
    cut = ac.fit(problem, control, measure, method=method, steps=steps)
    assert cut.history[-1]["trial"] == 2
    assert cut.converged, cut.reason
    np.testing.assert_array_equal(flat(cut.control), flat(first.control))
    whole = ac.fit(problem, control, measure, method=method, steps=4000)
    on = ac.fit(problem, control, measure, method=method, steps=4000, resume=cut.resumption)
    np.testing.assert_array_equal(flat(on.control), flat(whole.control))
    assert len(on.history) == len(whole.history) - steps


def test_rises_within_the_last_digits_of_the_objective_do_not_add_up() -> None:
    # Found by benchmarks/guarantee.py: here a rise of 36 ε J was followed by others.
    flow = ac.Flow(ac.WidthSchedule.constant(1, 3, 6.878940355637865))
    problem = ac.ControlProblem(flow, tikhonov=1.6361624116969248e-06)
    x = np.random.default_rng(511629000).normal(size=(2, 8, 1))[0]
    start = flow.init(jax.random.key(511629000), 1.0)
    control = jax.tree.map(lambda a: 1.566891024594859 * a, start)
    method = ac.MinimizingMovement(inner="gauss-newton")
    result = ac.fit(problem, control, ac.EmpiricalMeasure(x), method=method, steps=40)
    path = np.array([record["objective"] for record in result.history])
    lowest = np.minimum.accumulate(path)
    assert (path <= lowest * (1 + 64 * np.finfo(float).eps)).all()


@pytest.mark.slow
def test_first_steps_that_the_largest_one_makes_equal_are_one_trial() -> None:
    problem, control, measure = _valleys()
    result = ac.fit(problem, control, measure, method=ac.MinimizingMovement(1e-3), steps=3)
    assert "trial" not in result.history[-1]


def _overflow(entry: float) -> tuple[ac.ControlProblem, Any, ac.EmpiricalMeasure]:
    flow = ac.Flow(ac.WidthSchedule.constant(2, 3, 1.0), Perceptron("identity"))
    control = jax.tree.map(lambda a: jnp.full_like(a, entry), draw(flow, 0))
    return ac.ControlProblem(flow), control, ac.EmpiricalMeasure(np.ones((4, 2)))


@pytest.mark.parametrize("entry", [1e40, 1e60, 1e200])
def test_a_training_that_cannot_begin_says_why_and_keeps_its_control(entry: float) -> None:
    problem, control, measure = _overflow(entry)
    result = ac.fit(problem, control, measure, steps=5)
    assert result.failed
    assert not result.converged
    assert not result.interrupted
    assert result.history == []
    assert result.resumption.step == 0
    assert result.reason.startswith("failed: ")
    assert "take a" in result.reason
    assert "nan" not in result.reason
    np.testing.assert_array_equal(flat(result.control), flat(control))


def test_mini_batches_with_the_same_key_are_the_same_bit_for_bit() -> None:
    case = BY_NAME["permuted, weights, targets, hold"]

    def train(seed: int) -> ac.Result:
        key = jax.random.key(seed)
        options = {"steps": 7, "batch_size": 2, "key": key, "method": ac.MinimizingMovement()}
        return ac.fit(case.problem, case.control, case.measure, **options)

    one, again, other = train(0), train(0), train(1)
    np.testing.assert_array_equal(flat(one.control), flat(again.control))
    assert (flat(one.control) != flat(other.control)).any()
    values = [[{**r, "seconds": 0} for r in result.history] for result in (one, again)]
    assert values[0] == values[1]


def test_a_training_that_stalls_keeps_the_movements_that_were_accepted() -> None:
    # At a kink of relu ever smaller τ are needed: here no more than 1e-10 is allowed.
    case = BY_NAME["constant, relu"]
    method = ac.MinimizingMovement(inner="contraction", smallest_tau=1e-10)
    result = ac.fit(case.problem, case.control, case.measure, method=method, steps=500)
    assert result.reason.startswith("stalled: no movement")
    assert not result.failed
    assert result.resumption.step == result.history[-1]["step"]
    found = case.problem.objective(result.control, case.measure)
    assert found == pytest.approx(result.history[-1]["objective"], rel=1e-12)


@pytest.mark.parametrize("scale", [1e-10, 1e-16])
def test_arriving_at_rounding_is_no_failure(scale: float) -> None:
    # Reconstruction at full width: θ = 0 is the minimiser, with J = 0.
    case = BY_NAME["constant"]
    near = jax.tree.map(lambda a: scale * a, case.control)
    result = ac.fit(case.problem, near, case.measure, steps=2000)
    assert not result.failed, result.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 0.0}, "tau must be a positive finite number; got 0"),
        ({"tau": -1.0}, "tau must be a positive finite number"),
        ({"tau": math.inf}, "tau must be a positive finite number; got inf"),
        ({"tau": math.nan}, "tau must be a positive finite number; got nan"),
        ({"tau": 1.0, "smallest_tau": 2.0}, "smallest_tau must not be above tau; got tau=1.0"),
        ({"smallest_tau": 0.0}, "smallest_tau must be a positive finite number"),
        ({"first_tau": 0.0}, "first_tau must be a positive finite number; got 0"),
        ({"first_tau": math.nan}, "first_tau must be a positive finite number"),
        ({"first_tau": ()}, "first_tau must be a number, or several"),
        ({"first_tau": (1.0, -1.0)}, "first_tau must be a positive finite number; got -1"),
        ({"first_tau": 1e-20}, "several, not below smallest_tau; got first_tau=.*1e-20"),
        ({"inner": "bfgs"}, "inner must be one of auto, contraction, .*; got 'bfgs'"),
    ],
)
def test_a_movement_that_cannot_be_says_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.MinimizingMovement(**options)


def test_an_objective_that_is_higher_by_more_than_its_noise_is_not_lower() -> None:
    """The last digits of J decide nothing where a gradient falls; the ones before them do."""
    case = BY_NAME["constant"]
    batch = Batch(case.measure, True)
    here = evaluate(case.problem, case.control, batch)
    steeper = here._replace(g=jax.tree.map(lambda g: 100 * g, here.g))
    digit = float(np.finfo(here.objective.dtype).eps * here.objective)
    answers = {
        digits: bool(
            _lower(
                case.problem,
                here._replace(objective=here.objective + digits * digit),
                steeper,
                here.objective,
            )
        )
        for digits in (0, 16, 256, 1e4, 1e6)
    }
    assert answers == {0: True, 16: True, 256: False, 1e4: False, 1e6: False}
    higher = here._replace(objective=here.objective + digit)  # than the lowest so far by far
    assert not _lower(case.problem, higher, steeper, 0 * digit * here.objective)
    allowed = float(slack(here, extent(case.measure)))
    assert digit < allowed < 1e3 * (digit + np.finfo(float).eps * 10)
