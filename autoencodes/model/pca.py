"""Principal components, the linear autoencoder to beat, and the second moments they come from.

All in float64 and a few rows at a time: a large table is not doubled.

# notation: X rows, Y others, x̄ ȳ their means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from autoencodes.checks import positive_integer, real_rows
from autoencodes.devices import apart
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streaming import ROWS, strips
from autoencodes.precision import compiled, precision

Weights = Float[np.ndarray, " particle"]
"""What rows count, not normalised; where there are none, all count the same."""

_AT_ONCE = 2**22
"""Numbers that are widened to float64 at a time."""


def mean(x: ArrayLike, weights: Weights | None = None) -> Float[np.ndarray, " dim"]:
    """x̄ = Σ w_i x_i / Σ w_i of rows (N, d)."""
    x = real_rows(x, "rows")
    if apart(x):
        return _integral(_values, x, weights=weights)
    x = np.asarray(x)
    if weights is None:
        return np.asarray(np.mean(x, axis=0, dtype=np.float64))
    total = np.zeros(x.shape[1])
    for rows in strips(len(x)):
        total += weights[rows] @ x[rows].astype(np.float64)
    return total / weights.sum()


def variance(x: ArrayLike, weights: Weights | None = None) -> Float[np.ndarray, " dim"]:
    """Σ w_i (x_i − x̄)² / Σ w_i of every component of rows (N, d)."""
    x = real_rows(x, "rows")
    if apart(x):
        return _integral(_squares, x, mean(x, weights), weights=weights)
    x = np.asarray(x)
    if weights is None:
        # Of columns that lie beside others NumPy adds the rows in the same order, however many.
        pieces = max(1, min(x.shape[1] // 2, -(-x.size // _AT_ONCE)))
        parts = np.array_split(np.arange(x.shape[1]), pieces)
        return np.concatenate(
            [np.var(x[:, part[0] : part[-1] + 1], axis=0, dtype=np.float64) for part in parts]
        )
    x_mean, total = mean(x, weights), np.zeros(x.shape[1])
    for rows in strips(len(x)):
        total += weights[rows] @ (x[rows] - x_mean) ** 2
    return total / weights.sum()


def covariance(
    x: ArrayLike, y: ArrayLike | None = None, weights: Weights | None = None
) -> Float[np.ndarray, "dim other"]:
    """Σ w_i (x_i − x̄)ᵀ (y_i − ȳ) / Σ w_i of rows (N, d) and (N, k); by default Y = X."""
    x = real_rows(x, "rows")
    y = x if y is None else real_rows(y, "targets")
    x_mean, y_mean = mean(x, weights), mean(y, weights)
    if apart(x):
        return _integral(_products, x, x_mean, y_mean, y=y, weights=weights)
    x, y = np.asarray(x), np.asarray(y)
    total = np.zeros((len(x_mean), len(y_mean)))
    for rows in strips(len(x)):
        others = y[rows] - y_mean
        if weights is not None:
            others = others * weights[rows, None]
        total += (x[rows] - x_mean).T @ others
    return total / (len(x) if weights is None else weights.sum())


def _integral(
    function: Callable[..., Any], x: Any, *constants: Any, y: Any = None, weights: Any = None
) -> np.ndarray:
    """An integral over rows that lie on several devices: each sums over its own."""
    with precision(np.float64):
        measure = EmpiricalMeasure(x, y, weights)
        return np.array(_summed(function, measure, constants))


@compiled
def _summed(function: Callable[..., Any], measure: EmpiricalMeasure, constants: Any) -> Any:
    def wide(part: EmpiricalMeasure, *constants: Any) -> Any:
        return function(part.astype(np.float64), *constants)

    return measure.integrate(wide, ROWS, constants)


def _values(part: EmpiricalMeasure) -> Any:
    return part.weights @ part.x


def _squares(part: EmpiricalMeasure, centre: Any) -> Any:
    return part.weights @ (part.x - centre) ** 2


def _products(part: EmpiricalMeasure, x_mean: Any, y_mean: Any) -> Any:
    return (part.x - x_mean).T @ (part.weights[:, None] * (part.y - y_mean))


def _missed(part: EmpiricalMeasure, centre: Any, axes: Any) -> Any:
    beside = part.x - centre
    return part.weights @ (beside - beside @ axes @ axes.T) ** 2


def principal_axes(x: ArrayLike, weights: Weights | None = None) -> Float[np.ndarray, "dim axis"]:
    """The eigenvectors of the covariance as columns, those of the largest eigenvalues first."""
    return np.linalg.eigh(covariance(x, weights=weights))[1][:, ::-1]


@dataclass(frozen=True, eq=False)
class Pca:
    """x ↦ mean + V Vᵀ (x − mean), V the leading eigenvectors of the covariance.

    Of all affine maps through ``latent`` numbers, the one with the least squared error on
    the rows it was fitted to.
    """

    mean: Float[np.ndarray, " dim"]
    axes: Float[np.ndarray, "dim latent"]

    @classmethod
    def fit(cls, x: ArrayLike, latent: int, weights: Weights | None = None) -> Pca:
        """The leading ``latent`` components of rows (N, d), or N if there are fewer rows.

        Of fewer rows than components, the axes are found from the rows: d² numbers are too many
        for tables of 20,000 columns.
        """
        latent = positive_integer(latent, "latent")
        rows = real_rows(x, "rows")
        centre = mean(rows, weights)
        if len(rows) < rows.shape[1]:
            x = np.asarray(rows)
            spread = x - centre if weights is None else (x - centre) * np.sqrt(weights)[:, None]
            axes = np.linalg.svd(spread, full_matrices=False)[2].T
            return cls(centre, axes[:, :latent])
        return cls(centre, principal_axes(rows, weights)[:, :latent])

    def reconstruct(self, x: ArrayLike) -> Float[np.ndarray, "particle dim"]:
        """The projection of rows (N, d)."""
        x = np.asarray(real_rows(x, "rows", len(self.mean)))
        return self.mean + (x - self.mean) @ self.axes @ self.axes.T

    def mean_squared_error(self, x: ArrayLike) -> float:
        """The error per feature over rows (N, d)."""
        x = real_rows(x, "rows", len(self.mean))
        if apart(x):
            return float(_integral(_missed, x, self.mean, self.axes).mean())
        x = np.asarray(x)
        pieces = (x[rows] for rows in strips(len(x)))
        return sum(float(np.sum((self.reconstruct(p) - p) ** 2)) for p in pieces) / x.size
