"""λ_min of the Hessian along the training, for several Tikhonov weights (the paper's table).

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
from autoencodes.training import MinimizingMovement, Progress, Result

_LAW = "parabola"
_SMALL = 0.01
"""The share of the error at θ = 0 below which a control counts as one that reconstructs."""


class HessianTableSettings(Settings):
    """The weights that are compared, the architecture, and how long it is trained."""

    seed: int = 0
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


def run(settings: HessianTableSettings, notebook: Notebook) -> Results:
    """Trains with every weight from one control, and measures H at a geometric choice of epochs."""
    notebook.expect(len(settings.tikhonov))
    parts = [
        notebook.part(f"λ = {weight:g}", partial(_trained, settings, weight, notebook))
        for weight in settings.tikhonov
    ]
    measure, _ = _measures(settings)
    arrays = {
        f"{name}.{k}": part.arrays[name] for k, part in enumerate(parts) for name in _MEASURED
    }
    at_zero = _error_at_zero(settings, measure)
    ends = [
        {**part.facts, "reconstructs_from": reconstructs_from(part, _SMALL * at_zero)}
        for part in parts
    ]
    facts: dict[str, Any] = {
        "ends": ends,
        "error_at_zero": at_zero,
        "error_of_a_line": _error_of_a_line(measure),
        "exponent": exponent(ends),
    }
    return Results(
        _sentence(ends, facts),
        {"lambda-min": _course(settings, parts), "ends": _endings(parts, ends)},
        arrays,
        facts,
        notes=_notes(settings, ends),
    )


_MEASURED = ("epoch", "lambda_min", "lambda_max", "error", "norm")


def table_epochs(epochs: int) -> list[int]:
    """0, and 1, 2, 5, 10, 20, 50, ... up to the last one, which is always there."""
    round_ones = [k * 10**n for n in range(len(str(epochs))) for k in (1, 2, 5)]
    return sorted({0, epochs, *(k for k in round_ones if k <= epochs)})


def measured_epochs(epochs: int, growth: float) -> list[int]:
    """Those of the table, and between them the rounded powers of ``growth``."""
    powers = np.exp(np.arange(0, np.log(epochs), np.log(growth)))
    return sorted({*table_epochs(epochs), *np.round(powers).astype(int).tolist()})


def convex_from(epochs: np.ndarray, bounds: np.ndarray) -> int | None:
    """The first measured epoch from which on every lower bound of λ_min is positive."""
    open_ends = np.flatnonzero(bounds <= 0)
    first = 0 if open_ends.size == 0 else int(open_ends[-1]) + 1
    return int(epochs[first]) if first < len(epochs) else None


def reconstructs_from(part: Part, error: float) -> int | None:
    """The first measured epoch at which the error is at most this."""
    reached = np.flatnonzero(part.arrays["error"] <= error)
    return int(part.arrays["epoch"][reached[0]]) if reached.size else None


def exponent(ends: list[dict[str, Any]]) -> float | None:
    """a of the least-squares fit epochs until convexity ~ λ^(−a); None for fewer than three."""
    known = [(end["tikhonov"], end["convex_from"]) for end in ends if end["convex_from"]]
    if len(known) < 3:
        return None
    weights, epochs = np.log(np.array(known, float)).T
    return -float(np.polyfit(weights, epochs, 1)[0])


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
    columns = {name: np.array([row[name] for row in rows]) for name in (*_MEASURED, "bound")}
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
    found = curvature(Hessian(free, control, measure))
    return {
        "epoch": epoch,
        "lambda_min": found.smallest.value + 2 * weight,
        "bound": found.smallest.lower + 2 * weight,
        "lambda_max": found.largest.value + 2 * weight,
        "error": float(free.terminal_cost(control, measure)),
        "norm": float(norm(control, free.flow.schedule.step_size)),
    }


def _error_at_zero(settings: HessianTableSettings, measure: EmpiricalMeasure) -> float:
    """∫ ℓ dμ_T for θ = 0: what the bottleneck drops is lost."""
    flow = _flow(settings)
    zero = jax.tree.map(np.zeros_like, flow.init(jax.random.key(0), scale=1.0))
    return float(ControlProblem(flow, tikhonov=0.0).terminal_cost(zero, measure))


def _error_of_a_line(measure: EmpiricalMeasure) -> float:
    """What the best straight line leaves: the smaller eigenvalue of the covariance."""
    x = np.asarray(measure.x)
    return float(np.linalg.eigvalsh(np.cov(x.T, bias=True))[0])


def _course(settings: HessianTableSettings, parts: list[Part]) -> Table:
    rows = []
    for epoch in table_epochs(settings.epochs):
        found = [part.arrays["lambda_min"][part.arrays["epoch"] == epoch] for part in parts]
        if any(cell.size for cell in found):
            rows.append((epoch, *(float(cell[0]) if cell.size else None for cell in found)))
    caption = (
        "λ_min(H) in L² over the epochs (movements of τ ≤ "
        f"{settings.tau:g}); – once the training has ended"
    )
    return Table(caption, ("epoch", *(f"λ = {w:g}" for w in settings.tikhonov)), tuple(rows))


def _endings(parts: list[Part], ends: list[dict[str, Any]]) -> Table:
    columns = {
        "λ": "tikhonov",
        "epochs": "epochs",
        "error ≤ 1% from": "reconstructs_from",
        "λ_min > 0 from": "convex_from",
        "λ_min": "lambda_min",
        "λ_max": "lambda_max",
        "‖θ‖": "norm",
        "error": "error",
        "fresh error": "fresh_error",
        "J": "objective",
        "PMP residual": "residual",
        "converged": "converged",
    }
    rows = []
    for part, end in zip(parts, ends, strict=True):
        last = {name: float(part.arrays[name][-1]) for name in ("lambda_min", "lambda_max")}
        cells = {**last, **end}
        rows.append(tuple(cells[name] for name in columns.values()))
    caption = (
        "Where each training ends; error: the mean of |x − y|² over the particles; from: the first "
        f"measured epoch with at most {_SMALL:.0%} of the error of θ = 0, and the first from which "
        "on λ_min stays positive"
    )
    return Table(caption, tuple(columns), tuple(rows))


def _sentence(ends: list[dict[str, Any]], facts: dict[str, Any]) -> str:
    known = [end for end in ends if end["convex_from"] is not None]
    said = [f"{end['convex_from']:,} (λ = {end['tikhonov']:g})" for end in known]
    convex = f"positive from epoch {', '.join(said)} on" if said else "never positive for good"
    fitted = facts["exponent"]
    convex += "" if fitted is None else f", which goes like λ^{-fitted:.2f}".replace("-", "−")
    late = [f"{end['tikhonov']:g}" for end in ends if end["convex_from"] is None]
    convex += f"; not yet at the end for λ = {', '.join(late)}" if late else ""
    strong = max(ends, key=lambda end: end["tikhonov"])
    weak = min(ends, key=lambda end: end["tikhonov"])
    early = weak["reconstructs_from"]
    when = "" if early is None else f", below {_SMALL:.0%} of that at θ = 0 from epoch {early:,} on"
    return (
        f"From one random control, at the epochs measured, λ_min(H) is {convex}. With "
        f"λ = {strong['tikhonov']:g} the control ends with ‖θ‖ = {strong['norm']:.2g} and the "
        f"error {strong['error']:.3g}, beside "
        f"{facts['error_at_zero']:.3g} at θ = 0 and {facts['error_of_a_line']:.3g} of the best "
        f"straight line; with λ = {weak['tikhonov']:g} with ‖θ‖ = {weak['norm']:.2g} and the error "
        f"{weak['error']:.2g} ({weak['fresh_error']:.2g} on fresh particles){when}."
    )


def _notes(settings: HessianTableSettings, ends: list[dict[str, Any]]) -> tuple[str, ...]:
    notes = [
        "An epoch is one movement by the Gauss-Newton model, its step found along the way and at "
        f"most τ = {settings.tau:g}; all trainings begin at the same control. Along directions in "
        "which the error is flat, the gradient flow shrinks θ at the rate 2λ: that takes of the "
        "order of 1/(2λτ) epochs, "
        + ", ".join(f"{1 / (2 * w * settings.tau):,.0f}" for w in settings.tikhonov)
        + " for the weights in their order.",
    ]
    notes += [
        f"λ = {end['tikhonov']:g} did not converge: {end['reason']}; its last row is that of a "
        f"training under way, with the PMP residual {end['residual']:.2g}."
        for end in ends
        if not end["converged"]
    ]
    return tuple(notes)


EXPERIMENTS.register(
    "hessian-table",
    "λ_min of the Hessian over the epochs for several λ: the paper's table on the parabola",
    rank=4,
    full="6 min",
    quick="45 s",
)(
    Experiment(
        HessianTableSettings(),
        HessianTableSettings(epochs=500, growth=1.6),
        run,
        pictures=f"{__package__}.pictures",
    )
)
