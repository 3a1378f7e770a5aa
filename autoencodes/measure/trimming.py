"""Which rows a robust fit leaves out: those farthest from the rest.

# notation: z row, m and C mean and covariance of the rows kept, h the share of rows kept.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike

from autoencodes.checks import between, positive_integer, real_rows

_WIDEST = 200
"""The most components in which distances are measured."""
_MOST = 10_000
"""The most rows among which neighbours are looked for: beyond, they are drawn."""
_NEAR, _FAR = 5, 20
_USUAL, _CURVED = 0.97, 0.9


def trimmed(z: ArrayLike, share: float = 0.3, rounds: int = 5) -> Float[np.ndarray, " particle"]:
    """Weights of rows (N, d): 1 for those that a robust fit learns from, 0 for those left out.

    As ``ordinary`` says: without the ``share`` farthest from the rest, or, where the rows follow a
    curved law, without those apart from it.

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
        float64, 0 or 1; at least the share 1 − ``share`` is 1.

    Examples
    --------
    >>> z = np.array([[0.0], [0.1], [-0.1], [0.2], [-0.2], [0.0], [0.1], [-0.1], [9.0], [8.0]])
    >>> trimmed(z, share=0.2)
    array([1., 1., 1., 1., 1., 1., 1., 1., 0., 0.])
    """
    z = np.asarray(real_rows(z, "rows"), np.float64)
    share = between(share, "share", 0.0, 0.5, with_high=False)
    return ordinary(z, share, positive_integer(rounds, "rounds"))[0].astype(np.float64)


def ordinary(
    z: Float[np.ndarray, "particle dim"], share: float = 0.3, rounds: int = 5
) -> tuple[Bool[np.ndarray, " particle"], bool]:
    """Which rows (N, d) are taken for ordinary, and whether they follow a curved law.

    First a core: without the ``share`` farthest in Mahalanobis distance,

    d²(z) = (z − m)ᵀ C⁻¹ (z − m),   m, C of the rows kept,

    begun at all rows and repeated ``rounds`` times, each of which lowers det C: what is far off
    no longer widens the ellipsoid that it is measured with. C is shrunk towards a multiple of the
    identity by as much as its own error asks for (Ledoit and Wolf), so that few rows, and columns
    that nearly depend on each other, leave it invertible. Beyond 200 columns the distance is
    measured in the 200 leading principal components.

    An ellipsoid is blind to a curved law, whose ends are far from its middle and yet ordinary. So
    the core is grown by density: a row whose 5th neighbour is as near as that of 97 % of the core
    comes back if a row that is kept is as near. If then nine rows in ten are kept, the law is
    curved, and those are the ordinary rows.

    Else, as for most tables, what was trimmed lies apart, and the core is chosen again, as the
    share 1 − ``share`` of rows nearest in the distance to the 20th neighbour in the core, and once
    more by the product of that and the Mahalanobis distance: several anomalies of one kind are far
    in one of the two.

    Rows equally far are treated equally: all of those at the border are kept. Rare clusters apart
    from the rest are left out as anomalies are, for nothing in the rows says which they are.

    Notes
    -----
    Source: Rousseeuw, Van Driessen, A fast algorithm for the minimum covariance determinant
    estimator, Technometrics 1999 (the core); Boudt, Rousseeuw, Vanduffel, Verdonck, The minimum
    regularized covariance determinant estimator, Statistics and Computing 2020; Ester, Kriegel,
    Sander, Xu, A density-based algorithm for discovering clusters, KDD 1996 (the growth).
    """
    kept = core(z, share, rounds)
    count = len(z) - int(share * len(z))
    if kept.all() or len(z) < 4:
        return kept, False
    grown = _grown(z, kept)
    if grown.mean() >= _CURVED:
        return grown, True
    near = _distances(z, kept, z, kept, _FAR)
    kept = near <= np.partition(near, count - 1)[count - 1]
    near = _distances(z, kept, z, kept, _FAR)
    product = near**2 * mahalanobis(z, z[kept])
    return product <= np.partition(product, count - 1)[count - 1], False


def core(
    z: Float[np.ndarray, "particle dim"], share: float = 0.3, rounds: int = 5
) -> Bool[np.ndarray, " particle"]:
    """The rows without the ``share`` farthest in Mahalanobis distance, as ``trimmed`` says."""
    kept = np.ones(len(z), bool)
    count = len(z) - int(share * len(z))
    if count == len(z) or len(z) < 4:
        return kept
    z = _leading(z)
    for _ in range(rounds):
        distances = mahalanobis(z, z[kept])
        kept = distances <= np.partition(distances, count - 1)[count - 1]
    return kept


def _grown(
    z: Float[np.ndarray, "particle dim"], kept: Bool[np.ndarray, " particle"]
) -> Bool[np.ndarray, " particle"]:
    """The core, and the rows in crowds that touch it."""
    everywhere = np.ones(len(z), bool)
    near = _distances(z, everywhere, z, everywhere, _NEAR)
    radius = np.quantile(near[kept], _USUAL)
    kept = kept.copy()
    while len(others := np.flatnonzero(~kept & (near <= radius))):
        back = others[_distances(z, kept, z[others], None, 1) <= radius]
        if not len(back):
            break
        kept[back] = True
    return kept


def _distances(
    z: Float[np.ndarray, "particle dim"],
    base: Bool[np.ndarray, " particle"],
    rows: Float[np.ndarray, "other dim"],
    own: Bool[np.ndarray, " other"] | None,
    count: int,
) -> Float[np.ndarray, " other"]:
    """The distance of rows to their ``count``-th neighbour in the base, ``own`` left out."""
    from sklearn.neighbors import NearestNeighbors

    points = z[base]
    if len(points) > _MOST:
        points = points[np.random.default_rng(0).choice(len(points), _MOST, replace=False)]
    count = min(count, max(1, len(points) - 1))
    search = NearestNeighbors(n_neighbors=min(count + 1, len(points))).fit(points)
    found = search.kneighbors(rows)[0]
    near = found[:, count - 1]
    return np.asarray(near if own is None else np.where(own, found[:, -1], near))


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
