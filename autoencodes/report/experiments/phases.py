"""A flow in the plane, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.experiments import Motion
from autoencodes.report import style, width
from autoencodes.report.classes import Classes, legend, scatter
from autoencodes.report.experiments.schedules import schedule
from autoencodes.report.picture import Picture

_BINS = 24
_MARGIN = 0.56


def phases(motion: Motion, panels: Sequence[tuple[str, int]]) -> Figure:
    """The particles at some layers; where one component is on, how they lie along it.

    Panels are square, one unit is as long across as up, and each has a scale of its own: a flow may
    stretch the particles tenfold. Targets are marked in the last panel.

    Parameters
    ----------
    motion : Motion
        Of two components.
    panels : pairs of a title and a layer
    """
    figure = Figure(figsize=(style.PAGE, style.PAGE / len(panels) + 0.35), layout="constrained")
    row = figure.subplots(1, len(panels))
    classes = Classes.of(motion.states.shape[1], motion.labels, list(motion.label_names) or None)
    for axes, (title, layer) in zip(row, panels, strict=True):
        points = motion.states[layer]
        last = layer == len(motion.times) - 1 and motion.targets is not None
        axes.set_title(title, linespacing=1.3)
        axes.set_box_aspect(1)
        on = np.flatnonzero(motion.active[layer])
        if len(on) == 1:
            _along(axes, points[:, on[0]], classes)
            axes.set_xlabel(f"component {motion.components[on[0]]}, alone")
        else:
            scatter(axes, points[:, 0], points[:, 1], classes)
            _square(axes, np.concatenate([points, motion.targets]) if last else points)
            axes.set_xlabel(f"component {motion.components[0]}")
            axes.set_ylabel(f"component {motion.components[1]}", labelpad=1)
    extra = {}
    if motion.targets is not None:
        extra["target"] = _targets(row[-1], motion.targets)
    legend(figure, classes, extra)
    return figure


def panels(blocks: Sequence[int]) -> list[tuple[str, int]]:
    """The start and the ends of three phases, those of so many steps, with their titles."""
    first, second, layers = np.cumsum(blocks).tolist()
    return [
        ("start\nlayer 0", 0),
        (f"initial phase\nlayer {first}", first),
        (f"encoding phase\nlayer {second}", second),
        (f"decoding phase\nlayer {layers}", layers),
    ]


def architecture(name: str, written: dict[str, Any], motion: Motion) -> Picture:
    """The sketch of a schedule as results hold it."""
    shape = schedule(written)
    off = sorted({i for block in shape.blocks for i in set(range(shape.dim)) - set(block.active)})
    named = " and ".join(motion.components[i] for i in off)
    return Picture(
        name,
        width.architecture(shape, motion.components),
        f"The architecture of {shape.steps} layers: hollow nodes are switched off.",
        f"A row of nodes for each component over {shape.steps} layers; in the middle {named} is "
        "hollow.",
    )


def _square(axes: Axes, points: Float[np.ndarray, "particle 2"]) -> None:
    """Limits of one length across and up, around all points."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, _MARGIN * max(float(np.max(high - low)), 1e-6)
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))
    axes.locator_params(nbins=5)


def _along(axes: Axes, values: Float[np.ndarray, " particle"], classes: Classes) -> None:
    """The density of each class along the one component that is on."""
    edges = np.histogram_bin_edges(values, _BINS)
    for k in range(len(classes.names)):
        axes.hist(
            values[classes.members == k],
            bins=list(edges),
            color=tuple(classes.colours[k]),
            alpha=0.75,
            linewidth=0,
        )
    axes.set_ylabel("particles", labelpad=1)
    axes.locator_params(nbins=5)


def _targets(axes: Axes, targets: Float[np.ndarray, "particle dim"]) -> Line2D:
    """Marks the places where particles are to arrive."""
    places = np.unique(targets, axis=0)
    look: dict[str, Any] = {
        "marker": "x",
        "markersize": 5,
        "markeredgewidth": 1.1,
        "linestyle": "none",
        "color": "black",
    }
    axes.plot(places[:, 0], places[:, 1], **look)
    return Line2D([], [], **look)
