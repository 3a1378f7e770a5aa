"""Δt → 0 at a fixed horizon: do the trained controls converge, as functions of time?

The same problem is trained on ever finer grids, from the same function of time. Euler steps and
controls that are constant over a step are both of order 1 in Δt; so is the minimiser, where J is
strongly convex around it: ‖θ^(Δt) − θ‖ ≤ ‖∇J^(Δt)(θ)‖ / λ_min, and the numerator is O(Δt).

One problem is ``bimodal-1d``. The other has the same clusters in the plane, (x₁, 0.2 ξ), to be
moved to (±2, 1); the second component is off in the middle third, and begins anew at 0.

# notation: θ^(Δt) trained control, L steps, T horizon, P mean over a step of the coarser grid.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control, norm, refine
from autoencodes.datasets.laws import sample
from autoencodes.experiments.convergence import orders
from autoencodes.experiments.depth_limit.result import (
    TITLES,
    DepthLimitResult,
    GridRow,
    Trained,
    notes,
    sentence,
    table,
)
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement


class DepthLimitSettings(ExperimentSettings):
    """Two problems, each on its coarsest grid and on ``factors`` times finer ones."""

    seed: int = 0
    particles: int = 1000
    tikhonov: float = 0.1
    line_steps: int = 5
    line_horizon: float = 1.0
    line_factors: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    plane_steps: int = 2
    """In each of the three blocks."""
    plane_horizon: float = 1.5
    plane_factors: tuple[int, ...] = (1, 2, 4, 8, 16)
    scale: float = 0.5
    steps: int = 200
    tolerance: float = 1e-10

    @property
    def sizes(self) -> str:
        return (
            f"seed {self.seed}, {self.particles:,} particles, one start for all grids, at most "
            f"{self.steps:,} steps, λ = {self.tikhonov:g}"
        )


def run(settings: DepthLimitSettings, notebook: Notebook) -> Results[DepthLimitResult]:
    """Trains every problem on every grid, and measures how far neighbours are apart."""
    notebook.expect(len(settings.line_factors) + len(settings.plane_factors))
    problems = {}
    for name in TITLES:
        parts = []
        for factor in _factors(settings, name):
            problem = _problem(settings, name, factor)
            parts.append(
                notebook.part(
                    f"{name}, {problem.flow.schedule.steps} steps",
                    partial(_trained, settings, name, factor, problem, notebook),
                )
            )
        problems[name] = _measured(settings, name, parts)
    result = DepthLimitResult(problems)
    return Results(
        sentence(result, seeds((settings.seed,))),
        {"convergence": table(result)},
        result,
        notes=notes(result, settings.tikhonov),
    )


def _factors(settings: DepthLimitSettings, name: str) -> tuple[int, ...]:
    return settings.plane_factors if name == "plane" else settings.line_factors


def _problem(settings: DepthLimitSettings, name: str, factor: int) -> ControlProblem:
    schedule = (
        WidthSchedule.autoencoder(2, (2, 1), settings.plane_steps, settings.plane_horizon)
        if name == "plane"
        else WidthSchedule.constant(1, settings.line_steps, settings.line_horizon)
    )
    flow = Flow(schedule, Perceptron("tanh")).refined(factor)
    return ControlProblem(flow, tikhonov=settings.tikhonov)


def _measure(settings: DepthLimitSettings, name: str) -> EmpiricalMeasure:
    x, y, _ = sample("bimodal-1d", settings.particles, settings.seed)
    assert y is not None
    if name == "line":
        return EmpiricalMeasure(x, y)
    second = 0.2 * np.random.default_rng((settings.seed, 1)).standard_normal(x.shape)
    return EmpiricalMeasure(np.hstack([x, second]), np.hstack([y, np.ones_like(y)]))


def start(settings: DepthLimitSettings, name: str, factor: int) -> Control:
    """One function of time for every grid: random, and constant on each block."""
    coarse = _problem(settings, name, 1).flow
    drawn = coarse.init(jax.random.key(settings.seed), scale=settings.scale)

    def constant(leaf: Any) -> Any:
        return np.repeat(np.asarray(leaf[:1]), len(leaf), axis=0)

    return refine(jax.tree.map(constant, drawn), factor)


def _trained(
    settings: DepthLimitSettings,
    name: str,
    factor: int,
    problem: ControlProblem,
    notebook: Notebook,
) -> Part:
    """One training to the last digits, by Newton movements that begin small: into the valley of
    the start, the same one on every grid."""
    measure = _measure(settings, name)
    result = notebook.fit(
        problem,
        start(settings, name, factor),
        measure,
        method=MinimizingMovement(inner="newton-cg", first_tau=1e-2),
        steps=settings.steps,
        tolerance=settings.tolerance,
    )
    control = result.control
    smallest = None
    if factor in (_factors(settings, name)[0], _factors(settings, name)[-1]):
        smallest = curvature(Hessian(problem, control, measure), digits=2).smallest.value
    return Part.holding(
        control,
        objective=float(problem.objective(control, measure)),
        residual=float(problem.pmp_residual(control, measure)),
        lambda_min=smallest,
        reason=result.reason,
    )


def difference(coarse: Control, fine: Control, horizon: float) -> tuple[float, float]:
    """‖θ − θ'‖ of a control and one on a finer grid, and ‖θ − P θ'‖.

    P is the mean over each step of the coarser grid, the projection in L²: the first number holds
    what no control that is constant over such a step can follow, the second does not.
    """
    steps, finer = (
        sum(len(next(iter(block.values()))) for block in control) for control in (coarse, fine)
    )
    factor, size = finer // steps, horizon / steps

    def pointwise(coarse: Any, fine: Any) -> Any:
        return np.repeat(coarse, factor, axis=0) - fine

    def of_means(coarse: Any, fine: Any) -> Any:
        return coarse - np.asarray(fine).reshape(-1, factor, *fine.shape[1:]).mean(axis=1)

    return (
        float(norm(jax.tree.map(pointwise, coarse, fine), size / factor)),
        float(norm(jax.tree.map(of_means, coarse, fine), size)),
    )


def _rows(settings: DepthLimitSettings, name: str, parts: list[Part]) -> list[GridRow]:
    """A row for every grid."""
    factors = _factors(settings, name)
    schedules = [_problem(settings, name, f).flow.schedule for f in factors]
    differences = [
        difference(a.control, b.control, schedules[0].horizon) for a, b in pairwise(parts)
    ]
    falls = [abs(a.facts["objective"] - b.facts["objective"]) for a, b in pairwise(parts)]
    shown: list[Any] = []
    for values in (*zip(*differences, strict=True), falls):
        shown += [[*values, None], [None, *orders([1 / f for f in factors[:-1]], values), None]]
    keys = ("objective", "residual", "lambda_min")
    return [
        GridRow(schedule.steps, schedule.step_size, *(part.facts[key] for key in keys), *rest)
        for schedule, part, *rest in zip(schedules, parts, *shown, strict=True)
    ]


def _measured(settings: DepthLimitSettings, name: str, parts: list[Part]) -> Trained:
    """One problem's controls on all grids, and how far neighbours are apart."""
    schedule = _problem(settings, name, 1).flow.schedule
    names = [
        [
            leaf + (_place(k, control[leaf].shape[1:], block.active) if schedule.dim > 1 else "")
            for leaf in sorted(control)
            for k in range(control[leaf][0].size)
        ]
        for control, block in zip(parts[0].control, schedule.blocks, strict=True)
    ]
    ends = np.cumsum([block.steps for block in schedule.blocks]) * schedule.step_size
    rows = _rows(settings, name, parts)
    return Trained(
        TITLES[name],
        tuple(ends.tolist()),
        tuple(tuple(block) for block in names),
        tuple(rows),
        tuple(part.facts["reason"] for part in parts),
        {row.steps: _by_block(part.control) for row, part in zip(rows, parts, strict=True)},
    )


_INDICES = "₁₂₃₄₅₆₇₈₉"


def _place(k: int, shape: tuple[int, ...], active: tuple[int, ...]) -> str:
    """The components that entry k of an array of a block belongs to, counted from 1."""
    return "".join(_INDICES[active[i]] for i in np.unravel_index(k, shape))


def _by_block(control: Control) -> tuple[Float[np.ndarray, "_ _"], ...]:
    """The entries of every step, a block's in one array."""
    return tuple(
        np.concatenate([np.reshape(block[k], (len(block[k]), -1)) for k in sorted(block)], axis=1)
        for block in control
    )


EXPERIMENTS.register(
    "depth-limit",
    "Δt → 0 at a fixed horizon: trained controls converge as functions of time, with their order",
    rank=13,
    full="1 min",
    quick="31 s",
)(
    Experiment(
        DepthLimitSettings(),
        DepthLimitSettings(
            particles=500, line_factors=(1, 2, 4, 8), plane_factors=(1, 2, 4), tolerance=1e-9
        ),
        run,
        DepthLimitResult,
    )
)
