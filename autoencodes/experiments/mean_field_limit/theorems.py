"""The two theorems about N → ∞ beside what was measured: a table and a verdict each.

# notation: gap J^N − J at a control, θ* and θ^N minimisers of J and J^N, H Hessian of J at θ*,
# Σ covariance of the particles' gradients there, σ² variance of their costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autoencodes.experiments.mean_field_limit.result import (
    DISTANCE,
    EXCESS,
    FALL,
    FIXED,
    OPTIMISM,
    SPREAD,
    TRANSPORT,
    VALUE,
    Fit,
    Limit,
    LimitResult,
    Limits,
    Lowest,
    Power,
    Values,
    measured,
    signed,
)
from autoencodes.experiments.table import Cell, ResultTable

_NEAR = 0.25
"""The distance in L² within which a control lies in a minimiser's valley, as it counts here."""


def generalisation(
    fits: Sequence[Fit], limits: Limits, result: LimitResult, tikhonov: Sequence[float]
) -> ResultTable:
    """A row for every d and λ: the bound's slope, those of the gap, and the constants."""
    rows = []
    for (dim, place), samples in result.samples.items():
        its = _of(fits, dim, place)
        moved = next(f for f in fits if f.dim == dim and f.quantity == TRANSPORT)
        at, here = limits[dim, place], measured(samples)
        scale = result.counts**0.5
        cells: list[Cell] = [
            dim,
            tikhonov[place],
            samples.gap.shape[1],
            moved.power.text,
            signed(moved.theory),
            *(_text(its, name) for name in (FIXED, SPREAD, OPTIMISM, EXCESS)),
            _late(scale * here[FIXED] / at.deviation),
            _ratio(result.counts * here.get(OPTIMISM, np.nan), at.optimism),
            _ratio(2 * result.counts * here.get(EXCESS, np.nan), at.optimism),
        ]
        rows.append(tuple(cells))
    return ResultTable(
        "Slopes over N with 95% intervals (Student's t over the sizes): W₁ and its rate, the gap's "
        "standard deviation at the law's control θ* and at the trained θ^N, the optimism "
        "E[gap(θ*) − gap(θ^N)] and the excess E[J(θ^N) − J(θ*)]; then measured over predicted, in "
        "the mean over the larger half of the sizes: √N std/σ, N optimism/tr(H⁻¹Σ) and "
        "2N excess/tr(H⁻¹Σ)",
        (
            *("d", "λ", "samples", "W₁", "rate of W₁", "std of gap, θ*", "std of gap, θ^N"),
            *("optimism", "excess", "std/predicted", "optimism/predicted", "excess/predicted"),
        ),
        tuple(rows),
    )


def minima(
    fits: Sequence[Fit],
    limits: Limits,
    result: LimitResult,
    at: Limit,
    tikhonov: Sequence[float],
) -> ResultTable:
    """A row for every d and λ from θ = 0, and one for the lowest of many starts, λ the last."""
    rows: list[tuple[Cell, ...]] = []
    for (dim, place), samples in result.samples.items():
        its, limit = _of(fits, dim, place), limits[dim, place]
        counts, here = result.counts, measured(samples)
        rows.append(
            (
                *(dim, tikhonov[place], "θ = 0", samples.gap.shape[1], limit.lambda_min),
                *(_text(its, name) for name in (VALUE, FALL, DISTANCE)),
                _ratio(2 * counts * here.get(FALL, np.nan), limit.optimism),
                _ratio(counts * (samples.distance**2).mean(axis=1), limit.reach),
                float(samples.distance[-1].mean()),
                _share(samples.distance[-1]),
            )
        )
    many = result.lowest
    powers = sought(many)
    rows.append(
        (
            *(1, tikhonov[-1], "many", many.value.shape[1], at.lambda_min),
            *(powers[name].text for name in (VALUE, FALL, DISTANCE)),
            _ratio(2 * many.counts * many.fall.mean(axis=1), at.optimism),
            None,  # the expansion is that of one valley
            float(many.away[-1].mean()),
            _share(many.away[-1]),
        )
    )
    return ResultTable(
        "Least values and minimisers over N, from θ = 0 or as the lowest of many starts: slopes "
        "with 95% intervals of the standard deviation of min J^N − min J, of the mean fall "
        "J^N(θ*) − min J^N, and of the distance from the law's minimisers; then measured over "
        "predicted for the larger half of the sizes, 2N fall/tr(H⁻¹Σ) and "
        "N E‖θ^N − θ*‖²/tr(H⁻¹ΣH⁻¹); and at the largest N the mean distance and the share of "
        f"samples nearer than {_NEAR:g}",
        (
            *("d", "λ", "starts", "samples", "λ_min(θ*)", "std of min J^N", "fall", "distance"),
            *("fall/predicted", "distance²/predicted", "distance at last", "near at last"),
        ),
        tuple(rows),
    )


def sought(many: Lowest) -> dict[str, Power]:
    """The powers of N that fit the lowest of many starts."""
    values = {
        VALUE: many.value.std(axis=1, ddof=1),
        FALL: many.fall.mean(axis=1),
        DISTANCE: many.away.mean(axis=1),
    }
    return {name: Power.fitted(many.counts, found) for name, found in values.items()}


def verdicts(
    fits: Sequence[Fit], limits: Limits, result: LimitResult, tikhonov: Sequence[float]
) -> tuple[str, str]:
    """A sentence for each theorem, from the slopes and their intervals."""
    return (
        "Generalisation: " + _of_the_gap(fits, limits, result, tikhonov),
        "Γ-convergence: " + _of_minima(fits, result, tikhonov),
    )


def _of_the_gap(
    fits: Sequence[Fit], limits: Limits, result: LimitResult, tikhonov: Sequence[float]
) -> str:
    """How the gap's slope stands to the bound's, by dimension, with the largest λ."""
    kinds: dict[str, list[str]] = {"agrees": [], "holds and is not sharp": [], "does not hold": []}
    for fit in (f for f in fits if f.quantity == SPREAD and f.weight == 0):
        assert fit.theory is not None, "the bound is promised with every λ"
        power = fit.power
        sharp = fit.true is None or fit.true >= fit.theory
        kind = "agrees" if sharp or power.high >= fit.theory else "holds and is not sharp"
        kind = "does not hold" if power.low > fit.theory else kind
        kinds[kind].append(f"{fit.dim} ({signed(power.slope)}, bound {signed(fit.theory)})")
    said = [f"{kind} at d = {', '.join(dims)}" for kind, dims in kinds.items() if dims]
    known = [f for f in fits if f.true is not None and f.weight == 0]
    apart = [f for f in known if not _holds(f)]
    truth = f"{len(known) - len(apart)} of {len(known)} slopes at λ = {tikhonov[0]:g} hold it"
    if apart:
        worst = max(apart, key=_departure)
        truth += (
            f", the others are off by at most {_departure(worst):.2f} ({worst.quantity}, "
            f"d = {worst.dim})"
        )
    ratios = [
        _late(factor * result.counts * measured(samples)[name] / optimism)
        for (dim, place), samples in result.samples.items()
        if (optimism := limits[dim, place].optimism) is not None and samples.convex
        for name, factor in ((OPTIMISM, 1), (EXCESS, 2))
    ]
    constants = (
        f", and its constants for the last two are met to a factor from {min(ratios):.2f} to "
        f"{max(ratios):.2f}"
        if ratios
        else ""
    )
    return (
        f"the bound C W₁ {'; '.join(said)}; the expansion in 1/N says −1/2 for the gap and −1 for "
        f"optimism and excess in every d: the intervals of {truth}{constants}."
    )


def _of_minima(fits: Sequence[Fit], result: LimitResult, tikhonov: Sequence[float]) -> str:
    """Values and minimisers: from θ = 0 in the valley of the one minimiser, and of many minima."""
    parts = []
    for name in (VALUE, DISTANCE):
        known = [f for f in fits if (f.quantity, f.weight) == (name, 0)]
        parts.append(f"{name} {', '.join(signed(f.power.slope) for f in known)}")
    dims = ", ".join(str(dim) for dim, place in result.samples if place == 0)
    many = result.lowest
    powers = sought(many)
    shares = f"{_share(many.away[0]):.0%} to {_share(many.away[-1]):.0%}"
    return (
        f"with λ = {tikhonov[0]:g} the slopes over N for d = {dims} are {' and '.join(parts)}; "
        f"with λ = {tikhonov[-1]:g}, where J has {many.minima} minima or more, least values "
        f"converge like N^{powers[VALUE].text}, and from N = {many.counts[0]:,} to "
        f"{many.counts[-1]:,} the share of samples whose lowest control is near one of the law's "
        f"goes from {shares}. A random start ended lower than those from the law's minima for "
        f"{int(many.strange.sum())} of {many.strange.size} samples."
    )


def _holds(fit: Fit) -> bool:
    """Whether the interval holds the expansion's power."""
    assert fit.true is not None, "asked of those that have one"
    return fit.power.low <= fit.true <= fit.power.high


def _departure(fit: Fit) -> float:
    """How far the slope is from the expansion's power."""
    assert fit.true is not None, "asked of those that have one"
    return abs(fit.power.slope - fit.true)


def _of(fits: Sequence[Fit], dim: int, place: int) -> Mapping[str, Fit]:
    return {fit.quantity: fit for fit in fits if fit.dim == dim and fit.weight == place}


def _text(its: Mapping[str, Fit], name: str) -> str | None:
    return its[name].power.text if name in its else None


def _share(distances: Values) -> float:
    """How many are near."""
    return float(np.mean(distances < _NEAR))


def _late(values: Values) -> float:
    """The mean over the larger half of the sizes."""
    return float(values[-max(len(values) // 2, 3) :].mean())


def _ratio(values: Values, predicted: float | None) -> float | None:
    """Measured over predicted, where something is."""
    return None if predicted is None else _late(values / predicted)
