"""Stability in the data: how far value and minimiser go when the law moves by a small W₁.

The problem is that of ``mean-field-limit``: x ~ U[−1, 1]^d, targets a staircase. A sample μ is
changed in three ways, whose W_1 is known, ε being small:
  shift     every x moves by ε v, |v| = 1:                      W_1 = ε,
  share     a share ε of the mass goes to one point (v, −v):    W_1 = ε ∫ |(x, y) − (v, −v)| dμ,
  spread    every x parts into x ± ε v, half the mass each:     W_1 ≤ ε.
The last has mean 0: of first order nothing is left.

With a small λ the sample is made symmetric under (x, y) → (−x, −y), as the law is. From θ = 0 the
training then leads to a saddle of J, and after any shift to a minimum far from it.

# notation: μ the sample, ν what it becomes, θ_μ and θ_ν the controls trained on them, m = λ_min(H)
# at θ_μ, λ Tikhonov weight.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.certificate.bounds import bounds
from autoencodes.control import Control, norm
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.mean_field_limit.problem import filled, target
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.stability.result import (
    SHIFT,
    StabilityResult,
    Trial,
    notes,
    sentence,
    table,
    verdict,
)
from autoencodes.experiments.storing import typed
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.wasserstein import wasserstein
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement

Rows = Float[np.ndarray, "particle dim"]


class StabilitySettings(ExperimentSettings):
    """Which samples, how they are changed, and how they are trained on."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    dims: tuple[int, ...] = (1, 2)
    tikhonov: tuple[float, float] = (0.3, 0.003)
    """With the first J is convex near its minimum; with the second the sample is symmetric."""
    particles: int = 128
    exponents: tuple[int, ...] = (3, 4, 5, 6, 7, 8, 9)
    """ε = 2^−k."""
    layers: int = 10
    horizon: float = 1.0
    steps: int = 500
    tolerance: float = 1e-9

    @property
    def sizes(self) -> str:
        dims = ", ".join(map(str, self.dims))
        return (
            f"{seeds(self.seeds)}, {self.particles:,} particles, d = {dims}, ε = "
            f"2^−{self.exponents[0]} to 2^−{self.exponents[-1]}, {self.layers} layers, trained "
            f"from θ = 0 for at most {self.steps:,} steps"
        )


def run(settings: StabilitySettings, notebook: Notebook) -> Results[StabilityResult]:
    """Trains on every sample before and after every change."""
    notebook.expect(len(settings.dims) * 2 * len(settings.seeds))
    trials: list[Trial] = []
    for dim in settings.dims:
        for weight in settings.tikhonov:
            for seed in settings.seeds:
                compute = partial(_tried, settings, dim, weight, seed, notebook)
                part = notebook.part(f"d = {dim}, λ = {weight:g}, seed {seed}", compute)
                trials += [typed(Trial, facts) for facts in part.facts["trials"]]
    result = StabilityResult(tuple(trials))
    return Results(
        sentence(result, seeds(settings.seeds)),
        {"stability": table(result)},
        result,
        notes=(verdict(result), *notes(settings.tikhonov)),
    )


def changed(kind: str, x: Rows, v: Float[np.ndarray, " dim"], size: float) -> EmpiricalMeasure:
    """ν, from the particles of μ, with targets as those had."""
    y = target(x)
    if kind == SHIFT:
        return EmpiricalMeasure(x + size * v, y)
    if kind == "share":
        weights = np.append(np.full(len(x), (1 - size) / len(x)), size)
        return EmpiricalMeasure(np.vstack([x, v]), np.vstack([y, -v]), weights)
    return EmpiricalMeasure(np.vstack([x + size * v, x - size * v]), np.vstack([y, y]))


def distance(kind: str, x: Rows, v: Float[np.ndarray, " dim"], size: float) -> float:
    """W_1(μ, ν) of the pairs (x, y); of "spread" what it is at most."""
    if kind == "share":
        ends = np.hstack([x - v, target(x) + v])
        return float(size * np.linalg.norm(ends, axis=1).mean())
    return size


def _tried(
    settings: StabilitySettings, dim: int, weight: float, seed: int, notebook: Notebook
) -> Part:
    """One sample, changed in every way."""
    schedule = WidthSchedule.constant(dim, settings.layers, settings.horizon)
    problem = ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=weight)
    zero: Control = jax.tree.map(jnp.zeros_like, problem.flow.init(jax.random.key(0), scale=1.0))
    symmetric = weight == settings.tikhonov[1]
    x, v = _drawn(settings, dim, seed, symmetric)

    def trained(measure: EmpiricalMeasure) -> Control:
        # The gradient flow first, in small movements: into the valley of θ = 0.
        method = MinimizingMovement(inner="newton-cg", first_tau=0.02)
        options: dict[str, Any] = {"steps": settings.steps, "tolerance": settings.tolerance}
        return notebook.fit(problem, zero, measure, method=method, **options).control

    size = schedule.step_size
    full = partial(filled, sizes=(2 * settings.particles,))
    before = full(EmpiricalMeasure(x, target(x)))
    theta = trained(before)
    bend = curvature(Hessian(problem, theta, before))
    known = {
        "dim": dim,
        "tikhonov": weight,
        "seed": seed,
        "lambda_min": bend.smallest.value,
        "convex": bend.locally_convex == "yes",
    }
    value = float(problem.objective(theta, before))
    trials = []
    for kind in (SHIFT,) if symmetric else (SHIFT, "share", "spread"):
        rows = []
        for k in settings.exponents:
            epsilon = 2.0**-k
            after = full(changed(kind, x, v, epsilon))
            slope = norm(problem.gradient(theta, after), size)
            away = norm(jax.tree.map(jnp.subtract, trained(after), theta), size)
            cost = abs(float(problem.objective(theta, after)) - value)
            rows.append((distance(kind, x, v, epsilon), cost, float(slope), float(away)))
            notebook.advance(f"{kind}, ε = 2^−{k}", None)
        names = ("moved", "costs", "slopes", "distances")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        trials.append({**known, "kind": kind, **columns, **_pushed(problem, theta, x, v, kind)})
    return Part(facts={"trials": trials})


def _drawn(
    settings: StabilitySettings, dim: int, seed: int, symmetric: bool
) -> tuple[Rows, Float[np.ndarray, " dim"]]:
    """The particles, and the direction in which they are changed."""
    random = np.random.default_rng([seed, dim])
    x = random.uniform(-1, 1, (settings.particles, dim))
    if symmetric:
        half = x[: settings.particles // 2]
        x = np.concatenate([half, -half])
    v = random.standard_normal(dim)
    return x, v / np.linalg.norm(v)


def _pushed(
    problem: ControlProblem, theta: Control, x: Rows, v: Float[np.ndarray, " dim"], kind: str
) -> dict[str, float | None]:
    """For a shift W_1 of what the flow makes of both, over theirs, and what it is at most."""
    if kind != SHIFT:
        return {"stretch": None, "lipschitz": None}
    epsilon = 2.0**-6
    flow = problem.flow
    ends = [np.asarray(flow.push(theta, rows)) for rows in (x, x + epsilon * v)]
    stretched = wasserstein(*ends)
    assert stretched is not None, "two samples of one size are matched without POT"
    whole = bounds(flow, theta, x, epsilon, False).whole
    assert whole is not None, "perceptrons have bounds"
    return {"stretch": stretched / epsilon, "lipschitz": whole.upper}


EXPERIMENTS.register(
    "stability",
    "How far value and minimiser go when the data move by a small W₁, in three ways",
    rank=8,
    full="1 min",
    quick="20 s",
)(
    Experiment(
        StabilitySettings(),
        StabilitySettings(seeds=(0, 1), dims=(1,), exponents=(4, 6, 8)),
        run,
        StabilityResult,
    )
)
