"""Both ends of the spectrum of a matrix, with an error that is proved from what was computed.

# notation: A symmetric matrix of size n, V Λ its computed eigenvectors and eigenvalues, ε unit of
# rounding, γ_k = k ε/(1 − k ε).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Spectrum(NamedTuple):
    """Computed eigenvalues, ascending, and by how much any of them may be wrong."""

    values: Float[np.ndarray, " entry"]
    error: float
    vector: Float[np.ndarray, " entry"]
    """That of the smallest."""


def spectrum(matrix: Float[np.ndarray, "entry entry"]) -> Spectrum:
    """The eigenvalues of A = (M + Mᵀ)/2, each within ``error`` of one of a symmetric matrix
    that differs from M as its two halves do.

      |λ_k(A) − Λ_k| ≤ ‖A − VΛVᵀ‖_F + max|Λ| ‖VᵀV − I‖_F,
    by Weyl's inequality for A and VΛVᵀ, and Ostrowski's for VΛVᵀ and Λ (the factors lie between the
    ends of the spectrum of VᵀV). Both norms are computed; that they are computed with rounding adds
    γ_(n+2) of the same products of absolute values. To this ‖M − Mᵀ‖_F/2 is added.

    Source: Horn and Johnson, Matrix Analysis (2013), corollary 4.3.15 and theorem 4.5.9; Higham,
    Accuracy and Stability of Numerical Algorithms (2002), section 3.5, for γ.
    """
    wide = np.asarray(matrix, float)
    a = (wide + wide.T) / 2
    values, vectors = np.linalg.eigh(a)
    unit = (len(a) + 2) * np.finfo(float).eps / 2
    gamma = unit / (1 - unit)
    sizes = np.abs(vectors)
    rest = np.linalg.norm(a - (vectors * values) @ vectors.T)
    rest += gamma * np.linalg.norm((sizes * np.abs(values)) @ sizes.T)
    skewed = np.linalg.norm(vectors.T @ vectors - np.eye(len(a)))
    skewed += gamma * np.linalg.norm(sizes.T @ sizes)
    error = float(rest + np.abs(values).max() * skewed + np.linalg.norm(wide - wide.T) / 2)
    return Spectrum(values, 1.01 * error, vectors[:, 0])  # the norms themselves are rounded
