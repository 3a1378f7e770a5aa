"""Controls on ever finer grids: on top of each other, and how far they are apart."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.depth_limit.problem import DepthLimitSettings
from autoencodes.experiments.depth_limit.result import DepthLimitResult, Trained, detail
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_COLUMNS_OF_PANELS = 3
_MEASURES = (
    ("difference", "controls", "o", style.AUTOENCODE),
    ("means_difference", "their means over a step", "s", style.ACCENT),
    ("fall", "objectives", "^", style.PCA),
)
"""A row's differences, and how each looks."""


def pictures(results: Results[DepthLimitResult], settings: DepthLimitSettings) -> list[Picture]:
    """For each problem its controls over time; and for both the order."""
    problems = results.measured.problems
    drawn = []
    for name, problem in problems.items():
        steps = list(problem.controls)
        drawn.append(
            Picture(
                f"controls-{name}",
                _controls(problem),
                f"{problem.title[:1].upper()}{problem.title[1:]}: entries of the trained control "
                f"as functions of time, on grids of {', '.join(map(str, steps[:-1]))} and "
                f"{steps[-1]} steps"
                + ("; dotted lines are switches." if len(problem.ends) > 1 else "."),
                "Step functions with ever finer steps. Those of two grids that follow each other "
                f"are {problem.rows[0].difference:.1e} apart in L² at first, "
                f"{problem.rows[-2].difference:.1e} at last.",
            )
        )
    drawn.append(
        Picture(
            "order",
            _order(list(problems.values())),
            "How far what is trained with a step Δt is from what is trained with the next smaller "
            "one: controls in L², their means over the coarser step in L², and objectives. Dashed "
            "lines have order 1.",
            detail(results.measured),
        )
    )
    return drawn


def _controls(problem: Trained) -> Figure:
    """A panel for every entry, over the blocks that have it, with a line for each grid."""
    entries = list(dict.fromkeys(entry for block in problem.entries for entry in block))
    columns = min(len(entries), _COLUMNS_OF_PANELS)
    rows = -(-len(entries) // columns)
    wide = style.COLUMN * 1.5 if columns <= 2 else style.PAGE
    figure = Figure(figsize=(wide, 0.6 + 1.55 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes in panels.flat[len(entries) :]:
        axes.set_visible(False)
    for axes, entry in zip(panels.flat, entries, strict=False):
        _entry(axes, entry, problem)
    for axes in panels[-1]:
        axes.set_xlabel("time t")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def _entry(axes: Axes, entry: str, problem: Trained) -> None:
    times = [0.0, *problem.ends]
    colours = matplotlib.colormaps["viridis_r"](np.linspace(0.1, 1, len(problem.controls)))
    for (steps, blocks), colour in zip(problem.controls.items(), colours, strict=True):
        label: str | None = f"L = {steps}"
        for names, block, (begin, end) in zip(
            problem.entries, blocks, pairwise(times), strict=True
        ):
            if entry not in names:
                continue
            values = block[:, names.index(entry)]
            edges = np.linspace(begin, end, len(values) + 1)
            axes.stairs(values, edges, baseline=None, color=colour, linewidth=1.0, label=label)
            label = None
    for switch in problem.ends[:-1]:
        axes.axvline(switch, color=style.FAINT, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0)
    axes.set_title(entry)
    axes.set_xlim(0, problem.ends[-1])
    axes.locator_params(nbins=5)
    axes.grid(axis="y")


def _order(problems: list[Trained]) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.7), layout="constrained")
    row = figure.subplots(1, len(problems))
    for axes, problem in zip(row, problems, strict=True):
        lines = problem.rows[:-1]
        size = np.array([line.size for line in lines])
        everything = []
        for name, label, marker, colour in _MEASURES:
            differences = np.array([getattr(line, name) for line in lines])
            axes.plot(size, differences, marker, color=colour, markersize=4, label=label)
            axes.plot(
                size, differences[-1] * size / size[-1], color=colour, linewidth=0.9, ls=(0, (4, 2))
            )
            everything.append(differences)
        logarithmic(axes, "x", size)
        logarithmic(axes, "y", np.concatenate(everything))
        axes.set(title=problem.title, xlabel="step Δt", ylabel="difference")
        axes.grid()
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
