"""A flow as a moving picture, for slides and for those who cannot run a page's script."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from PIL import Image
from scipy.spatial import KDTree

from autoencodes import atomic
from autoencodes.errors import InputError
from autoencodes.experiments import Motion
from autoencodes.report import style
from autoencodes.report.classes import Classes, legend
from autoencodes.report.frame import height, show, window
from autoencodes.report.page.flows import longest
from autoencodes.report.words import plain

_FRAMES_PER_LAYER, _MOST_FRAMES = 4, 150
_PACE = 80
"""Milliseconds for which a frame stands."""
_HOLD = 1600
"""Milliseconds for which the last one does."""
_RESOLUTION = 160
_LARGEST = 3_000_000
"""Bytes of a GIF: beyond, every other frame is left out."""
_COLOURS = 256
"""A GIF's palette."""
_GREYS = 32
_FEW_ROWS = 16
_CELL = "#596068"
_MANY_TARGETS = 24

Pixels = UInt8[np.ndarray, "height width 4"]


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
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (".gif", ".mp4"):
        raise InputError(f"expected a path that ends in .gif or .mp4; got {path}")
    ffmpeg = shutil.which("ffmpeg")
    if ending == ".mp4" and ffmpeg is None:
        raise InputError(
            f"{path} needs the program ffmpeg, which is not in PATH; install it, or choose a path "
            "that ends in .gif"
        )
    with style.context():
        pictures = list(frames(motion))
    if ending == ".gif":
        atomic.write(path, _gif(pictures, _classes(motion).colours))
    else:
        _mp4(str(ffmpeg), pictures, path)
    return path


def moments(layers: int) -> Float[np.ndarray, " frame"]:
    """The times of the frames, counted in layers."""
    return np.linspace(0, layers, min(_FRAMES_PER_LAYER * layers + 1, _MOST_FRAMES))


def frames(motion: Motion) -> Iterator[Pixels]:
    """The pictures, one after the other."""
    scene = _Scene(motion)
    for now in moments(len(motion.times) - 1):
        yield scene.at(float(now))


class _Scene:
    """The picture of a motion, in which only what moves is drawn anew."""

    def __init__(self, motion: Motion) -> None:
        self.motion = motion
        self.plane = longest(motion.active)
        self.line = len(self.plane) == 1
        self.last = len(motion.times) - 1
        classes = _classes(motion)
        low, high = self._window()
        tall = 1.9 if self.line else height(style.COLUMN - 0.6, low, high)
        rows = motion.active.shape[1]
        strip = min(0.1 * rows, 0.6) if 1 < rows <= _FEW_ROWS else 0.2
        self.figure = Figure(figsize=(style.COLUMN, tall + strip + 0.75))
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
        self._lay_out(below)

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

    def _lay_out(self, below: Axes) -> None:
        """Once, else the axes would tremble from frame to frame; both begin and end alike."""
        self.figure.set_dpi(_RESOLUTION)
        self.figure.set_layout_engine("constrained", h_pad=0.07, w_pad=0.07)
        self.figure.draw_without_rendering()
        self.figure.set_layout_engine("none")
        above, place = self.axes.get_position(), below.get_position()
        below.set_position((above.x0, place.y0, above.width, place.height))

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
        found = self.motion.targets
        if found is None or found.shape[1] != self.motion.states.shape[2]:
            return None
        return np.unique(found[:, self.plane], axis=0)

    def _window(self) -> tuple[Any, Any]:
        """The corners of a window that holds all layers, and the targets."""
        points = self.motion.states[..., self.plane].reshape(-1, len(self.plane))
        targets = self._targets()
        points = points if targets is None else np.concatenate([points, targets])
        if not self.line:
            return window(points)
        low, high = float(points.min()), float(points.max())
        pad = 0.05 * (high - low) or 1.0
        return (0.0, low - pad), (float(self.last), high + pad)


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
    found = []
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
        found.append((dots, members))
    return found


def _targets(axes: Axes, places: Any, last: int | None) -> Line2D | None:
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


def _gif(pictures: list[Pixels], colours: Float[np.ndarray, "class 3"]) -> bytes:
    """Frames in one palette; fewer of them if they would take too much."""
    palette = _palette(colours)
    every = 1
    while True:
        chosen = pictures[:-1:every] + pictures[-1:]
        content = _encoded(chosen, every * _PACE, palette)
        if len(content) <= _LARGEST or len(chosen) <= 2:
            return content
        every *= 2


def _palette(colours: Float[np.ndarray, "class 3"]) -> UInt8[np.ndarray, "colour 3"]:
    """Greys, and each colour in steps towards the white of the paper: what a picture is made of."""
    own = np.concatenate([colours, [to_rgb(style.ACCENT)]])[: _COLOURS - _GREYS]
    steps = (_COLOURS - _GREYS) // len(own)
    towards = np.arange(1, steps + 1)[:, None, None] / steps
    tints = (1 - towards * (1 - own)).reshape(-1, 3)
    greys = np.linspace(0, 1, _GREYS)[:, None].repeat(3, axis=1)
    return (255 * np.concatenate([greys, tints])).round().astype(np.uint8)


def _nearest(palette: UInt8[np.ndarray, "colour 3"]) -> UInt8[np.ndarray, "32 32 32"]:
    """The place in the palette of every colour of five bits a channel; white is white."""
    levels = np.arange(32) * 255 / 31
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    _, places = KDTree(palette).query(cube.reshape(-1, 3))
    return places.reshape(32, 32, 32).astype(np.uint8)


def _encoded(pictures: list[Pixels], pace: int, palette: UInt8[np.ndarray, "colour 3"]) -> bytes:
    nearest = _nearest(palette)
    images = []
    for picture in pictures:
        red, green, blue = np.moveaxis(picture[..., :3] >> 3, -1, 0)
        image = Image.fromarray(nearest[red, green, blue])
        image.putpalette(palette.tobytes())
        images.append(image)
    first, *rest = images
    stream = io.BytesIO()
    durations = [pace] * len(rest) + [_HOLD]
    first.save(
        stream, "GIF", save_all=True, append_images=rest, duration=durations, loop=0, optimize=False
    )
    return stream.getvalue()


def _mp4(ffmpeg: str, pictures: list[Pixels], path: Path) -> None:
    """Frames through ffmpeg, which pads them to even sizes, as its players need."""
    tall, wide = pictures[0].shape[:2]
    held = [pictures[-1]] * (_HOLD // _PACE)
    handle, whole = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".mp4", dir=path.parent)
    os.close(handle)
    command = [
        *(ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgba"),
        *("-s", f"{wide}x{tall}", "-r", str(1000 / _PACE), "-i", "-"),
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white", "-pix_fmt", "yuv420p"),
        *("-movflags", "+faststart", "-fflags", "+bitexact", whole),
    ]
    try:
        content = b"".join(picture.tobytes() for picture in [*pictures, *held])
        done = subprocess.run(command, input=content, capture_output=True)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise InputError(f"ffmpeg could not write {path}: {said}; a path in .gif needs none")
        atomic.write(path, Path(whole).read_bytes())
    finally:
        os.unlink(whole)
