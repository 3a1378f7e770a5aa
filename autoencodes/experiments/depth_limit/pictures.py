"""Controls on ever finer grids: on top of each other, and how far they are apart."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_COLUMNS_OF_PANELS = 3
_MEASURES = (
    (5, "controls", "o", style.AUTOENCODE),
    (7, "their means over a step", "s", style.ACCENT),
    (9, "objectives", "^", style.PCA),
)
"""Where a difference stands in a row of results, and how it looks."""


def pictures(results: Results, settings: dict[str, Any]) -> list[Picture]:
    """For each problem its controls over time; and for both the order."""
    drawn = [
        Picture(
            f"controls-{name}",
            _controls(name, facts, results.arrays),
            f"{_first_upper(facts['title'])}: entries of the trained control as functions of time, "
            f"on grids of {_list(facts['steps'])} steps"
            + ("; dotted lines are switches." if len(facts["ends"]) > 1 else "."),
            "Step functions with ever finer steps. Those of two grids that follow each other are "
            f"{facts['rows'][0][5]:.1e} apart in L² at first, {facts['rows'][-2][5]:.1e} at last.",
        )
        for name, facts in results.facts.items()
    ]
    drawn.append(
        Picture(
            "order",
            _order(results.facts),
            "How far what is trained with a step Δt is from what is trained with the next smaller "
            "one: controls in L², their means over the coarser step in L², and objectives. Dashed "
            "lines have order 1.",
            results.sentence,
        )
    )
    return drawn


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _list(steps: list[int]) -> str:
    return f"{', '.join(str(n) for n in steps[:-1])} and {steps[-1]}"


def _controls(
    name: str, facts: dict[str, Any], arrays: dict[str, Float[np.ndarray, "step entry"]]
) -> Figure:
    """A panel for every entry, over the blocks that have it, with a line for each grid."""
    entries = list(dict.fromkeys(entry for block in facts["entries"] for entry in block))
    columns = min(len(entries), _COLUMNS_OF_PANELS)
    rows = -(-len(entries) // columns)
    wide = style.COLUMN * 1.5 if columns <= 2 else style.PAGE
    figure = Figure(figsize=(wide, 0.6 + 1.55 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes in panels.flat[len(entries) :]:
        axes.set_visible(False)
    for axes, entry in zip(panels.flat, entries, strict=False):
        _entry(axes, name, entry, facts, arrays)
    for axes in panels[-1]:
        axes.set_xlabel("time t")
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    return figure


def _entry(axes: Axes, name: str, entry: str, facts: dict[str, Any], arrays: Any) -> None:
    begins = [0.0, *facts["ends"][:-1]]
    colours = matplotlib.colormaps["viridis_r"](np.linspace(0.1, 1, len(facts["steps"])))
    for steps, colour in zip(facts["steps"], colours, strict=True):
        label: str | None = f"L = {steps}"
        for k, (begin, end) in enumerate(zip(begins, facts["ends"], strict=True)):
            if entry not in facts["entries"][k]:
                continue
            values = arrays[f"{name}.{steps}.{k}"][:, facts["entries"][k].index(entry)]
            edges = np.linspace(begin, end, len(values) + 1)
            axes.stairs(values, edges, baseline=None, color=colour, linewidth=1.0, label=label)
            label = None
    for switch in facts["ends"][:-1]:
        axes.axvline(switch, color=style.FAINT, linewidth=0.8, linestyle=(0, (1, 1.5)), zorder=0)
    axes.set_title(entry)
    axes.set_xlim(0, facts["ends"][-1])
    axes.locator_params(nbins=5)
    axes.grid(axis="y")


def _order(facts: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.7), layout="constrained")
    row = figure.subplots(1, len(facts))
    for axes, found in zip(row, facts.values(), strict=True):
        lines = found["rows"][:-1]
        size = np.array([line[1] for line in lines])
        everything = []
        for place, label, marker, colour in _MEASURES:
            apart = np.array([line[place] for line in lines])
            axes.plot(size, apart, marker, color=colour, markersize=4, label=label)
            axes.plot(
                size, apart[-1] * size / size[-1], color=colour, linewidth=0.9, ls=(0, (4, 2))
            )
            everything.append(apart)
        logarithmic(axes, "x", size)
        logarithmic(axes, "y", np.concatenate(everything))
        axes.set(title=found["title"], xlabel="step Δt", ylabel="difference")
        axes.grid()
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure
