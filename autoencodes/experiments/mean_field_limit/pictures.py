"""Rates in the number of particles, on log-log paper, and their slopes beside the theory's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from autoencodes.experiments import Results
from autoencodes.experiments.mean_field_limit.problem import LimitSettings
from autoencodes.experiments.mean_field_limit.result import (
    DISTANCE,
    GAP,
    SPREAD,
    TRANSPORT,
    Fit,
    LimitResult,
    fitted,
    measured,
    rate,
)
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_LOOKS = {
    TRANSPORT: (style.PCA, "s"),
    SPREAD: (style.AUTOENCODE, "o"),
    GAP: (style.CLASSES[5][0], "^"),
    DISTANCE: (style.ACCENT, "D"),
}
_NAMES = {
    TRANSPORT: r"$W_1(\mu_0, \mu_0^N)$",
    SPREAD: "gap, standard deviation",
    GAP: r"gap, mean $|J^N - J|(\theta^N)$",
    DISTANCE: r"$\|\theta^N - \theta^*\|$",
}
_DRAWN = frozenset(_NAMES)
"""What the figures show; the tables have the rest."""

_THEORY = {1: "$N^{-1/2}$", 2: "$(\\log N / N)^{1/2}$", 3: "$N^{-1/3}$"}
_DIMS = (style.AUTOENCODE, style.ACCENT, style.CLASSES[5][0], style.PCA)
_MARKS = ("o", "s", "^", "D")

Values = Float[np.ndarray, " size"]
Counts = Int[np.ndarray, " size"]


def pictures(results: Results[LimitResult], settings: LimitSettings) -> list[Picture]:
    """The rates for every d and λ, the distances of the controls, and all slopes."""
    tikhonov, result = settings.tikhonov, results.measured
    fits = [fit for fit in fitted(result) if fit.quantity in _DRAWN]
    many = f"{result.counts[0]:,} to {result.counts[-1]:,}"
    independent = " For d ≥ 2 W₁ is that between two independent samples." * (
        max(settings.dims) > 1
    )
    return [
        Picture(
            "rates",
            _rates(result, fits, tikhonov),
            f"What was measured for N = {many}, with standard errors, the fitted powers of N "
            f"(lines), and the theory's rate of W₁ (grey, at a height of its own).{independent}",
            "Log-log panels, a column for each dimension and a row for each λ. "
            + _spoken(fits, tikhonov),
        ),
        Picture(
            "distances",
            _distances(result, tikhonov),
            "The distance of the controls trained on N particles from the one trained on the law "
            "(filled, with standard errors) and from one another (hollow, dashed), for each λ.",
            "Two kinds of curves over N in a panel for each λ. "
            + _spoken(fits, tikhonov, DISTANCE),
        ),
        Picture(
            "slopes",
            _slopes(fits, tikhonov),
            "The fitted slopes over N with 95% intervals (dots), and those of the theory's rate of "
            "W₁ over the same N (grey bars); none is drawn where the theory promises none.",
            "A dot with an interval for each quantity, d and λ. " + _spoken(fits, tikhonov),
        ),
    ]


def _spoken(fits: Sequence[Fit], tikhonov: Sequence[float], only: str | None = None) -> str:
    slopes = []
    for fit in fits:
        if only is None or fit.quantity == only:
            where = "" if fit.weight is None else f", λ = {tikhonov[fit.weight]:g}"
            slopes.append(f"{fit.quantity}, d = {fit.dim}{where}: {fit.power.slope:.2f}")
    return f"Slopes: {'; '.join(slopes)}.".replace("-", "−")


def _rates(result: LimitResult, fits: Sequence[Fit], tikhonov: Sequence[float]) -> Figure:
    """A panel for each d (columns) and λ (rows)."""
    dims = list(result.transport)
    shape = len(tikhonov), len(dims)
    figure = Figure(figsize=(style.PAGE, 0.45 + 1.95 * shape[0]), layout="constrained")
    panels = figure.subplots(*shape, sharex=True, squeeze=False, sharey="row")
    for place, weight in enumerate(tikhonov):
        shown = []
        for axes, dim in zip(panels[place], dims, strict=True):
            if (dim, place) not in result.samples:
                axes.set_visible(False)
                continue
            here = [f for f in fits if f.dim == dim and f.weight in (None, place)]
            shown += [_rate(axes, result, fit, place) for fit in here]
            shown.append(_promise(axes, result, dim))
            axes.grid(axis="y")
            if place == 0:
                axes.set_title(f"d = {dim}")
        logarithmic(panels[place, 0], "y", np.concatenate(shown))
        panels[place, 0].set_ylabel(f"λ = {weight:g}")
    for axes in panels.flat:
        _counted(axes, result.counts)
    for axes, below in zip(panels[:-1].flat, panels[1:].flat, strict=True):
        axes.tick_params(labelbottom=not below.get_visible())
        axes.set_xlabel("" if below.get_visible() else axes.get_xlabel())
    _key(figure, {_NAMES[name]: _LOOKS[name] for name in _LOOKS})
    return figure


def _rate(axes: Axes, result: LimitResult, fit: Fit, place: int) -> Values:
    """The points of one quantity, with their errors and the power that fits them."""
    counts, values, errors = _points(result, fit.dim, place, fit.quantity)
    colour, marker = _LOOKS[fit.quantity]
    axes.errorbar(
        counts, values, errors, color=colour, marker=marker, linestyle="none", elinewidth=0.7
    )
    axes.plot(counts, fit.power.at(counts), color=colour, linewidth=0.8)
    return values


def _points(
    result: LimitResult, dim: int, place: int, quantity: str
) -> tuple[Counts, Values, Values]:
    """Sizes, values and standard errors; that of a standard deviation as for normal samples."""
    if quantity == TRANSPORT:
        counts, rows = result.transported[dim], result.transport[dim]
        return counts, rows.mean(axis=1), _error(rows)
    samples = result.samples[dim, place]
    values = measured(samples)[quantity]
    if quantity == SPREAD:
        return result.counts, values, values / np.sqrt(2 * (samples.gap.shape[1] - 1))
    return (
        result.counts,
        values,
        _error(np.abs(samples.gap) if quantity == GAP else samples.distance),
    )


def _error(rows: Float[np.ndarray, "size sample"]) -> Values:
    return np.asarray(rows.std(axis=1, ddof=1) / np.sqrt(rows.shape[1]))


def _promise(axes: Axes, result: LimitResult, dim: int) -> Values:
    """The theory's rate of W_1, above what was measured."""
    counts = result.counts
    curve = rate(dim, counts)
    curve *= 2 * result.transport[dim].mean(axis=1)[0] / curve[0]
    axes.plot(counts, curve, color=style.FAINT, linewidth=2.5, alpha=0.6, zorder=0.5)
    k = len(counts) // 2
    name = _THEORY.get(dim, f"$N^{{-1/{dim}}}$")
    axes.annotate(
        name,
        (counts[k], curve[k]),
        (1, 3),
        textcoords="offset points",
        fontsize="small",
        color=style.PCA,
    )
    return curve


def _distances(result: LimitResult, tikhonov: Sequence[float]) -> Figure:
    """A panel for each λ: filled marks from θ*, hollow ones between samples."""
    wide = len(tikhonov)
    figure = Figure(figsize=(style.PAGE, 2.7), layout="constrained")
    row = figure.subplots(1, wide, sharey=True, squeeze=False)[0]
    shown = []
    for place, (axes, weight) in enumerate(zip(row, tikhonov, strict=True)):
        dims = [dim for dim, its in result.samples if its == place]
        signs = {bool(result.samples[dim, place].convex) for dim in dims}
        kind = {frozenset({True}): ", $\\lambda_{\\min} > 0$ at $\\theta^*$"}
        kind[frozenset({False})] = ", without $\\lambda_{\\min} > 0$ at $\\theta^*$"
        axes.set_title(f"λ = {weight:g}{kind.get(frozenset(signs), '')}")
        for k, dim in enumerate(dims):
            look: dict[str, Any] = {"color": _DIMS[k % 4], "marker": _MARKS[k % 4]}
            counts, values, errors = _points(result, dim, place, DISTANCE)
            apart = result.samples[dim, place].apart
            axes.errorbar(counts, values, errors, linewidth=1.0, elinewidth=0.7, **look)
            axes.plot(counts, apart, linestyle="--", linewidth=0.7, markerfacecolor="white", **look)
            shown += [values, apart]
        _counted(axes, result.counts)
        axes.grid(axis="y")
    logarithmic(row[0], "y", np.concatenate(shown))
    row[0].set_ylabel("distance in $L^2$")
    entries = {
        f"d = {dim}": (_DIMS[k % 4], _MARKS[k % 4]) for k, dim in enumerate(result.transport)
    }
    _key(figure, entries, {r"from $\theta^*$": "-", "between samples": "--"})
    return figure


def _slopes(fits: Sequence[Fit], tikhonov: Sequence[float]) -> Figure:
    """A line for each quantity, d and λ, from top to bottom."""
    figure = Figure(figsize=(style.COLUMN, 0.6 + 0.17 * len(fits)), layout="constrained")
    axes = figure.subplots()
    names = []
    for row, fit in enumerate(fits):
        colour, marker = _LOOKS[fit.quantity]
        power = fit.power
        axes.plot([power.low, power.high], [row, row], color=colour, linewidth=1.0)
        axes.plot(power.slope, row, color=colour, marker=marker)
        if fit.theory is not None:
            # Neighbours touch, so that equal slopes read as one bar.
            bar: dict[str, Any] = {"color": "#C8C8C8", "linewidth": 2.5, "zorder": 0.5}
            ends = [row - 0.5, row + 0.5]
            axes.plot([fit.theory] * 2, ends, solid_capstyle="butt", **bar)
        weight = "" if fit.weight is None else f", λ = {tikhonov[fit.weight]:g}"
        names.append(f"{_NAMES[fit.quantity].replace('gap, mean ', '')}{weight}")
    for dim in dict.fromkeys(fit.dim for fit in fits):
        start = next(k for k, fit in enumerate(fits) if fit.dim == dim)
        axes.axhline(start - 0.5, color=style.FAINT, linewidth=0.6)
        axes.annotate(
            f"d = {dim}",
            (1, start - 0.42),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="top",
            fontsize="small",
        )
    axes.set(ylim=(len(fits) - 0.5, -0.5), xlabel="slope over N")
    axes.set_yticks(range(len(fits)), names)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return figure


def _counted(axes: Axes, counts: Counts) -> None:
    """N in powers of two."""
    axes.set_xscale("log", base=2)
    step = -(-len(counts) // 6)
    axes.xaxis.set_major_locator(FixedLocator([float(count) for count in counts[::step]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"$2^{{{round(np.log2(n))}}}$"))
    axes.set_xlabel("particles N")


def _key(
    figure: Figure, entries: dict[str, tuple[str, str]], lines: dict[str, str] | None = None
) -> None:
    """Marks and names below the panels."""
    handles = [
        Line2D([], [], color=colour, marker=marker, linewidth=0.8, label=name)
        for name, (colour, marker) in entries.items()
    ]
    for name, kind in (lines or {}).items():
        fill = "white" if kind == "--" else style.PCA
        look: dict[str, Any] = {"marker": "o", "markerfacecolor": fill, "linewidth": 0.8}
        look |= {"color": style.PCA, "linestyle": kind}
        handles.append(Line2D([], [], label=name, **look))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
