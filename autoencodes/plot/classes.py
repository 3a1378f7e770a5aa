"""Colours for classes, and legends that stand beside the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float, Int, Num, Shaped
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.plot import style
from autoencodes.plot.words import plain

_TICKS = 5
_LAYERS = 8
_LINE = 0.16
_FEW_TARGETS = 20


@dataclass(frozen=True, eq=False)
class Classes:
    """Rows with a class each; without labels, all of one class that has no name."""

    names: tuple[str, ...]
    """The classes that occur, in the order of their labels, as the data name them."""
    members: Int[np.ndarray, " particle"]
    """For each row the place of its class in ``names``."""
    places: tuple[int, ...] = (0,)
    """For each of ``names`` its place among all classes of the data, which gives its colour: a
    figure in which some do not occur shows the others as every figure does."""
    count: int = 1
    """How many classes the data have."""

    @classmethod
    def of(cls, count: int, labels: Any, names: list[str] | None) -> Classes:
        """The classes of ``count`` rows; labels (N,) count the names, or stand for themselves."""
        if labels is None:
            return cls(("",), np.zeros(count, int))
        values, members = np.unique(np.asarray(labels), return_inverse=True)
        if names and set(values.tolist()) <= set(range(len(names))):
            places = tuple(int(value) for value in values)
            return cls(tuple(names[k] for k in places), members.astype(int), places, len(names))
        texts = tuple(str(value) for value in values)
        return cls(texts, members.astype(int), tuple(range(len(texts))), len(texts))

    @property
    def named(self) -> bool:
        """Whether there are labels."""
        return self.names != ("",)

    @property
    def distinct(self) -> bool:
        """Whether every class has a colour of its own; else a scale runs through them."""
        return self.count <= style.MOST

    @property
    def colours(self) -> Float[np.ndarray, "class 3"]:
        """A colour for each class."""
        if not self.named:
            return np.array([to_rgb(style.AUTOENCODE)])
        if self.distinct:
            return np.array([to_rgb(style.look(k)[0]) for k in self.places])
        along = np.array(self.places) / (self.count - 1)
        return np.array(matplotlib.colormaps["viridis"](along)[:, :3])

    @property
    def markers(self) -> Shaped[np.ndarray, " class"]:
        """A marker for each class, which helps to tell apart colours that are close."""
        if self.distinct:
            return np.array([style.look(k)[1] for k in self.places])
        return np.full(len(self.names), "o")


def scatter(
    axes: Axes, x: Num[np.ndarray, " particle"], y: Num[np.ndarray, " particle"], classes: Classes
) -> None:
    """Points in the colours of their classes, in a random order: no class covers the others."""
    order = np.random.default_rng(0).permutation(len(x))
    colours, markers = classes.colours[classes.members], classes.markers[classes.members]
    size = float(np.clip(5000 / max(len(x), 1), 3.5, 12))
    for layer in np.array_split(order, _LAYERS):
        for marker in np.unique(markers[layer]):
            rows = layer[markers[layer] == marker]
            dots = axes.scatter(
                x[rows],
                y[rows],
                c=colours[rows],
                marker=str(marker),
                # A triangle of the same nominal size covers half of a circle's area.
                s=size * (1.6 if marker == "^" else 1.0),
                edgecolors="white",
                linewidths=0.2 if size > 6 else 0,
            )
            # They lie within the axes: measuring them would only slow the layout down.
            dots.set_in_layout(False)


def mark_targets(axes: Axes, targets: Num[np.ndarray, "particle dim"]) -> Line2D:
    """Marks the targets, each place once: by crosses, or where there are many by dots; the mark."""
    places = np.unique(targets, axis=0)
    few = len(places) <= _FEW_TARGETS
    look: dict[str, Any] = {
        "marker": "x" if few else ".",
        "markersize": 5 if few else 2,
        "markeredgewidth": 1.1 if few else 0,
        "linestyle": "none",
        "color": "black",
    }
    axes.plot(places[:, 0], places[:, 1], **look)
    return Line2D([], [], **look)


def legend(figure: Figure, classes: Classes, extra: dict[str, Line2D] | None = None) -> None:
    """Names and colours below the axes; a scale in their place if there are too many.

    ``extra`` are further entries: a name and a mark each. The figure grows by what it needs.
    """
    entries = []
    if classes.named and classes.distinct:
        marks = [
            Line2D([], [], color=tuple(colour), marker=marker, linestyle="none", markersize=4)
            for colour, marker in zip(classes.colours, classes.markers, strict=True)
        ]
        entries = list(zip(classes.names, marks, strict=True))
    elif classes.named:
        _scale(figure, classes)
    entries += (extra or {}).items()
    if not entries:
        return
    names, handles = zip(*entries, strict=True)
    # An entry takes its name and about four letters for its mark and the gap.
    letters = max(len(plain(name)) for name in names) + 4
    fitting = int(figure.get_figwidth() * 72 / (4.3 * letters))
    columns = min(max(fitting, 1), len(handles))
    figure.set_figheight(figure.get_figheight() + _LINE * -(-len(handles) // columns))
    figure.legend(
        handles,
        [plain(name) for name in names],
        loc="outside lower center",
        ncols=columns,
        handlelength=0.8,
        handletextpad=0.3,
        columnspacing=1.0,
    )


def _scale(figure: Figure, classes: Classes) -> None:
    ticks = np.unique(np.linspace(0, len(classes.names) - 1, _TICKS).round().astype(int)).tolist()
    figure.set_figheight(figure.get_figheight() + 3 * _LINE)
    bar = figure.colorbar(
        ScalarMappable(Normalize(0, classes.count - 1), "viridis"),
        ax=figure.axes,
        location="bottom",
        aspect=40,
        fraction=0.05,
    )
    labels = [plain(classes.names[k], 10) for k in ticks]
    bar.set_ticks([classes.places[k] for k in ticks], labels=labels)
    bar.outline.set_visible(False)
