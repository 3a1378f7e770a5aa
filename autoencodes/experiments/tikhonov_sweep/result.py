"""What a sweep over Tikhonov weights measures: minimisers, thresholds, a table and sentences.

# notation: λ Tikhonov weight, q contraction factor of pure shooting at a minimiser, g gradient of
# ∫ ℓ dμ_T in L², K its Lipschitz bound on the ball in which all minimisers lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import ResultTable

Column = Float[np.ndarray, " minimiser"]


class Minimisers(NamedTuple):
    """The columns of a law's minimisers, a row for each that is distinct."""

    tikhonov: Column
    objective: Column
    lambda_min: Column
    lambda_max: Column
    starts: Column
    """How many led there."""
    norm: Column
    distance: Column
    """To the lowest with the same λ."""

    @property
    def factors(self) -> Column:
        """q = max(|λ_min − 2λ|, |λ_max − 2λ|)/(2λ)."""
        pull = 2 * self.tikhonov
        ends = np.stack([self.lambda_min - pull, self.lambda_max - pull])
        return np.asarray(np.abs(ends).max(axis=0) / pull)


@dataclass(frozen=True)
class WeightRow:
    """One λ: starts, the lowest minimiser (None where there is none), shooting, and bounds."""

    tikhonov: float
    starts: int
    converged: int
    saddles: int
    distinct: int
    levels: int
    objective: float | None
    lambda_min: float | None
    lambda_max: float | None
    norm: float | None
    q: float | None
    arrived: int
    arrived_at: int
    ratio: float | None
    radius: float
    sampled: float
    bound: float | None


@dataclass(frozen=True)
class LawSweep:
    """One law over the grid of λ, its thresholds, and the theory's bound."""

    law: str
    shots: int
    rows: tuple[WeightRow, ...]
    unique: float | None
    shooting: float | None
    contracting: float | None
    bound: float


@dataclass(frozen=True, eq=False)
class TikhonovSweepResult(Plain):
    """A sweep for each law, and its minimisers by law, with the columns of ``Minimisers``."""

    sweeps: tuple[LawSweep, ...]
    minimisers: dict[str, Float[np.ndarray, "minimiser column"]]


def thresholds(rows: Sequence[WeightRow]) -> dict[str, float | None]:
    """What the grid says; None where it does not say.

    - ``unique``: the least λ from which on one minimiser was found,
    - ``shooting``: that from which on all starts of Λ came to rest at one point,
    - ``contracting``: where q = 1 at the minimiser, log q being linear in log λ between the two
      weights of the grid around it.
    """
    one = [row.distinct == 1 and row.converged == row.starts for row in rows]
    rested = [row.arrived == row.starts and row.arrived_at == 1 for row in rows]
    grid = [row.tikhonov for row in rows]
    contracting = None
    for before, after in pairwise(rows):
        if before.q and after.q and before.q >= 1 > after.q:
            logs = np.log([before.q, after.q])
            share = float(logs[0] / (logs[0] - logs[1]))
            ratio = after.tikhonov / before.tikhonov
            contracting = float(before.tikhonov * ratio**share)
    return {
        "unique": _from_on(grid, one),
        "shooting": _from_on(grid, rested),
        "contracting": contracting,
    }


def _from_on(grid: Sequence[float], holds: Sequence[bool]) -> float | None:
    """The least value of a rising grid from which on it holds."""
    failing = [k for k, held in enumerate(holds) if not held]
    first = failing[-1] + 1 if failing else 0
    return grid[first] if first < len(grid) else None


def table(sweep: LawSweep) -> ResultTable:
    """One law's rows, a λ each."""
    columns = {
        "λ": "tikhonov",
        "converged": "converged",
        "minimisers": "distinct",
        "levels of J": "levels",
        "least J": "objective",
        "λ_min": "lambda_min",
        "q": "q",
        "shots at rest": "arrived",
        "ratio": "ratio",
        "Lip(g)/2λ ≥": "sampled",
        "K/2λ": "bound",
    }
    caption = (
        f"{sweep.law}, {sweep.rows[0].starts} random starts for every λ; λ_min and "
        "q = max|eig(H) − 2λ|/(2λ) at the lowest minimiser; shots: iterations of θ → −g(θ)/(2λ), "
        "and the last measured ratio; K is the theory's bound of Lip(g) on the a-priori ball"
    )
    return ResultTable.of(caption, columns, sweep.rows)


def sentence(sweep: LawSweep) -> str:
    """One law's thresholds, measured and promised."""
    rows = sweep.rows
    most = max(rows, key=lambda row: row.distinct)
    unique, shooting, contracting = sweep.unique, sweep.shooting, sweep.contracting
    parts = [
        f"{sweep.law}: {most.starts} starts lead to up to {most.distinct} distinct "
        f"minimisers (λ = {most.tikhonov:g})"
        + (
            f", to one from λ = {unique:g} on" if unique else ", and on this grid not always to one"
        ),
        f"q falls below 1 at λ = {contracting:.3g}"
        if contracting
        else "q does not cross 1 on this grid",
        f"from λ = {shooting:g} on pure shooting came to rest at one point from every start "
        f"within {sweep.shots} evaluations"
        if shooting
        else f"within {sweep.shots} evaluations pure shooting came to rest from every start for "
        "no λ",
    ]
    bound = f"the bound that theory gives beforehand is λ = {sweep.bound:.3g}"
    over = [
        f"{sweep.bound / value:.2g} times the λ of {name}"
        for value, name in ((contracting, "q = 1"), (unique, "one minimiser"))
        if value
    ]
    bound += f", {' and '.join(over)}" if over else ""
    return "; ".join([*parts, bound]) + "."


def notes(
    sweeps: Sequence[LawSweep], apart: float, tolerance: float, steps: int
) -> tuple[str, ...]:
    """What a reader has to know of how minimisers were found and distinguished."""
    lines = [
        f"Minimisers are distinct if their L² distance exceeds {apart:g}; their number is "
        "that of those found, hence a lower bound. Each is a training's end made exact by Newton's "
        f"steps: PMP residual at most {tolerance:g}, λ_min > 0.",
        "Lip(g)/2λ ≥: the largest ‖H_ℓ‖ at controls of the a-priori ball, which is a lower bound "
        "of Lip(g) there; K is an upper one, proven.",
    ]
    for sweep in sweeps:
        lost = [
            f"{row.starts - row.converged} at λ = {row.tikhonov:g}"
            for row in sweep.rows
            if row.converged < row.starts
        ]
        if lost:
            lines.append(
                f"{sweep.law}: starts that ended at no minimiser within {steps} "
                f"movements, and are not counted: {', '.join(lost)}."
            )
    return tuple(lines)
