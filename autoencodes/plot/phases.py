"""A flow in the plane, phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.flow.schedule import WidthSchedule
from autoencodes.plot import architecture, style
from autoencodes.plot.classes import Classes, legend, mark_targets, scatter
from autoencodes.plot.motion import Motion, longest
from autoencodes.plot.picture import Picture

_BINS = 24
_MARGIN = 0.56


def phases(motion: Motion, panels: Sequence[tuple[str, int]]) -> Figure:
    """The particles at some layers; where one component is on, how they lie along it.

    Panels are square, one unit is as long across as up, and each has a scale of its own: a flow may
    spread the particles tenfold. Targets are marked in the last panel.

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
    targets = {} if motion.targets is None else {"target": mark_targets(row[-1], motion.targets)}
    legend(figure, classes, targets)
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


def sketch(name: str, schedule: WidthSchedule, components: tuple[str, ...]) -> Picture:
    """The architecture, and which components are switched off in it."""
    always = [i for i in range(schedule.dim) if all(i in b.active for b in schedule.blocks)]
    off = [i for i in range(schedule.dim) if i not in always]
    named = " and ".join(components[i] for i in off)
    return Picture(
        name,
        architecture.architecture(schedule, components),
        f"The architecture of {schedule.steps} layers: hollow nodes are switched off.",
        f"A row of nodes for each component over {schedule.steps} layers; in the middle {named} is "
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


def stills(motion: Motion, name: str) -> Picture:
    """A flow at four layers, in the plane of the components that are active longest.

    Within ``style.context()``.
    """
    plane, last = longest(motion.active), len(motion.times) - 1
    targets = motion.targets
    if targets is not None:
        fits = targets.shape[1] == motion.states.shape[2] and len(plane) == 2
        targets = targets[:, plane] if fits else None
    seen = replace(
        motion,
        states=motion.states[..., plane],
        active=motion.active[:, plane],
        targets=targets,
        components=tuple(motion.components[k] for k in plane),
    )
    layers = np.unique(np.linspace(0, last, 4).round().astype(int)).tolist()
    said = ", ".join(map(str, layers))
    return Picture(
        name,
        phases(seen, [(f"layer {layer}", layer) for layer in layers]),
        f"{motion.title}: {motion.states.shape[1]} particles after layers {said} of {last}.",
        f"Particles in panels for layers {said}.",
    )
