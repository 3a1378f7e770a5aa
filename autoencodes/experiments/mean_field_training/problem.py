"""Training by the mean-field maximum principle: particles beside a grid method.

Particles are drawn from a standard Gaussian restricted to the ball of radius 0.2, about two centres
−c and c with the targets −2c and 2c, or about 0 with the targets −c and c by the sign of the first
component; c = 1, or (1, 1) in the plane. They are moved by tanh(W x) or tanh(W x + b) in nine steps
of 0.1, from θ = 1, with the weight 0.1 and one of its own for the bias. Constants are those of the
code published with Bonnet, Cipriani, Fornasier, Huang, A measure theoretical approach to the
mean-field maximum principle for training NeurODEs, Nonlinear Analysis 227 (2023).

# notation: θ = (W, b) control, λ Tikhonov weight, ψ value function, ρ density, p costate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.experiments.bimodal.problem import moved_density
from autoencodes.experiments.experiment import Experiment, Results
from autoencodes.experiments.mean_field_training.grid import GridMethod, Theta
from autoencodes.experiments.mean_field_training.law import RADIUS, cells, centres, height, law
from autoencodes.experiments.mean_field_training.result import Course, MeanFieldResult
from autoencodes.experiments.mean_field_training.settings import MeanFieldSettings
from autoencodes.experiments.mean_field_training.telling import (
    agreement,
    notes,
    readings,
    refinement,
    sentence,
)
from autoencodes.experiments.notebook import Notebook, Part, certified
from autoencodes.fields import ControlledField, Perceptron, Weighted
from autoencodes.fields.field import StepControl
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.plot.motion import Motion
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement, Progress

WITHOUT, WITH = "tanh(Wx)", "tanh(Wx + b)"
FIELDS = (WITHOUT, WITH)
_FRESH = 10_000
"""Added to a seed for particles that no training has seen."""
_REST, _MOST = 1e-7, 200
"""When the grid's iteration counts as at rest, and after how many rounds it is given up."""
_TIMES = 3
"""How often the clock runs for each; the median is taken."""


class Unbiased(ControlledField):
    """F(t, x; W) = tanh(W x): a perceptron without a bias.

    The control of a step is ``{"W": (width, width)}``; ``init`` draws W_ij ~ N(0, scale²/width).
    """

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " width"], theta: StepControl
    ) -> Float[Array, " width"]:
        return jnp.tanh(theta["W"] @ x)

    def init(self, key: Key[Array, ""], width: int, scale: float) -> StepControl:  # type: ignore[override]
        return {"W": Perceptron("tanh").init(key, width, scale)["W"]}


def run(settings: MeanFieldSettings, notebook: Notebook) -> Results[MeanFieldResult]:
    """Trains both fields from every seed, by particles and on the grid; refines both; certifies."""
    notebook.expect(len(FIELDS) * (len(settings.seeds) + 3))
    found: dict[str, dict[str, Any]] = {}
    for name in FIELDS:
        own: dict[str, Any] = {
            "seeds": [
                notebook.part(
                    f"{_word(name)}, seed {seed}",
                    partial(_compared, settings, name, seed, notebook),
                )
                for seed in settings.seeds
            ],
            "refined": notebook.part(
                f"{_word(name)}, refined", partial(_refined, settings, name, notebook)
            ),
            "readings": notebook.part(
                f"{_word(name)}, other readings", partial(_readings, settings, name, notebook)
            ),
        }
        control = own["seeds"][0].control
        problem, first = control_problem(settings, name), settings.seeds[0]
        measures = _measure(settings, first), _measure(settings, first + _FRESH)
        own["certificate"] = notebook.part(
            f"{_word(name)}, certificate", partial(certified, problem, control, *measures)
        )
        found[name] = own
    return Results(
        sentence(settings, found),
        {
            "agreement": agreement(settings, found),
            "refined": refinement(settings, found),
            "readings": readings(settings, found),
        },
        _measured(settings, found),
        tuple(_motion(settings, name, own["seeds"][0].control) for name, own in found.items()),
        {name: own["certificate"].facts["lines"] for name, own in found.items()},
        notes(settings, found),
    )


def _word(name: str) -> str:
    return "with bias" if name == WITH else "without bias"


def _measure(settings: MeanFieldSettings, seed: int) -> EmpiricalMeasure:
    return EmpiricalMeasure(*law(settings.clusters, settings.dim, settings.particles, seed))


def control_problem(settings: MeanFieldSettings, name: str) -> ControlProblem:
    """The flow of a field, with the bias's own weight in the norm."""
    field: ControlledField = Unbiased()
    if name == WITH:
        field = Weighted(Perceptron("tanh"), {"b": settings.bias / settings.tikhonov})
    schedule = WidthSchedule.constant(settings.dim, settings.layers, settings.horizon)
    return ControlProblem(Flow(schedule, field), tikhonov=settings.tikhonov)


def own_units(problem: ControlProblem, control: Control) -> Theta:
    """(W, b) of every step, as they stand in tanh(W x + b)."""
    block: Mapping[str, Any] = control[0]
    if isinstance(problem.flow.field, Weighted):
        block = problem.flow.field.own(block)
    entries = [np.asarray(block["W"], np.float64)]
    if "b" in block:
        entries.append(np.asarray(block["b"], np.float64)[..., None])
    return np.concatenate(entries, axis=-1)


def _control(problem: ControlProblem, theta: Theta) -> Control:
    """The flow's control for (W, b)."""
    dim = theta.shape[1]
    if not isinstance(problem.flow.field, Weighted):
        return ({"W": theta},)
    return (problem.flow.field.weighted({"W": theta[..., :dim], "b": theta[..., dim]}),)


def _begin(settings: MeanFieldSettings, name: str) -> Theta:
    return np.full(
        (settings.layers, settings.dim, settings.dim + (name == WITH)), float(settings.start)
    )


def grid_method(
    settings: MeanFieldSettings, name: str, measure: EmpiricalMeasure, refined: int = 1
) -> GridMethod:
    """The grid beside the particles."""
    penalty = np.full((settings.dim, settings.dim + (name == WITH)), settings.tikhonov)
    penalty[:, settings.dim :] = settings.bias
    nodes = np.linspace(-settings.reach, settings.reach, (settings.nodes - 1) * refined + 1)
    step = settings.horizon / settings.layers
    return GridMethod(nodes, step, np.asarray(measure.x), np.asarray(measure.y), penalty)


def _fitted(
    settings: MeanFieldSettings, problem: ControlProblem, start: Theta, measure: Any, notebook: Any
) -> tuple[Any, list[Theta]]:
    """The training by movements, and θ after each."""
    course = [start]

    def keep(progress: Progress) -> None:
        course.append(own_units(problem, progress.control))

    method = MinimizingMovement(inner="newton-cg", first_tau=1.0)
    options: dict[str, Any] = {"method": method, "steps": settings.steps, "tolerance": 1e-10}
    begun = jax.tree.map(jnp.asarray, _control(problem, start))
    result = notebook.fit(problem, begun, measure, callbacks=[keep], every=1, **options)
    return result, course


def distance(one: Theta, other: Theta) -> float:
    """‖θ − θ'‖ / ‖θ'‖ in L²."""
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


def _compared(settings: MeanFieldSettings, name: str, seed: int, notebook: Notebook) -> Part:
    """Both methods from the same θ on the same particles, by the clock, one after the other."""
    problem, measure = control_problem(settings, name), _measure(settings, seed)
    start, grid = _begin(settings, name), grid_method(settings, name, measure)

    def particles(theta: Theta, paths: Any) -> Any:
        return np.asarray(problem.costate(_control(problem, theta), measure))[1:]

    began = time.perf_counter()
    result, course = _fitted(settings, problem, start, measure, notebook)
    first = time.perf_counter() - began
    ours, theirs = [], []
    for _ in range(_TIMES):
        began = time.perf_counter()
        _fitted(settings, problem, start, measure, notebook)
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        shot = grid.shooting(start, grid.costates, settings.iterations)
        theirs.append(time.perf_counter() - began)
    theta = course[-1]
    settled, last = grid.settled(theta, _REST, _MOST)
    shooting = grid.shooting(start, particles, settings.iterations)
    control = _control(problem, theta)
    ends = grid.forward(theta)[-1]
    facts = {
        "objective": float(problem.objective(control, measure)),
        "residual": float(problem.pmp_residual(control, measure)),
        "lambda_min": curvature(Hessian(problem, control, measure)).smallest.value,
        "movements": len(course) - 1,
        "ends": [float(np.mean(ends[grid.y[:, 0] * s > 0, 0])) for s in (-1, 1)],
        "distance": distance(settled, theta),
        "at_rest": last <= _REST,
        "shot": distance(shot[-1], theta),
        "shot_change": distance(shot[-1], shot[-2]),
        "particle_change": distance(shooting[-1], shooting[-2]),
        "ours": median(ours),
        "grid": median(theirs),
        "compiling": first - median(ours),
        "reason": result.reason,
        "speed": float(np.abs(_speeds(grid, theta)).sum(axis=-1).max()),
    }
    arrays = {"ours": np.stack(course), "grid": np.stack(shot), "shooting": np.stack(shooting)}
    return replace(Part.holding(control, **facts), arrays=arrays | Part.holding(control).arrays)


def _speeds(grid: GridMethod, theta: Theta) -> Float[np.ndarray, "layer particle dim"]:
    return np.diff(grid.forward(theta), axis=0) / grid.step


def _refined(settings: MeanFieldSettings, name: str, notebook: Notebook) -> Part:
    """Both methods with steps and spacing k times finer: their minimisers' distance."""
    rows = []
    seed = settings.seeds[0]
    for k in settings.refinements:
        own = settings.model_copy(update={"layers": settings.layers * k})
        problem, measure = control_problem(own, name), _measure(own, seed)
        _, course = _fitted(own, problem, _begin(own, name), measure, notebook)
        grid = grid_method(own, name, measure, refined=k)
        theta, last = grid.settled(course[-1], _REST, _MOST)
        rows.append((k, own.layers, len(grid.nodes), distance(theta, course[-1]), last <= _REST))
    return Part(facts={"rows": rows})


def _readings(settings: MeanFieldSettings, name: str, notebook: Notebook) -> Part:
    """What is not sure of the authors' run, read the other way."""
    seed = settings.seeds[0]
    other = {"as stated": settings}
    for horizon in settings.other_horizons:
        other[f"{settings.layers} steps up to t = {horizon:g}"] = settings.model_copy(
            update={"horizon": horizon}
        )
    for start in settings.other_starts:
        other[f"from θ = {start:g}"] = settings.model_copy(update={"start": start})
    rows: list[tuple[str, float | None, float]] = []
    reference: Theta | None = None
    for words, own in other.items():
        problem, measure = control_problem(own, name), _measure(own, seed)
        _, course = _fitted(own, problem, _begin(own, name), measure, notebook)
        theta = course[-1]
        reference = theta if reference is None else reference
        objective = float(problem.objective(_control(problem, theta), measure))
        rows.append((words, objective, distance(theta, reference)))
    if settings.dim == 1 and reference is not None:
        grid = replace(grid_method(settings, name, _measure(settings, seed)), literal=True)
        theta, _ = grid.settled(reference, _REST, _MOST)
        rows.append(("ψ as the published code has it", None, distance(theta, reference)))
    return Part(facts={"rows": rows})


def _measured(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> MeanFieldResult:
    """What the figures are drawn from."""
    courses = []
    measure = _measure(settings, settings.seeds[0])
    for name, own in found.items():
        part: Part = own["seeds"][0]
        problem, grid = control_problem(settings, name), grid_method(settings, name, measure)
        theta = own_units(problem, part.control)
        places, exact = np.zeros((0, 0)), np.zeros((0, 0))
        if settings.dim == 1:
            x = np.concatenate(
                [c + np.linspace(-RADIUS, RADIUS, 101) for c in centres(settings.clusters)]
            )
            start = height(settings.clusters, x[:, None])
            places, exact = moved_density(problem.flow, part.control, x, start)
        courses.append(
            Course(
                ours=part.arrays["ours"],
                shooting=part.arrays["shooting"],
                grid=part.arrays["grid"],
                paths=grid.forward(theta),
                targets=grid.y,
                costates=np.asarray(problem.costate(part.control, measure)),
                psi=grid.backward(theta),
                density=grid.density(theta, cells(settings.clusters, grid.mesh, grid.spacing)),
                places=places,
                exact=exact,
            )
        )
    times = np.linspace(0, settings.horizon, settings.layers + 1)
    return MeanFieldResult(FIELDS, tuple(courses), grid.nodes, times)


def _motion(settings: MeanFieldSettings, name: str, control: Control) -> Motion:
    measure = _measure(settings, settings.seeds[0] + _FRESH)
    sides = np.where(np.asarray(measure.y)[:, 0] > 0, 1, -1)
    c = (2 if settings.clusters == 2 else 1) * np.ones(settings.dim, int)
    names = tuple(
        f"target {'−' if s < 0 else ''}{c[0]}"
        if settings.dim == 1
        else f"target ({', '.join(('−' if s < 0 else '') + str(e) for e in c)})"
        for s in (-1, 1)
    )
    flow = control_problem(settings, name).flow
    return Motion.of(
        name, flow, control, measure.x, labels=sides, label_names=names, targets=measure.y
    )


_PLANE: dict[str, Any] = {
    "dim": 2,
    "bias": 0.1,
    "reach": 3.0,
    "nodes": 61,
    "refinements": (1, 2),
    "other_starts": (5.0,),
}
_QUICK: dict[str, Any] = {"seeds": (0,), "refinements": (1,), "other_horizons": ()}
_FLAT_QUICK = {**_PLANE, **_QUICK, "other_starts": ()}

EXPERIMENTS.register(
    "bimodal-1d",
    "Two clusters on the line pushed apart by the maximum principle: particles beside a grid",
    rank=8,
    full="4 min",
    quick="30 s",
)(Experiment(MeanFieldSettings(), MeanFieldSettings(**_QUICK), run, MeanFieldResult))

EXPERIMENTS.register(
    "unimodal-1d",
    "One cluster on the line torn in two by the maximum principle: particles beside a grid",
    rank=9,
    full="7 min",
    quick="30 s",
)(
    Experiment(
        MeanFieldSettings(clusters=1),
        MeanFieldSettings(clusters=1, **_QUICK),
        run,
        MeanFieldResult,
    )
)

EXPERIMENTS.register(
    "bimodal-2d",
    "Two clusters in the plane pushed apart by the maximum principle: particles beside a grid",
    rank=10,
    full="6 min",
    quick="30 s",
)(Experiment(MeanFieldSettings(**_PLANE), MeanFieldSettings(**_FLAT_QUICK), run, MeanFieldResult))

EXPERIMENTS.register(
    "unimodal-2d",
    "One cluster in the plane torn in two by the maximum principle: particles beside a grid",
    rank=11,
    full="10 min",
    quick="30 s",
)(
    Experiment(
        MeanFieldSettings(clusters=1, **_PLANE),
        MeanFieldSettings(clusters=1, **_FLAT_QUICK),
        run,
        MeanFieldResult,
    )
)
