"""What a certificate says is true: statements that were false once, each as a kind.

# notation: H Hessian of J in L², λ Tikhonov weight, R radius of the spectrum of H − 2 λ I.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.certificate import words
from autoencodes.certificate.bounds import CertifiedError
from autoencodes.certificate.certify import _part
from autoencodes.certificate.generalisation import Gap, Mean, gap, mean_cost, transport
from autoencodes.certificate.smoothness import kink
from autoencodes.second_order import curvature as curvature_module
from autoencodes.second_order.curvature import Curvature, Eigenvalue, curvature
from autoencodes.second_order.dense import spectrum
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.interval import Interval
from autoencodes.second_order.lanczos import ends
from autoencodes.second_order.shooting import shooting_factor


def known(
    low: tuple[float, float, float], high: tuple[float, float, float], **more: Any
) -> Curvature:
    """A curvature with value, lower and upper of both ends."""
    smallest, largest = (Eigenvalue(v, u - v, 0.0, lo, u) for v, lo, u in (low, high))
    given = {"method": "lanczos", "confidence": 0.99, "products": 3, "rounding": 0.0}
    return Curvature(smallest, largest, **{**given, "converged": True, **more})


def parabola(cost: str = "squared", activation: str = "tanh", tikhonov: float = 0.1) -> Any:
    """Twenty points of the parabola, three blocks of two steps; its problem and measure."""
    flow = ac.Flow(
        ac.WidthSchedule.autoencoder(2, (2, 1), 2, 6.0), ac.fields.Perceptron(activation)
    )
    s = np.linspace(-1, 1, 20)
    measure = ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    return ac.ControlProblem(flow, cost, tikhonov=tikhonov), measure


def drawn(problem: ac.ControlProblem, scale: float, dtype: Any = np.float64, seed: int = 0) -> Any:
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(problem.flow.init, jax.random.key(0))
    return jax.tree.map(lambda a: random.normal(0, scale, a.shape).astype(dtype), shapes)


# (a), (k) Of a number known within an interval all of the interval counts.


def test_yes_needs_the_lower_bound_and_no_the_upper() -> None:
    assert known((1.0, -1.0, 1.0), (2.0, 2.0, 3.0)).locally_convex == "undecided"
    assert known((1.0, 0.5, 1.0), (2.0, 2.0, 3.0)).locally_convex == "yes"
    assert known((-1.0, -2.0, 0.1), (2.0, 2.0, 3.0)).locally_convex == "undecided"
    assert known((-1.0, -2.0, -0.9), (2.0, 2.0, 3.0)).locally_convex == "no"
    unsure = known((1.0, 0.5, 1.0), (2.0, 2.0, 3.0), bounded=False)
    assert unsure.locally_convex == "undecided"
    assert unsure.kind == "estimate"


def test_the_contraction_radius_is_that_of_both_ends_and_of_their_bounds() -> None:
    factor = shooting_factor(known((-5.0, -50.0, -5.0), (2.0, 2.0, 3.0)), 1.0, tau=0.5)
    assert (factor.least_radius, factor.radius) == (7.0, 52.0)
    assert factor.largest_tau == pytest.approx(1 / 50)
    assert factor.excluded_tau == pytest.approx(1 / 5)
    assert factor.factor == pytest.approx(52 / (2 + 2))
    assert (factor.least_shooting, factor.shooting) == (3.5, 26.0)


def test_out_of_budget_nothing_is_said_of_more_than_the_interval() -> None:
    """After two products on 200 numbers from −78 to 342, that is all of what is said."""
    values = np.r_[-78.0, np.linspace(0, 10, 198), 342.0]
    matrix = np.diag(values)
    for seed in range(20):
        found = curvature_module._from_lanczos(
            ends(
                lambda v: matrix @ v,
                200,
                np.float64,
                seed=seed,
                stop=lambda now: now.products >= 2,
            )
        )
        factor = shooting_factor(found, 0.0)
        assert found.largest.value < 342  # what was said to be λ_max
        assert factor.largest_tau <= 1 / 342 <= factor.excluded_tau
        assert found.lambda_max.lower <= 342 <= found.lambda_max.upper
        assert found.lambda_min.lower <= -78 <= found.lambda_min.upper
        said = "\n".join([*words.curvature(found), words.contraction(factor)])
        assert "99 % probability" in said


def test_an_interval_is_printed_outwards() -> None:
    for lower, upper in ((-1.23456789, -1.23456781), (9.9999999, 10.000001), (0.0, 1e-300)):
        shown = Interval(lower, upper).said()
        low, high = (float(v) for v in shown[shown.index("[") + 1 : shown.index("]")].split(", "))
        assert low <= lower <= upper <= high
    assert Interval(-np.inf, np.inf).said().startswith("in [-∞, ∞]")


def test_certain_is_only_what_is_proved() -> None:
    """The bound on what rounding does along a flow is an extrapolation, with a risk."""
    for method, confidence in (("dense", 1.0), ("lanczos", 0.99)):
        before = known((1.0, 0.9, 1.0), (2.0, 2.0, 3.0), method=method, confidence=confidence)
        after = before.loosened(0.1, bounded=True, risk=0.01)
        assert before.kind == ("certain" if method == "dense" else "probable")
        assert after.kind == after.radius(0.0).kind == "extrapolated"
        assert after.lambda_min.confidence == pytest.approx(confidence - 0.01)
        assert (after.smallest.lower, after.largest.upper) == pytest.approx((0.8, 3.1))
        said = "\n".join([*words.curvature(after), words.contraction(shooting_factor(after, 0.0))])
        assert "certain" not in said
        assert said.count("if float64 rounds as float32 does") == 4
        assert before.loosened(0.1, bounded=False, risk=0.01).kind == "estimate"


def test_a_search_answers_from_its_last_product_whatever_looks_it_skips() -> None:
    """Its vectors are those of its values, and every product is asked about."""
    values = np.r_[np.linspace(0, 1, 399), 3.0]
    for budget in (1, 57, 119):
        asked: list[int] = []

        def stop(now: Any, asked: list[int] = asked, budget: int = budget) -> bool:
            asked.append(now.products)
            return bool(now.products >= budget)

        found = ends(lambda v: values * v, 400, np.float64, seed=1, stop=stop, most_vectors=90)
        assert asked == list(range(1, budget + 1))
        assert found.products == budget
        for end, vector in zip((found.smallest, found.largest), found.vectors, strict=True):
            assert vector @ (values * vector) == pytest.approx(end.value, abs=1e-12)


def test_the_error_of_a_dense_spectrum_is_one() -> None:
    random = np.random.default_rng(0)
    for size, spread in ((3, 1.0), (40, 1e12), (40, 1e-12)):
        basis = np.linalg.qr(random.normal(size=(size, size)))[0]
        exact = np.r_[-spread, np.linspace(-1, 1, size - 2), spread]
        matrix = (basis * exact) @ basis.T
        skew = np.triu(random.normal(size=(size, size)), 1) * 1e-9
        found = spectrum(matrix + skew - skew.T)
        assert np.abs(found.values - np.sort(exact)).max() <= found.error
        assert found.error >= np.linalg.norm(skew)  # the asymmetry is in it


def test_asymmetry_counts_as_rounding() -> None:
    random = np.random.default_rng(1)
    matrix = np.diag(np.linspace(1, 2, 30)) + np.triu(random.normal(size=(30, 30)), 1) * 1e-5
    found = ends(lambda v: matrix @ v, 30, np.float64, seed=0)
    assert found.rounding > 1e-6


# (b) Rounding grows along the flow.


@pytest.mark.slow
def test_a_single_precision_control_is_certified_in_double_precision() -> None:
    flow = ac.Flow(ac.WidthSchedule(2, [ac.Block((0, 1), 14), ac.Block((0,), 7)], 21.0))
    s = np.linspace(-1, 1, 20)
    measure = ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    problem = ac.ControlProblem(flow, tikhonov=0.1)
    for seed in range(3):
        control = drawn(problem, 3.0, np.float32, seed)
        double = jax.tree.map(lambda a: np.asarray(a, np.float64), control)
        exact = curvature(Hessian(problem, double, measure.astype(float)), method="dense")
        found = ac.certify(problem, control, measure, method="lanczos", digits=6)
        for end, true in ((found.lambda_min, exact.smallest), (found.lambda_max, exact.largest)):
            assert end is not None
            assert end.lower <= true.value <= end.upper
        assert found.control_precision == "float32"
        assert found.curvature is not None
        # What the flow multiplies is in the interval: the count of operations is not enough.
        size = max(abs(exact.smallest.value), abs(exact.largest.value))
        assert found.curvature.rounding > 1e-13 * size


def test_particles_in_another_order_stay_within_the_stated_rounding() -> None:
    """The same numbers summed and composed otherwise differ by what rounding does alone."""
    problem, measure = parabola()
    control = drawn(problem, 3.0)
    turned = ac.EmpiricalMeasure(np.asarray(measure.x)[::-1].copy())
    one, other = (ac.certify(problem, control, m) for m in (measure, turned))
    assert one.lambda_min is not None
    assert other.lambda_min is not None
    assert one.curvature is not None
    difference = abs(one.lambda_min.value - other.lambda_min.value)
    assert difference <= one.curvature.rounding


# (c) Kinks.


def test_relu_at_zero_is_not_convex_but_falls() -> None:
    problem, _ = parabola(activation="relu")
    x = np.random.default_rng(0).normal(size=(20, 2))
    measure = ac.EmpiricalMeasure(x, x + 1.0)
    zero = problem.flow.init(jax.random.key(0), 0.0, np.float64)
    found = ac.certify(problem, zero, measure)
    assert found.residual == 0.0  # of a derivative that is not one
    assert found.locally_convex != "yes"
    assert found.descent is not None
    assert found.descent.slope < -0.1
    assert found.descent.decrease > 0
    assert found.descent.control is not None
    lower = problem.objective(found.descent.control, measure)
    assert float(problem.objective(zero, measure) - lower) == pytest.approx(found.descent.decrease)
    assert "J falls there" in str(found) or "Not convex" in str(found)
    assert "relu" in str(found)


class Smooth(ac.fields.ControlledField):
    """A field of one's own, twice differentiable."""

    def velocity(self, t: Any, x: Any, theta: Any) -> Any:
        return jnp.tanh(theta["a"] * x)

    def init(self, key: Any, width: int, scale: float, seen: int = 0) -> Any:
        return {"a": scale * jnp.ones(width)}


class Bent(Smooth):
    """One with a kink."""

    def velocity(self, t: Any, x: Any, theta: Any) -> Any:
        return jnp.abs(theta["a"] * x)


def test_what_is_smooth_is_known() -> None:
    for activation in ("tanh", "softplus", "sin", "gelu", "identity"):
        assert kink(parabola(activation=activation)[0]) is None
    assert kink(parabola(activation="relu")[0]) == "the activation relu"
    assert kink(parabola("huber")[0]) == "the cost Huber"
    assert kink(parabola("binary-cross-entropy")[0]) is None
    schedule = ac.WidthSchedule.constant(2, 2, 1.0)
    assert kink(ac.ControlProblem(ac.Flow(schedule, Smooth()))) is None
    assert kink(ac.ControlProblem(ac.Flow(schedule, Bent()))) == "the field Bent"
    timed = ac.fields.TimeDependent(ac.fields.Perceptron("relu"))
    assert kink(ac.ControlProblem(ac.Flow(schedule, timed))) == "the activation relu"


# (d), (h) How far a control is from stationary.


def test_without_a_penalty_the_residual_is_not_said_to_mean_anything() -> None:
    flow = ac.Flow(ac.WidthSchedule.constant(2, 4, 1.0), ac.fields.Translation())
    x = np.random.default_rng(0).normal(size=(30, 2))
    best = jax.tree.map(lambda a: a + 1.0, flow.init(jax.random.key(0), 0.0, np.float64))
    problem = ac.ControlProblem(flow, tikhonov=0.0)
    found = ac.certify(problem, best, ac.EmpiricalMeasure(x, x + 1.0))
    assert found.gradient_norm < 1e-12
    said = str(found)
    assert "(λ = 0) the optimality error (PMP residual) says nothing" in said
    assert "converged" not in said


def test_strong_convexity_is_said_with_the_distance_it_must_hold_for() -> None:
    flow = ac.Flow(ac.WidthSchedule.constant(2, 4, 1.0), ac.fields.Translation())
    x = np.random.default_rng(0).normal(size=(30, 2))
    problem, measure = ac.ControlProblem(flow, tikhonov=0.3), ac.EmpiricalMeasure(x, x + 1.0)
    control = flow.init(jax.random.key(0), 0.0, np.float64)
    found = ac.certify(problem, control, measure)
    assert found.locally_convex == "yes"
    assert found.lambda_min is not None
    # The minimiser is c/(T + λ), as far away as this at most.
    away = np.linalg.norm([1.0, 1.0]) / 1.3
    assert found.gradient_norm / found.lambda_min.lower >= away - 1e-9
    assert "as far as ‖∇J‖/λ_min" in str(found)
    assert "no other stationary point" not in str(found)


# (e), (f), (g) Saddles, maxima, steps.


def test_a_saddle_is_left_along_the_eigenvector_that_was_found() -> None:
    """Low rank at θ = 0: the gradient vanishes, and four solvers stay."""
    flow = ac.Flow(ac.WidthSchedule.constant(2, 3, 1.0), ac.fields.LowRank(1))
    x = np.random.default_rng(0).normal(size=(40, 2))
    problem, measure = ac.ControlProblem(flow, tikhonov=1e-3), ac.EmpiricalMeasure(x, 0.3 * x)
    zero = flow.init(jax.random.key(0), 0.0, np.float64)
    assert float(problem.pmp_residual(zero, measure)) == 0.0
    for method in ("auto", "lanczos"):
        found = ac.certify(problem, zero, measure, method=method)
        assert found.locally_convex == "no"
        assert found.descent is not None
        assert found.descent.control is not None
        lower = float(problem.objective(found.descent.control, measure))
        fall = float(problem.objective(zero, measure)) - lower
        assert fall == pytest.approx(found.descent.decrease)
        assert fall > 1e-3
        assert "which further training can leave" not in str(found)
        assert "a saddle" in str(found)
        json = found.as_dict()
        assert set(json["descent"]) == {"slope", "bend", "decrease", "length", "directions"}
        assert "vector" not in json["curvature"]
    trained = ac.fit(problem, found.descent.control, measure, steps=3)
    assert trained.history[-1]["objective"] < lower


def test_a_maximum_is_none_of_the_saddles() -> None:
    top = known((-3.0, -3.1, -3.0), (-1.0, -1.0, -0.9))
    said = words.convexity("no", top, None, None, 0.0, 1.0)
    assert "maximum" in said
    assert "saddle" not in said
    both = known((-3.0, -3.1, -3.0), (1.0, 1.0, 1.1))
    assert "saddle" in words.convexity("no", both, None, None, 0.0, 1.0)
    either = known((-3.0, -3.1, -3.0), (-1.0, -1.0, 1.1))
    said = words.convexity("no", either, None, None, 0.0, 1.0)
    assert "maximum" not in said
    assert "saddle" not in said


def test_long_steps_are_not_said_to_diverge() -> None:
    said = words.curvature(known((1.0, 1.0, 1.0), (8.0, 8.0, 300.0)))[1]
    assert "diverge" not in said
    assert "shorter than 0.006667" in said
    assert "longer ones than 0.25" in said


# (i), (j) Chance.


@pytest.mark.parametrize("law", ["exponential", "squares"])
def test_intervals_and_gaps_keep_their_level(law: str) -> None:
    random = np.random.default_rng(0)
    draw = {
        "exponential": lambda n: random.exponential(1, n),
        "squares": lambda n: random.normal(0, 1, n) ** 2,
    }[law]
    for rows in (2, 5, 10, 20, 50, 200):
        means = [mean_cost(draw(rows), np.ones(rows)) for _ in range(150)]
        held = np.mean([m.lower <= 1 <= m.upper for m in means])
        assert held >= 0.95 - 3 * (0.05 * 0.95 / 150) ** 0.5
    for rows in (1, 5):
        alarms = 0
        for seed in range(60):
            train, test = (draw(40), np.ones(40)), (draw(rows), np.ones(rows))
            alarms += gap(train, test, seed).p_value <= 0.05
        assert alarms <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5


def test_a_gap_that_is_there_is_seen() -> None:
    random = np.random.default_rng(0)
    train, test = random.exponential(1, 200), random.exponential(3, 50)
    assert gap((train, np.ones(200)), (test, np.ones(50)), 0).p_value < 0.01


def test_a_single_row_tells_nothing_of_others() -> None:
    one = mean_cost(np.array([2.0]), np.ones(1))
    assert (one.lower, one.upper) == (-np.inf, np.inf)
    assert one.error == np.inf
    said = "\n".join(words.costs(Mean(1.0, 0.1), one, Gap(1.0, np.inf, 0.5)))
    assert "nothing is known" in said
    assert "± 0" not in said


def test_weights_count_as_rows() -> None:
    random = np.random.default_rng(0)
    costs = random.exponential(1, 12)
    doubled = mean_cost(np.repeat(costs, 2)[:12], np.ones(12))
    weighed = mean_cost(np.append(costs[:6], 100.0), np.append(np.full(6, 2.0), 0.0))
    assert weighed.value == pytest.approx(doubled.value)
    assert np.isfinite([weighed.lower, weighed.upper]).all()
    assert weighed.upper - weighed.lower > doubled.upper - doubled.lower  # six rows, not twelve


def test_rows_of_the_same_law_are_rarely_called_farther() -> None:
    random = np.random.default_rng(0)
    alarms = 0
    for seed in range(60):
        train, test = (ac.EmpiricalMeasure(random.normal(size=(n, 1))) for n in (30, 12))
        found = transport(train, test, seed)
        assert found is not None
        alarms += found.p_value <= 0.05
    assert alarms <= 60 * 0.05 + 3 * (60 * 0.05 * 0.95) ** 0.5


def test_where_nothing_was_detected_the_shift_that_would_have_been_is_said() -> None:
    random = np.random.default_rng(0)
    train, test = (ac.EmpiricalMeasure(random.normal(size=(n, 1))) for n in (60, 25))
    found = transport(train, test, 0)
    assert found is not None
    assert found.p_value > 0.05
    assert found.detectable is not None
    said = words.transport(found)
    assert "no difference between the two was detected" in said
    assert "lie no farther" not in said
    moved = ac.EmpiricalMeasure(np.asarray(test.x) + 3 * found.detectable)
    again = transport(train, moved, 0)
    assert again is not None
    assert again.p_value <= 0.05
    assert "FARTHER" in words.transport(again)


def test_rows_of_no_weight_are_not_compared() -> None:
    random = np.random.default_rng(0)
    x = np.r_[random.normal(size=(40, 1)), np.full((40, 1), 1e3)]
    weights = np.r_[np.ones(40), np.zeros(40)]
    train, test = ac.EmpiricalMeasure(x, None, weights), ac.EmpiricalMeasure(x[:20])
    for one, other in ((train, test), (test, train)):
        found = transport(one, other, 0)
        assert found is not None
        assert found.whole is not None
        assert max(found.whole, found.to_test, found.within_train) < 10
        assert found.p_value > 0.05
        assert found.detectable is None or found.detectable < 10


def test_a_part_of_weighted_rows_is_a_probability() -> None:
    random = np.random.default_rng(0)
    measure = ac.EmpiricalMeasure(random.normal(size=(30, 2)), None, random.uniform(1, 9, 30))
    part = _part(measure.astype(float), 7, 0)
    assert float(np.sum(np.asarray(part.weights))) == pytest.approx(1)


# (l) The maximum principle in full.


def test_the_maximum_principle_can_be_checked_in_full() -> None:
    problem, measure = parabola(tikhonov=0.01)
    control = drawn(problem, 0.5)
    found = ac.certify(problem, control, measure, maximum_principle=True)
    assert found.maximality is not None
    assert found.maximality.steps == 6
    assert found.maximality.exceeded > 0  # a control that was never trained
    assert found.maximality.gain > 0
    assert "another control has a larger Hamiltonian" in str(found)
    flow = ac.Flow(ac.WidthSchedule.constant(2, 4, 1.0), ac.fields.Translation())
    x = np.random.default_rng(0).normal(size=(30, 2))
    best = jax.tree.map(lambda a: a + 1 / 1.3, flow.init(jax.random.key(0), 0.0, np.float64))
    linear = ac.ControlProblem(flow, tikhonov=0.3)
    found = ac.certify(linear, best, ac.EmpiricalMeasure(x, x + 1.0), maximum_principle=True)
    assert found.maximality is not None
    assert found.maximality.exceeded == 0  # a concave quadratic, at its maximiser
    assert "not tried" in str(ac.certify(linear, best, ac.EmpiricalMeasure(x)))


# Mutants of the search.


class Operator:
    """A symmetric matrix in the place of a Hessian."""

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix = matrix
        self.size, self.dtype = len(matrix), np.dtype(np.float64)

    def __call__(self, direction: Any) -> Any:
        return self._matrix @ np.asarray(direction)

    def dense(self) -> np.ndarray:
        return self._matrix


def test_a_lower_value_met_after_davidson_is_the_smallest() -> None:
    """Its vector is orthogonal to the first start, and to all that grows from it."""
    size = 300
    start = np.random.default_rng(0).standard_normal(size)
    hidden = np.random.default_rng(9).standard_normal(size)
    hidden -= start * (start @ hidden) / (start @ start)
    hidden /= np.linalg.norm(hidden)
    out = np.eye(size) - np.outer(hidden, hidden)
    spread = np.diag(np.r_[np.linspace(-1, 1, size - 1), 400.0])
    matrix = out @ spread @ out - 3.0 * np.outer(hidden, hidden)
    matrix = (matrix + matrix.T) / 2

    def correction(width: float) -> Any:
        return lambda rest, value: out @ rest  # never sees it

    found = curvature(
        Operator(matrix),
        method="davidson",
        digits=2,
        correction=correction,
    )
    assert found.smallest.value == pytest.approx(-3, abs=0.1)
    assert found.smallest.lower <= -3
    assert found.vector is not None
    assert abs(found.vector @ hidden) > 0.9


def test_davidsons_two_searches_share_the_risk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = curvature_module.ends

    def noted(*given: Any, **options: Any) -> Any:
        asked.append(options.get("searches", 1))
        return real(*given, **options)

    monkeypatch.setattr(curvature_module, "ends", noted)
    matrix = np.diag(np.r_[np.linspace(-1, 1, 299), 400.0])
    curvature(
        Operator(matrix),
        method="davidson",
        correction=lambda width: lambda rest, value: rest,
    )
    assert asked == [2, 2]


@pytest.mark.parametrize(("maximum", "told"), [(2.0, True), (155.0, False)])
def test_users_are_told_of_a_certified_error_that_tells_something(
    maximum: float, told: bool
) -> None:
    error = CertifiedError(0.1, 1.0, 1.5, maximum, seen=1.2, particles=50)
    line = words.practice(None, Mean(1.0, 0.1, 0.8, 1.2), 40, Gap(0.0, 0.1, 1.0), error)
    assert ("at most" in line) is told
