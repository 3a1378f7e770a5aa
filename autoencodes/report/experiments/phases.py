"""A flow in the plane, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.experiments import Motion
from autoencodes.report import style
from autoencodes.report.classes import Classes, legend, scatter
from autoencodes.report.frame import height, show, window

_BINS = 24


def phases(motion: Motion, panels: Sequence[tuple[str, int]], *, targets: bool = True) -> Figure:
    """The particles at some layers; where one component is on, how they lie along it.

    Parameters
    ----------
    motion : Motion
        Of two components.
    panels : pairs of a title and a layer
    targets : bool
        Whether targets are marked in the last panel.
    """
    states = [motion.states[layer] for _, layer in panels]
    spread = [
        points for points, (_, k) in zip(states, panels, strict=True) if motion.active[k].all()
    ]
    low, high = window(np.concatenate(spread))
    wide = style.PAGE / len(panels)
    figure = Figure(
        figsize=(style.PAGE, height(wide - 0.3, low, high) + 0.75), layout="constrained"
    )
    row = figure.subplots(1, len(panels))
    classes = Classes.of(motion.states.shape[1], motion.labels, list(motion.label_names) or None)
    for axes, points, (title, layer) in zip(row, states, panels, strict=True):
        axes.set_title(title, linespacing=1.3)
        on = np.flatnonzero(motion.active[layer])
        if len(on) == 1:
            _along(axes, points[:, on[0]], classes)
            axes.set_xlabel(f"{_name(motion, on[0])}, alone")
            axes.set_box_aspect((high[1] - low[1]) / (high[0] - low[0]))
        else:
            scatter(axes, points[:, 0], points[:, 1], classes)
            show(axes, low, high)
            axes.set_xlabel(_name(motion, 0))
            axes.set_ylabel(_name(motion, 1), labelpad=1)
    extra = {}
    if targets and motion.targets is not None:
        extra["target"] = _targets(row[-1], motion.targets)
    legend(figure, classes, extra)
    return figure


def _name(motion: Motion, component: int) -> str:
    return f"component {motion.components[component]}"


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
    look = {"marker": "x", "markersize": 5, "markeredgewidth": 1.1, "linestyle": "none"}
    axes.plot(places[:, 0], places[:, 1], color="black", **look)  # type: ignore[arg-type]
    return Line2D([], [], color="black", **look)  # type: ignore[arg-type]
