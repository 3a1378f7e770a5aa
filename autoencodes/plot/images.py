"""Images in rows, such as test images above what models make of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Num
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.explorer import limits as limits
from autoencodes.plot.words import plain

_LETTER = 0.063
_GAP = 0.035
_FOOT = 0.22
_LINE = 0.125
_LARGEST = 0.75
_FINE = 60
"""Pixels across that an image has at least, so that the gaps between images can be told."""
_BELOW, _ABOVE = (0.0, 0.45, 0.85), (0.95, 0.35, 0.0)

Rows = Num[np.ndarray, "particle dim"]
Pixels = Float[np.ndarray, "particle height width colour"]


def grid(
    rows: Sequence[tuple[str, Rows | Pixels]],
    shape: Sequence[int],
    *,
    heads: Sequence[str] | None = None,
    corner: str = "",
    foot: str = "",
    greys: tuple[float, float] | None = None,
) -> Figure:
    """Images in rows of one length, each with its title at the left, ``heads`` above the columns.

    ``corner`` says beside the heads what they are. ``shape`` is height and width, of colour images
    also 3. Rows are values, (n, d), or colours as they are, (n, height, width, 3). ``greys`` are
    black and white, by default those of the first row. Sizes are inches: one pair of axes covers
    the whole picture, its unit is the inch.
    """
    height, width = shape[:2]
    count = len(rows[0][1])
    titles = "\n".join([*(title for title, _ in rows), corner]).split("\n")
    left = 0.15 + _LETTER * max(map(len, titles))
    across = min((style.PAGE - left) / count - _GAP, _LARGEST)
    down = across * height / width
    lines = max((head.count("\n") + 1 for head in heads or ()), default=0)
    top = 0.075 + _LINE * lines if lines else 0.04
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
        strip = _strip(coloured(images, shape, low, high), _GAP / across)
        right = left + count * (across + _GAP)
        axes.imshow(strip, extent=(left, right, y + down, y), interpolation="nearest")
    letters = max(3, int(across * 72 / 3.8))
    for k, name in enumerate(heads or ()):
        x = left + k * (across + _GAP) + across / 2
        text = "\n".join(plain(line, letters) for line in name.split("\n"))
        axes.text(x, top - 0.05, text, ha="center", va="bottom", fontsize=7, linespacing=1.2)
    small: dict[str, Any] = {"fontsize": 7, "color": style.SOFT, "va": "bottom"}
    axes.text(left - 0.08, top - 0.05, corner, ha="right", linespacing=1.2, **small)
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0), aspect="auto")
    axes.text(left, size[1] - 0.05, foot, **small)
    return figure


def _strip(images: Pixels, gap: float) -> Float[np.ndarray, "tall long colour"]:
    """Images side by side, each with white to its right, a share of its width: one is drawn much
    faster than many.
    """
    factor = -(-_FINE // images.shape[2])
    large = images.repeat(factor, axis=1).repeat(factor, axis=2)
    white = max(1, round(gap * large.shape[2]))
    spaced = np.pad(large, ((0, 0), (0, 0), (0, white), (0, 0)), constant_values=1.0)
    return np.concatenate(list(spaced), axis=1)


def coloured(images: Rows | Pixels, shape: Sequence[int], low: float, high: float) -> Pixels:
    """Values (n, d) as greys or colours, (n, height, width, 3), clipped; colours as they are."""
    if images.ndim == 4:
        return images
    values = np.clip((images - low) / (high - low or 1.0), 0, 1).reshape(-1, *shape)
    return np.asarray(values if len(shape) == 3 else np.repeat(values[..., None], 3, axis=-1))


def beyond() -> Float[np.ndarray, "colour 3"]:
    """The colours of ``passing`` beside greys."""
    return np.array([_BELOW, _ABOVE, to_rgb(style.PALE)])


def passing(
    images: Num[np.ndarray, "layer particle dim"],
    on: Bool[np.ndarray, "layer dim"],
    shape: Sequence[int],
) -> Float[np.ndarray, "layer particle height width colour"]:
    """Images on their way through the layers as colours.

    Grey is the range of the first layer. What lies below it turns blue, what lies above orange, the
    more the farther; pixels that are off are pale, as in the picture of the architecture.
    """
    low, high = limits(images[0])
    span = high - low or 1.0
    shown = np.stack([coloured(layer, shape, low, high) for layer in images])
    if len(shape) == 2:
        values = ((images - low) / span).reshape(*shown.shape[:-1], 1)
        for past, colour in ((-values, _BELOW), (values - 1, _ABOVE)):
            # A few pixels far off would leave the others as good as grey.
            far = float(np.quantile(past[past > 0], 0.99)) if (past > 0).any() else 0.0
            share = np.clip(past / max(far, 1.0), 0, 1)
            shown = (1 - share) * shown + share * np.array(colour)
    off = ~on.reshape(len(on), 1, *shape).repeat(images.shape[1], axis=1)
    off = off if len(shape) == 3 else off[..., None]
    return np.where(off, np.array(to_rgb(style.PALE)), shown)
