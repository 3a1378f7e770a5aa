"""The baselines: AdamW, SGD, L-BFGS and the extended method of successive approximations.

# notation: θ control, g Hamiltonian gradient, λ Tikhonov weight, ρ weight of the penalty in the
# augmented Hamiltonian K, η candidate control, p costate, v velocity.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from problems import BY_NAME, distance, draw, flat, unflat
from test_known_answers import known

import autoencodes as ac
from autoencodes.catalogue import METHODS as METHODS_BY_NAME
from autoencodes.training.descent import Descent
from autoencodes.training.msa import augmented_hamiltonian, extremals, maximise

# A small parabola (s, s²), through a bottleneck of one component.
S = np.linspace(-1, 1, 9)
PARABOLA = ac.EmpiricalMeasure(np.stack([S, S**2], axis=1))
SCHEDULE = ac.WidthSchedule.autoencoder(2, [2, 1], 1, 3.0)
PROBLEM = ac.ControlProblem(ac.Flow(SCHEDULE), tikhonov=1e-3)
START = jax.tree.map(jnp.asarray, draw(PROBLEM.flow, 0, 0.3))

KNOWN = known(1.0, 0.5, 3)
STILL = jax.tree.map(jnp.zeros_like, KNOWN.minimiser)

KEY = jax.random.key(0)
METHODS = {
    "adamw": ac.AdamW(learning_rate=0.05),
    "sgd": ac.SGD(learning_rate=0.3),
    "lbfgs": ac.LBFGS(),
    "msa": ac.ExtendedMSA(),
}
every_method = pytest.mark.parametrize("name", METHODS)


def train(method: ac.Method, steps: int = 8, **options: Any) -> ac.Result:
    if options.get("batch_size"):
        options = {"key": KEY, **options}
    return ac.fit(PROBLEM, START, PARABOLA, method=method, steps=steps, **options)


@pytest.fixture(scope="module")
def stationary() -> ac.Result:
    return train(METHODS["lbfgs"], steps=2000, tolerance=1e-8)


@eqx.filter_jit
def successor(
    problem: ac.ControlProblem, control: Any, measure: Any, rho: Any, iterations: int = 5
) -> tuple[Any, Any]:
    """The maximisers η of K, and what K gains at every step."""

    def one(at: Any) -> Any:
        return maximise(problem, measure.weights, *at, rho, iterations)

    slopes = problem.gradient(control, measure)
    blocks = zip(extremals(problem, control, measure), slopes, strict=True)
    found = [jax.lax.map(one, block) for block in blocks]
    return tuple(eta for eta, _ in found), [gain for _, gain in found]


@eqx.filter_jit
def augmented(
    problem: ac.ControlProblem, control: Any, measure: Any, candidate: Any, rho: Any
) -> Any:
    """K_l and its gradient at a candidate, for every step."""
    values, gradients = [], []
    for old, eta in zip(extremals(problem, control, measure), candidate, strict=True):

        def value(at: Any, theta: Any) -> Any:
            return augmented_hamiltonian(problem, measure.weights, at, theta, rho)

        k, slope = jax.vmap(jax.value_and_grad(value, argnums=1))(old, eta)
        values.append(k)
        gradients.append(slope)
    return jnp.concatenate(values), tuple(gradients)


@pytest.mark.parametrize("name", ["sgd", "lbfgs", "msa"])
def test_the_known_minimiser_is_reached(name: str) -> None:
    problem, measure, minimiser, minimum = KNOWN
    begin = draw(problem.flow, 3)
    options: dict[str, Any] = {"method": METHODS[name], "steps": 1000, "tolerance": 1e-9}
    result = ac.fit(problem, begin, measure, **options)
    assert result.converged, result.reason
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-7)
    assert result.history[-1]["objective"] == pytest.approx(minimum, rel=1e-12)
    assert problem.pmp_residual(result.control, measure) <= 1e-9 * (1 + 1e-6)


def test_adamw_reaches_the_known_minimiser_of_the_terminal_cost() -> None:
    problem, measure, minimiser, minimum = known(1.0, 0.0, 3)
    result = ac.fit(problem, STILL, measure, method=METHODS["adamw"], steps=400)
    np.testing.assert_allclose(flat(result.control), flat(minimiser), rtol=1e-3)
    assert problem.objective(result.control, measure) == pytest.approx(minimum, rel=1e-6)


@pytest.mark.slow
@every_method
def test_every_history_has_the_same_numbers(name: str) -> None:
    fields = {"step", "epoch", "objective", "terminal_cost", "gradient_evaluations", "seconds"}
    for record in train(METHODS[name]).history:
        assert fields | {"residual"} <= set(record)
        assert all(math.isfinite(value) for value in record.values())


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_is_the_formula_with_a_cosine_rate(nesterov: bool) -> None:
    method = ac.SGD(learning_rate=0.1, momentum=0.8, warmup=0.0, nesterov=nesterov)
    found = ac.fit(KNOWN.problem, STILL, KNOWN.measure, method=method, steps=3)
    control, v = flat(STILL), 0.0
    for k in range(3):
        gradient = flat(KNOWN.problem.gradient(unflat(control, STILL), KNOWN.measure))
        v = 0.8 * v + gradient
        rate = 0.1 * (1 + math.cos(math.pi * k / 3)) / 2
        control = control - rate * (gradient + 0.8 * v if nesterov else v)
    np.testing.assert_allclose(flat(found.control), control, rtol=1e-10)


@pytest.mark.parametrize("decay", [None, 0.3])
def test_adamw_is_the_formula_and_counts_the_penalty_once(decay: float | None) -> None:
    problem, measure = KNOWN.problem, KNOWN.measure
    begin = draw(problem.flow, 3)
    method = ac.AdamW(learning_rate=0.1, warmup=0.0, weight_decay=decay)
    found = ac.fit(problem, begin, measure, method=method, steps=3)
    w = 2 * problem.tikhonov if decay is None else decay
    control, mean, square = flat(begin), 0.0, 0.0
    for k in range(3):
        # g: the gradient of the terminal cost alone.
        whole = flat(problem.gradient(unflat(control, begin), measure))
        g = whole - 2 * problem.tikhonov * control
        mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
        fair, spread = mean / (1 - 0.9 ** (k + 1)), square / (1 - 0.999 ** (k + 1))
        rate = 0.1 * (1 + math.cos(math.pi * k / 3)) / 2
        control = control - rate * (fair / (np.sqrt(spread) + 1e-8) + w * control)
    np.testing.assert_allclose(flat(found.control), control, rtol=1e-9)


def test_lbfgs_reaches_a_small_residual_and_never_increases_the_objective(
    stationary: ac.Result,
) -> None:
    assert stationary.converged, stationary.reason
    assert PROBLEM.pmp_residual(stationary.control, PARABOLA) < 1e-6
    objectives = [float(PROBLEM.objective(START, PARABOLA))]
    objectives += [record["objective"] for record in stationary.history]
    assert (np.diff(objectives) <= 1e-13 * objectives[0]).all()
    assert objectives[-1] < 0.5 * objectives[0]


def test_the_numbers_of_lbfgs_are_those_of_its_control() -> None:
    # They come out of the line search's gradient; no sweep is made for them.
    result = train(METHODS["lbfgs"])
    last = result.history[-1]
    for name in ("objective", "terminal_cost"):
        exact = getattr(PROBLEM, name)(result.control, PARABOLA)
        assert last[name] == pytest.approx(float(exact), rel=1e-12)
    residual = PROBLEM.pmp_residual(result.control, PARABOLA)
    assert last["residual"] == pytest.approx(float(residual), rel=1e-9)


class Counted(ac.TerminalCost):
    """|x − y|⁴ + |x − y|², and how often it is evaluated, once for all particles."""

    seen: ClassVar[list[int]] = []

    def __call__(self, x: Any, y: Any) -> Any:
        jax.debug.callback(lambda: self.seen.append(1))
        square = jnp.sum((x - y) ** 2)
        return square + square**2

    def target_dim(self, dim: int) -> int:
        return dim


@pytest.mark.parametrize("name", ["lbfgs", "msa"])
def test_every_sweep_is_counted(name: str) -> None:
    problem = ac.ControlProblem(KNOWN.problem.flow, Counted(), tikhonov=0.5)
    Counted.seen.clear()
    begin = draw(problem.flow, 3, 100.0)
    result = ac.fit(problem, begin, KNOWN.measure, method=METHODS[name], steps=20, tolerance=0.0)
    jax.effects_barrier()
    sweeps = len(Counted.seen)
    counted = np.diff([0, *(record["gradient_evaluations"] for record in result.history)])
    if name == "lbfgs":
        assert sweeps == result.resumption.gradient_evaluations
        assert sweeps > len(result.history) + 1
        return
    trials = 1 + np.array([record["retries"] for record in result.history])
    assert trials.max() > 1
    assert sweeps == 1 + np.sum(1 + trials)  # the start; costates, and a judgement a trial
    # In thirds of a sweep: 1 + 3 for x and p, 40 for a trial of five iterations.
    expected = np.ceil((4 + 40 * trials) / 3)
    expected[0] += 1
    np.testing.assert_array_equal(counted, expected)


AUGMENTED = [
    BY_NAME["permuted, weights, targets, reset"],
    BY_NAME["overlapping in one component, hold"],
    BY_NAME["constant, scanned, own field"],
]


@pytest.mark.parametrize("case", AUGMENTED, ids=lambda case: case.name)
def test_the_augmented_hamiltonian_is_the_hamiltonian_to_first_order(case: Any) -> None:
    args = (case.problem, case.control, case.measure)
    gradient = case.problem.gradient(case.control, case.measure)
    for rho in (0.0, 100.0):
        values, slopes = augmented(*args, case.control, jnp.asarray(rho))
        np.testing.assert_allclose(values, case.problem.hamiltonian(case.control, case.measure))
        np.testing.assert_allclose(flat(slopes), -flat(gradient), rtol=1e-9, atol=1e-12)
    other = draw(case.flow, 9)
    hamiltonian = case.problem.hamiltonian(case.control, case.measure, other)
    np.testing.assert_allclose(augmented(*args, other, jnp.asarray(0.0))[0], hamiltonian)
    assert (augmented(*args, other, jnp.asarray(1.0))[0] < hamiltonian).all()


def test_the_penalty_is_that_of_velocities_and_costates() -> None:
    rho, other = 3.0, jax.tree.map(jnp.asarray, draw(PROBLEM.flow, 9))
    values, _ = augmented(PROBLEM, START, PARABOLA, other, jnp.asarray(rho))
    plain, _ = augmented(PROBLEM, START, PARABOLA, other, jnp.asarray(0.0))
    penalties = []
    for old, new in zip(extremals(PROBLEM, START, PARABOLA), other, strict=True):
        for l in range(len(old.t)):  # noqa: E741
            x, p = np.asarray(old.x[l]), np.asarray(old.p[l])

            def rates(theta: Any, x: Any = x, p: Any = p, step: int = l) -> tuple[Any, Any]:
                W, b = np.asarray(theta["W"][step]), np.asarray(theta["b"][step])
                v = np.tanh(x @ W.T + b)
                return v, ((1 - v**2) * p) @ W

            (v, r), (v_old, r_old) = rates(new), rates(old.theta)
            strayed = np.sum((v - v_old) ** 2 + (r - r_old) ** 2, axis=1)
            penalties.append(rho / 2 * np.mean(strayed))
    np.testing.assert_allclose(plain - values, penalties, rtol=1e-9)


@pytest.mark.parametrize("rho", [0.0, 0.1, 2.0, 1e4])
def test_the_maximiser_of_the_translation_field_is_known(rho: float) -> None:
    # K is quadratic with Hessian −(2λ + ρ): pure shooting at ρ = 0, and Λ with τ = 1/ρ.
    problem, measure = KNOWN.problem, KNOWN.measure
    control, tikhonov = draw(problem.flow, 3), problem.tikhonov
    g = flat(problem.gradient(control, measure)) - 2 * tikhonov * flat(control)
    expected = (rho * flat(control) - g) / (rho + 2 * tikhonov)
    found, _ = successor(problem, control, measure, jnp.asarray(rho))
    np.testing.assert_allclose(flat(found), expected, rtol=1e-9)


def test_a_large_penalty_makes_a_small_step_that_decreases_the_objective() -> None:
    before = float(PROBLEM.objective(START, PARABOLA))
    moved, fell = [], []
    for rho in (1e2, 1e4, 1e6):
        found, gains = successor(PROBLEM, START, PARABOLA, jnp.asarray(rho))
        assert all((gain >= 0).all() for gain in gains)
        moved.append(distance(found, START))
        fell.append(before - float(PROBLEM.objective(found, PARABOLA)))
    assert min(fell) > 0
    assert moved[0] > 3 * moved[1] > 9 * moved[2]
    assert moved[-1] < 1e-2
    # To leading order J falls by twice what K gains, whose penalty takes half of it back.
    promise = SCHEDULE.step_size * sum(float(gain.sum()) for gain in gains)
    assert 1 < fell[-1] / promise < 2.5


def test_a_stationary_control_is_left_alone(stationary: ac.Result) -> None:
    found, gains = successor(PROBLEM, stationary.control, PARABOLA, jnp.asarray(1.0))
    assert distance(found, stationary.control) < 1e-6
    assert max(float(gain.max()) for gain in gains) < 1e-10
    options: dict[str, Any] = {"method": METHODS["msa"], "steps": 8, "tolerance": 1e-6}
    result = ac.fit(PROBLEM, stationary.control, PARABOLA, **options)
    assert result.converged
    np.testing.assert_array_equal(flat(result.control), flat(stationary.control))
    assert result.resumption.gradient_evaluations == 1


def test_the_method_of_successive_approximations_never_increases_the_objective() -> None:
    result = train(METHODS["msa"], steps=60)
    assert not result.failed, result.reason
    objectives = [float(PROBLEM.objective(START, PARABOLA))]
    objectives += [record["objective"] for record in result.history]
    assert (np.diff(objectives) <= 1e-13 * objectives[0]).all()
    assert objectives[-1] < 0.9 * objectives[0]


@pytest.mark.parametrize("name", ["lbfgs", "msa"])
def test_rounding_ends_a_training_with_a_reason(name: str) -> None:
    options: dict[str, Any] = {"method": METHODS[name], "steps": 2000, "tolerance": 0.0}
    result = ac.fit(KNOWN.problem, STILL, KNOWN.measure, **options)
    assert not result.failed
    assert result.reason.startswith(("stalled: no ", "converged"))
    assert result.reason.startswith("converged") or "stationary to working" in result.reason
    assert result.history[-1]["residual"] < 1e-12


RESUMED = [("adamw", 4), ("sgd", None), ("lbfgs", None), ("msa", None), ("msa", 4)]


@pytest.mark.parametrize(("name", "batch_size"), RESUMED)
def test_an_interrupted_training_goes_on_bit_for_bit(name: str, batch_size: int | None) -> None:
    method = METHODS[name]
    whole = train(method, batch_size=batch_size)
    part = train(method, batch_size=batch_size, callbacks=[lambda p: p.step >= 1])
    assert part.resumption.step < 8
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(part.resumption.state)]
    saved = type(part.resumption)(
        leaves,
        part.resumption.step,
        part.resumption.gradient_evaluations,
        pending=part.resumption.pending,
    )
    rest = train(method, batch_size=batch_size, resume=saved)
    assert rest.reason == whole.reason
    for found, expected in zip(
        jax.tree.leaves(rest.resumption.state), jax.tree.leaves(whole.resumption.state), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    histories = [part.history + rest.history, whole.history]
    timeless = [[{**record, "seconds": 0} for record in history] for history in histories]
    assert timeless[0] == timeless[1]


@every_method
def test_what_is_not_finite_fails_with_a_reason_and_a_finite_control(name: str) -> None:
    huge = jax.tree.map(lambda a: 1e200 * (1 + a), STILL)
    result = ac.fit(KNOWN.problem, huge, KNOWN.measure, method=METHODS[name], steps=5)
    assert result.failed
    assert result.reason.startswith("failed: the objective ")
    assert "initial scale" in result.reason
    np.testing.assert_array_equal(flat(result.control), flat(huge))


@pytest.mark.parametrize("name", ["lbfgs", "msa"])
def test_overflow_in_the_size_of_the_gradient_is_no_standstill(name: str) -> None:
    # J and g are finite, and |g|² is not.
    far = ac.EmpiricalMeasure(1e100 * np.asarray(KNOWN.measure.x), KNOWN.measure.y)
    result = ac.fit(KNOWN.problem, STILL, far, method=METHODS[name], steps=5)
    assert result.failed or result.converged or len(result.history) == 5
    assert np.isfinite(flat(result.control)).all()
    assert "stationary" not in result.reason


def test_sgd_that_diverges_says_so() -> None:
    method = ac.SGD(learning_rate=1e6, warmup=0.0)
    result = ac.fit(KNOWN.problem, STILL, KNOWN.measure, method=method, steps=400)
    assert result.failed
    assert "smaller learning rate" in result.reason
    assert np.isfinite(flat(result.control)).all()


def test_lbfgs_on_mini_batches_is_refused() -> None:
    with pytest.raises(ac.InputError, match="leave batch_size out"):
        train(METHODS["lbfgs"], batch_size=4)


@pytest.mark.parametrize("name", ["lbfgs", "msa"])
def test_the_precision_of_the_control_is_that_of_the_training(name: str) -> None:
    single = jax.tree.map(lambda a: a.astype(jnp.float32), draw(KNOWN.problem.flow, 3))
    result = ac.fit(KNOWN.problem, single, KNOWN.measure, method=METHODS[name], steps=50)
    assert {a.dtype for a in jax.tree.leaves(result.control)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(flat(result.control), flat(KNOWN.minimiser), rtol=1e-3)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (ac.AdamW, {"learning_rate": 0.0}, "learning_rate must be a positive"),
        (ac.AdamW, {"warmup": 1.0}, r"warmup must be a number in \[0, 1\); got 1"),
        (ac.AdamW, {"weight_decay": -0.1}, "weight_decay must be a finite number, at least 0"),
        (ac.AdamW, {"weight_decay": math.nan}, "weight_decay must be a finite number"),
        (ac.SGD, {"learning_rate": math.inf}, "learning_rate must be a positive"),
        (ac.SGD, {"warmup": -0.1}, r"warmup must be a number in \[0, 1\)"),
        (ac.SGD, {"momentum": 1.0}, r"momentum must be a number in \[0, 1\); got 1"),
        (ac.LBFGS, {"memory": 0}, "memory must be an integer, at least 1; got 0"),
        (ac.LBFGS, {"trials": -1}, "trials must be an integer, at least 1; got -1"),
        (ac.ExtendedMSA, {"rho": 0.0}, "rho must be a positive finite number; got 0"),
        (ac.ExtendedMSA, {"rho": math.nan}, "rho must be a positive finite number"),
        (ac.ExtendedMSA, {"rho": 2e12}, "rho must not be above largest_rho; got rho=2"),
        (ac.ExtendedMSA, {"largest_rho": math.inf}, "largest_rho must be a positive finite number"),
        (ac.ExtendedMSA, {"iterations": 0}, "iterations must be an integer, at least 1; got 0"),
    ],
)
def test_parameters_out_of_range_are_refused_by_name(
    method: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ac.InputError, match=message):
        method(**options)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS_BY_NAME)
def test_every_registered_method_improves_a_control(name: str) -> None:
    # λ > 0, Euler steps and a field linear in the control: what the most particular method needs.
    flow = ac.Flow(SCHEDULE, ac.fields.LinearInControl())
    problem = ac.ControlProblem(flow, tikhonov=0.1)
    control = draw(flow, 0, 0.1)
    result = ac.fit(problem, control, PARABOLA, method=METHODS_BY_NAME[name](), steps=20)
    assert not result.failed, result.reason
    assert problem.objective(result.control, PARABOLA) < problem.objective(control, PARABOLA)


class Plain(Descent):
    """Gradient descent, as a method of one's own."""

    penalised: ClassVar[bool] = True

    def optimiser(self, problem: ac.ControlProblem, steps: int) -> optax.GradientTransformation:
        return optax.sgd(0.1)


def test_a_registered_method_has_its_name_wherever_methods_are_listed() -> None:
    METHODS_BY_NAME.register("plain", "a toy", settings=("learning_rate",))(Plain)
    try:
        assert METHODS_BY_NAME.names[-1] == "plain"
        assert METHODS_BY_NAME.having("learning_rate") == ("adam", "adamw", "sgd", "plain")
        test_every_registered_method_improves_a_control("plain")
        listed = test_every_registered_method_improves_a_control.pytestmark[0].args[1]
        assert "plain" in listed
    finally:
        METHODS_BY_NAME.remove("plain")
    assert "plain" not in METHODS_BY_NAME
