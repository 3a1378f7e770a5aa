"""Images in rows, such as test images above what models make of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Num
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.words import plain

_LETTER = 0.063
_GAP = 0.035
_FOOT = 0.22
_LARGEST = 0.75

Rows = Num[np.ndarray, "particle dim"]


def grid(
    rows: Sequence[tuple[str, Rows]],
    shape: tuple[int, int],
    *,
    heads: Sequence[str] | None = None,
    foot: str = "",
    greys: tuple[float, float] | None = None,
) -> Figure:
    """Images in rows of one length, each with its title at the left, ``heads`` above the columns.

    ``greys`` are black and white, by default those of the first row. Sizes are inches: one pair
    of axes covers the whole picture, its unit is the inch.
    """
    height, width = shape
    count = len(rows[0][1])
    left = 0.15 + _LETTER * max(len(line) for title, _ in rows for line in title.split("\n"))
    across = min((style.PAGE - left) / count - _GAP, _LARGEST)
    down = across * height / width
    top = 0.2 if heads else 0.04
    size = (
        left + count * (across + _GAP),
        top + len(rows) * (down + _GAP) + (_FOOT if foot else 0.04),
    )
    figure = Figure(figsize=size)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    low, high = greys or limits(rows[0][1])
    for i, (title, images) in enumerate(rows):
        y = top + i * (down + _GAP)
        axes.text(left - 0.08, y + down / 2, title, ha="right", va="center", linespacing=1.3)
        for k, image in enumerate(images):
            x = left + k * (across + _GAP)
            axes.imshow(
                image.reshape(height, width),
                cmap="gray",
                vmin=low,
                vmax=high,
                extent=(x, x + across, y + down, y),
                interpolation="nearest",
            )
    letters = max(3, int(across * 72 / 4.3))
    for k, name in enumerate(heads or ()):
        x = left + k * (across + _GAP) + across / 2
        axes.text(x, top - 0.05, plain(name, letters), ha="center", fontsize=7)
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")
    axes.text(left, size[1] - 0.05, foot, fontsize=7, color="#555555", va="bottom")
    return figure


def limits(originals: Rows) -> tuple[float, float]:
    """The values that are black and white: 0 and 1, if they hold the originals."""
    low, high = float(originals.min()), float(originals.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
