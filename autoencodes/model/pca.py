"""Principal components, the linear autoencoder to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.measure.streaming import strips
from autoencodes.model.moments import mean, principal_axes


@dataclass(frozen=True, eq=False)
class Pca:
    """x ↦ mean + V Vᵀ (x − mean), V the leading eigenvectors of the covariance.

    Of all affine maps through ``latent`` numbers, the one with the least squared error on
    the rows it was fitted to.
    """

    mean: Float[np.ndarray, " dim"]
    axes: Float[np.ndarray, "dim latent"]

    @classmethod
    def fit(cls, x: Any, latent: int) -> Pca:
        """The components of rows (N, d), in float64, a few rows at a time."""
        return cls(mean(x), principal_axes(x)[:, :latent])

    def reconstruct(self, x: Any) -> Float[np.ndarray, "particle dim"]:
        """The projection of rows (N, d)."""
        return self.mean + (x - self.mean) @ self.axes @ self.axes.T

    def mean_squared_error(self, x: Any) -> float:
        """The error per feature over rows (N, d)."""
        pieces = (x[rows] for rows in strips(len(x)))
        return sum(float(np.sum((self.reconstruct(p) - p) ** 2)) for p in pieces) / x.size
