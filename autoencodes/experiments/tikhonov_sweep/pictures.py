"""Minimisers and the contraction of pure shooting over the Tikhonov weight."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autoencodes.experiments import Results
from autoencodes.experiments.tikhonov_sweep.problem import TikhonovSweepSettings
from autoencodes.experiments.tikhonov_sweep.result import (
    Column,
    LawSweep,
    Minimisers,
    TikhonovSweepResult,
)
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_HIGHEST = 1e6
"""Factors beyond are not drawn: the bound explodes as λ falls."""

_LINES = {
    "unique": ("one minimiser", style.PCA, (0, (1, 1.2))),
    "contracting": ("q = 1", style.AUTOENCODE, (0, (4, 2))),
    "bound": ("theory's bound", style.ACCENT, (0, (6, 1.5, 1, 1.5))),
}
"""The thresholds: a name, a colour and dashes each."""


def pictures(
    results: Results[TikhonovSweepResult], settings: TikhonovSweepSettings
) -> list[Picture]:
    """A page for each law, with the first seed."""
    result = results.measured
    return [
        _picture(sweep, Minimisers(*result.minimisers[place].T))
        for place, sweep in enumerate(result.sweeps)
        if sweep.seed == settings.seeds[0]
    ]


def _picture(sweep: LawSweep, minimisers: Minimisers) -> Picture:
    law, rows = sweep.law, sweep.rows
    known = sorted(
        (getattr(sweep, key), name) for key, (name, *_) in _LINES.items() if getattr(sweep, key)
    )
    said = [f"{name} at λ = {value:.3g}" for value, name in known]
    most = max(rows, key=lambda row: row.distinct)
    caption = (
        f"{law}, seed {sweep.seed}. (a) J of every distinct minimiser, the area of a disc growing "
        "with the number of starts that led there; (b) how many "
        f"were found from {rows[0].starts} starts; (c) λ_min(H) at each, beside 2λ, what it "
        "would be without the terminal cost; (d) the factor of θ → −g(θ)/(2λ): q at each "
        "minimiser, the ratio measured where starts came to rest, and two numbers for "
        "Lip(g)/(2λ) on the a-priori ball, the largest of a sample and the theory's bound "
        f"(drawn up to {_HIGHEST:.0e}). Vertical lines: {', '.join(said)}."
    )
    alt = (
        f"Up to {most.distinct} minimisers, at λ = {most.tikhonov:g}; thresholds from left "
        f"to right: {', '.join(said)}."
    )
    return Picture(f"minimisers-{law}", _drawn(sweep, minimisers), caption, alt)


def _drawn(sweep: LawSweep, minimisers: Minimisers) -> Figure:
    figure = Figure(figsize=(style.PAGE, 4.6))
    grid = figure.subplots(2, 2, sharex=True)
    drawing = (_objectives, _numbers, _curvatures, _factors)
    for axes, draw, letter in zip(grid.flat, drawing, "abcd", strict=True):
        draw(axes, minimisers, sweep)
        axes.set_title(f"({letter})", loc="left")
        for key, (_, colour, dashes) in _LINES.items():
            if getattr(sweep, key) is not None:
                line = {"color": colour, "linestyle": dashes, "linewidth": 0.9}
                axes.axvline(getattr(sweep, key), zorder=0.7, **line)
    weights = np.array([row.tikhonov for row in sweep.rows])
    logarithmic(grid[1, 0], "x", np.array([weights[0], max(weights[-1], sweep.bound)]))
    for axes in grid[1]:
        axes.set_xlabel("Tikhonov weight λ")
    handles = {
        name: Line2D([], [], color=colour, linestyle=dashes, linewidth=0.9)
        for key, (name, colour, dashes) in _LINES.items()
        if getattr(sweep, key) is not None
    }
    legend: dict[str, Any] = {
        "loc": "outside upper center",
        "ncols": len(handles),
        "handlelength": 2.8,
    }
    figure.legend(list(handles.values()), list(handles), **legend)
    figure.align_ylabels()
    return figure


def _discs(
    axes: Axes, minimisers: Minimisers, sweep: LawSweep, values: Column, label: str = ""
) -> None:
    look: dict[str, Any] = {
        "facecolor": style.AUTOENCODE,
        "alpha": 0.6,
        "edgecolor": "white",
        "linewidth": 0.3,
    }
    areas = 5 + 30 * minimisers.starts / sweep.rows[0].starts
    axes.scatter(minimisers.tikhonov, values, s=areas, label=label or None, **look)


def _objectives(axes: Axes, minimisers: Minimisers, sweep: LawSweep) -> None:
    values = minimisers.objective
    _discs(axes, minimisers, sweep, values)
    logarithmic(axes, "y", values)
    axes.set_ylabel("J at the minimisers")
    axes.grid(axis="y")


def _numbers(axes: Axes, minimisers: Minimisers, sweep: LawSweep) -> None:
    x = [row.tikhonov for row in sweep.rows]
    y = [row.distinct for row in sweep.rows]
    axes.vlines(x, 0, y, color=style.PALE, linewidth=1.5, zorder=0.6)
    axes.plot(x, y, color=style.AUTOENCODE, marker="o", linestyle="none", markersize=4)
    axes.set_ylim(0, max(y) + 0.8)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_ylabel("distinct minimisers found")
    axes.grid(axis="y")


def _curvatures(axes: Axes, minimisers: Minimisers, sweep: LawSweep) -> None:
    values = minimisers.lambda_min
    _discs(axes, minimisers, sweep, values)
    weights = np.array([row.tikhonov for row in sweep.rows])
    axes.plot(weights, 2 * weights, color=style.FAINT, linewidth=1.0, label="2λ", zorder=0.9)
    logarithmic(axes, "y", np.concatenate([values, 2 * weights]))
    axes.set_ylabel(r"$\lambda_{\min}(H)$")
    axes.grid(axis="y")
    axes.legend(loc="upper left")


def _factors(axes: Axes, minimisers: Minimisers, sweep: LawSweep) -> None:
    values = minimisers.factors
    _discs(axes, minimisers, sweep, values, "q at a minimiser")
    shown = [values, np.ones(1)]
    for name, label, colour in (
        ("sampled", "Lip(g)/(2λ), at least", style.FAINT),
        ("bound", "Lip(g)/(2λ), at most", style.ACCENT),
    ):
        known = [(row.tikhonov, getattr(row, name)) for row in sweep.rows if getattr(row, name)]
        line = np.array([pair for pair in known if pair[1] <= _HIGHEST]).reshape(-1, 2)
        axes.plot(line[:, 0], line[:, 1], label=label, linewidth=1.0, color=colour)
        shown.append(line[:, 1])
    rested = [(row.tikhonov, row.ratio) for row in sweep.rows if row.ratio]
    marks = np.array(rested).reshape(-1, 2)
    crosses: dict[str, Any] = {
        "marker": "x",
        "linestyle": "none",
        "color": "black",
        "markersize": 4,
    }
    axes.plot(marks[:, 0], marks[:, 1], label="ratio measured", **crosses)
    axes.axhline(1, color="black", linewidth=0.7, zorder=0.8)
    values = np.concatenate([*shown, marks[:, 1]])
    # The legend stands below the data, where the axis is lengthened for it.
    below = values.min() * (values.min() / values.max()) ** 0.5
    logarithmic(axes, "y", np.append(values, below))
    axes.set_ylabel("contraction factor")
    axes.grid(axis="y")
    framed: dict[str, Any] = {"frameon": True, "framealpha": 1, "edgecolor": "white"}
    axes.legend(loc="lower left", handlelength=1.4, labelspacing=0.3, **framed)
