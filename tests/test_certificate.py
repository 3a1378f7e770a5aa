"""The certificate of a control: known answers, bounds that hold, and words.

# notation: H Hessian of J in L², λ Tikhonov weight, T horizon, τ step, q contraction factor.
"""

from __future__ import annotations

import json
import signal
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from problems import BY_NAME, Case, draw, flat, some_cases, unflat

import autoencodes as ac
from autoencodes.certificate import Stage
from autoencodes.certificate.lipschitz import lipschitz
from autoencodes.second_order.curvature import Curvature, curvature
from autoencodes.second_order.davidson import lowest
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.preconditioner import Preconditioner
from autoencodes.second_order.shooting import shooting_factor

TRANSLATION = BY_NAME["translation, reset"]


@cache
def hessian(case: Case) -> Hessian:
    return Hessian(case.problem, case.control, case.measure.astype(float))


@some_cases
def test_lanczos_and_the_dense_hessian_agree(case: Case) -> None:
    dense = curvature(hessian(case), method="dense")
    found = curvature(hessian(case), method="lanczos", digits=10)
    assert (dense.method, found.method) == ("dense", "lanczos")
    assert found.converged
    assert found.smallest.value == pytest.approx(dense.smallest.value, rel=1e-8)
    assert found.largest.value == pytest.approx(dense.largest.value, rel=1e-8)
    for one, other in ((found.smallest, dense.smallest), (found.largest, dense.largest)):
        # Both hold the eigenvalue, so that they meet; neither computed value is the eigenvalue.
        assert one.lower <= other.upper
        assert other.lower <= one.upper
        assert abs(one.value - other.value) <= one.error + other.error
    assert found.locally_convex == dense.locally_convex


def rough(case: Case) -> Any:
    """The rough inverse from all of a case's particles, for a given λ_max."""
    measure = case.measure.astype(float)
    return lambda width: Preconditioner(case.problem, case.control, measure, width)


def gauss_newton_of(case: Case, direction: Any) -> Any:
    """G η = H η − S η by what H is at targets x_L: there the costs' gradients vanish, and S."""
    ends = case.flow.push(case.control, case.measure.x)
    measure = ac.EmpiricalMeasure(case.measure.x, ends, case.measure.weights)
    return flat(case.problem.hvp(case.control, measure, direction)) - 2 * (
        case.problem.tikhonov * flat(direction)
    )


@pytest.mark.parametrize("name", ["constant", "scanned blocks, hold", "overlapping blocks, skip"])
def test_the_rough_inverse_inverts_gauss_newton(name: str) -> None:
    case = BY_NAME[name]
    eta, shift = case.direction(0), 3.0
    right = gauss_newton_of(case, eta) + shift * flat(eta)
    solved = rough(case)(0.0)(right, shift / 0.75)
    np.testing.assert_allclose(solved, flat(eta), rtol=1e-3, atol=1e-3)


@some_cases
def test_davidson_and_the_dense_hessian_agree(case: Case) -> None:
    dense = curvature(hessian(case), method="dense")
    start = np.random.default_rng(0).standard_normal(hessian(case).size)
    found = lowest(hessian(case), rough(case)(dense.largest.value), start, digits=10)
    assert found.value == pytest.approx(dense.smallest.value, rel=1e-8)


def test_davidson_goes_from_one_end_to_the_other_and_back_to_the_bound() -> None:
    case = BY_NAME["scanned blocks, reset"]
    exact = curvature(hessian(case), method="dense")
    said: list[Curvature] = []
    found = curvature(
        hessian(case),
        method="davidson",
        digits=6,
        correction=rough(case),
        stop=lambda now: bool(said.append(now)),
    )
    assert found.method == "davidson"
    assert found.converged
    assert found.largest.value == pytest.approx(exact.largest.value, rel=1e-6)
    assert found.smallest.value == pytest.approx(exact.smallest.value, rel=1e-6)
    assert found.smallest.lower <= exact.smallest.value <= found.smallest.upper
    assert [now.products for now in said] == list(range(1, found.products + 1))
    lower = [now.smallest.lower for now in said]
    assert lower == sorted(lower)


@pytest.mark.slow
def test_many_particles_are_certified_by_davidson() -> None:
    """From 2,000 particles on, "auto" takes a part of them for the rough inverse."""
    flow = ac.Flow(ac.WidthSchedule.constant(12, 4, 4.0))
    problem = ac.ControlProblem(flow, tikhonov=1e-4)
    control = flow.init(jax.random.key(0), 0.01, np.float64)
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, 12)) * np.geomspace(4, 0.05, 12)
    measure = ac.EmpiricalMeasure(x, x + 0.3 * random.normal(size=x.shape))
    found = ac.certify(problem, control, measure, digits=5, stretched=10)
    exact = curvature(Hessian(problem, control, measure.astype(float)), method="dense")
    assert found.curvature is not None
    assert found.curvature.method == "davidson"
    assert "Davidson" in str(found)
    assert found.lambda_min is not None
    assert found.lambda_min.value == pytest.approx(exact.smallest.value, rel=1e-4)
    assert found.lambda_min.lower <= exact.smallest.value <= found.lambda_min.upper


@some_cases
def test_the_linearised_hessian_is_the_hessian(case: Case) -> None:
    eta = case.direction(0)
    expected = flat(case.problem.hvp(case.control, case.measure, eta))
    np.testing.assert_allclose(hessian(case)(flat(eta)), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("tape_bytes", [0, 60_000, 2**30])
def test_products_stream_and_linearise_anew_beyond_the_tape(tape_bytes: int) -> None:
    case = BY_NAME["permuted, weights, targets, hold"]
    eta = flat(case.direction(1))
    streamed = Hessian(case.problem, case.control, case.measure.astype(float), 3, tape_bytes)
    np.testing.assert_allclose(streamed(eta), hessian(case)(eta), rtol=1e-12, atol=1e-12)


def translation(tikhonov: float, control: float = 0.0) -> tuple[Any, Any, Any]:
    """The translation field over T = 1.5, at a constant control."""
    flow = ac.Flow(ac.WidthSchedule.constant(2, 6, 1.5), ac.fields.Translation())
    x = np.random.default_rng(0).normal(size=(40, 2))
    measure = ac.EmpiricalMeasure(x, x + np.array([1.0, -2.0]))
    zero = flow.init(jax.random.key(0), 0.0, np.float64)
    best = np.array([1.0, -2.0]) / (1.5 + tikhonov)
    theta = jax.tree.map(lambda a: a + control * best, zero)
    return ac.ControlProblem(flow, tikhonov=tikhonov), theta, measure


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_the_translation_field_has_its_known_certificate(method: str) -> None:
    problem, control, measure = translation(0.3, control=1.0)
    found = ac.certify(problem, control, measure, method=method, digits=9, tau=0.5)
    assert found.lambda_min is not None
    assert found.lambda_max is not None
    assert found.contraction is not None
    assert found.lambda_min.value == pytest.approx(2 * 0.3, rel=1e-9)
    assert found.lambda_max.value == pytest.approx(2 * 0.3 + 2 * 1.5, rel=1e-9)
    assert found.locally_convex == "yes"
    assert found.residual < 1e-12
    # theory, section 9: q = 2 τ T/(1 + 2 λ τ), and Λ contracts iff 2 τ T < 1 + 2 λ τ.
    assert found.contraction.factor == pytest.approx(2 * 0.5 * 1.5 / (1 + 2 * 0.3 * 0.5))
    assert found.contraction.largest_tau == pytest.approx(1 / (2 * 1.5 - 2 * 0.3))
    assert found.contraction.shooting == pytest.approx(1.5 / 0.3)
    cost = 0.3**2 * 5 / 1.8**2
    assert found.train_cost.value == pytest.approx(cost, rel=1e-9)
    assert found.encoder is not None
    assert found.encoder.maximum == pytest.approx(1)  # a translation enlarges nothing


@pytest.mark.parametrize("tikhonov", [0.0, 2.0])
def test_the_contraction_factor_is_the_shooting_maps(tikhonov: float) -> None:
    problem, control, measure = translation(tikhonov)
    curved = curvature(Hessian(problem, control, measure.astype(float)))
    tau = 0.4
    found = shooting_factor(curved, tikhonov, tau)

    def shoot(theta: Any) -> Any:
        g = problem.sweep(theta, measure.astype(float))[1]
        return jax.tree.map(lambda a, b: (a - tau * b) / (1 + 2 * tikhonov * tau), control, g)

    once = shoot(control)
    step = flat(once) - flat(control)
    ratio = np.linalg.norm(flat(shoot(once)) - flat(once)) / np.linalg.norm(step)
    assert found.factor == pytest.approx(ratio, rel=1e-9)
    assert found.largest_tau == pytest.approx(1 / 3 if tikhonov == 0 else np.inf)
    assert found.shooting == pytest.approx(np.inf if tikhonov == 0 else 1.5 / 2)
    assert shooting_factor(curved, tikhonov, np.inf).factor == found.shooting


def parabola(tikhonov: float) -> tuple[ac.ControlProblem, Any, ac.EmpiricalMeasure]:
    """The issue's parabola, and its random start of seed 0."""
    blocks = [ac.Block((0, 1), 7), ac.Block((0,), 7), ac.Block((0, 1), 7)]
    flow = ac.Flow(ac.WidthSchedule(2, blocks, 21.0))
    random = np.random.default_rng(0)
    control = tuple(
        {"W": jnp.asarray(random.normal(0, 0.1, (7, w, w))), "b": jnp.zeros((7, w))}
        for w in (2, 1, 2)
    )
    s = np.linspace(-1, 1, 200)
    measure = ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    return ac.ControlProblem(flow, tikhonov=tikhonov), control, measure


def test_training_makes_the_parabola_locally_convex() -> None:
    problem, control, measure = parabola(0.1)
    step_size = problem.flow.schedule.step_size

    @jax.jit
    def value_and_slope(entries: Any) -> tuple[Any, Any]:
        theta = unflat(entries, control)
        cost, g = problem.sweep(theta, measure.astype(float))
        slope = jax.tree.map(lambda a, b: step_size * (a + 0.2 * b), g, theta)
        return cost + problem.penalty(theta), jnp.concatenate(
            [jnp.ravel(leaf) for leaf in jax.tree.leaves(slope)]
        )

    done = scipy.optimize.minimize(
        value_and_slope, flat(control), jac=True, method="L-BFGS-B", options={"maxiter": 500}
    )
    first = ac.certify(problem, control, measure)
    last = ac.certify(problem, unflat(done.x, control), measure, method="lanczos", digits=6)
    assert first.lambda_min is not None
    assert last.lambda_min is not None
    assert first.lambda_min.upper < -1
    assert first.locally_convex == "no"
    assert last.lambda_min.lower > 0.15
    assert last.locally_convex == "yes"
    assert last.residual < 1e-3


@pytest.mark.parametrize(
    "name", ["one-component bottleneck, reset", "overlapping blocks, hold", "decoder, hold"]
)
def test_lipschitz_estimates_are_the_jacobians_singular_values(name: str) -> None:
    case = BY_NAME[name]
    x = np.asarray(case.measure.x)
    found = lipschitz(case.flow, case.control, x)
    assert found is not None
    latent, held = case.flow.encode(case.control, x, held=True)
    width = x.shape[1]

    def slopes(function: Any, at: Any, count: int) -> np.ndarray:
        shifts = 1e-6 * np.eye(count)
        columns = [(function(at + e) - function(at - e)) / 2e-6 for e in shifts]
        return np.linalg.svd(np.stack(columns, axis=-1), compute_uv=False)[:, 0]

    encoder = slopes(lambda a: np.asarray(case.flow.encode(case.control, a)), x, width)
    decoder = slopes(
        lambda a: np.asarray(case.flow.decode(case.control, a, held)),
        np.asarray(latent),
        latent.shape[1],
    )
    for estimate, values in zip(found, (encoder, decoder), strict=True):
        assert estimate.maximum == pytest.approx(values.max(), rel=1e-6)
        assert estimate.median == pytest.approx(np.median(values), rel=1e-6)
        assert estimate.particles == 7


@pytest.mark.slow
def test_costs_and_gap_have_standard_errors() -> None:
    case = BY_NAME["permuted, weights, targets, reset"]
    test = ac.EmpiricalMeasure(case.measure.x[:5] + 0.1, case.measure.y[:5])
    found = ac.certify(case.problem, case.control, case.measure, test, batch_size=2)
    costs = np.sum((case.flow.push(case.control, test.x) - test.y) ** 2, axis=1)
    assert found.test_cost is not None
    assert found.gap is not None
    assert found.test_cost.value == pytest.approx(costs.mean())
    assert found.test_cost.error == pytest.approx(costs.std(ddof=1) / 5**0.5)
    train = float(case.problem.terminal_cost(case.control, case.measure))
    assert found.train_cost.value == pytest.approx(train)
    assert found.gap.value == pytest.approx(costs.mean() - train)
    assert found.residual == pytest.approx(
        float(case.problem.pmp_residual(case.control, case.measure))
    )


def test_the_yardstick_detects_rows_of_another_law() -> None:
    flow = ac.Flow(ac.WidthSchedule.constant(2, 1, 1.0), ac.fields.Translation())
    problem, control = ac.ControlProblem(flow), flow.init(jax.random.key(0), 0.0, np.float64)
    random = np.random.default_rng(0)
    train = ac.EmpiricalMeasure(random.normal(size=(300, 2)))
    near, far = (ac.EmpiricalMeasure(random.normal(c, 1, size=(150, 2))) for c in (0, 1))
    for test, phrase in ((near, "no difference between the two was"), (far, "lie FARTHER")):
        found = ac.certify(problem, control, train, test)
        assert phrase in str(found)
        assert found.transport is not None
        assert found.transport.rows == 150


def test_a_certificate_is_json_and_says_every_number() -> None:
    problem, control, measure = translation(0.0)
    found = ac.certify(problem, control, measure, measure)
    entries = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert entries["contraction"]["shooting"] is None  # infinite
    assert entries["locally_convex"] == "undecided"  # λ_min = 0
    assert len(entries["lines"]) == len(found.lines()) == 14
    assert "Undecided" in str(found)


def test_a_part_of_the_particles_and_the_seed_are_said() -> None:
    case = BY_NAME["constant"]
    found = ac.certify(case.problem, case.control, case.measure, particles=4, seed=2)
    again = ac.certify(case.problem, case.control, case.measure, particles=4, seed=2)
    assert (found.sample, found.particles) == (4, 7)
    assert found.lambda_min == again.lambda_min
    assert "4 of 7 training rows" in str(found)


def test_a_spent_budget_is_reported_with_wider_bounds() -> None:
    case = BY_NAME["scanned blocks, reset"]
    found = ac.certify(
        case.problem, case.control, case.measure, method="lanczos", seconds=1e-9, digits=10
    )
    assert isinstance(found.curvature, Curvature)
    assert not found.curvature.converged
    assert found.encoder is not None
    exact = curvature(hessian(case), method="dense").smallest.value
    assert found.curvature.smallest.lower <= exact <= found.curvature.smallest.upper


@pytest.mark.parametrize("by", ["Ctrl-C", "stop"])
def test_it_ends_early_with_what_there_is(by: str) -> None:
    case, seen = BY_NAME["scanned blocks, reset"], [Stage("", None, "")]
    handler = signal.getsignal(signal.SIGINT)

    def follow(stage: Stage) -> None:
        seen.append(stage)
        assert signal.getsignal(signal.SIGINT) is handler
        if by == "Ctrl-C" and stage.text.startswith("product 2"):
            raise KeyboardInterrupt

    found = ac.certify(
        case.problem,
        case.control,
        case.measure,
        case.measure,
        method="lanczos",
        progress=follow,
        stop=(lambda: seen[-1].text.startswith("product 2")) if by == "stop" else None,
    )
    assert found.interrupted
    assert found.curvature is not None
    assert found.curvature.products == 2
    assert found.encoder is found.transport is None
    assert "Interrupted" in str(found)
    assert seen[-1].part == "curvature"


@pytest.mark.parametrize(("part", "stop"), [("costs", None), ("Lipschitz", lambda: False)])
def test_an_interruption_passes_where_nothing_is_known_or_the_caller_stops_it(
    part: str, stop: Any
) -> None:
    case = BY_NAME["constant"]

    def interrupt(stage: Stage) -> None:
        if stage.part == part:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ac.certify(case.problem, case.control, case.measure, progress=interrupt, stop=stop)


@pytest.mark.slow
def test_single_precision_needs_no_global_setting() -> None:
    case = BY_NAME["one-component bottleneck, reset"]
    single = jax.tree.map(lambda a: np.asarray(a, np.float32), case.control)
    with jax.enable_x64(False):
        found = ac.certify(case.problem, single, case.measure, method="lanczos")
        double = ac.certify(case.problem, draw_numpy(case), case.measure)
    assert (found.precision, double.precision) == ("float64", "float64")
    assert (found.control_precision, double.control_precision) == ("float32", "float64")
    assert found.lambda_min is not None
    assert double.lambda_min is not None
    assert abs(found.lambda_min.value - double.lambda_min.value) <= found.lambda_min.error
    assert found.lambda_min.lower <= double.lambda_min.value <= found.lambda_min.upper


def draw_numpy(case: Case) -> Any:
    return jax.tree.map(np.asarray, case.control)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "guess"}, "method must be one of auto, dense, lanczos, davidson"),
        ({"digits": 0}, r"digits must be a number in \[1, 12\]; got 0"),
        ({"tau": -1.0}, "tau"),
        ({"seconds": 0.0}, "seconds must be a positive number"),
        ({"particles": 0}, "particles must be an integer, at least 1"),
        ({"batch_size": 0}, "batch_size must be an integer, at least 1"),
        ({"seed": -1}, "seed must be an integer, at least 0"),
        ({"tau": np.nan}, "tau .* must be a positive number, or None; got nan"),
        ({"seconds": True}, "seconds must be a positive number, or None; got True"),
        ({"stretched": True}, "stretched must be an integer, at least 1; got True"),
    ],
)
def test_arguments_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    case = BY_NAME["constant"]
    with pytest.raises(ac.InputError, match=message):
        ac.certify(case.problem, case.control, case.measure, **options)


def test_what_does_not_fit_the_problem_is_refused() -> None:
    case, other = BY_NAME["constant"], TRANSLATION
    x = np.asarray(case.measure.x)
    with pytest.raises(ac.InputError, match="measure must live in dimension 3"):
        ac.certify(case.problem, case.control, ac.EmpiricalMeasure(x[:, :2]))
    with pytest.raises(ac.InputError, match="measure must live in dimension 3"):
        ac.certify(case.problem, case.control, case.measure, ac.EmpiricalMeasure(x[:, :2]))
    with pytest.raises(ac.InputError, match="control must be a tuple"):
        ac.certify(case.problem, draw(other.flow, 0), case.measure)


def test_a_run_is_certified_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_cli import call

    from autoencodes.cli.interruption import Interruption
    from autoencodes.plan.settings import Settings
    from autoencodes.run import train

    run = tmp_path / "run"
    train(Settings(data="parabola", epochs=1, steps_per_block=1), run)
    assert call("certify", run, "--seconds", 1, "--tau", 0.1, "--particles", 50) == 0
    said = capsys.readouterr()
    assert "λ_min" in said.out
    assert "50 of 200" in said.out
    written = json.loads((run / "certificate.json").read_text())
    assert written["contraction"]["tau"] == 0.1
    whole = (run / "certificate.json").read_bytes()
    monkeypatch.setattr(Interruption, "asked", lambda interruption: True)
    assert call("certify", run) == 130
    said = capsys.readouterr()
    assert "the complete certificate.json is kept" in said.err
    assert "Interrupted" in said.out
    assert (run / "certificate.json").read_bytes() == whole
    assert json.loads((run / "certificate-partial.json").read_text())["interrupted"]

    def read_only(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied", "certificate.json")

    monkeypatch.setattr("autoencodes.atomic.write", read_only)
    assert call("certify", run) == 2
    said = capsys.readouterr()
    assert "Interrupted" in said.out  # shown, though it could not be written
    assert "certificate.json: Permission denied" in said.err
    monkeypatch.undo()
    assert call("certify", run, "--digits", 99) == 2
    (run / "model.safetensors").unlink()
    assert call("certify", run) == 2
    assert "holds no model yet" in capsys.readouterr().err
    assert call("certify", tmp_path) == 2
