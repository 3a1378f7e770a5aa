"""λ_min over the epochs, for every reading, beside what is recalled of the authors' table."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.experiments import Results
from autoencodes.experiments.table_one.problem import TableOneSettings
from autoencodes.experiments.table_one.result import (
    AUTHORS,
    AUTHORS_TURN,
    TableOneResult,
    case_table,
    spread,
)
from autoencodes.plot import style
from autoencodes.plot.picture import Picture

_COLOURS = (style.AUTOENCODE, style.ACCENT, "#009E73", "#CC79A7")
"""Of the weights."""
_DASHES: tuple[Any, ...] = ("-", (0, (3, 1.5)))
"""Of what an epoch is."""
_LINEAR = 1e-4
"""The axis is linear within this."""


def pictures(results: Results[TableOneResult], settings: TableOneSettings) -> list[Picture]:
    """A panel for each order and start."""
    result = results.measured
    table = case_table(result, "the seeds")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    first, last = (f"λ_min at {epoch}" for epoch in (0, settings.last))
    return [
        Picture(
            "lambda-min",
            _panels(result, settings),
            "λ_min(H) by epoch: median over the seeds, and the range of their bounds. Crosses and "
            "dotted line: the authors', as recalled.",
            "; ".join(
                f"{row['order']}, {row['start']} start, {row['an epoch is']}, λ = {row['λ']:g}: "
                f"from {row[first]:.2g} to {row[last]:.2g}, positive for "
                f"{row['seeds with λ_min > 0']} of {row['of']}"
                for row in rows
            )
            + ".",
        )
    ]


def _panels(result: TableOneResult, settings: TableOneSettings) -> Figure:
    pairs = list(dict.fromkeys((case.order, case.start) for case in result.cases))
    orders = list(dict.fromkeys(order for order, _ in pairs))
    starts = list(dict.fromkeys(start for _, start in pairs))
    figure = Figure(figsize=(style.PAGE, 0.6 + 1.9 * len(starts)), layout="constrained")
    grid = figure.subplots(len(starts), len(orders), sharex=True, sharey=True, squeeze=False)
    for row, start in zip(grid, starts, strict=True):
        for axes, order in zip(row, orders, strict=True):
            _curves(axes, result, settings, order, start)
            axes.set_title(f"{order}, {start} start")
        row[0].set_ylabel(r"$\lambda_{\min}(H)$")
    for axes in grid[-1]:
        axes.set_xlabel("epoch")
    marks = {
        f"λ = {weight:g}": Line2D([], [], color=colour)
        for weight, colour in zip(settings.tikhonov, _COLOURS, strict=False)
    }
    for epoch, dashes in zip(settings.epochs, _DASHES, strict=False):
        marks[epoch] = Line2D([], [], color=style.PCA, linestyle=dashes)
    marks["authors"] = Line2D([], [], color="black", marker="x", linestyle="none", markersize=5)
    figure.legend(marks.values(), marks.keys(), loc="outside lower center", ncols=len(marks))
    return figure


def _curves(
    axes: Axes, result: TableOneResult, settings: TableOneSettings, order: str, start: str
) -> None:
    for case in (case for case in result.cases if (case.order, case.start) == (order, start)):
        courses = [course for _, course in result.of(case)]
        middle, low, high = spread(courses)
        epochs = courses[0].epoch
        colour = _COLOURS[settings.tikhonov.index(case.tikhonov) % len(_COLOURS)]
        dashes = _DASHES[settings.epochs.index(case.epoch) % len(_DASHES)]
        axes.plot(epochs, middle, color=colour, linestyle=dashes, zorder=2)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
    known = {epoch: value for epoch, value in AUTHORS.items() if epoch <= settings.last}
    axes.plot(list(known), list(known.values()), "x", color="black", zorder=3, clip_on=False)
    axes.axvline(AUTHORS_TURN, color=style.PCA, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0.8)
    axes.axhline(0, color=style.PCA, linewidth=0.7, zorder=0.8)
    axes.set_yscale("symlog", linthresh=_LINEAR, linscale=0.6)
    powers = [10.0**k for k in range(-3, 5, 2)]
    low_end = min(float(course.lower.min()) for course in result.courses)
    high_end = max(float(course.upper.max()) for course in result.courses)
    axes.set_ylim(min(2 * low_end, -_LINEAR), max(3 * high_end, 10 * _LINEAR))
    ticks = [-p for p in reversed(powers) if p <= -2 * low_end] + [0.0]
    axes.set_yticks(ticks + [p for p in powers if p <= 3 * high_end])
    axes.minorticks_off()
    axes.set_xlim(0, settings.last)
    axes.set_xticks(np.arange(0, settings.last + 1, 2 * settings.every))
    axes.grid(axis="y")
