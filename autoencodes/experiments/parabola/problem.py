"""A parabola in the plane, reconstructed through a bottleneck of one component (the paper, 5.2).

Particles (s, s²) on a grid of s, Euler steps of Δt = 1: an initial phase with both components on,
an encoding phase with the first alone, a decoding phase with both, the second beginning anew at 0.
The encoder is then kept, and other decoders are trained from its latent values alone. Beside it, 40
layers, most of the new ones in the decoder or spread evenly, and softplus in place of tanh.

# notation: z latent value, x̂ reconstruction, λ Tikhonov weight.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from autoencodes.experiments.parabola.result import ParabolaResult, Trained
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

Steps = tuple[int, int, int]
"""Of the initial, the encoding and the decoding phase."""


class ParabolaSettings(ExperimentSettings):
    """The architecture, how it is trained, and the other decoders."""

    blocks: Steps = (7, 7, 7)
    activation: str = "tanh"
    others: tuple[tuple[str, Steps], ...] = (
        ("tanh", (7, 7, 26)),
        ("tanh", (13, 14, 13)),
        ("softplus", (7, 7, 7)),
        ("softplus", (7, 7, 26)),
        ("softplus", (13, 14, 13)),
    )
    """Activations and steps of the networks that it is compared with."""
    compared_steps: int = 300
    """The most steps of their trainings."""
    unbounded_scale: float = 0.1
    """Of the random start where the activation is not bounded: from larger ones flows run off."""
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
    trainings = (1 + len(settings.others)) * len(settings.seeds)
    notebook.expect(trainings + len(settings.decoders) + 1)
    networks = [(settings.activation, settings.blocks), *settings.others]
    parts = {
        (activation, blocks, seed): notebook.part(
            f"{activation}, {steps(blocks)}, seed {seed}",
            partial(_trained, settings, activation, blocks, seed, notebook),
        )
        for activation, blocks in networks
        for seed in settings.seeds
    }
    trained = {seed: parts[*networks[0], seed] for seed in settings.seeds}
    compared = tuple(_compared(key, part) for key, part in parts.items())
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
    failures = [
        f"{named.network}, seed {named.seed}: {fault}"
        for named, part in zip(compared, parts.values(), strict=True)
        for fault in part.facts["failures"]
    ]
    return Results(
        _sentence(settings, trained),
        {
            "errors": _errors(settings, trained),
            "networks": _networks(settings, compared),
            "decoders": _decoders(settings, trained, others),
        },
        _reconstructed(settings, control, others, compared),
        (_motion(settings, control),),
        {f"seed {first}": certificate.facts["lines"]},
        (
            _detail(settings, trained, others),
            *_comparison(settings, compared),
            *(failures or ["Every training arrived from its first random start."]),
        ),
    )


def steps(blocks: Steps) -> str:
    """Steps in words."""
    return "/".join(map(str, blocks))


def _problem(
    settings: ParabolaSettings, activation: str | None = None, steps: Steps | None = None
) -> ControlProblem:
    """That of the network that is compared with the others, unless another is asked for."""
    steps = steps or settings.blocks
    blocks = [Block(a, n) for a, n in zip(((0, 1), (0,), (0, 1)), steps, strict=True)]
    flow = Flow(
        WidthSchedule(2, blocks, float(sum(steps))), Perceptron(activation or settings.activation)
    )
    return ControlProblem(flow, tikhonov=settings.tikhonov)


def _measures(settings: ParabolaSettings, seed: int) -> tuple[EmpiricalMeasure, EmpiricalMeasure]:
    """Those trained on, the paper's grid, and fresh ones of the law."""
    return dataset(_LAW, seed).train, fresh_sample(_LAW, settings.fresh, seed)[0]


def _trained(
    settings: ParabolaSettings, activation: str, blocks: Steps, seed: int, notebook: Notebook
) -> Part:
    """One training; from another start where it ends above the error that is asked for."""
    problem = _problem(settings, activation, blocks)
    own = (activation, blocks) == (settings.activation, settings.blocks)
    measure, fresh = _measures(settings, seed)
    arrival = first_to_arrive(
        problem,
        measure,
        notebook,
        seed=seed,
        scale=settings.scale if activation == "tanh" else settings.unbounded_scale,
        steps=settings.steps if own else settings.compared_steps,
        starts=settings.starts,
        loss=lambda control: float(problem.terminal_cost(control, measure)),
        enough=settings.arrived,
        described=lambda loss: f"a cost of {loss:.1e}",
    )
    control = arrival.control
    curved = curvature(Hessian(problem, control, measure), digits=2)
    return Part.holding(
        control,
        cost=float(problem.terminal_cost(control, measure)),
        fresh_cost=float(problem.terminal_cost(control, fresh)),
        pca_cost=_pca(measure, fresh),
        objective=float(problem.objective(control, measure)),
        norm=float(norm(control, problem.flow.schedule.step_size)),
        residual=float(problem.pmp_residual(control, measure)),
        reach=float(np.abs(problem.flow.trajectory(control, fresh.x)).max()),
        lambda_min=curved.smallest.value,
        convex=curved.locally_convex == "yes",
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


def _compared(key: tuple[str, Steps, int], part: Part) -> Trained:
    """What the networks are compared by."""
    activation, blocks, seed = key
    names = ("fresh_cost", "objective", "norm", "reach", "residual", "lambda_min", "convex")
    facts = {name: part.facts[name] for name in (*names, "starts")}
    return Trained(activation, steps(blocks), sum(blocks), seed, **facts)


def _networks(settings: ParabolaSettings, compared: Sequence[Trained]) -> ResultTable:
    """A row for each network over its seeds."""
    rows = []
    for network in dict.fromkeys(one.network for one in compared):
        own = [one for one in compared if one.network == network]
        errors = [one.fresh_cost for one in own]
        rows.append(
            {
                "activation": own[0].activation,
                "steps": own[0].steps,
                "layers": own[0].layers,
                "trained": len(own),
                "arrived": sum(error <= settings.arrived for error in errors),
                "middle": float(np.median(errors)),
                "least": min(errors),
                "greatest": max(errors),
                "lowest": min(one.lambda_min for one in own),
                "highest": max(one.lambda_min for one in own),
                "convex": sum(one.convex for one in own),
                "residual": max(one.residual for one in own),
                "norm": float(np.median([one.norm for one in own])),
                "reach": float(np.median([one.reach for one in own])),
            }
        )
    columns = {
        "σ": "activation",
        "steps": "steps",
        "layers": "layers",
        "trained": "trained",
        f"error ≤ {settings.arrived:g}": "arrived",
        "error, median": "middle",
        "least": "least",
        "greatest": "greatest",
        "λ_min, least": "lowest",
        "λ_min, greatest": "highest",
        "λ_min > 0": "convex",
        "PMP residual, greatest": "residual",
        "‖θ‖": "norm",
        "largest |x|": "reach",
    }
    return ResultTable.of(
        f"Networks over {seeds(settings.seeds)}: error on {settings.fresh:,} fresh particles; "
        "‖θ‖ and the largest component on the way are medians",
        columns,
        rows,
    )


def _comparison(settings: ParabolaSettings, compared: Sequence[Trained]) -> tuple[str, ...]:
    """What more layers and an unbounded activation bring, from the seeds that ran."""
    if not settings.others:
        return ()
    lines = [
        f"{settings.activation}, {steps(settings.blocks)} is trained for at most "
        f"{settings.steps:,} steps a start, the networks that it is compared with for "
        f"{settings.compared_steps:,}."
    ]
    for activation in dict.fromkeys(one.activation for one in compared):
        own = [one for one in compared if one.activation == activation]
        each = []
        for network in dict.fromkeys(one.steps for one in own):
            group = [one for one in own if one.steps == network]
            middle = np.median([one.fresh_cost for one in group])
            low, high = (f(one.fresh_cost for one in group) for f in (min, max))
            each.append(f"{network} {middle:.1e} ({low:.1e} to {high:.1e})")
        low, high = (f(one.lambda_min for one in own) for f in (min, max))
        lines.append(
            f"{activation}: median error on fresh particles (least to greatest) "
            f"{'; '.join(each)}. λ_min(H) from {low:.2g} to {high:.2g}, positive for "
            f"{sum(one.convex for one in own)} of {len(own)} trainings; "
            f"{sum(one.residual > 1e-3 for one in own)} of {len(own)} are under way (PMP residual "
            f"> 0.001); the largest |x| on the way {max(one.reach for one in own):.2g}."
        )
    layers = {one.layers for one in compared}
    if len(layers) > 1:
        lines.append(
            "How the paper spreads its 40 layers is recalled, not read: most of the new ones in "
            "the decoder, beside the same number spread evenly."
        )
    if "softplus" in {one.activation for one in compared}:
        lines.append(
            f"softplus starts at controls of scale {settings.unbounded_scale:g}, tanh at "
            f"{settings.scale:g}: softplus is not bounded, nor is the flow."
        )
    return tuple(lines)


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
    settings: ParabolaSettings,
    control: Control,
    others: dict[str, Part],
    compared: tuple[Trained, ...],
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
    return ParabolaResult(s, start[:, 0], np.stack(decoded), names, flow.schedule, compared)


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


def _sentence(settings: ParabolaSettings, trained: dict[int, Part]) -> str:
    """At most 25 words."""
    reached = sum(part.facts["fresh_cost"] <= settings.arrived for part in trained.values())
    pca = trained[settings.seeds[0]].facts["pca_cost"]
    return (
        f"λ = {settings.tikhonov:g}, {sum(settings.blocks)} layers: {reached} of {len(trained)} "
        f"trainings ({seeds(settings.seeds)}) reconstruct {settings.fresh:,} fresh particles with "
        f"error ≤ {settings.arrived:g}; PCA {pca:.1e}."
    )


def _detail(settings: ParabolaSettings, trained: dict[int, Part], others: dict[str, Part]) -> str:
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
    "A parabola in the plane, reconstructed through one component: 21 and 40 layers, tanh and "
    "softplus; other decoders beside its own",
    rank=3,
    full="10 min",
    quick="1 min",
)(
    Experiment(
        ParabolaSettings(),
        ParabolaSettings(
            seeds=(0,),
            decoders=(("perceptron", 14),),
            others=(("softplus", (7, 7, 7)),),
        ),
        run,
        ParabolaResult,
    )
)
