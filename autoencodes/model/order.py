"""Which components to keep longest, and how much each is worth.

# notation: X rows, Y targets, both centred; G = XᵀX / N, C = XᵀY / N.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from autoencodes.checks import integer, positive_integer, real_rows, short
from autoencodes.errors import InputError
from autoencodes.model.pca import Weights, covariance, variance
from autoencodes.summary import Summarised, first

__all__ = ["Order", "at_random", "by_index", "by_variance", "natural", "ranked"]

_EQUAL = 1e-6
"""How much scores may differ, relatively, that rounding alone may have told apart."""

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

    Examples
    --------
    >>> ac.order.by_variance([[0.0, 0.0], [1.0, 5.0]]).components
    (1, 0)
    """

    components: tuple[int, ...]
    scores: Float[np.ndarray, " dim"]
    meaning: str

    def _summary(self) -> dict[str, str]:
        """The components that stay longest, and their scores."""
        scores = first(self.scores[list(self.components[:6])].tolist())
        return {"components": short(self.components), self.meaning: scores}


def by_index(dim: int) -> Order:
    """The components as they come.

    Parameters
    ----------
    dim : int
        d.

    Examples
    --------
    >>> ac.order.by_index(3).components
    (0, 1, 2)
    """
    dim = positive_integer(dim, "dim")
    return Order(tuple(range(dim)), -np.arange(dim, dtype=float), "place, counted down")


def by_variance(x: ArrayLike, weights: Weights | None = None) -> Order:
    """The most varied first; scores are variances, in which rows count as their weights say.

    Parameters
    ----------
    x : array (N, d)
    weights : array (N,), optional

    Examples
    --------
    >>> ac.order.by_variance([[0.0, 0.0], [1.0, 5.0]]).scores
    array([0.25, 6.25])
    """
    return by_scores(variance(x, weights))


def by_scores(scores: Float[np.ndarray, " dim"]) -> Order:
    """The most varied first, of components with these variances."""
    return Order(ranked(scores), scores, "variance")


def ranked(scores: Float[np.ndarray, " dim"]) -> tuple[int, ...]:
    """Indices from the largest score ≥ 0 down; of scores that are equal but for rounding, as those
    of standardised columns are, from the lowest index up.

    Equal to the largest that is left are those within 1e-6 of it, relatively: more than the
    rounding of float32, so that the order is the same in any precision and on any machine.

    Examples
    --------
    >>> ac.order.ranked(np.array([0.2, 0.9, 0.5]))
    (1, 2, 0)
    """
    order = np.argsort(-scores, kind="stable")
    descending, result, start = scores[order], [], 0
    while start < len(order):
        least = descending[start] * (1 - _EQUAL)
        end = start + int(np.searchsorted(-descending[start:], -least, side="right"))
        result += sorted(order[start:end].tolist())
        start = end
    return tuple(result)


def at_random(dim: int, seed: int) -> Order:
    """A random permutation.

    Parameters
    ----------
    dim : int
        d.
    seed : int
        At least 0.

    Examples
    --------
    >>> sorted(ac.order.at_random(4, seed=0).components)
    [0, 1, 2, 3]
    """
    dim, seed = positive_integer(dim, "dim"), integer(seed, "seed", at_least=0)
    drawn = np.random.default_rng(seed).permutation(dim)
    scores = np.empty(dim)
    scores[drawn] = -np.arange(dim)
    return Order(tuple(int(i) for i in drawn), scores, "place drawn, counted down")


def natural(
    x: ArrayLike,
    y: ArrayLike | None = None,
    weights: Weights | None = None,
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
    weights : array (N,), optional
        What rows count; by default all the same.

    Returns
    -------
    Order
        Its scores are the gains s_i ≥ 0, which sum to the R² of all components together; those
        that add nothing come last, the most varied first.

    Raises
    ------
    InputError
        If the targets do not vary.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> ac.order.natural(x, x[:, [1]]).components[0]  # the one that is the target
    1
    """
    x = real_rows(x, "rows")
    y = x if y is None else real_rows(y, "targets")
    total = float(variance(y, weights).sum())
    return by_gain(covariance(x, weights=weights), covariance(x, y, weights), total)


def by_gain(
    G: Float[np.ndarray, "dim dim"], C: Float[np.ndarray, "dim target"], total: float
) -> Order:
    """The natural order, from the covariances of particles and with targets, of this variance."""
    if not total > 0:
        raise InputError(
            "a natural order needs targets that vary; all rows have the same: take order variance"
        )
    own, dim = np.diag(G).copy(), len(G)
    kept: list[int] = []
    scores, free = np.zeros(dim), np.ones(dim, bool)
    for _ in range(dim):
        remaining = np.diag(G)
        usable = free & (remaining > _NOTHING * np.maximum(own, 1e-300))
        if not usable.any():
            break
        gains = np.where(usable, np.sum(C**2, axis=1) / np.where(usable, remaining, 1.0), -1.0)
        i = int(np.argmax(gains >= gains.max() * (1 - _EQUAL)))  # ties go to the lowest index
        scores[i] = gains[i] / total
        kept.append(i)
        free[i] = False
        column = G[:, i] / G[i, i]
        C -= np.outer(column, C[i])
        G -= np.outer(column, G[i])
    rest = [i for i in ranked(own) if free[i]]
    return Order((*kept, *rest), scores, "gain in R² of the targets")
