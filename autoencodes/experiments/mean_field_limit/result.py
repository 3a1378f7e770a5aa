"""What is said of a mean-field limit: powers of N, fitted, beside those that the theory promises.

# notation: μ_0 law, μ_0^N sample of N particles, J and J^N their objectives, θ* and θ^N the
# controls trained on them, λ Tikhonov weight, gap ∫ℓ dμ_T^N − ∫ℓ dμ_T = J^N − J at θ^N.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import stdtrit

from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import Cell, ResultTable

Counts = Int[np.ndarray, " size"]
Values = Float[np.ndarray, " size"]
Rows = Float[np.ndarray, "size sample"]

_STATIONARY = 1e-5
"""The PMP residual below which a control counts as stationary."""

TRANSPORT, SPREAD, GAP, DISTANCE = "W₁", "std of gap", "mean |gap|", "mean ‖θ^N − θ*‖"
FIXED, OPTIMISM, EXCESS = "std of gap at θ*", "mean optimism", "mean excess"
VALUE, FALL = "std of min J^N", "mean fall"
"""What is fitted by a power of N; see ``measured``."""

TRUE = {
    **dict.fromkeys((SPREAD, GAP, DISTANCE, FIXED, VALUE), -0.5),
    **dict.fromkeys((OPTIMISM, EXCESS, FALL), -1.0),
}
"""The powers of the expansion in 1/N around a strongly convex minimum, in every dimension."""


class Limit(NamedTuple):
    """The training on the law: λ_min where it begins, and what is known of θ*."""

    deviation: float
    """σ, the standard deviation of ℓ at θ*."""
    optimism: float | None
    """tr(H⁻¹Σ); None where J is not strongly convex at θ*, as is ``reach``."""
    reach: float | None
    """tr(H⁻¹ΣH⁻¹)."""
    begin: float
    lambda_min: float
    convex: bool
    objective: float
    norm: float
    residual: float
    quadrature: float
    """The largest error found in ∫ℓ dμ_T at a control of a sample."""


Limits = dict[tuple[int, int], Limit]
"""By dimension and place of λ."""


class SampleTrainings(NamedTuple):
    """The trainings on samples, for one dimension and one λ."""

    gap: Rows
    fixed: Rows
    """J^N(θ*) − J(θ*): the gap of a control that does not depend on the sample."""
    excess: Rows
    """J(θ^N) − J(θ*)."""
    distance: Rows
    """‖θ^N − θ*‖."""
    converged: Rows
    apart: Values
    """The mean ‖θ^N − θ'^N‖ of two samples."""
    convex: Float[np.ndarray, ""]
    """1 where J is locally strongly convex at θ*."""


class Lowest(NamedTuple):
    """The lowest controls found from many starts, in d = 1, by size and sample."""

    minima: Int[np.ndarray, ""]
    """How many minima of the law were found."""
    counts: Counts
    value: Rows
    """min J^N − min J."""
    fall: Rows
    """J^N(θ*) − min J^N, θ* the law's minimiser with the least J^N."""
    away: Rows
    """The distance to the nearest of the law's minimisers."""
    strange: Rows
    """1 where a random start ended lower than those from the law's minima."""


@dataclass(frozen=True, eq=False)
class LimitResult(Plain):
    """Distances W_1 by dimension, and trainings by dimension and place of λ."""

    counts: Counts = field(metadata={"name": "N"})
    """Of the samples that are trained on."""
    transported: dict[int, Counts] = field(metadata={"name": "transport N"})
    """Of those whose distances are measured, by dimension."""
    transport: dict[int, Rows]
    samples: dict[tuple[int, int], SampleTrainings]
    searched: tuple[Lowest, ...]
    """One."""

    @property
    def lowest(self) -> Lowest:
        """The search."""
        (found,) = self.searched
        return found


@dataclass(frozen=True)
class Power:
    """c N^slope through points of log-log paper, by ordinary least squares.

    ``low`` and ``high`` bound the slope with 95% confidence, by Student's t with two degrees of
    freedom fewer than points.
    """

    slope: float
    low: float
    high: float
    logarithm: float
    """log c."""

    @classmethod
    def fitted(cls, counts: Counts, values: Float[np.ndarray, " size"]) -> Power:
        """The power that fits values at counts, of which there are at least three."""
        x, y = np.log(counts), np.log(values)
        spread = x - x.mean()
        slope = float(spread @ y / (spread @ spread))
        logarithm = float(y.mean() - slope * x.mean())
        rest = y - logarithm - slope * x
        error = np.sqrt(rest @ rest / (len(x) - 2) / (spread @ spread))
        reach = float(stdtrit(len(x) - 2, 0.975) * error)
        return cls(slope, slope - reach, slope + reach, logarithm)

    def at(self, counts: Counts) -> Float[np.ndarray, " size"]:
        """c N^slope."""
        return np.exp(self.logarithm) * np.asarray(counts, float) ** self.slope

    @property
    def text(self) -> str:
        """The slope and its interval."""
        return f"{signed(self.slope)} [{signed(self.low)}, {signed(self.high)}]"


@dataclass(frozen=True)
class Fit:
    """One quantity in one dimension, and for one λ unless it is W_1, beside the theory's rate."""

    dim: int
    weight: int | None
    """The place of λ among the settings'."""
    quantity: str
    power: Power
    late: float
    """The slope over the larger half of the sizes."""
    theory: float | None
    """The slope that the theory's rate has over the same N; None where it promises none."""
    true: float | None = None
    """The power of the expansion in 1/N; None where it holds for none."""

    @classmethod
    def of(
        cls,
        dim: int,
        weight: int | None,
        quantity: str,
        counts: Counts,
        values: Float[np.ndarray, " size"],
    ) -> Fit:
        """The fit of values at counts, beside the rate of W_1 over these."""
        half = max(len(counts) // 2, 3)
        power = Power.fitted(counts, values)
        late = Power.fitted(counts[-half:], values[-half:]).slope
        theory = Power.fitted(counts, rate(dim, counts)).slope
        return cls(dim, weight, quantity, power, late, theory)


def rate(dim: int, counts: Counts) -> Float[np.ndarray, " size"]:
    """How W_1(μ_0, μ_0^N) decays: N^(−1/2), (log N / N)^(1/2) for d = 2, N^(−1/d) above."""
    n = np.asarray(counts, float)
    if dim == 2:
        return np.asarray(np.sqrt(np.log(n) / n))
    return np.asarray(n ** (-1 / max(dim, 2)))


def fitted(result: LimitResult) -> list[Fit]:
    """The powers of N that fit what was measured."""
    fits = []
    for dim, counts in result.transported.items():
        fits.append(Fit.of(dim, None, TRANSPORT, counts, result.transport[dim].mean(axis=1)))
        for (its, place), samples in result.samples.items():
            for quantity, values in measured(samples).items() if its == dim else ():
                fit = Fit.of(dim, place, quantity, result.counts, values)
                # Where J is not locally strongly convex, minimisers may stay apart.
                promised = bool(samples.convex) or quantity != DISTANCE
                fit = fit if promised else replace(fit, theory=None)
                known = bool(samples.convex) or quantity == FIXED
                fits.append(replace(fit, true=TRUE[quantity]) if known else fit)
    return fits


def measured(samples: SampleTrainings) -> dict[str, Values]:
    """For each quantity of a d and a λ its values over N.

    Where θ* is a minimiser also the optimism E[J^N(θ*) − J(θ*)] − E[J^N(θ^N) − J(θ^N)], whose first
    term is 0 in the mean but takes the noise away, the excess J(θ^N) − J(θ*), and of the least
    value J^N(θ^N) its deviation and how far it falls below J^N(θ*).
    """
    gap, fixed, excess = samples.gap, samples.fixed, samples.excess
    found = {
        FIXED: fixed.std(axis=1, ddof=1),
        SPREAD: gap.std(axis=1, ddof=1),
        GAP: np.abs(gap).mean(axis=1),
        DISTANCE: samples.distance.mean(axis=1),
    }
    if samples.convex:
        found[OPTIMISM] = (fixed - gap).mean(axis=1)
        found[EXCESS] = excess.mean(axis=1)
        found[VALUE] = (gap + excess).std(axis=1, ddof=1)
        found[FALL] = (fixed - gap - excess).mean(axis=1)
    return found


def slopes(fits: Sequence[Fit], limits: Limits, tikhonov: Sequence[float]) -> ResultTable:
    """Every slope with its interval, beside the theory's."""
    rows = []
    for fit in fits:
        power, place = fit.power, fit.weight
        weight = None if place is None else tikhonov[place]
        least = None if place is None else limits[fit.dim, place].lambda_min
        spread = (power.slope, power.low, power.high)
        ends = (fit.late, fit.theory, fit.true)
        rows.append((fit.dim, weight, least, fit.quantity, *spread, *ends))
    return ResultTable(
        "Slopes of log-log regressions over N with 95% intervals (Student's t over the sizes), "
        "over the larger half of the sizes, of the theory's rate of W₁ over the same N, and of the "
        "expansion in 1/N; gap = J^N(θ^N) − J(θ^N)",
        ("d", "λ", "λ_min(θ*)", "quantity", "slope", "from", "to", "larger N", "W₁ rate", "1/N"),
        tuple(rows),
    )


def means(result: LimitResult, tikhonov: Sequence[float]) -> ResultTable:
    """What the slopes were fitted to, and what else was measured, over the samples of each size."""
    rows: list[tuple[Cell, ...]] = []
    for (dim, place), samples in result.samples.items():
        transport = dict(zip(result.transported[dim], result.transport[dim], strict=True))
        here = measured(samples)
        for k, count in enumerate(result.counts):
            w1 = float(transport[count].mean()) if count in transport else None
            gap = samples.gap[k]
            rest = [float(here[name][k]) for name in (SPREAD, GAP, DISTANCE)]
            rest += [float(values[k].mean()) for values in (samples.apart, samples.excess)]
            ended = int(samples.converged[k].sum())
            first = (dim, tikhonov[place], int(count), w1, float(gap.mean()))
            rows.append((*first, *rest, gap.size, ended))
    names = ("d", "λ", "N", TRANSPORT, "mean gap", SPREAD, GAP, DISTANCE)
    return ResultTable(
        "Over the samples of each size: gap = J^N(θ^N) − J(θ^N); apart is the mean ‖θ^N − θ'^N‖ "
        "of two samples; excess is the mean J(θ^N) − J(θ*); converged counts trainings",
        (*names, "apart", "excess", "samples", "converged"),
        tuple(rows),
    )


def curvatures(limits: Limits, tikhonov: Sequence[float]) -> ResultTable:
    """Where the training on the law begins and ends."""
    return ResultTable(
        "The training on the law: λ_min(H) at the control that it begins with and at the one where "
        "it ends; quadrature is the largest error found in ∫ℓ dμ_T at a control of a sample",
        ("d", "λ", "λ_min(θ_0)", "λ_min(θ*)", "J(θ*)", "‖θ*‖", "PMP residual", "quadrature"),
        tuple(
            (
                dim,
                tikhonov[place],
                *(at.begin, at.lambda_min, at.objective, at.norm, at.residual, at.quadrature),
            )
            for (dim, place), at in limits.items()
        ),
    )


def sentence(fits: Sequence[Fit], result: LimitResult, seed: int, tikhonov: Sequence[float]) -> str:
    """The slopes of the gap's deviation and of W₁ in all dimensions; at most 25 words."""
    gaps = [fit.power.slope for fit in fits if fit.quantity == SPREAD and fit.weight == 0]
    moved = [fit.power.slope for fit in fits if fit.quantity == TRANSPORT]
    dims = ", ".join(str(dim) for dim in result.transported)
    return (
        f"Seed {seed}, N ≤ {result.counts[-1]:,}, d = {dims}: gap's slopes "
        f"{_listed(gaps)} (λ = {tikhonov[0]:g}), W₁'s {_listed(moved)}."
    )


def _listed(slopes: Sequence[float]) -> str:
    return ", ".join(signed(slope) for slope in slopes)


def detail(fits: Sequence[Fit], limits: Limits, tikhonov: Sequence[float]) -> str:
    """The slopes with their intervals, each beside the theory's."""
    dims = list(dict.fromkeys(fit.dim for fit in fits))
    parts = []
    for dim in dims:
        here = [fit for fit in fits if fit.dim == dim]
        spreads = [
            f"{fit.power.text} (λ = {tikhonov[fit.weight]:g})"
            for fit in here
            if fit.quantity == SPREAD and fit.weight is not None
        ]
        parts.append(
            f"d = {dim}: W₁ {here[0].power.text}, standard deviation of the gap "
            f"{' and '.join(spreads)}, rate of W₁ {signed(here[0].theory)}"
        )
    distances = []
    for place, weight in enumerate(tikhonov):
        known = [f for f in fits if f.weight == place and f.quantity == DISTANCE]
        least = ", ".join(_digits(limits[f.dim, place].lambda_min) for f in known)
        powers = ", ".join(f.power.text for f in known)
        distances.append(f"{powers} at λ = {weight:g} with λ_min(θ*) = {least}")
    names = ", ".join(str(dim) for dim in dims)
    return (
        f"Slopes over N with 95% intervals, for {'; for '.join(parts)}; of ‖θ^N − θ*‖, for d = "
        f"{names}, {'; and '.join(distances)}."
    )


def notes(
    fits: Sequence[Fit], limits: Limits, result: LimitResult, tikhonov: Sequence[float]
) -> tuple[str, ...]:
    """How the measured slopes stand to the theory's, and what else a reader has to know."""
    lines = [
        detail(fits, limits, tikhonov),
        "For d = 1, W₁ is that between a sample and the law, ∫|F − F_N| integrated exactly. For "
        "d ≥ 2 it is that between two independent samples of N particles, by optimal assignment: "
        "E W₁(μ_0, μ_0^N) ≤ E W₁(μ_0^N, ν_0^N) ≤ 2 E W₁(μ_0, μ_0^N), so that the rate is the same.",
        "W₁ is that of the particles x; targets y = f(x) with Lipschitz constant 4 make that of "
        "the pairs (x, y) at most √17 times as large.",
        "J^N and J differ by the gap alone, for λ‖θ‖² is the same in both: |J^N(θ^N) − J(θ^N)| is "
        "the gap's absolute value.",
        "The theory's rate is that of W₁, N^(−1/2), (log N / N)^(1/2) for d = 2 and N^(−1/d) "
        "above, over the same N; for ‖θ^N − θ*‖ only where λ_min(θ*) > 0. For the gap and for "
        "‖θ^N − θ*‖ it is an upper bound: J is smooth in the particles, and sums over independent "
        "ones fluctuate like N^(−1/2) in every d.",
    ]
    main = [fit for fit in fits if fit.quantity in (TRANSPORT, SPREAD, DISTANCE)]
    faster = [_called(fit, tikhonov) for fit in main if _beyond(fit) < 0]
    slower = [_called(fit, tikhonov) for fit in main if _beyond(fit) > 0]
    if faster:
        lines.append(f"Faster than the theory's rate, by the whole interval: {', '.join(faster)}.")
    if slower:
        lines.append(f"Slower than the theory's rate, by the whole interval: {', '.join(slower)}.")
    late = [f"{signed(f.late)} ({_where(f, tikhonov)})" for f in fits if f.quantity == SPREAD]
    if late:
        lines.append(
            "Small samples may be fitted too closely, which one power of N does not describe. Over "
            f"the larger half of the sizes alone the slope of the gap's standard deviation is "
            f"{', '.join(late)}."
        )
    lines += _saddles(limits, result, tikhonov)
    short = sum(int(rows.converged.size - rows.converged.sum()) for rows in result.samples.values())
    if short:
        lines.append(
            f"{short} trainings on samples ended before the PMP residual was small enough."
        )
    return tuple(lines)


def _saddles(limits: Limits, result: LimitResult, tikhonov: Sequence[float]) -> list[str]:
    """What the samples do where the law's training has ended at a saddle."""
    lines = []
    for (dim, place), at in limits.items():
        if at.lambda_min >= 0:
            continue
        samples = result.samples[dim, place]
        lines.append(
            f"d = {dim}, λ = {tikhonov[place]:g}: from θ = 0 the law leads to a control with PMP "
            f"residual {at.residual:.1e} and λ_min = {_digits(at.lambda_min)} < 0"
            + (", a saddle of J. " if at.residual <= _STATIONARY else ". ")
            + f"At N = {result.counts[-1]:,} the samples' controls end at a distance of "
            f"{samples.distance[-1].mean():.3g} from it on average and "
            f"{float(samples.apart[-1]):.3g} from one another; there J − J(θ*) is "
            f"{_digits(samples.excess[-1].mean())} on average."
        )
    return lines


def _beyond(fit: Fit) -> int:
    """−1 if the interval lies below the theory's slope, 1 if above, 0 if it holds it."""
    if fit.theory is None:
        return 0
    return int(fit.power.low > fit.theory) - int(fit.power.high < fit.theory)


def _called(fit: Fit, tikhonov: Sequence[float]) -> str:
    return f"{fit.quantity} ({_where(fit, tikhonov)})"


def _where(fit: Fit, tikhonov: Sequence[float]) -> str:
    weight = "" if fit.weight is None else f", λ = {tikhonov[fit.weight]:g}"
    return f"d = {fit.dim}{weight}"


def signed(slope: float | None) -> str:
    return "none" if slope is None else f"{slope:.2f}".replace("-", "−")


def _digits(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
