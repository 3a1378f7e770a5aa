"""What a sweep over Tikhonov weights measures: minimisers, thresholds, a table and sentences.

# notation: λ Tikhonov weight, q contraction factor of pure shooting at a minimiser, g gradient of
# ∫ ℓ dμ_T in L², K its Lipschitz bound on the ball in which all minimisers lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.experiment import seeds
from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import Cell, ResultTable

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
    """The largest |eig(H_ℓ)|/(2λ) found on the a-priori ball."""
    least: float
    """The least eig(H_ℓ)/(2λ) found there: below −1 J is not convex."""
    bound: float | None


@dataclass(frozen=True)
class LawSweep:
    """One law and seed over the grid of λ, its thresholds, and the theory's bound."""

    law: str
    seed: int
    shots: int
    rows: tuple[WeightRow, ...]
    unique: float | None
    shooting: float | None
    contracting: float | None
    ball: float | None
    nonconvex: float | None
    several: float | None
    power: float | None
    flattening: float | None
    bound: float


@dataclass(frozen=True, eq=False)
class TikhonovSweepResult(Plain):
    """A sweep for each law and seed, and its minimisers by its place, columns as ``Minimisers``."""

    sweeps: tuple[LawSweep, ...]
    minimisers: dict[int, Float[np.ndarray, "minimiser column"]]


def thresholds(rows: Sequence[WeightRow]) -> dict[str, float | None]:
    """What the grid says; None where it does not say.

    - ``unique``: the least λ from which on one minimiser was found,
    - ``shooting``: that from which on all starts of Λ came to rest at one point,
    - ``contracting``: where q = 1 at the minimiser, log q being linear in log λ between the two
      weights of the grid around it,
    - ``ball``: where the largest ‖H_ℓ‖/(2λ) found on the a-priori ball is 1, likewise: below it no
      bound on that ball can prove that Λ contracts,
    - ``nonconvex``: the largest λ with a control of the ball at which H has a negative eigenvalue,
    - ``several``: the largest λ with two minimisers or more,
    - ``power``: p of q ∝ λ^(−p) from ``contracting`` on,
    - ``flattening``: p of λ_min ∝ λ^p at the lowest minimiser below ``unique``.
    """
    one = [row.distinct == 1 and row.converged == row.starts for row in rows]
    rested = [row.arrived == row.starts and row.arrived_at == 1 for row in rows]
    grid = [row.tikhonov for row in rows]
    contracting = _crossing(grid, [row.q for row in rows])
    unique = _from_on(grid, one)
    late = [(r.tikhonov, r.q) for r in rows if contracting and r.q and r.tikhonov > contracting]
    early = [
        (row.tikhonov, row.lambda_min)
        for row in rows
        if row.lambda_min and (unique is None or row.tikhonov < unique)
    ]
    falling, rising = _power(late), _power(early)
    return {
        "unique": unique,
        "shooting": _from_on(grid, rested),
        "contracting": contracting,
        "ball": _crossing(grid, [row.sampled for row in rows]),
        "nonconvex": max((row.tikhonov for row in rows if row.least < -1), default=None),
        "several": max((row.tikhonov for row in rows if row.distinct > 1), default=None),
        "power": None if falling is None else -falling,
        "flattening": rising,
    }


def _crossing(grid: Sequence[float], values: Sequence[float | None]) -> float | None:
    """Where values that fall over the grid pass 1, log-linear between neighbours."""
    for (low, before), (high, after) in pairwise(zip(grid, values, strict=True)):
        if before and after and before >= 1 > after:
            logs = np.log([before, after])
            return float(low * (high / low) ** float(logs[0] / (logs[0] - logs[1])))
    return None


def _power(points: Sequence[tuple[float, float]]) -> float | None:
    """The slope of a log-log regression; None for fewer than two points."""
    if len(points) < 2:
        return None
    x, y = np.log(np.array(points)).T
    return float(np.polyfit(x, y, 1)[0])


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
        "least eig(H_ℓ)/2λ": "least",
        "K/2λ": "bound",
    }
    caption = (
        f"{sweep.law}, seed {sweep.seed}, {sweep.rows[0].starts} random starts for every λ; λ_min "
        "and q = max|eig(H) − 2λ|/(2λ) at the lowest minimiser; shots: iterations of "
        "θ → −g(θ)/(2λ), and the last measured ratio; K is the theory's bound of Lip(g) on the "
        "a-priori ball"
    )
    return ResultTable.of(caption, columns, sweep.rows)


def uniqueness(sweeps: Sequence[LawSweep]) -> ResultTable:
    """A row for each law and seed: thresholds of one minimiser and of contraction, and rates."""
    columns = {
        "law": "law",
        "seed": "seed",
        "one minimiser from": "unique",
        "at rest from": "shooting",
        "q = 1": "contracting",
        "no proof below": "ball",
        "bound": "bound",
        "bound/(q = 1)": "loss",
        "p in q ~ λ^−p": "power",
        "|ratio/q − 1|": "departure",
    }
    records = [
        {
            **_thresholds_of(sweep),
            "loss": sweep.bound / sweep.contracting if sweep.contracting else None,
            "departure": departure(sweep),
        }
        for sweep in sweeps
    ]
    return ResultTable.of(
        "λ from which on one minimiser is found from all starts, and pure shooting comes to rest "
        "at one point from all; λ at which q = 1 at the minimiser; λ below which no bound on the "
        "a-priori ball can prove contraction (an eigenvalue found there); the theory's bound; the "
        "power of q from q = 1 on; and the largest difference of the ratio measured and q",
        columns,
        records,
    )


def nonconvexity(sweeps: Sequence[LawSweep]) -> ResultTable:
    """A row for each law and seed: up to which λ J is not convex, and how many minimisers."""
    columns = {
        "law": "law",
        "seed": "seed",
        "starts": "starts",
        "most minimisers": "most",
        "several up to": "several",
        "not convex up to": "nonconvex",
        "convex from": "bound",
        "p in λ_min ~ λ^p": "flattening",
    }
    records = [
        {
            **_thresholds_of(sweep),
            "starts": sweep.rows[0].starts,
            "most": max(row.distinct for row in sweep.rows),
        }
        for sweep in sweeps
    ]
    return ResultTable.of(
        "The most distinct minimisers found with one λ, and the largest λ with two or more; the "
        "largest λ with a control of the a-priori ball at which H has a negative eigenvalue; the "
        "theory's bound, from which on there is none; and the power of λ_min at the lowest "
        "minimiser below the λ of one minimiser",
        columns,
        records,
    )


def _thresholds_of(sweep: LawSweep) -> dict[str, Cell]:
    """All but the rows."""
    return {
        field.name: getattr(sweep, field.name) for field in fields(sweep) if field.name != "rows"
    }


def departure(sweep: LawSweep) -> float | None:
    """The largest |ratio/q − 1| of the λ at which shooting came to rest at the one minimiser."""
    found = [
        abs(row.ratio / row.q - 1)
        for row in sweep.rows
        if row.ratio and row.q and row.q < 1 and row.arrived_at == 1
    ]
    return max(found, default=None)


def sentence(sweeps: Sequence[LawSweep]) -> str:
    """The thresholds of all laws and seeds; at most 25 words."""
    laws = list(dict.fromkeys(sweep.law for sweep in sweeps))
    its = seeds(list(dict.fromkeys(sweep.seed for sweep in sweeps)))
    return (
        f"{', '.join(laws)}, {its}: one minimiser from λ = {_range(sweeps, 'unique')}; "
        f"contraction from {_range(sweeps, 'contracting')}, promised from "
        f"{_range(sweeps, 'bound')}."
    )


def verdicts(sweeps: Sequence[LawSweep]) -> tuple[str, str]:
    """A sentence for each theorem."""
    powers = _range(sweeps, "power")
    losses = [sweep.bound / sweep.contracting for sweep in sweeps if sweep.contracting]
    past = [s for s in sweeps if s.unique is None or s.unique > s.bound]
    away = [value for s in sweeps if (value := departure(s)) is not None]
    first = (
        f"holds for {len(sweeps) - len(past)} of {len(sweeps)} laws and seeds"
        + (
            f"{_sharp(losses)}: the λ promised is {_ends(losses)} times that of q = 1"
            if losses
            else ""
        )
        + (f"; from there on q goes like λ^−p, p = {powers}" if powers != "none" else "")
        + (f", and shooting contracts by q to within {max(away):.1g}" if away else "")
    )
    seen = [s for s in sweeps if s.nonconvex is not None]
    most = max((row.distinct for sweep in sweeps for row in sweep.rows), default=0)
    beyond = sum((sweep.nonconvex or 0) >= sweep.bound for sweep in sweeps)
    second = (
        f"seen for {len(seen)} of {len(sweeps)} laws and seeds: H has a negative eigenvalue on the "
        f"a-priori ball up to λ = {_range(sweeps, 'nonconvex')}, {beyond} of them beyond the "
        f"bound, {_range(sweeps, 'bound')}; up to {most} minimisers were found, two or more up to "
        f"λ = {_range(sweeps, 'several')}"
    )
    return f"Uniqueness: {first}.", f"Non-convexity: {second}."


def _range(sweeps: Sequence[LawSweep], name: str) -> str:
    """The least and the largest of a threshold over laws and seeds."""
    return _ends([v for s in sweeps if (v := getattr(s, name)) is not None])


def _sharp(losses: Sequence[float]) -> str:
    return ", and is not sharp" if min(losses) > 1 else ""


def _ends(values: Sequence[float]) -> str:
    if not values:
        return "none"
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def detail(sweep: LawSweep) -> str:
    """One law's thresholds, measured and promised."""
    rows = sweep.rows
    most = max(rows, key=lambda row: row.distinct)
    unique, shooting, contracting = sweep.unique, sweep.shooting, sweep.contracting
    parts = [
        f"{sweep.law}, seed {sweep.seed}: {most.starts} starts lead to up to {most.distinct} "
        f"distinct minimisers (λ = {most.tikhonov:g})"
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
    first = min(sweep.seed for sweep in sweeps)
    lines += [detail(sweep) for sweep in sweeps if sweep.seed == first]
    for sweep in sweeps:
        lost = [
            f"{row.starts - row.converged} at λ = {row.tikhonov:g}"
            for row in sweep.rows
            if row.converged < row.starts
        ]
        if lost:
            lines.append(
                f"{sweep.law}, seed {sweep.seed}: starts that ended at no minimiser within {steps} "
                f"movements, and are not counted: {', '.join(lost)}."
            )
    return tuple(lines)
