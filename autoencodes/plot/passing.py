"""Images on their way through the layers as a moving picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from autoencodes.plot import film, images
from autoencodes.plot.film import Pixels
from autoencodes.plot.passage import Passage

_BETWEEN = 6
"""Frames from one layer to the next."""


def animate(passage: Passage, path: Path) -> Path:
    """Writes images on their way as a GIF, or as an MP4 if the path ends in ``.mp4``.

    Six frames from one layer that is kept to the next; between them images fade into each other.

    Raises
    ------
    InputError
        If the path ends otherwise, or ffmpeg is needed and not found, or refuses.
    OSError
        If the file cannot be written.
    """
    return film.write(path, lambda resolution: frames(passage, resolution), images.beyond)


def frames(passage: Passage, resolution: int) -> Iterator[Pixels]:
    """The pictures, one after the other, of so many dots an inch."""
    shown = images.passing(passage.images, passage.on, passage.shape)
    last = len(shown) - 1
    for now in np.linspace(0, last, _BETWEEN * last + 1).tolist():
        before = min(int(now), last - 1)
        part = now - before
        between = (1 - part) * shown[before] + part * shown[before + 1]
        foot = passage.captions[round(now)]
        figure = images.grid([("", between)], passage.shape, heads=passage.names or None, foot=foot)
        figure.set_dpi(resolution)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        yield np.array(canvas.buffer_rgba())
