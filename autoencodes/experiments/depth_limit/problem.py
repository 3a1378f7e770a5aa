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
from autoencodes.experiments.experiment import Experiment, Results, Settings
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table import Table
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement

PROBLEMS = {
    "line": "clusters on the line, width 1",
    "plane": "clusters in the plane, widths 2, 1, 2",
}


class DepthLimitSettings(Settings):
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


def run(settings: DepthLimitSettings, notebook: Notebook) -> Results:
    """Trains every problem on every grid, and measures how far neighbours are apart."""
    notebook.expect(len(settings.line_factors) + len(settings.plane_factors))
    rows: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    facts: dict[str, Any] = {}
    for name in PROBLEMS:
        parts = []
        for factor in _factors(settings, name):
            problem = _problem(settings, name, factor)
            parts.append(
                notebook.part(
                    f"{name}, {problem.flow.schedule.steps} steps",
                    partial(_trained, settings, name, factor, problem, notebook),
                )
            )
        facts[name] = _facts(settings, name, parts)
        rows += [(name, *row) for row in facts[name]["rows"]]
        for part, steps in zip(parts, facts[name]["steps"], strict=True):
            arrays |= {
                f"{name}.{steps}.{k}": values for k, values in enumerate(_by_block(part.control))
            }
    tables = {"convergence": Table(_CAPTION, _COLUMNS, tuple(rows))}
    return Results(_sentence(facts), tables, arrays, facts, notes=_notes(settings, facts))


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

    def apart(coarse: Any, fine: Any) -> Any:
        return np.repeat(coarse, factor, axis=0) - fine

    def means_apart(coarse: Any, fine: Any) -> Any:
        return coarse - np.asarray(fine).reshape(-1, factor, *fine.shape[1:]).mean(axis=1)

    return (
        float(norm(jax.tree.map(apart, coarse, fine), size / factor)),
        float(norm(jax.tree.map(means_apart, coarse, fine), size)),
    )


def _measured(settings: DepthLimitSettings, name: str, parts: list[Part]) -> list[list[Any]]:
    """A row of ``_COLUMNS``, the problem's name excepted, for every grid."""
    factors = _factors(settings, name)
    schedules = [_problem(settings, name, f).flow.schedule for f in factors]
    apart = [difference(a.control, b.control, schedules[0].horizon) for a, b in pairwise(parts)]
    falls = [abs(a.facts["objective"] - b.facts["objective"]) for a, b in pairwise(parts)]
    shown: list[Any] = []
    for values in (*zip(*apart, strict=True), falls):
        shown += [[*values, None], [None, *orders([1 / f for f in factors[:-1]], values), None]]
    keys = ("objective", "residual", "lambda_min")
    return [
        [schedule.steps, schedule.step_size, *(part.facts[key] for key in keys), *rest]
        for schedule, part, *rest in zip(schedules, parts, *shown, strict=True)
    ]


_CAPTION = (
    "Controls trained with L steps against those on the next finer grid, θ', as functions of time; "
    "P takes means over a step of the coarser grid; an order is that against the pair of grids "
    "before, and expected is 1"
)
_COLUMNS = (
    "problem",
    "L",
    "Δt",
    "J",
    "PMP residual",
    "λ_min",
    "‖θ − θ'‖",
    "order",
    "‖θ − Pθ'‖",
    "order of means",
    "|J − J'|",
    "order of J",
)


def _facts(settings: DepthLimitSettings, name: str, parts: list[Part]) -> dict[str, Any]:
    """What the figures need beside the controls."""
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
    rows = _measured(settings, name, parts)
    return {
        "title": PROBLEMS[name],
        "ends": ends.tolist(),
        "entries": names,
        "steps": [row[0] for row in rows],
        "rows": rows,
        "reasons": [part.facts["reason"] for part in parts],
    }


_INDICES = "₁₂₃₄₅₆₇₈₉"


def _place(k: int, shape: tuple[int, ...], active: tuple[int, ...]) -> str:
    """The components that entry k of an array of a block belongs to, counted from 1."""
    return "".join(_INDICES[active[i]] for i in np.unravel_index(k, shape))


def _by_block(control: Control) -> list[Float[np.ndarray, "step entry"]]:
    """The entries of every step, a block's in one array."""
    return [
        np.concatenate([np.reshape(block[k], (len(block[k]), -1)) for k in sorted(block)], axis=1)
        for block in control
    ]


def _sentence(facts: dict[str, Any]) -> str:
    told = []
    for name in PROBLEMS:
        rows = facts[name]["rows"]
        last = rows[-2]
        told.append(
            f"{facts[name]['title']}, from {rows[0][0]} to {rows[-1][0]} steps: the last two "
            f"controls differ by {_told(*last[5:7])} in L², their means over a step by "
            f"{_told(*last[7:9])}, J by {_told(*last[9:11])}"
        )
    return f"As Δt → 0, where the theory expects order 1: {'; '.join(told)}."


def _told(value: float, order: float | None) -> str:
    return f"{value:.1e}" + ("" if order is None else f" (order {order:.2f})")


def _notes(settings: DepthLimitSettings, facts: dict[str, Any]) -> tuple[str, ...]:
    notes = []
    for name in PROBLEMS:
        rows = facts[name]["rows"]
        known = [row[4] for row in rows if row[4] is not None]
        notes.append(
            f"{facts[name]['title']}: every PMP residual is at most "
            f"{max(row[3] for row in rows):.0e}; λ_min is {known[0]:.3g} on the coarsest grid and "
            f"{known[-1]:.3g} on the finest."
        )
    notes.append(
        "Minimisers have a limit near a minimum at which J is strongly convex, hence the large λ = "
        f"{settings.tikhonov:g}. Where J has many minima that lie close, as with a small λ, a "
        "training may find another one on every grid, and no limit is to be expected."
    )
    return tuple(notes)


EXPERIMENTS.register(
    "depth-limit",
    "Δt → 0 at a fixed horizon: trained controls converge as functions of time, with their order",
    rank=9,
    full="1 min",
    quick="31 s",
)(
    Experiment(
        DepthLimitSettings(),
        DepthLimitSettings(
            particles=500, line_factors=(1, 2, 4, 8), plane_factors=(1, 2, 4), tolerance=1e-9
        ),
        run,
        pictures=f"{__package__}.pictures",
    )
)
