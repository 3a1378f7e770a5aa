"""Axes on which distances are true."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes

_FLATTEST, _TALLEST = 0.45, 1.3

Corner = Float[np.ndarray, " 2"]


def window(points: Num[np.ndarray, "particle 2"]) -> tuple[Corner, Corner]:
    """The corners of a box around all points, widened so that it is not too flat or tall."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    spans = np.maximum(high - low, 1e-6 * np.abs(points).max())
    spans = spans if spans.any() else np.ones(2)
    spans = np.array([max(spans[0], spans[1] / _TALLEST), max(spans[1], spans[0] * _FLATTEST)])
    middle = (low + high) / 2
    return middle - 0.54 * spans, middle + 0.54 * spans


def height(width: float, low: Corner, high: Corner) -> float:
    """The height, in inches, of axes of a width that show a window without distortion."""
    return float(width * (high[1] - low[1]) / (high[0] - low[0]))


def show(axes: Axes, low: Corner, high: Corner) -> None:
    """One unit is as long along one axis as along the other.

    The figure needs matplotlib's ``compressed`` layout, which knows such axes.
    """
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.locator_params(nbins=6)
