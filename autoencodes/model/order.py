"""Which components to keep longest, and how much each is worth.

# notation: X rows, Y targets, both centred; G = XᵀX / N, C = XᵀY / N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float, Real

from autoencodes.checks import integer, positive_integer, short
from autoencodes.errors import InputError
from autoencodes.model.pca import covariance
from autoencodes.summary import Summarised, first

_NOTHING = 1e-12
"""The share of its own variance below which a component counts as a combination of others."""


@dataclass(frozen=True, eq=False, repr=False)
class Order(Summarised):
    """A permutation of the components, the one to keep longest first, with a score for each.

    Parameters
    ----------
    components : tuple of int
        The permutation, as ``WidthSchedule``'s ``order``.
    scores : array (d,)
        For component i its worth, by which they are ordered.
    meaning : str
        What the scores are, in words.
    """

    components: tuple[int, ...]
    scores: Float[np.ndarray, " dim"]
    meaning: str

    def _summary(self) -> dict[str, str]:
        """The components that stay longest, and their scores."""
        scores = first(self.scores[list(self.components[:6])].tolist())
        return {"components": short(self.components), self.meaning: scores}


def by_index(dim: int) -> Order:
    """The components as they come."""
    dim = positive_integer(dim, "dim")
    return Order(tuple(range(dim)), -np.arange(dim, dtype=float), "place, counted down")


def by_variance(x: Real[Array | np.ndarray, "particle dim"]) -> Order:
    """The most varied first; scores are variances."""
    variance = np.var(x, axis=0, dtype=np.float64)
    ranked = np.argsort(-variance, kind="stable")
    return Order(tuple(int(i) for i in ranked), variance, "variance")


def at_random(dim: int, seed: int) -> Order:
    """A random permutation."""
    dim, seed = positive_integer(dim, "dim"), integer(seed, "seed", at_least=0)
    drawn = np.random.default_rng(seed).permutation(dim)
    scores = np.empty(dim)
    scores[drawn] = -np.arange(dim)
    return Order(tuple(int(i) for i in drawn), scores, "place drawn, counted down")


def natural(
    x: Real[Array | np.ndarray, "particle dim"],
    y: Real[Array | np.ndarray, "particle target"] | None = None,
) -> Order:
    """The order in which components say most about the targets, one after the other.

    "Natural" are inactive components that carry no information that the target needs (theory,
    section 2). As far as affine maps can tell, component i added to the kept ones K explains of the
    targets
      s_i = |C_i|² / (G_ii tr(YᵀY / N)),   G, C of what K does not explain of X and Y:
    the gain in R² of the regression of y on x_K. The component of the largest s_i is kept next, and
    what it explains is taken out of X and Y (forward selection, a pivoted Cholesky factorisation).
    Without targets y = x: a component that others determine comes late, however varied it is.

    Parameters
    ----------
    x : array (N, d)
    y : array (N, k), optional
        The targets; for classes one column each, 1 where the row is of the class.

    Returns
    -------
    Order
        Its scores are the gains s_i ≥ 0, which sum to the R² of all components together; those
        that add nothing come last, the most varied first.

    Raises
    ------
    InputError
        If the targets do not vary.
    """
    y = x if y is None else y
    G, C, total = covariance(x), covariance(x, y), float(np.var(y, axis=0, dtype=np.float64).sum())
    if not total > 0:
        raise InputError(
            "a natural order needs targets that vary; all rows have the same: take order variance"
        )
    variance, dim = np.diag(G).copy(), len(G)
    kept: list[int] = []
    scores, free = np.zeros(dim), np.ones(dim, bool)
    for _ in range(dim):
        remaining = np.diag(G)
        usable = free & (remaining > _NOTHING * np.maximum(variance, 1e-300))
        if not usable.any():
            break
        gains = np.where(usable, np.sum(C**2, axis=1) / np.where(usable, remaining, 1.0), -1.0)
        i = int(np.argmax(gains))
        scores[i] = gains[i] / total
        kept.append(i)
        free[i] = False
        column = G[:, i] / G[i, i]
        C -= np.outer(column, C[i])
        G -= np.outer(column, G[i])
    rest = np.flatnonzero(free)
    rest = rest[np.argsort(-variance[rest], kind="stable")]
    return Order(tuple(kept) + tuple(int(i) for i in rest), scores, "gain in R² of the targets")
