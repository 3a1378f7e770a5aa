"""What the states of classes are like over the layers of a flow.

# notation: x_l states at layer l, A_l the components that are on there, Σ_l their covariance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from autoencodes.control import Control
from autoencodes.flow.flow import Flow
from autoencodes.plot.motion import switched_on

_BINS = 64
"""Of the histogram whose entropy is taken."""

ENTROPY = (
    f"Entropy of a layer: −Σ p log₂ p over a histogram of {_BINS} bins, the same for all layers, "
    "of all values of all components that are on, as of an image's greys; effective dimensions: "
    "exp of the entropy of the eigenvalues of their covariance, as shares of their sum. The "
    "paper's own definition was not at hand; the first is the usual one for values without a known "
    "density, the second says in how many directions they vary."
)
"""The definitions, in words."""


def over_layers(
    flow: Flow,
    control: Control,
    x: Float[np.ndarray, "particle dim"],
    labels: Int[np.ndarray, " row"],
) -> dict[str, np.ndarray]:
    """Over the components that are on at layer l:

    - ``mean`` and ``deviation`` (layer, class) of the features, over rows and components;
    - ``entropy``, in bits: H_l = −Σ_k p_k log₂ p_k, p the histogram of all their values in 64 bins
      of one range for all layers;
    - ``dimensions``: exp(−Σ_k s_k log s_k), s the eigenvalues of Σ_l as shares of their sum, the
      effective number of dimensions (Roy and Vetterli, 2007);
    - ``widths``: how many there are.

    The first labels are those of the rows x (N, d).
    """
    labels = labels[: len(x)]
    states = np.asarray(flow.trajectory(control, x))
    on = switched_on(flow.schedule)
    low, high = float(states.min()), float(states.max())
    statistics: dict[str, list[Any]] = {
        name: [] for name in ("mean", "deviation", "entropy", "dimensions")
    }
    for state, active in zip(states, on, strict=True):
        values = state[:, active].astype(np.float64)
        of_class = [values[labels == digit] for digit in range(10)]
        statistics["mean"].append([rows.mean() for rows in of_class])
        statistics["deviation"].append([rows.std() for rows in of_class])
        counts, _ = np.histogram(values, bins=_BINS, range=(low, high))
        statistics["entropy"].append(entropy(counts) / np.log(2))
        statistics["dimensions"].append(effective_dimensions(values))
    widths = on.sum(axis=1)
    return {name: np.array(values) for name, values in statistics.items()} | {"widths": widths}


def effective_dimensions(values: Num[np.ndarray, "particle dim"]) -> float:
    """exp of the entropy of the spectrum of the values' covariance, as ``over_layers`` has it."""
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(values, rowvar=False)))
    return float(np.exp(entropy(np.maximum(spread, 0))))


def entropy(weights: Num[np.ndarray, " bin"]) -> float:
    """−Σ p log p of weights, as shares of their sum."""
    shares = weights[weights > 0] / weights.sum()
    return float(-np.sum(shares * np.log(shares)))
