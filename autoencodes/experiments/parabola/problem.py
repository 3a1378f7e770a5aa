"""A parabola in the plane, reconstructed through a bottleneck of one component (the paper, 5.2).

Particles (s, s²) on a grid of s, Euler steps of Δt = 1: an initial phase with both components on,
an encoding phase with the first alone, a decoding phase with both, the second beginning anew at 0.
The encoder is then kept, and other decoders are trained from its latent values alone.

# notation: z latent value, x̂ reconstruction, λ Tikhonov weight.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control, norm
from autoencodes.datasets.laws import dataset
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.notebook import Notebook, Part, certified
from autoencodes.experiments.parabola.result import ParabolaResult
from autoencodes.experiments.starts import first_to_arrive, fresh_sample
from autoencodes.experiments.table import ResultTable
from autoencodes.fields import ControlledField, Perceptron, TwoLayer
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import Block, WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.pca import covariance
from autoencodes.plot.motion import Motion
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement

_LAW = "parabola"
_BINS = 16
"""Of s, for colouring: more than there are colours of classes, so that a scale runs through."""
_CURVE = 401
_SHOWN = 800
"""Particles in the figures: on a curve, gaps between fewer would catch the eye."""

DECODERS: dict[str, ControlledField] = {
    "perceptron": Perceptron("tanh"),
    "two-layer": TwoLayer(hidden=4),
}
"""The fields that another decoder may have."""

_OWN = "its own"


class ParabolaSettings(ExperimentSettings):
    """The architecture, how it is trained, and the other decoders."""

    blocks: tuple[int, int, int] = (7, 7, 7)
    """Steps of the initial, the encoding and the decoding phase."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    fresh: int = 5000
    tikhonov: float = 1e-5
    scale: float = 0.5
    steps: int = 2000
    decoder_steps: int = 300
    starts: int = 3
    """Random starts tried, at most, until one arrives."""
    arrived: float = 1e-4
    """The cost on the particles trained on below which a start counts as one that arrived."""
    decoders: tuple[tuple[str, int], ...] = (
        ("perceptron", 3),
        ("perceptron", 14),
        ("two-layer", 7),
    )
    """Fields and layers of the decoders that are trained from the first seed's latent values."""

    @property
    def sizes(self) -> str:
        return (
            f"{seeds(self.seeds)}, trained for at most {self.steps:,} steps from up to "
            f"{self.starts} random starts, decoders for at most {self.decoder_steps:,}; "
            f"{self.fresh:,} fresh particles"
        )


def run(settings: ParabolaSettings, notebook: Notebook) -> Results[ParabolaResult]:
    """Trains from every seed, then other decoders for the encoder of the first."""
    notebook.expect(len(settings.seeds) + len(settings.decoders) + 1)
    trained = {
        seed: notebook.part(f"seed {seed}", partial(_trained, settings, seed, notebook))
        for seed in settings.seeds
    }
    first = settings.seeds[0]
    control = trained[first].control
    others = {
        f"{kind}, {layers} layers": notebook.part(
            f"decoder, {kind}, {layers} layers",
            partial(_decoder, settings, control, kind, layers, notebook),
        )
        for kind, layers in settings.decoders
    }
    certificate = notebook.part(
        "certificate", lambda: certified(_problem(settings), control, *_measures(settings, first))
    )
    failures = [f"seed {s}: {each}" for s, p in trained.items() for each in p.facts["failures"]]
    return Results(
        _sentence(settings, trained, others),
        {"errors": _errors(settings, trained), "decoders": _decoders(settings, trained, others)},
        _reconstructed(settings, control, others),
        (_motion(settings, control),),
        {f"seed {first}": certificate.facts["lines"]},
        tuple(failures or ["Every training arrived from its first random start."]),
    )


def _problem(settings: ParabolaSettings) -> ControlProblem:
    blocks = [Block(a, n) for a, n in zip(((0, 1), (0,), (0, 1)), settings.blocks, strict=True)]
    schedule = WidthSchedule(2, blocks, float(sum(settings.blocks)))
    return ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=settings.tikhonov)


def _measures(settings: ParabolaSettings, seed: int) -> tuple[EmpiricalMeasure, EmpiricalMeasure]:
    """Those trained on, the paper's grid, and fresh ones of the law."""
    return dataset(_LAW, seed).train, fresh_sample(_LAW, settings.fresh, seed)[0]


def _trained(settings: ParabolaSettings, seed: int, notebook: Notebook) -> Part:
    """One training; from another start where it ends above the error that is asked for."""
    problem = _problem(settings)
    measure, fresh = _measures(settings, seed)
    arrival = first_to_arrive(
        problem,
        measure,
        notebook,
        seed=seed,
        scale=settings.scale,
        steps=settings.steps,
        starts=settings.starts,
        loss=lambda control: float(problem.terminal_cost(control, measure)),
        enough=settings.arrived,
        described=lambda loss: f"a cost of {loss:.1e}",
    )
    control = arrival.control
    return Part.holding(
        control,
        cost=float(problem.terminal_cost(control, measure)),
        fresh_cost=float(problem.terminal_cost(control, fresh)),
        pca_cost=_pca(measure, fresh),
        objective=float(problem.objective(control, measure)),
        norm=float(norm(control, problem.flow.schedule.step_size)),
        residual=float(problem.pmp_residual(control, measure)),
        lambda_min=curvature(Hessian(problem, control, measure), digits=2).smallest.value,
        starts=arrival.starts,
        failures=arrival.failures,
    )


def _pca(measure: EmpiricalMeasure, fresh: EmpiricalMeasure) -> float:
    """The cost on fresh particles of the best line through those trained on."""
    x, y = np.asarray(measure.x), np.asarray(fresh.x)
    line = np.linalg.eigh(covariance(x))[1][:, -1:]
    rest = (y - x.mean(axis=0)) @ (np.eye(2) - line @ line.T)
    return float(np.mean(np.sum(rest**2, axis=1)))


# Other decoders for the same encoder.


def decoding(settings: ParabolaSettings, kind: str, layers: int) -> ControlProblem:
    """The problem of a decoder alone: both components on, Euler steps of Δt = 1."""
    schedule = WidthSchedule.constant(2, layers, float(layers))
    return ControlProblem(Flow(schedule, DECODERS[kind]), tikhonov=settings.tikhonov)


def embedded(flow: Flow, control: Control, x: Any) -> Float[np.ndarray, "particle 2"]:
    """(z, 0): the latent value, and the second component where it begins anew."""
    z = np.asarray(flow.encode(control, x))
    return np.concatenate([z, np.zeros_like(z)], axis=1)


def _decoder(
    settings: ParabolaSettings, encoder: Control, kind: str, layers: int, notebook: Notebook
) -> Part:
    """One decoder, trained to make the particles of their latent values."""
    flow = _problem(settings).flow
    pairs = [
        EmpiricalMeasure(embedded(flow, encoder, m.x), m.x)
        for m in _measures(settings, settings.seeds[0])
    ]
    problem = decoding(settings, kind, layers)
    start = problem.flow.init(jax.random.key(settings.seeds[0]), scale=settings.scale)
    method = MinimizingMovement()
    result = notebook.fit(problem, start, pairs[0], method=method, steps=settings.decoder_steps)
    return Part.holding(
        result.control,
        kind=kind,
        layers=layers,
        entries=_entries(result.control),
        cost=float(problem.terminal_cost(result.control, pairs[0])),
        fresh_cost=float(problem.terminal_cost(result.control, pairs[1])),
        reason=result.reason,
    )


def _entries(control: Control) -> int:
    return sum(np.size(leaf) for leaf in jax.tree.leaves(control))


# Tables and text.


def _name(settings: ParabolaSettings) -> str:
    return f"{_OWN}, {settings.blocks[-1]} layers"


def _errors(settings: ParabolaSettings, trained: dict[int, Part]) -> ResultTable:
    records: list[dict[str, Any]] = [{"seed": seed, **p.facts} for seed, p in trained.items()]
    records.append({"seed": "PCA", "fresh_cost": records[0]["pca_cost"]})
    columns = {
        "seed": "seed",
        "error, fresh": "fresh_cost",
        "per component": "half",
        "error, trained on": "cost",
        "J": "objective",
        "‖θ‖": "norm",
        "PMP residual": "residual",
        "λ_min": "lambda_min",
        "starts": "starts",
    }
    return ResultTable.of(
        f"Mean squared error of the reconstruction at λ = {settings.tikhonov:g}, summed over the "
        f"two components and per component, on {settings.fresh:,} fresh particles; trained on "
        f"{dataset(_LAW, 0).train.size}",
        columns,
        [{**record, "half": record["fresh_cost"] / 2} for record in records],
    )


def _decoders(
    settings: ParabolaSettings, trained: dict[int, Part], others: dict[str, Part]
) -> ResultTable:
    own = trained[settings.seeds[0]]
    first = {**own.facts, "name": _name(settings), "entries": _entries(own.control[-1:])}
    columns = {"decoder": "name", "entries": "entries", "error, fresh": "fresh_cost"}
    return ResultTable.of(
        "Decoders for the same encoder, each given its latent values alone: mean squared error, "
        "summed over the two components",
        {**columns, "error, trained on": "cost"},
        [first, *({**part.facts, "name": name} for name, part in others.items())],
    )


def _reconstructed(
    settings: ParabolaSettings, control: Control, others: dict[str, Part]
) -> ParabolaResult:
    """The curve, its latent values, and what each decoder makes of them."""
    flow = _problem(settings).flow
    s = np.linspace(-1, 1, _CURVE)
    x = np.stack([s, s**2], axis=1)
    start = embedded(flow, control, x)
    decoded = [np.asarray(flow.push(control, x))]
    for part in others.values():
        kind, layers = part.facts["kind"], part.facts["layers"]
        decoded.append(np.asarray(decoding(settings, kind, layers).flow.push(part.control, start)))
    names = (_name(settings), *others)
    return ParabolaResult(s, start[:, 0], np.stack(decoded), names, flow.schedule)


def _motion(settings: ParabolaSettings, control: Control) -> Motion:
    fresh, _ = fresh_sample(_LAW, settings.fresh, settings.seeds[0])
    x = np.asarray(fresh.x)[:_SHOWN]
    bins = np.clip(((x[:, 0] + 1) / 2 * _BINS).astype(int), 0, _BINS - 1)
    # A bin may be empty: names are those of the others, in their order.
    middles = (np.unique(bins) + 0.5) / _BINS * 2 - 1
    names = tuple(f"s = {middle:.2f}".replace("-", "−") for middle in middles)
    flow = _problem(settings).flow
    return Motion.of(
        "parabola", flow, control, x, labels=bins, label_names=names, targets=x, particles=len(x)
    )


def _sentence(settings: ParabolaSettings, trained: dict[int, Part], others: dict[str, Part]) -> str:
    errors = [part.facts["fresh_cost"] for part in trained.values()]
    best = min(others, key=lambda name: others[name].facts["fresh_cost"])
    facts = trained[settings.seeds[0]].facts
    reached = sum(error <= settings.arrived for error in errors)
    low, high = f"{min(errors):.1e}", f"{max(errors):.1e}"
    spread = low if low == high else f"from {low} to {high}"
    return (
        f"At λ = {settings.tikhonov:g}, {reached} of {len(errors)} trainings reconstruct "
        f"{settings.fresh:,} fresh particles with a mean squared error, summed over both "
        f"components, of at most {settings.arrived:g}: it is {spread}, half of that per "
        "component. PCA of as many components has "
        f"{facts['pca_cost']:.1e}. From the latent values of the first encoder another decoder "
        f"({best}) reaches {others[best].facts['fresh_cost']:.1e}, its own "
        f"{facts['fresh_cost']:.1e}."
    )


EXPERIMENTS.register(
    "parabola",
    "A parabola in the plane, reconstructed through one component; other decoders beside its own",
    rank=3,
    full="35 s",
    quick="30 s",
)(
    Experiment(
        ParabolaSettings(),
        ParabolaSettings(seeds=(0,), decoders=(("perceptron", 14),)),
        run,
        ParabolaResult,
    )
)
