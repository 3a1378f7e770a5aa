"""A flow as a moving picture, for slides and for those who cannot run a page's script."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from autoencodes.plot import film, style
from autoencodes.plot.classes import Classes, legend
from autoencodes.plot.film import Pixels
from autoencodes.plot.frame import Corner, height, show, window
from autoencodes.plot.motion import Motion, longest
from autoencodes.plot.words import plain

_FRAMES_PER_LAYER, _MOST_FRAMES = 4, 150
_FEW_ROWS = 16
_CELL = "#596068"
_MANY_TARGETS = 24


def animate(motion: Motion, path: Path) -> Path:
    """Writes a flow as a GIF, or as an MP4 if the path ends in ``.mp4``.

    Four frames a layer, 150 at most. Of several components it shows the two that are active
    longest; one alone it shows over time. An inactive component's axis is dashed and grey.

    Raises
    ------
    InputError
        If the path ends otherwise, or ffmpeg is needed and not found, or refuses.
    OSError
        If the file cannot be written.
    """

    def colours() -> Float[np.ndarray, "colour 3"]:
        return np.array([*_classes(motion).colours, to_rgb(style.ACCENT)])

    return film.write(path, lambda resolution: frames(motion, resolution), colours)


def moments(layers: int) -> Float[np.ndarray, " frame"]:
    """The times of the frames, counted in layers."""
    return np.linspace(0, layers, min(_FRAMES_PER_LAYER * layers + 1, _MOST_FRAMES))


def frames(motion: Motion, resolution: int) -> Iterator[Pixels]:
    """The pictures, one after the other, of so many dots an inch."""
    scene = _Scene(motion, resolution)
    for now in moments(len(motion.times) - 1):
        yield scene.at(float(now))


class _Scene:
    """The picture of a motion, in which only what moves is drawn anew."""

    def __init__(self, motion: Motion, resolution: int) -> None:
        self.motion = motion
        self.plane = longest(motion.active)
        self.line = len(self.plane) == 1
        self.last = len(motion.times) - 1
        classes = _classes(motion)
        low, high = self._window()
        tall = 1.9 if self.line else height(style.COLUMN - 0.6, low, high)
        rows = motion.active.shape[1]
        strip = min(0.1 * rows, 0.6) if 1 < rows <= _FEW_ROWS else 0.2
        self.figure = Figure(figsize=(style.COLUMN, tall + strip + 0.75), dpi=resolution)
        self.canvas: Any = FigureCanvasAgg(self.figure)
        self.axes, below = self.figure.subplots(2, 1, height_ratios=[tall, strip])
        self.cursors = [architecture(below, motion)]
        if self.line:
            self.cursors.append(_over_time(self.axes, motion, classes))
            self.axes.set(ylim=(low[1], high[1]), ylabel=motion.components[0])
        else:
            show(self.axes, low, high)
        mark = _targets(self.axes, self._targets(), self.last if self.line else None)
        self.dots = _dots(self.axes, classes)
        self.axes.set_title(plain(motion.title), loc="left")
        self.reading = self.axes.set_title(self._reading(self.last), loc="right")
        legend(self.figure, classes, {} if mark is None else {"target": mark})
        self._name(0.0)
        # Once, else the axes would tremble from frame to frame; both begin and end alike.
        self.figure.set_layout_engine("constrained", h_pad=0.07, w_pad=0.07)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        above, place = self.axes.get_position(), below.get_position()
        below.set_position((above.x0, place.y0, above.width, place.height))

    def at(self, now: float) -> Pixels:
        """The picture at a time, counted in layers."""
        points = positions(self.motion, now)[:, self.plane]
        if self.line:
            points = np.column_stack([np.full(len(points), now), points])
        for dots, members in self.dots:
            dots.set_offsets(points[members])
        for cursor in self.cursors:
            cursor.set_xdata([now, now])
        self.reading.set_text(self._reading(now))
        self._name(now)
        self.canvas.draw()
        return np.array(self.canvas.buffer_rgba())

    def _name(self, now: float) -> None:
        """Names the axes, and greys those of components that are off."""
        on = self.motion.active[int(np.ceil(now))]
        sides = (("left", "y"),) if self.line else (("bottom", "x"), ("left", "y"))
        for k, (side, which) in enumerate(sides):
            component = self.plane[k]
            _switch(self.axes, side, which, self.motion.components[component], bool(on[component]))

    def _reading(self, now: float) -> str:
        time = np.interp(now, np.arange(self.last + 1), self.motion.times)
        return f"layer {now:.1f} of {self.last}, t = {time:.3g}"

    def _targets(self) -> Float[np.ndarray, "particle axis"] | None:
        targets = self.motion.targets
        if targets is None or targets.shape[1] != self.motion.states.shape[2]:
            return None
        return np.unique(targets[:, self.plane], axis=0)

    def _window(self) -> tuple[Corner, Corner]:
        """The corners of a window that holds all layers, and the targets."""
        points = self.motion.states[..., self.plane].reshape(-1, len(self.plane))
        targets = self._targets()
        points = points if targets is None else np.concatenate([points, targets])
        if not self.line:
            return window(points)
        low, high = float(points.min()), float(points.max())
        pad = 0.05 * (high - low) or 1.0
        return np.array([0.0, low - pad]), np.array([float(self.last), high + pad])


def _classes(motion: Motion) -> Classes:
    return Classes.of(motion.states.shape[1], motion.labels, list(motion.label_names) or None)


def positions(motion: Motion, now: float) -> Float[np.ndarray, "particle dim"]:
    """Where the particles are at a time counted in layers: between two, on a straight line."""
    layer = min(int(now), len(motion.times) - 2)
    share = now - layer
    return (1 - share) * motion.states[layer] + share * motion.states[layer + 1]


def architecture(axes: Axes, motion: Motion) -> Line2D:
    """The active components over the steps, in miniature; gives the line that marks the moment."""
    on = motion.active[1:]
    steps, dim = on.shape
    cuts = [0, *(1 + np.flatnonzero((on[1:] != on[:-1]).any(axis=1))).tolist(), steps]
    gap = 0.003 * steps
    boxes, faces = [], []
    for first, end in pairwise(cuts):
        wide = end - first - 2 * gap
        if dim <= _FEW_ROWS:
            boxes += [Rectangle((first + gap, k - 0.3), wide, 0.6) for k in range(dim)]
            faces += [_CELL if is_on else "white" for is_on in on[first]]
        else:
            share = float(on[first].sum())
            boxes.append(Rectangle((first + gap, (dim - share) / 2), wide, share))
            faces.append(_CELL)
    axes.add_collection(PatchCollection(boxes, facecolors=faces, edgecolors=_CELL, linewidths=0.5))
    few = dim <= _FEW_ROWS
    axes.set(xlim=(0, steps), ylim=(dim - 0.4, -0.6) if few else (0, dim))
    names = list(motion.components) if dim <= _FEW_ROWS // 2 else []
    axes.set_yticks(range(len(names)), labels=names, fontsize=6)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if not names:
        axes.set_ylabel("active", fontsize=6)
    return axes.axvline(0, color=style.ACCENT, linewidth=1.2, clip_on=False)


def _over_time(axes: Axes, motion: Motion, classes: Classes) -> Line2D:
    """Every particle's path, faint; gives the line that marks the moment."""
    layers, count, _ = motion.states.shape
    steps = np.arange(layers)
    paths = [np.column_stack([steps, motion.states[:, k, 0]]) for k in range(count)]
    colours = classes.colours[classes.members]
    axes.add_collection(LineCollection(paths, colors=list(colours), linewidths=0.4, alpha=0.2))
    axes.set(xlim=(0, layers - 1), xlabel="layer")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    return axes.axvline(0, color="#333333", linewidth=0.8)


def _dots(axes: Axes, classes: Classes) -> list[tuple[PathCollection, Any]]:
    """The particles, those of one marker together, and which they are."""
    markers = classes.markers[classes.members]
    colours = classes.colours[classes.members]
    drawn = []
    for marker in np.unique(markers):
        members = np.flatnonzero(markers == marker)
        nowhere = np.zeros(len(members))
        dots = axes.scatter(
            nowhere,
            nowhere,
            c=colours[members],
            marker=str(marker),
            s=8 * (1.6 if marker == "^" else 1.0),
            alpha=0.85,
            linewidths=0,
            zorder=3,
            clip_on=False,
        )
        dots.set_in_layout(False)
        drawn.append((dots, members))
    return drawn


def _targets(
    axes: Axes, places: Float[np.ndarray, "particle axis"] | None, last: int | None
) -> Line2D | None:
    """Marks the places where particles are to arrive; faint if they are many."""
    if places is None:
        return None
    many = len(places) > _MANY_TARGETS
    look: dict[str, Any] = {"marker": "x", "linestyle": "none", "color": "black"}
    x = places[:, 0] if last is None else np.full(len(places), last)
    axes.plot(
        x,
        places[:, -1],
        markersize=3 if many else 5,
        markeredgewidth=0.5 if many else 1.1,
        alpha=0.3 if many else 1.0,
        zorder=1 if many else 4,
        clip_on=False,
        **look,
    )
    return Line2D([], [], markersize=4, **look)


def _switch(axes: Axes, side: str, which: str, name: str, on: bool) -> None:
    """Shows an axis as that of an active component, or of one that is off."""
    spine = axes.spines[side]
    spine.set_color("#333333" if on else style.FAINT)
    spine.set_linestyle("-" if on else (0, (4, 3)))
    axis = axes.xaxis if which == "x" else axes.yaxis
    colour = "black" if on else style.FAINT
    axis.set_label_text(name if on else f"{name} is off", color=colour)
    axis.set_tick_params(colors=colour)
