"""Logarithmic axes whose ticks can be read, however narrow or wide they are."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from autoencodes.plot.words import number

_SMALLEST = 1e-30


def logarithmic(axes: Axes, which: Literal["x", "y"], values: Float[np.ndarray, " point"]) -> None:
    """Sets a logarithmic axis that spans the positive values; zeros fall off its lower end,
    and so does what is smaller than the largest value by more than 30 decades.

    Without positive values the axis is linear and begins at 0.
    """
    positive = values[values > 0]
    if positive.size == 0:
        axes.set(**{f"{which}lim": (0, 1)})
        return
    high = float(positive.max())
    low = max(float(positive.min()), high * _SMALLEST)
    pad = max((high / low) ** 0.05, 1.15)
    # Limits first: the change of scale would else compute some that may overflow.
    axes.set(**{f"{which}lim": (low / pad, high * pad)})
    axes.set(**{f"{which}scale": "log"})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_minor_formatter(NullFormatter())
    decades = math.log10(high / low) + 2 * math.log10(pad)
    if decades < 0.8:
        axis.set_major_locator(MaxNLocator(4))
    elif decades < 2.2:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    if decades < 2.2:
        axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
