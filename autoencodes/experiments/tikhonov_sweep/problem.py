"""How many minimisers, and whether pure shooting contracts, over a grid of Tikhonov weights.

With τ = ∞ the shooting map is Λ(θ) = −g(θ)/(2λ); DΛ = −H_ℓ/(2λ) is symmetric in L², so that near
a minimiser Λ contracts by exactly q = max |eig(H_ℓ)|/(2λ), and on a ball B by at most
Lip(g; B)/(2λ). Where that is below 1, J is strongly convex on B: one minimiser.

# notation: λ Tikhonov weight, g gradient of ∫ ℓ dμ_T in L², H = 2λ I + H_ℓ Hessian of J in L²,
# K its bound on the ball in which all minimisers lie.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, Int

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.datasets.laws import sample
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.starts import distinct
from autoencodes.experiments.tikhonov_sweep.result import (
    LawSweep,
    Minimisers,
    TikhonovSweepResult,
    WeightRow,
    nonconvexity,
    notes,
    sentence,
    table,
    thresholds,
    uniqueness,
    verdicts,
)
from autoencodes.experiments.tikhonov_sweep.shooting_bound import ShootingBound
from autoencodes.experiments.tikhonov_sweep.stationary import (
    Flats,
    Stationary,
    ends_of_curvature,
    lengths,
    levels,
    newton,
    shots,
    unravel,
)
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.training import MinimizingMovement

_SCHEDULES = {
    "bimodal-1d": WidthSchedule.constant(1, 10, 1.0),
    "parabola": WidthSchedule.autoencoder(2, (2, 1), 3, 3.0),
}

_NEAR = 0.05
"""How far Newton's steps may carry a control, beside max(1, ‖θ‖)."""

_ROUNDED = 1e-11
"""Differences of iterates below it, beside max(1, ‖θ‖), are rounding."""


class TikhonovSweepSettings(ExperimentSettings):
    """The problems, the grid, and how minimisers are looked for and distinguished."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Of particles and starts."""
    laws: tuple[str, ...] = ("bimodal-1d", "parabola")
    tikhonov: tuple[float, ...] = tuple(float(f"{k}e{n}") for n in range(-4, 2) for k in (1, 2, 5))
    particles: int = 200
    starts: int = 24
    further: int = 8
    """Starts with every seed after the first."""
    scales: tuple[float, ...] = (1.0, 2.0, 4.0)
    """Every entry of a start is N(0, scale²); the scales take turns."""
    steps: int = 600
    tolerance: float = 1e-8
    """The PMP residual at which a control counts as stationary."""
    apart: float = 1e-4
    """The L² distance beyond which two minimisers are distinct."""
    shots: int = 600
    """Evaluations of Λ from every start."""
    balls: int = 64
    """Random controls of the a-priori ball at which ‖H_ℓ‖ is evaluated."""

    @property
    def sizes(self) -> str:
        more = f" ({self.further} after the first seed)" * (len(self.seeds) > 1)
        return (
            f"{seeds(self.seeds)}, {self.particles:,} particles, {len(self.tikhonov)} weights λ, "
            f"{self.starts} random starts each{more} with at most {self.steps:,} steps, "
            f"{self.shots:,} shots"
        )


def run(settings: TikhonovSweepSettings, notebook: Notebook) -> Results[TikhonovSweepResult]:
    """Trains from every start with every weight, counts minimisers, and shoots."""
    notebook.expect(len(settings.laws) * len(settings.seeds) * len(settings.tikhonov))
    sweeps: list[LawSweep] = []
    minimisers: dict[int, Float[np.ndarray, "minimiser column"]] = {}
    for law in settings.laws:
        for seed in settings.seeds:
            sweep, found = _swept(settings, law, seed, notebook)
            minimisers[len(sweeps)] = found
            sweeps.append(sweep)
    result = TikhonovSweepResult(tuple(sweeps), minimisers)
    return Results(
        sentence(sweeps),
        {
            "uniqueness": uniqueness(sweeps),
            "non-convexity": nonconvexity(sweeps),
            **{sweep.law: table(sweep) for sweep in sweeps if sweep.seed == settings.seeds[0]},
        },
        result,
        notes=(
            *verdicts(sweeps),
            *notes(sweeps, settings.apart, settings.tolerance, settings.steps),
        ),
    )


def _swept(
    settings: TikhonovSweepSettings, law: str, seed: int, notebook: Notebook
) -> tuple[LawSweep, Float[np.ndarray, "minimiser column"]]:
    """One law and seed over the grid of λ, and its minimisers."""
    free, measure = problem_of(law, settings, seed)
    bounds = ShootingBound(free, measure)
    rows, own = [], []
    for weight in settings.tikhonov:
        part = notebook.part(
            f"{law}, seed {seed}, λ = {weight:g}",
            partial(_explored, settings, law, seed, weight, notebook),
        )
        factor = bounds.factor(weight)
        rows.append(WeightRow(**part.facts, bound=factor if np.isfinite(factor) else None))
        own.append(part.arrays["minimisers"])
    sweep = LawSweep(
        law, seed, settings.shots, tuple(rows), **thresholds(rows), bound=bounds.threshold()
    )
    return sweep, np.concatenate(own)


def problem_of(
    law: str, settings: TikhonovSweepSettings, seed: int
) -> tuple[ControlProblem, EmpiricalMeasure]:
    """A law's problem with λ = 0, and its particles."""
    x, y, _ = sample(law, settings.particles, seed)
    problem = ControlProblem(Flow(_SCHEDULES[law], Perceptron("tanh")), tikhonov=0.0)
    return problem, EmpiricalMeasure(x, y)


def _explored(
    settings: TikhonovSweepSettings, law: str, seed: int, weight: float, notebook: Notebook
) -> Part:
    """One λ: trainings, their ends made exact by Newton, the distinct ones; and shooting."""
    free, measure = problem_of(law, settings, seed)
    starts = _starts(settings, free, seed)
    ends = _trained(settings, free, measure, weight, starts, notebook)
    points = newton(free, measure, jnp.asarray(weight), ends)
    theta = np.asarray(points.flats)
    step = free.flow.schedule.step_size
    # Newton's steps end an approach; a control that they carry away had not converged.
    moved = lengths(theta - np.asarray(ends), step)
    still = np.asarray(points.residual) <= settings.tolerance
    still &= moved <= _NEAR * np.maximum(1, lengths(theta, step))
    minimal = np.asarray(points.lambda_min) > 0
    rows, places = _minimisers(settings, weight, points, np.flatnonzero(still & minimal), step)
    facts = {
        "tikhonov": weight,
        "starts": len(starts),
        "converged": int(np.sum(still & minimal)),
        "saddles": int(np.sum(still & ~minimal)),
        "distinct": len(rows),
        "levels": levels(rows[:, 1]),
        **_lowest(weight, rows),
        **_shooting(settings, free, measure, weight, starts),
    }
    radius = ShootingBound(free, measure).radius(weight)
    inside = theta[places][Minimisers(*rows.T).norm <= radius]
    facts |= _sampled(settings, free, measure, seed, weight, radius, inside)
    return Part({"minimisers": rows}, facts)


def _minimisers(
    settings: TikhonovSweepSettings,
    weight: float,
    points: Stationary,
    kept: Int[np.ndarray, " place"],
    step: float,
) -> tuple[Float[np.ndarray, "minimiser column"], list[int]]:
    """The distinct ones among those kept, the lowest first, and their places."""
    theta = np.asarray(points.flats)
    objective = np.asarray(points.terminal_cost) + weight * lengths(theta, step) ** 2
    kept = kept[np.argsort(objective[kept], kind="stable")]
    groups = distinct(np.sqrt(step) * theta[kept], settings.apart)
    places = [int(kept[group[0]]) for group in groups]
    columns = (
        np.full(len(places), weight),
        objective[places],
        np.asarray(points.lambda_min)[places],
        np.asarray(points.lambda_max)[places],
        np.array([len(group) for group in groups]),
        lengths(theta[places], step),
        lengths(theta[places] - theta[places[:1]], step),
    )
    return np.stack(columns, axis=1).astype(float), places


def _starts(settings: TikhonovSweepSettings, problem: ControlProblem, seed: int) -> Flats:
    """Random controls, the same for every λ."""
    size = ravel_pytree(problem.flow.init(jax.random.key(0), scale=1.0))[0].size
    random = np.random.default_rng(seed)
    count = settings.starts if seed == settings.seeds[0] else settings.further
    scales = np.resize(settings.scales, count)
    return jnp.asarray(scales[:, None] * random.standard_normal((count, size)))


def _trained(
    settings: TikhonovSweepSettings,
    free: ControlProblem,
    measure: EmpiricalMeasure,
    weight: float,
    starts: Flats,
    notebook: Notebook,
) -> Flats:
    """Where movements lead from each start: into the valley nearby, hence small first steps."""
    problem = ControlProblem(free.flow, free.cost, weight)
    as_control = unravel(free)
    ends = []
    for k, start in enumerate(starts):
        result = notebook.fit(
            problem,
            as_control(start),
            measure,
            method=MinimizingMovement(first_tau=0.1),
            steps=settings.steps,
            tolerance=min(1e-6, 100 * settings.tolerance),
        )
        ends.append(ravel_pytree(result.control)[0])
        notebook.advance(f"start {k + 1} of {len(starts)}", (k + 1) / len(starts))
    return jnp.stack(ends)


def _lowest(weight: float, rows: Float[np.ndarray, "minimiser column"]) -> dict[str, Any]:
    """Of the lowest minimiser; None where there is none."""
    if not len(rows):
        return dict.fromkeys(("objective", "lambda_min", "lambda_max", "norm", "q"))
    minimisers = Minimisers(*rows.T)
    names = ("objective", "lambda_min", "lambda_max", "norm")
    lowest = {name: float(getattr(minimisers, name)[0]) for name in names}
    return {**lowest, "q": float(minimisers.factors[0])}


def _shooting(
    settings: TikhonovSweepSettings,
    free: ControlProblem,
    measure: EmpiricalMeasure,
    weight: float,
    starts: Flats,
) -> dict[str, Any]:
    """Λ iterated: how many starts came to rest, at how many points, and the last ratio measured.

    The ratio is that of successive differences, the last one above rounding, of the start that
    contracted least; None where none came to rest.
    """
    flats, moves = shots(free, measure, jnp.asarray(weight), starts, settings.shots)
    ends, moved = np.asarray(flats), np.asarray(moves)
    step = free.flow.schedule.step_size
    rest = _ROUNDED * np.maximum(1, lengths(ends, step))
    arrived = np.isfinite(moved).all(axis=0) & (moved[-1] <= rest)
    ratios = []
    for k in np.flatnonzero(arrived):
        seen = moved[moved[:, k] > 10 * rest[k], k]
        ratios += [float(seen[-1] / seen[-2])] if seen.size > 1 else []
    points = distinct(np.sqrt(step) * ends[arrived], settings.apart)
    return {
        "arrived": int(arrived.sum()),
        "arrived_at": len(points),
        "ratio": max(ratios, default=None),
    }


def _sampled(
    settings: TikhonovSweepSettings,
    free: ControlProblem,
    measure: EmpiricalMeasure,
    seed: int,
    weight: float,
    radius: float,
    minimisers: Float[np.ndarray, "point entry"],
) -> dict[str, Any]:
    """Of H_ℓ at controls of the ball the largest |eigenvalue| and the least one, over 2λ.

    The first is at most Lip(g)/(2λ) there; where the second is below −1, J is not convex there.
    Directions are uniform and norms are; the centre and the minimisers inside are there too.
    """
    random = np.random.default_rng(seed + 1)
    draws = random.standard_normal((settings.balls, minimisers.shape[1]))
    norms = radius * random.uniform(size=settings.balls)
    draws *= (norms / lengths(draws, free.flow.schedule.step_size))[:, None]
    points = np.concatenate([np.zeros_like(draws[:1]), draws])
    ends = [np.asarray(ends_of_curvature(free, measure, jnp.asarray(points)))]
    if len(minimisers):
        ends += [np.asarray(ends_of_curvature(free, measure, jnp.asarray(minimisers)))]
    low, high = np.concatenate(ends, axis=1)
    known = np.isfinite(low) & np.isfinite(high)
    most = float(np.maximum(np.abs(low), np.abs(high))[known].max())
    least = float(low[known].min())
    return {"radius": radius, "sampled": most / (2 * weight), "least": least / (2 * weight)}


EXPERIMENTS.register(
    "tikhonov-sweep",
    "How many minimisers there are, and whether pure shooting contracts, over a grid of λ",
    rank=7,
    full="11 min",
    quick="21 s",
)(
    Experiment(
        TikhonovSweepSettings(),
        TikhonovSweepSettings(
            seeds=(0, 1),
            laws=("bimodal-1d",),
            tikhonov=(1e-4, 1e-3, 1e-2, 0.5, 2.0, 20.0),
            starts=8,
            further=4,
            steps=300,
            shots=300,
        ),
        run,
        TikhonovSweepResult,
    )
)
