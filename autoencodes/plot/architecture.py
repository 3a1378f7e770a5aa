"""The architecture: which components are active over the layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from autoencodes.flow.schedule import WidthSchedule
from autoencodes.plot import style

_FEW_COMPONENTS = 16
_FEW_STEPS = 40
_SEEN_STEPS = 80
_HOLLOW = "#B5BFC8"
_KEPT = {"reset": "0", "hold": "held", "skip": "stored"}


def architecture(schedule: WidthSchedule, names: Sequence[str] | None = None) -> Figure:
    """Active components over the layers: an hourglass, or single nodes if there are few.

    Nodes stand beside ``names``, by default the components' numbers.
    """
    few = schedule.dim <= _FEW_COMPONENTS
    height = max(1.6, 0.13 * schedule.dim + 1.05) if few else 2.4
    figure = Figure(figsize=(style.COLUMN, height))
    axes = figure.subplots()
    if few:
        _nodes(axes, schedule)
        if names:
            axes.set_yticks(range(schedule.dim), labels=list(names))
    else:
        _bars(axes, schedule)
    _time(axes, schedule)
    _legend(figure, schedule, few)
    return figure


def _bars(axes: Axes, schedule: WidthSchedule) -> None:
    """A column for every step, as high as there are active components."""
    dim, steps = schedule.dim, schedule.steps
    for j, block in enumerate(schedule.blocks):
        first = schedule.first_steps[j]
        # Beyond some number the columns of single steps could not be told apart.
        cuts = block.steps if steps <= _SEEN_STEPS else 1
        border = min(max(0.2, 0.004 * steps), 0.2 * block.steps)
        edges = np.linspace(first + border, first + block.steps - border, cuts + 1)
        gap = 0.06 * (edges[1] - edges[0]) if cuts > 1 else 0
        colour = _colour(schedule, j)
        for left, right in pairwise(edges):
            box = (left + gap, right - left - 2 * gap)
            axes.add_patch(
                Rectangle((box[0], -dim / 2), box[1], dim, facecolor=style.PALE, linewidth=0)
            )
            axes.add_patch(
                Rectangle(
                    (box[0], -block.width / 2),
                    box[1],
                    block.width,
                    facecolor=colour,
                    # A bottleneck of one component among many is still to be seen.
                    edgecolor=colour,
                    linewidth=0.4,
                )
            )
    axes.set_ylim(-0.54 * dim, 0.66 * dim)
    axes.set_yticks([])
    axes.set_ylabel(f"active of {dim} components")
    axes.spines["left"].set_visible(False)
    _widths(axes, schedule)


def _widths(axes: Axes, schedule: WidthSchedule) -> None:
    """The width of each block above it, where there is room; the bottleneck's always."""
    letter = schedule.steps / (style.COLUMN - 0.5) * 0.07
    taken = -np.inf
    spans = []
    for j, block in enumerate(schedule.blocks):
        middle = schedule.first_steps[j] + block.steps / 2
        half = letter * (len(str(block.width)) + 0.5) / 2
        spans.append((j, middle, half, block.width))
    narrow = spans[schedule.bottleneck]
    for j, middle, half, width in spans:
        is_narrow = j == schedule.bottleneck
        clear = is_narrow or abs(middle - narrow[1]) >= half + narrow[2]
        if clear and middle - half >= taken:
            taken = middle + half
            axes.annotate(
                str(width),
                (middle, schedule.dim / 2),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=7,
                annotation_clip=False,
                color=_colour(schedule, j) if is_narrow else "#333333",
                fontweight="bold" if is_narrow else "normal",
            )


def _nodes(axes: Axes, schedule: WidthSchedule) -> None:
    """A node for every component and step, filled while the component is active."""
    dots = schedule.steps <= _FEW_STEPS
    for j, block in enumerate(schedule.blocks):
        first, colour = schedule.first_steps[j], _colour(schedule, j)
        active = np.isin(np.arange(schedule.dim), block.active)
        if dots:
            steps = np.arange(first, first + block.steps) + 0.5
            x, y = (a.ravel() for a in np.meshgrid(steps, np.arange(schedule.dim)))
            filled = np.repeat(active, block.steps)
            size = (0.62 * min(72 * (style.COLUMN - 0.6) / schedule.steps, 9)) ** 2
            axes.scatter(x[filled], y[filled], s=size, color=colour, linewidths=0.6)
            axes.scatter(
                x[~filled],
                y[~filled],
                s=size,
                facecolors="white",
                edgecolors=_HOLLOW,
                linewidths=0.6,
            )
        else:
            gap = 0.004 * schedule.steps
            tracks = [
                Rectangle((first + gap, i - 0.3), max(block.steps - 2 * gap, gap), 0.6)
                for i in range(schedule.dim)
            ]
            faces = [colour if on else "white" for on in active]
            edges = [colour if on else _HOLLOW for on in active]
            axes.add_collection(
                PatchCollection(tracks, facecolors=faces, edgecolors=edges, linewidths=0.6)
            )
    for first in schedule.first_steps[1:]:
        axes.axvline(first, color=style.FAINT, linewidth=0.4, linestyle=(0, (2, 2)))
    axes.set_ylim(schedule.dim - 0.4, -0.6)
    axes.set_ylabel("component")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _time(axes: Axes, schedule: WidthSchedule) -> None:
    """Steps below, and time where the blocks begin and end."""
    axes.set_xlim(0, schedule.steps)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))

    def time(step: Any) -> Any:
        return np.asarray(step) * schedule.step_size

    def step(time: Any) -> Any:
        return np.asarray(time) / schedule.step_size

    axes.secondary_xaxis("top", functions=(time, step)).set_xlabel("time t")


def _colour(schedule: WidthSchedule, block: int) -> str:
    """The bottleneck stands out, where there is one."""
    narrow = schedule.latent < max(schedule.widths) and block == schedule.bottleneck
    return style.ACCENT if narrow else style.AUTOENCODE


def _legend(figure: Figure, schedule: WidthSchedule, few: bool) -> None:
    def mark(face: str, edge: str) -> Patch | Line2D:
        if few:
            return Line2D(
                [],
                [],
                marker="o",
                linestyle="none",
                markersize=4.5,
                markerfacecolor=face,
                markeredgecolor=edge,
                markeredgewidth=0.6,
            )
        return Patch(facecolor=face, edgecolor="none")

    entries = {"active": mark(style.AUTOENCODE, style.AUTOENCODE)}
    if schedule.latent < max(schedule.widths):
        entries[f"bottleneck, width {schedule.latent}"] = mark(style.ACCENT, style.ACCENT)
    if schedule.latent < schedule.dim:
        inactive = f"inactive, {_KEPT[schedule.memory]}"
        entries[inactive] = mark("white", _HOLLOW) if few else mark(style.PALE, style.PALE)
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=len(entries),
        handlelength=0.9,
        handleheight=0.9,
        handletextpad=0.4,
    )
