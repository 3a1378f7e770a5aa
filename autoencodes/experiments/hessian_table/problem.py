"""λ_min of the Hessian along the training, for several Tikhonov weights: an extension.

The paper's Table 1 is of the classification (``table_one``); this one is of the parabola.

The parabola (s, s²) is reconstructed through a bottleneck of one component. From one control,
movements of τ ≤ 1 follow the gradient flow of J for each λ: epochs compare from λ to λ.

# notation: λ Tikhonov weight, H = 2λ I + H_ℓ Hessian of J in L², J objective, θ control.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control, norm
from autoencodes.datasets.laws import dataset
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.hessian_table.result import (
    SMALL,
    Ending,
    HessianTableResult,
    Measurements,
    Other,
    convex_from,
    course_table,
    end_table,
    exponent,
    notes,
    reconstructs_from,
    sentence,
    table_epochs,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement, Progress, Result

_LAW = "parabola"


class HessianTableSettings(ExperimentSettings):
    """The weights that are compared, the architecture, and how long it is trained."""

    seed: int = 0
    others: tuple[int, ...] = tuple(range(1, 10))
    """Seeds of further controls, from which the largest weight alone is trained with."""
    tikhonov: tuple[float, ...] = (0.1, 1e-2, 1e-3, 1e-4, 1e-5)
    steps_per_block: int = 7
    horizon: float = 21.0
    scale: float = 1.0
    """Of the random control from which all trainings begin."""
    tau: float = 1.0
    """The largest step of a movement, and the first one tried."""
    epochs: int = 400_000
    growth: float = 1.25
    """From one measurement to the next, as a ratio of epochs."""
    tolerance: float = 1e-8
    """The PMP residual at which a training ends."""

    @property
    def sizes(self) -> str:
        return (
            f"seed {self.seed}, {len(self.tikhonov)} weights λ from one random control and the "
            f"largest from {len(self.others)} others, "
            f"{3 * self.steps_per_block} layers, at most {self.epochs:,} epochs"
        )


def run(settings: HessianTableSettings, notebook: Notebook) -> Results[HessianTableResult]:
    """Trains with every weight from one control, and measures H at a geometric choice of epochs."""
    notebook.expect(len(settings.tikhonov) + len(settings.others))
    parts = [
        notebook.part(f"λ = {weight:g}", partial(_trained, settings, weight, notebook))
        for weight in settings.tikhonov
    ]
    measure, _ = _measures(settings)
    # For θ = 0, what the bottleneck drops is lost; the best straight line leaves the smaller
    # eigenvalue of the covariance.
    flow = _flow(settings)
    zero = jax.tree.map(np.zeros_like, flow.init(jax.random.key(0), scale=1.0))
    at_zero = float(ControlProblem(flow, tikhonov=0.0).terminal_cost(zero, measure))
    of_a_line = float(np.linalg.eigvalsh(np.cov(np.asarray(measure.x).T, bias=True))[0])
    courses = tuple(
        Measurements(*(part.arrays[name] for name in Measurements._fields)) for part in parts
    )
    ends = tuple(
        Ending(**part.facts, reconstructs_from=reconstructs_from(course, SMALL * at_zero))
        for part, course in zip(parts, courses, strict=True)
    )
    strong = max(settings.tikhonov)
    others = [
        notebook.part(f"λ = {strong:g}, seed {seed}", partial(_ended, settings, seed, notebook))
        for seed in settings.others
    ]
    result = HessianTableResult(
        courses, ends, at_zero, of_a_line, exponent(ends), tuple(Other(**o.facts) for o in others)
    )
    return Results(
        sentence(result, seeds((settings.seed,))),
        {
            "lambda-min": course_table(result, settings.epochs, settings.tau),
            "ends": end_table(result),
        },
        result,
        notes=notes(result, settings.tau, settings.seed),
    )


def measured_epochs(epochs: int, growth: float) -> list[int]:
    """Those of the table, and between them the rounded powers of ``growth``."""
    powers = np.exp(np.arange(0, np.log(epochs), np.log(growth)))
    return sorted({*table_epochs(epochs), *np.round(powers).astype(int).tolist()})


def _flow(settings: HessianTableSettings) -> Flow:
    schedule = WidthSchedule.autoencoder(2, (2, 1), settings.steps_per_block, settings.horizon)
    return Flow(schedule, Perceptron("tanh"))


def _measures(settings: HessianTableSettings) -> tuple[EmpiricalMeasure, EmpiricalMeasure]:
    """The evenly spaced grid of the paper to train on, and fresh particles."""
    data = dataset(_LAW, settings.seed)
    return EmpiricalMeasure(data.x[~data.is_test]), EmpiricalMeasure(data.x[data.is_test])


def _trained(settings: HessianTableSettings, weight: float, notebook: Notebook) -> Part:
    """One training in segments, measured between them."""
    flow = _flow(settings)
    measure, fresh = _measures(settings)
    free, problem = ControlProblem(flow, tikhonov=0.0), ControlProblem(flow, tikhonov=weight)
    begin = control = flow.init(jax.random.key(settings.seed), scale=settings.scale)
    rows = [_measured(free, weight, control, measure, 0)]
    result = None
    for epoch in measured_epochs(settings.epochs, settings.growth)[1:]:
        result = _segment(settings, problem, begin, measure, epoch, result, notebook)
        control, made = result.control, result.resumption.step
        rows.append(_measured(free, weight, control, measure, made))
        if made < epoch:
            break
    assert result is not None
    columns = {
        name: np.array([row[name] for row in rows]) for name in (*Measurements._fields, "bound")
    }
    error = float(free.terminal_cost(control, measure))
    ending = {
        "tikhonov": weight,
        "epochs": int(rows[-1]["epoch"]),
        "convex_from": convex_from(columns["epoch"], columns["bound"]),
        "norm": rows[-1]["norm"],
        "error": error,
        "fresh_error": float(free.terminal_cost(control, fresh)),
        "objective": error + weight * rows[-1]["norm"] ** 2,
        "residual": float(problem.pmp_residual(control, measure)),
        "converged": result.converged,
        "reason": result.reason,
        "gradient_evaluations": result.resumption.gradient_evaluations,
    }
    return Part({**columns, **Part.holding(control).arrays}, ending)


def _ended(settings: HessianTableSettings, seed: int, notebook: Notebook) -> Part:
    """Where the largest weight leads from another control."""
    flow, weight = _flow(settings), max(settings.tikhonov)
    measure, _ = _measures(settings)
    problem = ControlProblem(flow, tikhonov=weight)
    begin = flow.init(jax.random.key(seed), scale=settings.scale)
    result = _segment(settings, problem, begin, measure, settings.epochs, None, notebook)
    free = ControlProblem(flow, tikhonov=0.0)
    at = _measured(free, weight, result.control, measure, 0)
    facts = {name: at[name] for name in ("bound", "error", "norm")}
    return Part(facts={"seed": seed, **facts, "converged": result.converged})


def _segment(
    settings: HessianTableSettings,
    problem: ControlProblem,
    begin: Control,
    measure: EmpiricalMeasure,
    epoch: int,
    before: Result | None,
    notebook: Notebook,
) -> Result:
    """The training up to an epoch, from where it stood."""

    def follow(progress: Progress) -> None:
        text = f"epoch {progress.step:,} of {settings.epochs:,}"
        notebook.advance(text, progress.step / settings.epochs)

    return notebook.fit(
        problem,
        begin,
        measure,
        method=MinimizingMovement(tau=settings.tau, first_tau=settings.tau),
        steps=epoch,
        tolerance=settings.tolerance,
        callbacks=[follow],
        resume=None if before is None else before.resumption,
    )


def _measured(
    free: ControlProblem, weight: float, control: Control, measure: EmpiricalMeasure, epoch: int
) -> dict[str, Any]:
    """One measurement. H_ℓ is that of λ = 0, so that all weights share what is compiled."""
    ends = curvature(Hessian(free, control, measure))
    return {
        "epoch": epoch,
        "lambda_min": ends.smallest.value + 2 * weight,
        "bound": ends.smallest.lower + 2 * weight,
        "lambda_max": ends.largest.value + 2 * weight,
        "error": float(free.terminal_cost(control, measure)),
        "norm": float(norm(control, free.flow.schedule.step_size)),
    }


EXPERIMENTS.register(
    "hessian-table",
    "λ_min of the Hessian over the epochs for several λ on the parabola, an extension of Table 1",
    rank=4,
    full="6 min",
    quick="45 s",
)(
    Experiment(
        HessianTableSettings(),
        HessianTableSettings(epochs=500, growth=1.6, others=(1, 2, 3)),
        run,
        HessianTableResult,
    )
)
