"""Principal components, the linear autoencoder to beat, and the second moments they come from.

All in float64 and a few rows at a time: a large table is not doubled.

# notation: X rows, Y others, x̄ ȳ their means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float, Real

from autoencodes.checks import positive_integer
from autoencodes.measure.streaming import strips


def mean(x: Real[Array | np.ndarray, "particle dim"]) -> Float[np.ndarray, " dim"]:
    """x̄ of rows (N, d)."""
    return np.asarray(np.mean(x, axis=0, dtype=np.float64))


def covariance(
    x: Real[Array | np.ndarray, "particle dim"],
    y: Real[Array | np.ndarray, "particle other"] | None = None,
) -> Float[np.ndarray, "dim other"]:
    """(X − x̄)ᵀ (Y − ȳ) / N of rows (N, d) and (N, k); by default Y = X."""
    y = x if y is None else y
    x_mean, y_mean = mean(x), mean(y)
    total = np.zeros((len(x_mean), len(y_mean)))
    for rows in strips(len(x)):
        total += (x[rows] - x_mean).T @ (y[rows] - y_mean)
    return total / len(x)


def principal_axes(x: Real[Array | np.ndarray, "particle dim"]) -> Float[np.ndarray, "dim axis"]:
    """The eigenvectors of the covariance as columns, those of the largest eigenvalues first."""
    return np.linalg.eigh(covariance(x))[1][:, ::-1]


@dataclass(frozen=True, eq=False)
class Pca:
    """x ↦ mean + V Vᵀ (x − mean), V the leading eigenvectors of the covariance.

    Of all affine maps through ``latent`` numbers, the one with the least squared error on
    the rows it was fitted to.
    """

    mean: Float[np.ndarray, " dim"]
    axes: Float[np.ndarray, "dim latent"]

    @classmethod
    def fit(cls, x: Real[Array | np.ndarray, "particle dim"], latent: int) -> Pca:
        """The leading ``latent`` components of rows (N, d)."""
        return cls(mean(x), principal_axes(x)[:, : positive_integer(latent, "latent")])

    def reconstruct(
        self, x: Real[Array | np.ndarray, "particle dim"]
    ) -> Float[np.ndarray, "particle dim"]:
        """The projection of rows (N, d)."""
        return self.mean + (x - self.mean) @ self.axes @ self.axes.T

    def mean_squared_error(self, x: Real[Array | np.ndarray, "particle dim"]) -> float:
        """The error per feature over rows (N, d)."""
        pieces = (x[rows] for rows in strips(len(x)))
        return sum(float(np.sum((self.reconstruct(p) - p) ** 2)) for p in pieces) / x.size
