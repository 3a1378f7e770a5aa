"""Two classes in the plane through a bottleneck of one component (the paper, section 5.1).

Particles x ~ N(0, I₂), targets (sign x₁, 0), Euler steps of Δt = 1. Where x₂ is switched off, no
information is lost that the target needs (natural); where x₁ is, the flow must first move its sign
into x₂ (unnatural).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control, norm
from autoencodes.datasets.laws import sample
from autoencodes.experiments.classification.result import ClassificationResult
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.notebook import Notebook, Part, certified
from autoencodes.experiments.starts import first_to_arrive, fresh_sample
from autoencodes.experiments.table import ResultTable
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.plot.motion import Motion
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian

_LAW = "gaussian-sign"
_ARRIVED = 0.99
"""The accuracy on the particles trained on from which a start counts as one that arrived."""
_COLUMNS = {
    "layers": "layers",
    "seed": "seed",
    "accuracy": "accuracy",
    "cost on fresh": "fresh_cost",
    "J": "objective",
    "‖θ‖": "norm",
    "λ_min": "lambda_min",
    "starts": "starts",
}
"""A row of the table is one architecture trained from one seed."""


class ClassificationSettings(ExperimentSettings):
    """Which component is off in the bottleneck, in which blocks, and how it is trained."""

    switched_off: int = 1
    blocks: tuple[tuple[int, int, int], ...] = ((7, 7, 7),)
    """Steps of the encoder, the bottleneck and the decoder; several architectures."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    particles: int = 2000
    fresh: int = 5000
    tikhonov: float = 1e-3
    scale: float = 0.5
    steps: int = 100
    starts: int = 4
    """Random starts tried, at most, until one arrives."""

    @property
    def sizes(self) -> str:
        return (
            f"{seeds(self.seeds)}, trained on {self.particles:,} particles for at most "
            f"{self.steps:,} steps from up to {self.starts} random starts, {self.fresh:,} fresh "
            "ones"
        )


def run(settings: ClassificationSettings, notebook: Notebook) -> Results[ClassificationResult]:
    """Trains every architecture from every seed, and counts errors on fresh particles."""
    notebook.expect(len(settings.blocks) * len(settings.seeds) + 1)
    rows: list[dict[str, Any]] = []
    motions: list[Motion] = []
    notes: list[str] = []
    problems = [_problem(settings, blocks) for blocks in settings.blocks]
    controls = []
    for problem in problems:
        layers = problem.flow.schedule.steps
        for seed in settings.seeds:
            train = partial(_trained, settings, problem, seed, notebook)
            part = notebook.part(f"{layers} layers, seed {seed}", train)
            rows.append({"layers": layers, "seed": seed, **part.facts})
            notes += [f"{layers} layers, seed {seed}: {fault}" for fault in part.facts["failures"]]
            controls.append(part.control)
        shown = controls[-len(settings.seeds)]
        motions.append(_motion(settings, problem, shown))
    measures = (_measure(settings, settings.seeds[0], fresh)[0] for fresh in (False, True))
    certify_first = partial(certified, problems[0], controls[0], *measures)
    first = f"{problems[0].flow.schedule.steps} layers, seed {settings.seeds[0]}"
    lines = notebook.part("certificate", certify_first).facts["lines"]
    caption = f"Accuracy on {settings.fresh:,} fresh particles, λ = {settings.tikhonov:g}"
    return Results(
        _sentence(settings, [row["accuracy"] for row in rows]),
        {"accuracy": ResultTable.of(caption, _COLUMNS, rows)},
        ClassificationResult(tuple(problem.flow.schedule for problem in problems)),
        motions=tuple(motions),
        certificates={first: lines},
        notes=tuple(notes) or ("Every training arrived from its first random start.",),
    )


def _sentence(settings: ClassificationSettings, accuracies: list[float]) -> str:
    natural = settings.switched_off == 1
    needed = 0.99 if natural else 0.98
    reached = sum(accuracy >= needed for accuracy in accuracies)
    return (
        f"With {'x₂' if natural else 'x₁'} off in the bottleneck "
        f"({'natural' if natural else 'unnatural'}), {reached} of {len(accuracies)} trainings "
        f"classify at least {needed:.0%} of {settings.fresh:,} fresh particles; the least accurate "
        f"reaches {min(accuracies):.2%}, the mean is {np.mean(accuracies):.2%}."
    )


def _motion(settings: ClassificationSettings, problem: ControlProblem, control: Control) -> Motion:
    """Fresh particles under the control of the first seed."""
    measure, labels = _measure(settings, settings.seeds[0], fresh=True)
    return Motion.of(
        f"{problem.flow.schedule.steps} layers",
        problem.flow,
        control,
        measure.x,
        labels=labels,
        label_names=("x₁ < 0", "x₁ ≥ 0"),
        targets=measure.y,
    )


def _problem(settings: ClassificationSettings, blocks: tuple[int, int, int]) -> ControlProblem:
    off = settings.switched_off
    active = ((0, 1), (1 - off,), (0, 1))
    schedule = WidthSchedule(
        2, [Block(a, n) for a, n in zip(active, blocks, strict=True)], float(sum(blocks))
    )
    return ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=settings.tikhonov)


def _measure(
    settings: ClassificationSettings, seed: int, fresh: bool = False
) -> tuple[EmpiricalMeasure, Any]:
    if fresh:
        return fresh_sample(_LAW, settings.fresh, seed)
    x, y, labels = sample(_LAW, settings.particles, seed)
    return EmpiricalMeasure(x, y), labels


def _trained(
    settings: ClassificationSettings, problem: ControlProblem, seed: int, notebook: Notebook
) -> Part:
    """One training; from another start where it ends at a saddle or at a poor minimum."""
    measure, classes = _measure(settings, seed)
    arrival = first_to_arrive(
        problem,
        measure,
        notebook,
        seed=seed,
        scale=settings.scale,
        steps=settings.steps,
        starts=settings.starts,
        loss=lambda control: 1 - _accuracy(problem, control, measure, classes),
        enough=1 - _ARRIVED,
        described=lambda loss: f"{1 - loss:.1%} of its own particles classified",
    )
    fresh, labels = _measure(settings, seed, fresh=True)
    return Part.holding(
        arrival.control,
        accuracy=_accuracy(problem, arrival.control, fresh, labels),
        fresh_cost=float(problem.terminal_cost(arrival.control, fresh)),
        objective=float(problem.objective(arrival.control, measure)),
        norm=float(norm(arrival.control, problem.flow.schedule.step_size)),
        lambda_min=curvature(Hessian(problem, arrival.control, measure), digits=2).smallest.value,
        starts=arrival.starts,
        failures=arrival.failures,
    )


def _accuracy(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure, labels: Any
) -> float:
    """The share of particles that end on the side of their class."""
    out = np.asarray(problem.flow.push(control, measure.x))
    return float(np.mean(np.where(out[:, 0] < 0, -1, 1) == labels))


EXPERIMENTS.register(
    "classification-natural",
    "Gaussian particles, two classes by the sign of x₁, the component that does not matter off in "
    "the bottleneck",
    rank=1,
    full="20 s",
    quick="17 s",
)(
    Experiment(
        ClassificationSettings(), ClassificationSettings(seeds=(0, 1)), run, ClassificationResult
    )
)

EXPERIMENTS.register(
    "classification-unnatural",
    "Gaussian particles, two classes by the sign of x₁, the component that decides off in "
    "the bottleneck",
    rank=2,
    full="40 s",
    quick="33 s",
)(
    Experiment(
        ClassificationSettings(switched_off=0, blocks=((8, 4, 8), (16, 8, 16))),
        ClassificationSettings(switched_off=0, blocks=((8, 4, 8), (16, 8, 16)), seeds=(0,)),
        run,
        ClassificationResult,
    )
)
