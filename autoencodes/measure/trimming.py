"""Which rows a robust fit leaves out: those farthest from the rest.

# notation: z row, m and C mean and covariance of the rows kept, h the share of rows kept.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from autoencodes.checks import between, positive_integer, real_rows

_WIDEST = 200
"""The most components in which distances are measured."""


def trimmed(z: ArrayLike, share: float = 0.3, rounds: int = 5) -> Float[np.ndarray, " particle"]:
    """Weights of rows (N, d): 0 for the ``share`` farthest in Mahalanobis distance, 1 for others.

    d²(z) = (z − m)ᵀ C⁻¹ (z − m),   m, C of the rows with weight 1,

    begun at all rows and repeated ``rounds`` times, each of which lowers det C: what is far off
    no longer widens the ellipsoid that it is measured with. C is shrunk towards a multiple of the
    identity by as much as its own error asks for (Ledoit and Wolf), so that few rows, and columns
    that nearly depend on each other, leave it invertible. Beyond 200 columns the distance is
    measured in the 200 leading principal components.

    Rows equally far are treated equally: all of those at the border are kept. Rare clusters are
    left out as anomalies are, for nothing in the rows says which of the two they are.

    Parameters
    ----------
    z : array (N, d)
        Rows in units in which columns can be compared.
    share : float
        In [0, 0.5): the share of rows left out. 0 keeps all.
    rounds : int
        At least 1.

    Returns
    -------
    array (N,)
        float64, 0 or 1.

    Notes
    -----
    Source: Rousseeuw, Van Driessen, A fast algorithm for the minimum covariance determinant
    estimator, Technometrics 1999 (the concentration step); Boudt, Rousseeuw, Vanduffel, Verdonck,
    The minimum regularized covariance determinant estimator, Statistics and Computing 2020.

    Examples
    --------
    >>> z = np.array([[0.0], [0.1], [-0.1], [0.2], [-0.2], [0.0], [0.1], [-0.1], [9.0], [8.0]])
    >>> trimmed(z, share=0.2)
    array([1., 1., 1., 1., 1., 1., 1., 1., 0., 0.])
    """
    z = np.asarray(real_rows(z, "rows"), np.float64)
    share = between(share, "share", 0.0, 0.5, with_high=False)
    rounds = positive_integer(rounds, "rounds")
    kept = np.ones(len(z), bool)
    count = len(z) - int(share * len(z))
    if count == len(z) or len(z) < 4:
        return kept.astype(np.float64)
    z = _leading(z)
    for _ in range(rounds):
        distances = mahalanobis(z, z[kept])
        kept = distances <= np.partition(distances, count - 1)[count - 1]
    return kept.astype(np.float64)


def mahalanobis(
    z: Float[np.ndarray, "particle dim"], kept: Float[np.ndarray, "typical dim"]
) -> Float[np.ndarray, " particle"]:
    """(z − m)ᵀ C⁻¹ (z − m) of rows (N, d), m and C the mean and shrunk covariance of others."""
    from sklearn.covariance import ledoit_wolf

    centre = kept.mean(axis=0)
    covariance = ledoit_wolf(kept - centre, assume_centered=True)[0]
    values, axes = np.linalg.eigh(np.atleast_2d(covariance))
    floor = max(1e-10 * float(values[-1]), np.finfo(np.float64).tiny)
    turned = (z - centre) @ (axes / np.sqrt(np.maximum(values, floor)))
    return np.asarray(np.einsum("nd,nd->n", turned, turned))


def _leading(
    z: Float[np.ndarray, "particle dim"],
) -> Float[np.ndarray, "particle component"]:
    """The rows in their leading principal components, where they have very many columns."""
    if z.shape[1] <= _WIDEST:
        return z
    from sklearn.utils.extmath import randomized_svd

    u, s, _ = randomized_svd(z - z.mean(axis=0), min(_WIDEST, len(z)), random_state=0)
    return np.asarray(u * s)
