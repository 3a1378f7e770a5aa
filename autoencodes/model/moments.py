"""Second moments of rows, in float64 and a few rows at a time: a large table is not doubled.

# notation: X rows, Y others, x̄ ȳ their means.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.measure.streaming import strips


def mean(x: Any) -> Float[np.ndarray, " dim"]:
    """x̄ of rows (N, d)."""
    return np.asarray(np.mean(x, axis=0, dtype=np.float64))


def covariance(x: Any, y: Any = None) -> Float[np.ndarray, "dim other"]:
    """(X − x̄)ᵀ (Y − ȳ) / N of rows (N, d) and (N, k); by default Y = X."""
    y = x if y is None else y
    x_mean, y_mean = mean(x), mean(y)
    total = np.zeros((len(x_mean), len(y_mean)))
    for rows in strips(len(x)):
        total += (x[rows] - x_mean).T @ (y[rows] - y_mean)
    return total / len(x)


def principal_axes(x: Any) -> Float[np.ndarray, "dim axis"]:
    """The eigenvectors of the covariance as columns, those of the largest eigenvalues first."""
    return np.linalg.eigh(covariance(x))[1][:, ::-1]
