"""The Wasserstein distance W_1 between two weighted samples, exactly.

# notation: F, G cumulative distribution functions, π coupling.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from autoencodes.checks import real_rows
from autoencodes.errors import InputError
from autoencodes.measure.empirical import checked_weights

Rows = Float[np.ndarray, "particle dim"]
Weights = Float[np.ndarray, " particle"]


def wasserstein(
    x: ArrayLike,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    others: ArrayLike | None = None,
) -> float | None:
    """W_1 = min_π Σ_ij π_ij |x_i − y_j|, over the couplings π of the two weighted samples.

    In one dimension, ∫ |F − G|; for two samples of one size and equal weights, an optimal
    assignment divided by their number (an optimal coupling is a permutation, Birkhoff); else
    the network simplex of the package POT.

    Parameters
    ----------
    x, y : rows (N, d) and (M, d)
    weights, others : theirs, each summing to 1; by default equal ones

    Returns
    -------
    The distance, or None where it needs POT and that is not installed (the extra ``transport``).

    Raises
    ------
    InputError
        If rows are not finite, of different widths or none, or weights are negative, not finite,
        or all zero.

    Source: Peyré and Cuturi, Computational Optimal Transport (2019), sections 2.3, 2.6 and 3.5.
    """
    x = np.asarray(real_rows(x, "x"), np.float64)
    y = np.asarray(real_rows(y, "y", x.shape[1], "numbers"), np.float64)
    if not (len(x) and len(y) and x.shape[1]):
        raise InputError(f"both samples must have rows; got shapes {x.shape} and {y.shape}")
    a, b = _weights(weights, len(x)), _weights(others, len(y))
    if x.shape[1] == 1:
        points = np.concatenate([x, y])[:, 0]
        order = np.argsort(points, kind="stable")
        excess = np.cumsum(np.concatenate([a, -b])[order])[:-1]
        return float(np.abs(excess) @ np.diff(points[order]))
    if len(x) == len(y) and np.ptp(a) == 0 and np.ptp(b) == 0:
        optimize: Any = importlib.import_module("scipy.optimize")
        cost = _distances(x, y)
        return float(cost[optimize.linear_sum_assignment(cost)].mean())
    if importlib.util.find_spec("ot") is None:
        return None
    transport: Any = importlib.import_module("ot")
    return float(transport.emd2(a, b, _distances(x, y), numItermax=10_000_000))


def sampled(
    random: np.random.Generator, weights: Weights, count: int
) -> Int[np.ndarray, " sample"]:
    """``count`` rows of a weighted sample; without replacement where the weights are equal."""
    if np.ptp(weights) == 0:
        return random.permutation(len(weights))[:count]
    return random.choice(len(weights), count, p=weights / weights.sum())


def _weights(weights: ArrayLike | None, count: int) -> Weights:
    if weights is None:
        return np.full(count, 1 / count)
    given = checked_weights(weights, count)
    given = given / given.max()  # so that the sum cannot overflow
    return given / given.sum()


def _distances(x: Rows, y: Float[np.ndarray, "other dim"]) -> Float[np.ndarray, "particle other"]:
    from scipy.spatial.distance import cdist

    return cdist(x, y)
