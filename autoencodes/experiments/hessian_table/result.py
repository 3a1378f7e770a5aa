"""What is measured along the trainings, and what is said of it.

# notation: λ Tikhonov weight, H = 2λ I + H_ℓ Hessian of J in L², J objective, θ control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from autoencodes.experiments.experiment import seeds
from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import ResultTable

SMALL = 0.01
"""The share of the error at θ = 0 below which a control counts as one that reconstructs."""

_LIKE = 0.01
"""Errors that differ by this share are alike."""

Values = Float[np.ndarray, " measurement"]


class Measurements(NamedTuple):
    """What was measured along one training."""

    epoch: Int[np.ndarray, " measurement"]
    lambda_min: Values
    lambda_max: Values
    error: Values
    norm: Values


@dataclass(frozen=True)
class Ending:
    """Where one training ends; ``_from`` are epochs."""

    tikhonov: float
    epochs: int
    convex_from: int | None
    norm: float
    error: float
    fresh_error: float
    objective: float
    residual: float
    converged: bool
    reason: str
    gradient_evaluations: int
    reconstructs_from: int | None


class Other(NamedTuple):
    """Where the largest weight leads from the control of another seed."""

    seed: int
    bound: float
    """The lower one of λ_min."""
    error: float
    norm: float
    converged: bool


@dataclass(frozen=True, eq=False)
class HessianTableResult(Plain):
    """The trainings, a weight each, and the errors to compare with."""

    courses: tuple[Measurements, ...]
    ends: tuple[Ending, ...]
    error_at_zero: float
    error_of_a_line: float
    exponent: float | None
    others: tuple[Other, ...]


def table_epochs(epochs: int) -> list[int]:
    """0, and 1, 2, 5, 10, 20, 50, ... up to the last one, which is always there."""
    round_ones = [k * 10**n for n in range(len(str(epochs))) for k in (1, 2, 5)]
    return sorted({0, epochs, *(k for k in round_ones if k <= epochs)})


def convex_from(epochs: np.ndarray, bounds: np.ndarray) -> int | None:
    """The first measured epoch from which on every lower bound of λ_min is positive."""
    open_ends = np.flatnonzero(bounds <= 0)
    first = 0 if open_ends.size == 0 else int(open_ends[-1]) + 1
    return int(epochs[first]) if first < len(epochs) else None


def reconstructs_from(course: Measurements, error: float) -> int | None:
    """The first measured epoch at which the error is at most this."""
    reached = np.flatnonzero(course.error <= error)
    return int(course.epoch[reached[0]]) if reached.size else None


def exponent(ends: Sequence[Ending]) -> float | None:
    """a of the least-squares fit epochs until convexity ~ λ^(−a); None for fewer than three."""
    known = [(end.tikhonov, end.convex_from) for end in ends if end.convex_from]
    if len(known) < 3:
        return None
    weights, epochs = np.log(np.array(known, float)).T
    return -float(np.polyfit(weights, epochs, 1)[0])


def course_table(result: HessianTableResult, epochs: int, tau: float) -> ResultTable:
    """λ_min of every weight at round epochs."""
    rows, weights = [], [end.tikhonov for end in result.ends]
    for epoch in table_epochs(epochs):
        cells = [course.lambda_min[course.epoch == epoch] for course in result.courses]
        if any(cell.size for cell in cells):
            rows.append((epoch, *(float(cell[0]) if cell.size else None for cell in cells)))
    caption = (
        f"λ_min(H) in L² over the epochs (movements of τ ≤ {tau:g}); – once the training has ended"
    )
    return ResultTable(caption, ("epoch", *(f"λ = {w:g}" for w in weights)), tuple(rows))


def end_table(result: HessianTableResult) -> ResultTable:
    """Where each training ends."""
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
    last = [
        {"lambda_min": float(course.lambda_min[-1]), "lambda_max": float(course.lambda_max[-1])}
        for course in result.courses
    ]
    caption = (
        "Where each training ends; error: the mean of |x − y|² over the particles; from: the first "
        f"measured epoch with at most {SMALL:.0%} of the error of θ = 0, and the first from which "
        "on λ_min stays positive"
    )
    ends = [{**ends, **asdict(end)} for ends, end in zip(last, result.ends, strict=True)]
    return ResultTable.of(caption, columns, ends)


def sentence(result: HessianTableResult, seed: str) -> str:
    """From when on J is convex for the strongest and the weakest weight; at most 25 words."""
    ends = result.ends
    known = sorted(
        (end for end in ends if end.convex_from is not None), key=lambda end: -end.tikhonov
    )
    edges = known if len(known) < 3 else [known[0], known[-1]]
    said = " to ".join(f"{end.convex_from:,} (λ = {end.tikhonov:g})" for end in edges)
    return f"Extension, parabola, {seed}: λ_min(H) > 0 for {len(known)} of {len(ends)} weights" + (
        f", from epoch {said}." if said else "."
    )


def detail(result: HessianTableResult, seed: int) -> str:
    """From when on J is convex, and how the strongest and the weakest weight end."""
    ends = result.ends
    known = [end for end in ends if end.convex_from is not None]
    said = [f"{end.convex_from:,} (λ = {end.tikhonov:g})" for end in known]
    convex = f"positive from epoch {', '.join(said)} on" if said else "never positive for good"
    fitted = result.exponent
    convex += "" if fitted is None else f", which goes like λ^{-fitted:.2f}".replace("-", "−")
    late = [f"{end.tikhonov:g}" for end in ends if end.convex_from is None]
    convex += f"; not yet at the end for λ = {', '.join(late)}" if late else ""
    strong = max(ends, key=lambda end: end.tikhonov)
    weak = min(ends, key=lambda end: end.tikhonov)
    early = weak.reconstructs_from
    when = "" if early is None else f", below {SMALL:.0%} of that at θ = 0 from epoch {early:,} on"
    return (
        f"From the control of seed {seed}, at the epochs measured, λ_min(H) is {convex}. With "
        f"λ = {strong.tikhonov:g} the control ends with ‖θ‖ = {strong.norm:.2g} and the "
        f"error {strong.error:.3g}, beside "
        f"{result.error_at_zero:.3g} at θ = 0 and {result.error_of_a_line:.3g} of the best "
        f"straight line; with λ = {weak.tikhonov:g} with ‖θ‖ = {weak.norm:.2g} and the error "
        f"{weak.error:.2g} ({weak.fresh_error:.2g} on fresh particles){when}."
    )


def over_seeds(result: HessianTableResult, seed: int) -> str:
    """Where the largest weight leads from all seeds that ran."""
    strong = max(result.ends, key=lambda end: end.tikhonov)
    first = Other(seed, result.courses[result.ends.index(strong)].lambda_min[-1], *_of(strong))
    all_of_them = (first, *result.others)
    line = result.error_of_a_line
    on_it = sum(abs(other.error / line - 1) <= _LIKE for other in all_of_them)
    errors = [other.error for other in all_of_them]
    convex = sum(other.bound > 0 for other in all_of_them)
    ended = sum(other.converged for other in all_of_them)
    count = len(all_of_them)
    return (
        f"With λ = {strong.tikhonov:g}, from {seeds([other.seed for other in all_of_them])}: "
        f"{on_it} of {count} controls end with the error of the best straight line, {line:.3g}, to "
        f"{_LIKE:.0%}; errors lie from {min(errors):.3g} to {max(errors):.3g}; λ_min(H) > 0 at the "
        f"end of {convex}; {ended} converged."
    )


def _of(end: Ending) -> tuple[float, float, bool]:
    return end.error, end.norm, end.converged


def notes(result: HessianTableResult, tau: float, seed: int) -> tuple[str, ...]:
    """What an epoch is, and which trainings did not converge."""
    lines = [
        "An extension, not the paper's: its Table 1 is of the classification (experiment table-1).",
        detail(result, seed),
        over_seeds(result, seed),
        "An epoch is one movement by the Gauss-Newton model, its step found along the way and at "
        f"most τ = {tau:g}; all trainings begin at the same control. Along directions in "
        "which the error is flat, the gradient flow shrinks θ at the rate 2λ: that takes of the "
        "order of 1/(2λτ) epochs, "
        + ", ".join(f"{1 / (2 * end.tikhonov * tau):,.0f}" for end in result.ends)
        + " for the weights in their order.",
    ]
    lines += [
        f"λ = {end.tikhonov:g} did not converge: {end.reason}; its last row is that of a "
        f"training under way, with the PMP residual {end.residual:.2g}."
        for end in result.ends
        if not end.converged
    ]
    return tuple(lines)
