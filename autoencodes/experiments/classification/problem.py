"""Two classes in the plane through a bottleneck of one component (the paper, section 5.1).

Particles x ~ N(0, I₂), targets (sign x₁, 0), Euler steps of Δt = 1. Where x₂ is switched off, no
information is lost that the target needs (natural); where x₁ is, the flow must first move its sign
into x₂ (unnatural). Both orders are run on the same networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

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
    "order": "order",
    "steps": "steps",
    "seed": "seed",
    "accuracy": "accuracy",
    "cost on fresh": "fresh_cost",
    "J": "objective",
    "‖θ‖": "norm",
    "λ_min": "lambda_min",
    "starts": "starts",
}
"""A row of the table is one network trained from one seed."""
_SUMMARY = {
    "order": "order",
    "steps": "steps",
    "from": "origin",
    "trained": "trained",
    "arrived": "arrived",
    "accuracy, least": "least",
    "accuracy, mean": "mean",
    "cost on fresh, mean": "fresh_cost",
    "λ_min, least": "lowest",
    "λ_min, greatest": "highest",
    "λ_min > 0": "convex",
}
"""A row of the table is one network; ``arrived`` and ``convex`` count its seeds."""

Steps = tuple[int, int, int]
"""Of the encoder, the bottleneck and the decoder."""


class Network(NamedTuple):
    """An architecture: the component that is off in the bottleneck, and the steps of each block."""

    off: int
    blocks: Steps
    origin: str
    """"paper" or "extension"."""

    @property
    def order(self) -> str:
        """Whether the component that is off is the one that does not matter."""
        return "natural" if self.off == 1 else "unnatural"

    @property
    def steps(self) -> str:
        """The steps in words."""
        return "/".join(map(str, self.blocks))

    @property
    def name(self) -> str:
        """That of the motion."""
        return f"{self.order}, {self.steps}"


class ClassificationSettings(ExperimentSettings):
    """Which component is off in the bottleneck, in which blocks, and how it is trained."""

    switched_off: int = 1
    blocks: tuple[Steps, ...] = ((7, 7, 7),)
    """Steps of the encoder, the bottleneck and the decoder; the paper's networks."""
    further: tuple[Steps, ...] = ()
    """Networks that are not the paper's: an extension."""
    both_orders: bool = False
    """Whether the paper's networks are trained with the other component off as well."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    particles: int = 2000
    fresh: int = 5000
    tikhonov: float = 1e-3
    scale: float = 0.5
    steps: int = 100
    starts: int = 4
    """Random starts tried, at most, until one arrives."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Those of this order, the extension's last; then the paper's in the other order."""
        own = [Network(self.switched_off, blocks, "paper") for blocks in self.blocks]
        own += [Network(self.switched_off, blocks, "extension") for blocks in self.further]
        others = self.blocks if self.both_orders else ()
        return (*own, *(Network(1 - self.switched_off, blocks, "paper") for blocks in others))

    @property
    def sizes(self) -> str:
        return (
            f"{seeds(self.seeds)}, trained on {self.particles:,} particles for at most "
            f"{self.steps:,} steps from up to {self.starts} random starts, {self.fresh:,} fresh "
            "ones"
        )


def run(settings: ClassificationSettings, notebook: Notebook) -> Results[ClassificationResult]:
    """Trains every network from every seed, and counts errors on fresh particles."""
    networks = settings.networks
    notebook.expect(len(networks) * len(settings.seeds) + 1)
    rows: list[dict[str, Any]] = []
    motions: list[Motion] = []
    notes: list[str] = []
    problems = [control_problem(settings, network) for network in networks]
    controls = []
    for network, problem in zip(networks, problems, strict=True):
        named = {"order": network.order, "steps": network.steps, "origin": network.origin}
        for seed in settings.seeds:
            train = partial(_trained, settings, problem, seed, notebook)
            part = notebook.part(f"{network.name}, seed {seed}", train)
            rows.append({**named, "seed": seed, **part.facts})
            notes += [f"{network.name}, seed {seed}: {it}" for it in part.facts["failures"]]
            controls.append(part.control)
        motions.append(_motion(settings, network, problem, controls[-len(settings.seeds)]))
    measures = (particles(settings, settings.seeds[0], fresh)[0] for fresh in (False, True))
    certify_first = partial(certified, problems[0], controls[0], *measures)
    first = f"{networks[0].name}, seed {settings.seeds[0]}"
    lines = notebook.part("certificate", certify_first).facts["lines"]
    caption = f"Accuracy on {settings.fresh:,} fresh particles, λ = {settings.tikhonov:g}"
    return Results(
        _sentence(settings, rows),
        {
            "networks": ResultTable.of(
                f"Each network over {seeds(settings.seeds)}, λ = {settings.tikhonov:g}",
                _SUMMARY,
                [_summary(settings, network, rows) for network in networks],
            ),
            "accuracy": ResultTable.of(caption, _COLUMNS, rows),
        },
        ClassificationResult(tuple(problem.flow.schedule for problem in problems)),
        motions=tuple(motions),
        certificates={first: lines},
        notes=(*_readings(settings), *_found(settings, rows), *notes),
    )


def needed(order: str) -> float:
    """The share of fresh particles from which on a training counts in the text."""
    return 0.99 if order == "natural" else 0.98


def _of(order: str, rows: Sequence[dict[str, Any]]) -> tuple[int, list[float]]:
    """How many trainings of an order classify what is asked, and the accuracies of all."""
    accuracies = [row["accuracy"] for row in rows if row["order"] == order]
    return sum(accuracy >= needed(order) for accuracy in accuracies), accuracies


def _sentence(settings: ClassificationSettings, rows: Sequence[dict[str, Any]]) -> str:
    """At most 25 words."""
    order = settings.networks[0].order
    reached, accuracies = _of(order, rows)
    count = len(settings.blocks) + len(settings.further)
    ran = f"{count} network{'s' if count > 1 else ''}, {seeds(settings.seeds)}"
    text = (
        f"{order.capitalize()} order: {reached} of {len(accuracies)} trainings ({ran}) classify at "
        f"least {needed(order):.0%} of {settings.fresh:,} fresh particles"
    )
    if settings.both_orders:
        other = settings.networks[-1].order
        also, all_others = _of(other, rows)
        return f"{text}; {other} ({needed(other):.0%}): {also} of {len(all_others)}."
    return f"{text}; the least accurate {min(accuracies):.2%}."


def _found(settings: ClassificationSettings, rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Both orders side by side, and how the trainings began."""
    lines = []
    for order in dict.fromkeys(network.order for network in settings.networks):
        reached, accuracies = _of(order, rows)
        convex = sum(row["convex"] for row in rows if row["order"] == order)
        lines.append(
            f"{order.capitalize()}: {reached} of {len(accuracies)} trainings classify at least "
            f"{needed(order):.0%}; accuracies from {min(accuracies):.2%} to {max(accuracies):.2%}, "
            f"mean {np.mean(accuracies):.2%}; λ_min(H) > 0 at the end of {convex}."
        )
    restarted = sum(row["starts"] > 1 for row in rows)
    lines.append(f"{len(rows) - restarted} of {len(rows)} trainings kept their first random start.")
    return tuple(lines)


def _readings(settings: ClassificationSettings) -> tuple[str, ...]:
    """What is the paper's, as far as it is recalled, and what is not."""
    layers = {sum(blocks) for blocks in settings.blocks}
    steps = ", ".join("/".join(map(str, blocks)) for blocks in settings.blocks)
    if layers <= {21}:
        return ()
    lines = [
        "How the paper splits its 20 and 40 layers into blocks is recalled, not read. Run here: "
        f"{steps}; 40 layers both evenly and with the new ones in the decoder, where listed."
    ]
    if settings.further:
        also = ", ".join("/".join(map(str, blocks)) for blocks in settings.further)
        lines.append(f"{also}: an extension, not the paper's.")
    return tuple(lines)


def _summary(
    settings: ClassificationSettings, network: Network, rows: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """One network over its seeds."""
    own = [row for row in rows if (row["order"], row["steps"]) == (network.order, network.steps)]
    accuracies = [row["accuracy"] for row in own]
    curved = [row["lambda_min"] for row in own]
    return {
        "order": network.order,
        "steps": network.steps,
        "origin": network.origin,
        "trained": len(own),
        "arrived": sum(accuracy >= needed(network.order) for accuracy in accuracies),
        "least": min(accuracies),
        "mean": float(np.mean(accuracies)),
        "fresh_cost": float(np.mean([row["fresh_cost"] for row in own])),
        "lowest": min(curved),
        "highest": max(curved),
        "convex": sum(row["convex"] for row in own),
    }


def _motion(
    settings: ClassificationSettings, network: Network, problem: ControlProblem, control: Control
) -> Motion:
    """Fresh particles under the control of the first seed."""
    measure, labels = particles(settings, settings.seeds[0], fresh=True)
    return Motion.of(
        network.name,
        problem.flow,
        control,
        measure.x,
        labels=labels,
        label_names=("x₁ < 0", "x₁ ≥ 0"),
        targets=measure.y,
    )


def control_problem(settings: ClassificationSettings, network: Network) -> ControlProblem:
    """Euler steps of Δt = 1 through the network's blocks, σ = tanh."""
    off, blocks = network.off, network.blocks
    active = ((0, 1), (1 - off,), (0, 1))
    schedule = WidthSchedule(
        2, [Block(a, n) for a, n in zip(active, blocks, strict=True)], float(sum(blocks))
    )
    return ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=settings.tikhonov)


def particles(
    settings: ClassificationSettings, seed: int, fresh: bool = False
) -> tuple[EmpiricalMeasure, Any]:
    """Those of a seed to train on, or fresh ones; and their classes, −1 and 1."""
    if fresh:
        return fresh_sample(_LAW, settings.fresh, seed)
    x, y, labels = sample(_LAW, settings.particles, seed)
    return EmpiricalMeasure(x, y), labels


def _trained(
    settings: ClassificationSettings, problem: ControlProblem, seed: int, notebook: Notebook
) -> Part:
    """One training; from another start where it ends at a saddle or at a poor minimum."""
    measure, classes = particles(settings, seed)
    arrival = first_to_arrive(
        problem,
        measure,
        notebook,
        seed=seed,
        scale=settings.scale,
        steps=settings.steps,
        starts=settings.starts,
        loss=lambda control: 1 - share_right(problem, control, measure, classes),
        enough=1 - _ARRIVED,
        described=lambda loss: f"{1 - loss:.1%} of its own particles classified",
    )
    fresh, labels = particles(settings, seed, fresh=True)
    curved = curvature(Hessian(problem, arrival.control, measure), digits=2)
    return Part.holding(
        arrival.control,
        accuracy=share_right(problem, arrival.control, fresh, labels),
        fresh_cost=float(problem.terminal_cost(arrival.control, fresh)),
        objective=float(problem.objective(arrival.control, measure)),
        norm=float(norm(arrival.control, problem.flow.schedule.step_size)),
        lambda_min=curved.smallest.value,
        convex=curved.locally_convex == "yes",
        starts=arrival.starts,
        failures=arrival.failures,
    )


def share_right(
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
    "the bottleneck, beside the natural order on the same networks",
    rank=2,
    full="9 min",
    quick="1 min",
)(
    Experiment(
        ClassificationSettings(
            switched_off=0,
            blocks=((7, 7, 7), (7, 6, 7), (13, 14, 13), (7, 7, 26)),
            further=((8, 4, 8), (16, 8, 16)),
            both_orders=True,
        ),
        ClassificationSettings(
            switched_off=0, blocks=((7, 7, 7), (13, 14, 13)), both_orders=True, seeds=(0,)
        ),
        run,
        ClassificationResult,
    )
)
