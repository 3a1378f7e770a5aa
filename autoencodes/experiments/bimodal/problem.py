"""Two clusters on the line pushed apart: control, paths, value function and density at once.

Particles x ~ N(±1, 0.2²), targets ±2, moved by tanh(θx) and by tanh(θx + b). In one dimension all
that the theory speaks of can be computed: the value function on a grid, whose slope is the costate
on every particle, and the density of μ_t.

# notation: θ control, μ_t law of the particles, ρ_t its density, ψ_t value function, p costate,
# Φ_l flow up to step l, h spacing of the grid, k degree of the splines.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.datasets.laws import sample
from autoencodes.experiments.bimodal.result import BimodalResult, FieldSolution
from autoencodes.experiments.convergence import orders, spoken
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results
from autoencodes.experiments.notebook import Notebook, Part, certified
from autoencodes.experiments.starts import fresh_sample
from autoencodes.experiments.table import ResultTable
from autoencodes.fields import ControlledField, Perceptron
from autoencodes.fields.field import StepControl
from autoencodes.flow.adjoint import derivative, value_function
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.plot.motion import Motion
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement

_LAW = "bimodal-1d"
_CENTRES, _SPREAD, _TARGETS = (-1.0, 1.0), 0.2, (-2.0, 2.0)
_PATHS = 150
"""Particles whose paths and costates are kept for the figures."""
_TAILS = 6.0
"""Where a cluster's density is cut off, in standard deviations: there it is 10⁻⁸ of its height."""
_NODES = 801
_MARGIN = 0.5
"""How far the grid goes on beyond the particles, at least."""


class ScaledTanh(ControlledField):
    """F(t, x; w) = tanh(w x), component by component: neurons without a bias, odd in x.

    The control of a step is ``{"w": (width,)}``; ``init`` draws w_i ~ N(0, scale²).
    """

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " width"], theta: StepControl
    ) -> Float[Array, " width"]:
        return jnp.tanh(theta["w"] * x)

    def init(self, key: Key[Array, ""], width: int, scale: float) -> StepControl:  # type: ignore[override]
        return {"w": scale * jax.random.normal(key, (width,))}


FIELDS: dict[str, ControlledField] = {"tanh(θx)": ScaledTanh(), "tanh(θx + b)": Perceptron("tanh")}


class BimodalSettings(ExperimentSettings):
    """The problem, and the grids on which the backward equation is solved."""

    seed: int = 0
    particles: int = 1000
    fresh: int = 5000
    horizon: float = 1.0
    layers: int = 10
    tikhonov: float = 0.1
    steps: int = 100
    degrees: tuple[int, ...] = (1, 3, 5)
    spacings: tuple[float, ...] = (0.4, 0.2, 0.1, 0.05, 0.025, 0.0125)
    """Of the grids, in falling order."""

    @property
    def sizes(self) -> str:
        return (
            f"seed {self.seed}, trained on {self.particles:,} particles from θ = 0 for at most "
            f"{self.steps:,} steps, {self.fresh:,} fresh ones, {self.layers} layers, λ = "
            f"{self.tikhonov:g}"
        )


def run(settings: BimodalSettings, notebook: Notebook) -> Results[BimodalResult]:
    """Trains both fields; solves the backward equation, and moves the density, for each."""
    notebook.expect(3 * len(FIELDS))
    measures = _measure(settings), _measure(settings, fresh=True)
    fields: dict[str, dict[str, Part]] = {}
    for name in FIELDS:
        problem = _problem(settings, name)
        trained = notebook.part(
            f"training {_word(name)}", partial(_trained, settings, problem, notebook)
        )
        control = trained.control
        fields[name] = {
            "trained": trained,
            "backward": notebook.part(
                f"backward equation {_word(name)}",
                partial(_solved, settings, problem, control, notebook),
            ),
            "certificate": notebook.part(
                f"certificate {_word(name)}", partial(certified, problem, control, *measures)
            ),
        }
    return Results(
        _sentence(settings, fields),
        {"agreement": _agreement(settings, fields), "trainings": _trainings(settings, fields)},
        _measured(settings, fields),
        tuple(_motion(settings, name, parts["trained"].control) for name, parts in fields.items()),
        {name: parts["certificate"].facts["lines"] for name, parts in fields.items()},
        (*_notes(fields), _detail(settings, fields)),
    )


def _word(name: str) -> str:
    return "with bias" if isinstance(FIELDS[name], Perceptron) else "without bias"


def _problem(settings: BimodalSettings, name: str) -> ControlProblem:
    schedule = WidthSchedule.constant(1, settings.layers, settings.horizon)
    return ControlProblem(Flow(schedule, FIELDS[name]), tikhonov=settings.tikhonov)


def _measure(settings: BimodalSettings, fresh: bool = False) -> EmpiricalMeasure:
    if fresh:
        return fresh_sample(_LAW, settings.fresh, settings.seed)[0]
    x, y, _ = sample(_LAW, settings.particles, settings.seed)
    return EmpiricalMeasure(x, y)


def _trained(settings: BimodalSettings, problem: ControlProblem, notebook: Notebook) -> Part:
    """One training, from the control 0 at which nothing moves."""
    measure = _measure(settings)
    start = problem.flow.init(jax.random.key(settings.seed), scale=0.0)
    method = MinimizingMovement(inner="newton-cg", first_tau=1.0)
    options: dict[str, Any] = {"method": method, "steps": settings.steps, "tolerance": 1e-12}
    result = notebook.fit(problem, start, measure, **options)
    control = result.control
    ends = np.asarray(problem.flow.push(control, measure.x))[:, 0]
    # ∫ ℓ dμ_T for the law itself, by quadrature over its density.
    x, density = nodes()
    moved = np.asarray(problem.flow.push(control, x[:, None]))[:, 0]
    losses = (moved - np.array(_TARGETS)[:, None]) ** 2
    smallest = curvature(Hessian(problem, control, measure)).smallest
    return Part.holding(
        control,
        objective=float(problem.objective(control, measure)),
        cost=float(problem.terminal_cost(control, measure)),
        law_cost=float(np.trapezoid((losses * density).sum(axis=0), x)),
        residual=float(problem.pmp_residual(control, measure)),
        lambda_min=smallest.value,
        ends=[float(ends[measure.y[:, 0] == y].mean()) for y in _TARGETS],
        reason=result.reason,
    )


# The density of μ_t.


def nodes() -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, "cluster node"]]:
    """Nodes x that span the law, and its density there as a sum over clusters (2, n)."""
    reach = _CENTRES[1] + _TAILS * _SPREAD
    x = np.linspace(-reach, reach, _NODES)
    scores = (x - np.array(_CENTRES)[:, None]) / _SPREAD
    return x, np.exp(-(scores**2) / 2) / (2 * _SPREAD * np.sqrt(2 * np.pi))


def moved_density(
    flow: Flow, control: Control, x: Float[np.ndarray, " node"], density: Float[np.ndarray, " node"]
) -> tuple[Float[np.ndarray, "layer node"], Float[np.ndarray, "layer node"]]:
    """Φ_l(x) and the density of the law there, ρ_l(Φ_l(x)) = ρ_0(x) / Φ_l'(x), for l = 0..L.

    On the line, where Φ_l is increasing; where it is not, so that the formula would not hold, the
    density comes out negative.
    """

    def path(x: Float[Array, "node 1"]) -> Float[Array, "layer node 1"]:
        return flow.trajectory(control, x)

    column = jnp.asarray(x)[:, None]
    # A particle's path depends on its own start alone: one tangent gives all slopes.
    places, slopes = jax.jvp(path, (column,), (jnp.ones_like(column),))
    return np.asarray(places)[..., 0], density / np.asarray(slopes)[..., 0]


# The backward equation.


def _solved(
    settings: BimodalSettings, problem: ControlProblem, control: Control, notebook: Notebook
) -> Part:
    """ψ on every grid, compared with the costates; the last of them is kept."""
    measure = _measure(settings)
    paths = np.asarray(problem.flow.trajectory(control, measure.x))[..., 0]
    costates = np.asarray(problem.costate(control, measure))[..., 0]
    reach = np.ceil(2 * (np.abs(paths).max() + _MARGIN)) / 2
    cost = float(problem.terminal_cost(control, measure))
    # Each particle has its own target's ψ.
    own = np.arange(measure.size), (np.asarray(measure.y)[:, 0] > 0).astype(int)
    rows = []
    for degree in settings.degrees:
        for h in settings.spacings:
            notebook.advance(f"degree {degree}, h = {h:g}")
            grid = np.linspace(-reach, reach, round(2 * reach / h) + 1)
            psi = value_function(problem.flow, control, _terminal, grid, degree)
            slopes = np.stack([derivative(p)(x)[own] for p, x in zip(psi, paths, strict=True)])
            error = slopes - costates
            # ∫ ψ dμ is the same at all times.
            integral = float(psi[0](paths[0])[own].mean())
            rows.append((degree, h, _root(error), float(np.abs(error).max()), integral - cost))
    x = np.linspace(-reach, reach, 241)
    arrays = {
        "x": x,
        "psi": np.stack([p(x) for p in psi]),
        "slope": np.stack([derivative(p)(x) for p in psi]),
        "paths": paths[:, :_PATHS],
        "costates": costates[:, :_PATHS],
        "targets": np.asarray(measure.y)[:_PATHS, 0],
    }
    return Part(arrays, {"rows": rows, "reach": float(reach), "size": _root(costates)})


def _terminal(x: Float[np.ndarray, " node"]) -> Float[np.ndarray, "node target"]:
    """ℓ(x, y) for the two targets."""
    return (x[:, None] - np.array(_TARGETS)) ** 2


def _root(values: Float[np.ndarray, "layer particle"]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


# Tables and text.


def _agreement(settings: BimodalSettings, fields: dict[str, dict[str, Part]]) -> ResultTable:
    rows = tuple(
        (name, degree, h, root, order, largest, integral)
        for name, parts in fields.items()
        for degree in settings.degrees
        for h, root, largest, integral, order in _of_degree(parts, degree)
    )
    return ResultTable(
        "∂_x ψ on the particles against the costates p, by the degree k of the splines and the "
        "spacing h of the grid: root mean square over particles and layers, its order against the "
        "grid before, the largest difference, and what ∫ ψ₀ dμ₀ differs from ∫ ℓ dμ_T by; "
        "expected is the order k",
        ("field", "k", "h", "rms of ∂ψ − p", "order", "largest", "∫ψ₀ − ∫ℓ"),
        rows,
    )


def _of_degree(parts: dict[str, Part], degree: int) -> list[tuple[Any, ...]]:
    """(h, root mean square, largest, integral, order) of every grid; the first has no order."""
    own = [row[1:] for row in parts["backward"].facts["rows"] if row[0] == degree]
    steps = [None, *orders([row[0] for row in own], [row[1] for row in own])]
    return [(*row, order) for row, order in zip(own, steps, strict=True)]


def _trainings(settings: BimodalSettings, fields: dict[str, dict[str, Part]]) -> ResultTable:
    keys = ("objective", "cost", "law_cost", "residual", "lambda_min")
    trained = [(name, parts["trained"].facts) for name, parts in fields.items()]
    return ResultTable(
        f"The trained controls, λ = {settings.tikhonov:g}: J and ∫ ℓ dμ_T on "
        f"{settings.particles:,} particles, ∫ ℓ dμ_T for the law itself, and where the two "
        "clusters end in the mean",
        ("field", "J", "∫ℓ", "∫ℓ, law", "PMP residual", "λ_min", "left end", "right end"),
        tuple((name, *(facts[key] for key in keys), *facts["ends"]) for name, facts in trained),
    )


def _measured(settings: BimodalSettings, fields: dict[str, dict[str, Part]]) -> BimodalResult:
    """What the figures are drawn from."""
    steps = [0, settings.layers // 2, settings.layers]
    x, density = nodes()
    fresh = _measure(settings, fresh=True)
    solutions = []
    for name, parts in fields.items():
        control, flow = parts["trained"].control, _problem(settings, name).flow
        places, moved = moved_density(flow, control, x, density.sum(axis=0))
        solutions.append(
            FieldSolution(
                **parts["backward"].arrays,
                control=np.stack([np.ravel(control[0][entry]) for entry in sorted(control[0])]),
                places=places[steps],
                density=moved[steps],
                states=np.asarray(flow.trajectory(control, fresh.x))[steps, :, 0],
            )
        )
    errors = {
        (degree, k): np.array([row[1] for row in _of_degree(parts, degree)])
        for k, parts in enumerate(fields.values())
        for degree in settings.degrees
    }
    return BimodalResult(tuple(fields), tuple(solutions), errors, tuple(steps))


def _motion(settings: BimodalSettings, name: str, control: Control) -> Motion:
    fresh, clusters = fresh_sample(_LAW, settings.fresh, settings.seed)
    names = ("cluster at −1", "cluster at 1")
    flow = _problem(settings, name).flow
    return Motion.of(
        name, flow, control, fresh.x, labels=clusters, label_names=names, targets=fresh.y
    )


def _sentence(settings: BimodalSettings, fields: dict[str, dict[str, Part]]) -> str:
    """At most 25 words."""
    measured = [
        "/".join(spoken(_of_degree(parts, degree)[-1][-1]) for parts in fields.values())
        for degree in settings.degrees
    ]
    return (
        f"Seed {settings.seed}, {settings.particles:,} particles, {len(fields)} fields: the grid's "
        f"slope of ψ and the costates agree with orders {', '.join(measured)} (expected "
        f"{', '.join(map(str, settings.degrees))})."
    )


def _detail(settings: BimodalSettings, fields: dict[str, dict[str, Part]]) -> str:
    trained = [parts["trained"].facts for parts in fields.values()]
    measured = []
    for degree in settings.degrees:
        last = [_of_degree(parts, degree)[-1] for parts in fields.values()]
        measured.append(
            f"{' and '.join(spoken(row[-1]) for row in last)} for degree {degree} (expected "
            f"{degree}), where at h = {last[0][0]:g} they differ by at most "
            f"{max(row[1] for row in last):.1e} in root mean square"
        )
    size = max(parts["backward"].facts["size"] for parts in fields.values())
    return (
        "On the particles, what the slope of the backward equation's solution on a grid and the "
        f"costates (size {size:.2g}) differ by falls, between the two finest grids, with the order "
        f"{'; '.join(measured)}; first for {', then for '.join(fields)}. The trained controls have "
        f"a PMP residual of at most {max(f['residual'] for f in trained):.0e} and λ_min = "
        f"{' and '.join(format(f['lambda_min'], '.3f') for f in trained)}."
    )


def _notes(fields: dict[str, dict[str, Part]]) -> tuple[str, ...]:
    ends = "; ".join(
        f"{name}: {facts['ends'][0]:.2f} and {facts['ends'][1]:.2f}"
        for name, facts in ((name, parts["trained"].facts) for name, parts in fields.items())
    )
    return (
        f"The weight λ holds the clusters back from ±2; they end, in the mean, at {ends}.",
        "The characteristics are Euler steps, as the flow's own: the comparison sees the grid's "
        "error alone, not that of Δt. Order k is that of the slope of a spline of degree k; near "
        "rounding it is no longer seen.",
    )


EXPERIMENTS.register(
    "backward-equation",
    "Two Gaussian clusters on the line, an extension of bimodal-1d: the order of the backward "
    "equation's slope on a grid beside the costates",
    rank=12,
    full="18 s",
    quick="18 s",
)(
    Experiment(
        BimodalSettings(),
        BimodalSettings(particles=500, degrees=(1, 3), spacings=(0.4, 0.2, 0.1, 0.05, 0.025)),
        run,
        BimodalResult,
    )
)
