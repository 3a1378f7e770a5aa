"""Continuous time: solvers within their tolerance, orders of the schemes, inverse and densities."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from plain import Swing
from problems import BY_NAME, draw

import autoencodes as ac
from autoencodes.fields import LowRank, Perceptron, TwoLayer
from autoencodes.schemes import Euler, Heun, RungeKutta4
from autoencodes.schemes.adaptive import DIFFRAX, Adaptive

SWITCHING = [ac.Block([0, 1, 2], 2), ac.Block([1], 1), ac.Block([2, 0, 1], 3)]


def flow_of(memory: str, field: Any) -> ac.Flow:
    if memory == "constant":
        return ac.Flow(ac.WidthSchedule.constant(3, 5, 2.0), field)
    return ac.Flow(ac.WidthSchedule(3, SWITCHING, 2.0, memory), field)


def particles(count: int, dim: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim))


FIELDS_OF: dict[str, ac.fields.ControlledField] = {
    "constant": Swing(),
    "hold": Perceptron("tanh"),
    "reset": LowRank(2, "sin"),
    "skip": TwoLayer(4, "softplus"),
}


@pytest.fixture(scope="module", params=FIELDS_OF)
def problem(request: pytest.FixtureRequest) -> tuple[ac.Flow, Any, np.ndarray, np.ndarray]:
    """A flow whose control jumps at every step, particles, and where they end, to some 1e-12."""
    flow, x = flow_of(request.param, FIELDS_OF[request.param]), particles(6, 3)
    control = draw(flow, 1)
    fine = ac.Flow(flow.schedule, flow.field, RungeKutta4()).refined(1024)
    return flow, control, x, np.asarray(fine.push(ac.refine(control, 1024), x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "kind", "order", "factors"),
    [
        ("constant", Euler, 1, (64, 128, 256)),
        ("skip", Heun, 2, (16, 32, 64)),
        *((memory, RungeKutta4, 4, (8, 16, 32)) for memory in FIELDS_OF),
    ],
    indirect=["problem"],
)
def test_schemes_converge_with_their_order(
    problem: Any, kind: Any, order: int, factors: tuple[int, ...]
) -> None:
    flow, control, x, exact = problem
    steps, errors = [], []
    for factor in factors:
        fine = ac.Flow(flow.schedule, flow.field, kind()).refined(factor)
        pushed = np.asarray(fine.push(ac.refine(control, factor), x))
        steps.append(fine.schedule.step_size)
        errors.append(np.abs(pushed - exact).max())
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope - order) < 0.15, (slope, errors)


@pytest.mark.slow
def test_the_error_is_below_the_tolerance(problem: Any) -> None:
    flow, control, x, exact = problem
    pushed = np.asarray(ac.ContinuousFlow(flow, "tsit5", rtol=1e-7, atol=1e-7).push(control, x))
    assert np.abs((pushed - exact) / (1 + np.abs(exact))).max() < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "tolerance"),
    [("dopri8", 1e-4), ("dopri8", 1e-11), *((solver, 1e-6) for solver in [*DIFFRAX][1:])],
)
def test_the_error_of_every_solver_is_below_the_tolerance(solver: str, tolerance: float) -> None:
    flow, x = flow_of("constant", Perceptron()), particles(4, 3)
    control = draw(flow, 2)
    found = ac.ContinuousFlow(flow, solver, rtol=tolerance, atol=tolerance).push(control, x)
    exact = ac.ContinuousFlow(flow, rtol=1e-14, atol=1e-14).push(control, x)
    np.testing.assert_allclose(found, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
def test_trajectory_encoder_and_decoder_fit_together() -> None:
    case = BY_NAME["overlapping blocks, skip"]
    flow = ac.ContinuousFlow(case.flow, "tsit5")
    control, x = case.control, np.asarray(case.measure.x)
    path, pushed = np.asarray(flow.trajectory(control, x)), flow.push(control, x)
    assert path.shape == (case.schedule.steps + 1, *x.shape)
    np.testing.assert_array_equal(path[0], x)
    np.testing.assert_allclose(path[-1], pushed, rtol=1e-14, atol=1e-14)
    latent, held = flow.encode(control, x, held=True)
    np.testing.assert_array_equal(flow.encode(control, x), latent)
    np.testing.assert_allclose(flow.decode(control, latent, held), pushed, rtol=1e-14, atol=1e-14)
    j = case.schedule.bottleneck
    end = case.schedule.first_steps[j] + case.schedule.blocks[j].steps
    np.testing.assert_allclose(path[end][:, list(case.schedule.blocks[j].active)], latent)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["constant, scanned, own field", "overlapping blocks, hold"])
def test_the_inverse_comes_back(name: str) -> None:
    case = BY_NAME[name]
    x = np.asarray(case.measure.x)
    flow = ac.ContinuousFlow(case.flow, "tsit5", rtol=1e-12, atol=1e-12)
    back = flow.inverse(case.control, flow.push(case.control, x))
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-10)


def test_a_gaussian_under_a_linear_field_is_the_gaussian_of_the_closed_form() -> None:
    flow = ac.Flow(ac.WidthSchedule.constant(3, 4, 1.5), Perceptron("identity"))
    control = draw(flow, 0, 0.6)
    # x' = W x + b over one step: exp of the matrix [[W, b], [0, 0]] Δt.
    whole = np.eye(4)
    for W, b in zip(control[0]["W"], control[0]["b"], strict=True):
        step = np.zeros((4, 4))
        step[:3, :3], step[:3, 3] = W, b
        whole = scipy.linalg.expm(flow.schedule.step_size * step) @ whole
    mean, spread = np.array([0.5, -1.0, 0.0]), np.diag([1.0, 0.5, 2.0])
    law = scipy.stats.multivariate_normal(mean, spread)
    A, c = whole[:3, :3], whole[:3, 3]
    pushed = scipy.stats.multivariate_normal(A @ mean + c, A @ spread @ A.T)
    y = pushed.rvs(20, random_state=0)
    found = ac.ContinuousFlow(flow).log_density(control, y, lambda x: law.logpdf(np.asarray(x)))
    np.testing.assert_allclose(found, pushed.logpdf(y), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_density_integrates_to_one() -> None:
    blocks = [ac.Block([0, 1], 3), ac.Block([1], 2), ac.Block([1, 0], 3)]
    flow = ac.Flow(ac.WidthSchedule(2, blocks, 2.0, "hold"))
    control = draw(flow, 4)
    side = np.linspace(-8, 8, 129)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    solved = ac.ContinuousFlow(flow, "tsit5", rtol=1e-6, atol=1e-8)
    start = lambda x: jax.scipy.stats.multivariate_normal.logpdf(x, jnp.zeros(2), jnp.eye(2))  # noqa: E731
    density = np.exp(solved.log_density(control, grid, start))
    assert abs(density.sum() * (side[1] - side[0]) ** 2 - 1) < 1e-3


@pytest.mark.slow
def test_the_log_volume_is_that_of_the_jacobian_and_of_the_density() -> None:
    blocks = [ac.Block([1, 0], 2), ac.Block([2, 1], 1)]
    flow, x = ac.Flow(ac.WidthSchedule(3, blocks, 1.0, "hold")), jnp.asarray(particles(5, 3))
    control, solved = draw(flow, 0), ac.ContinuousFlow(flow, "tsit5", rtol=1e-11, atol=1e-11)
    volumes = solved.log_volume(control, x)
    assert volumes.shape == (4, len(x))
    np.testing.assert_array_equal(volumes[0], 0)
    small = 1e-3 * np.eye(x.shape[1])
    ends = [x + s * e for s in (1, -1) for e in small]
    pushed = solved.push(control, jnp.concatenate([*ends, x]))
    ahead, behind = jnp.split(pushed[: -len(x)], 2)
    slopes = (ahead - behind).reshape(len(small), *x.shape).transpose(1, 0, 2) / 2e-3
    np.testing.assert_allclose(volumes[-1], jnp.linalg.slogdet(slopes)[1], rtol=0, atol=1e-5)

    def start(rows: Any) -> Any:
        return -jnp.sum(rows**2, axis=1)

    there = solved.log_density(control, pushed[-len(x) :], start)
    np.testing.assert_allclose(there, start(x) - volumes[-1], rtol=0, atol=1e-9)


@pytest.mark.slow
def test_hutchinsons_estimate_has_no_bias() -> None:
    case, copies = BY_NAME["constant"], 1000
    x = np.asarray(case.measure.x)
    many = np.repeat(x, copies, axis=0)
    solved = ac.ContinuousFlow(case.flow, "tsit5", rtol=1e-5, atol=1e-5)
    exact = np.asarray(solved.log_volume(case.control, x))
    given: Any = {"divergence": "hutchinson", "key": jax.random.key(0), "probes": 1}

    def compare(found: Any, expected: np.ndarray) -> None:
        """The mean over the copies of a particle, each with a probe of its own, is exact."""
        errors = np.reshape(found, (*expected.shape, copies)) - expected[..., None]
        assert errors.std() > 0.1
        assert (np.abs(errors.mean(axis=-1)) <= 5 * errors.std(axis=-1) / copies**0.5).all()

    found = solved.log_volume(case.control, many, **given)
    compare(found, exact)
    np.testing.assert_array_equal(found, solved.log_volume(case.control, many, **given))

    def start(rows: Any) -> Any:
        return -jnp.sum(rows**2, axis=1)

    y = solved.push(case.control, many)
    compare(solved.log_density(case.control, y, start, **given), start(x) - exact[-1])


@pytest.mark.slow
def test_wide_states_ask_for_a_key_and_narrow_ones_are_exact() -> None:
    flow = ac.ContinuousFlow(ac.Flow(ac.WidthSchedule.constant(17, 1, 0.1)))
    control, x = draw(flow.flow, 0), particles(2, 17)
    with pytest.raises(ac.InputError, match=r"estimating the divergence needs a key.*no key"):
        flow.log_volume(control, x)
    with pytest.raises(ac.InputError, match=r"probes must be an integer, at least 1; got 0"):
        flow.log_volume(control, x, key=jax.random.key(0), probes=0)
    exact = flow.log_volume(control, x, divergence="exact")
    near = flow.log_volume(control, x, key=jax.random.key(0), probes=2000)
    assert 0 < np.abs(near - exact).max() < 0.05


@pytest.mark.slow
def test_a_continuous_flow_is_a_flow_to_a_control_problem() -> None:
    case = BY_NAME["constant"]
    problem = ac.ControlProblem(ac.ContinuousFlow(case.flow, "tsit5").flow)
    gradient = problem.gradient(case.control, case.measure)
    direction = case.direction(0)
    ends = [
        problem.objective(
            jax.tree.map(lambda a, b, h=h: a + h * b, case.control, direction), case.measure
        )
        for h in (1e-4, -1e-4)
    ]
    slope = ac.inner(gradient, direction, case.schedule.step_size)
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-4, rtol=1e-5)


def test_single_precision_has_its_own_tolerance() -> None:
    flow, x = flow_of("constant", Perceptron()), particles(4, 3)
    control = draw(flow, 2)
    single = jax.tree.map(lambda a: a.astype(jnp.float32), control)
    found = ac.ContinuousFlow(flow, "tsit5").push(single, x)
    assert found.dtype == jnp.float32
    exact = ac.ContinuousFlow(flow, "tsit5").push(control, x)
    np.testing.assert_allclose(found, exact, rtol=2e-5, atol=2e-5)
    with pytest.raises(ac.InputError, match=r"rtol must be at least 4e-06 in float32; got 1e-09"):
        ac.ContinuousFlow(flow, rtol=1e-9).push(single, x)


class Square(ac.fields.ControlledField):
    """x' = x² + c: from x > 0 it leaves every bound at time 1 / x."""

    def velocity(self, t: Any, x: Any, theta: Any) -> Any:
        return x**2 + theta["c"]

    def init(self, key: Any, width: int, scale: float) -> Any:
        return {"c": jnp.zeros(width)}


@pytest.mark.slow
def test_where_the_solver_fails_the_step_and_the_reason_are_named() -> None:
    flow = ac.Flow(ac.WidthSchedule.constant(1, 3, 3.0), Square())
    control, x = ({"c": np.zeros((3, 1))},), np.array([[0.1], [0.6]])
    grows = r"dopri8 did not cross step 1 .*t = 1, for 1 of 2 particles: the states grow"
    with pytest.raises(ac.NumericalFailure, match=grows):
        ac.ContinuousFlow(flow).trajectory(control, x)
    few = ac.ContinuousFlow(flow, "tsit5", max_steps=2)
    with pytest.raises(ac.NumericalFailure, match=r"step 0 .*max_steps = 2 were not enough"):
        few.encode(control, x)
    with pytest.raises(ac.NumericalFailure, match=r"end of the inverse.*max_steps"):
        few.inverse(control, -x)
    with pytest.raises(ac.NumericalFailure, match=r"end of the log-volume.*max_steps"):
        few.log_volume(control, x)
    ends = ac.Flow(ac.WidthSchedule(1, [ac.Block([0], 1), ac.Block([0], 2)], 3.0), Square())
    split = ({"c": np.zeros((1, 1))}, {"c": np.zeros((2, 1))})
    with pytest.raises(ac.NumericalFailure, match=r"end of the decoder"):
        ac.ContinuousFlow(ends, "tsit5").decode(split, np.array([[2.0]]))


@pytest.mark.slow
def test_what_cannot_be_done_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = flow_of("hold", Perceptron())
    for options, message in (
        ({"solver": "rk45"}, r"solver must be one of dopri8.*got 'rk45'"),
        ({"rtol": 0.0}, r"rtol must be a positive.*got 0"),
        ({"atol": np.nan}, r"atol must be a positive.*got nan"),
        ({"max_steps": 0}, r"max_steps must be.*got 0"),
    ):
        with pytest.raises(ac.InputError, match=message):
            ac.ContinuousFlow(flow, **options)
    solved, control, x = ac.ContinuousFlow(flow, "tsit5"), draw(flow, 0), particles(3, 3)
    with pytest.raises(ac.InputError, match=r"divergence must be one of auto, .*got 'trace'"):
        solved.log_volume(control, x, divergence="trace")
    with pytest.raises(ac.InputError, match=r"one value for each of the 3 .*shape \(3, 3\)"):
        solved.log_density(control, x, lambda rows: rows)
    with pytest.raises(ac.InputError, match="got a NaN"):
        solved.log_density(control, x, lambda rows: jnp.full(len(rows), jnp.nan))
    outside = solved.log_density(control, x, lambda rows: jnp.full(len(rows), -jnp.inf))
    np.testing.assert_array_equal(outside, -np.inf)
    for memory in ("reset", "skip"):
        varying = ac.ContinuousFlow(flow_of(memory, Perceptron()), "tsit5")
        for method in (varying.inverse, varying.log_volume):
            with pytest.raises(ac.InputError, match=f"homeomorphism.*memory {memory}"):
                method(draw(varying.flow, 0), x)
    monkeypatch.setattr("autoencodes.schemes.adaptive.find_spec", lambda name: None)
    with pytest.raises(ac.MissingExtra, match=r"diffrax.*autoencodes\[ode\]"):
        Adaptive()
