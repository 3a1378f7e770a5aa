"""How unusual a score is among scores of rows that were set apart, with a guarantee.

# notation: s score, n calibration rows, m rows judged, α the level.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

from autoencodes.checks import between, finite_numbers
from autoencodes.errors import InputError

_ROUNDING = 1e-9
"""Scores that differ by less of themselves are one: arithmetic of one row or many may round."""
_EXACT = 1 + 1e-12
"""What a level is raised by before a p-value that should be equal to it is compared with it."""
PROMISE = (
    "if {rows} rows set apart for this and a new ordinary row come from the same source, "
    "the chance of p <= a for that row is at most a, for every a"
)


def p_values(scores: ArrayLike, calibration: ArrayLike) -> Float[np.ndarray, " particle"]:
    """p = (1 + #{i : s_i ≥ s}) / (n + 1): the share of calibration scores at least as large.

    If s and s_1, ..., s_n are exchangeable (as when all are independent rows of one law, and the
    score was fitted to none of them), then P(p ≤ a) ≤ a for every a in (0, 1), for every n.

    Proof. p ≤ a means that of the n + 1 scores at most a (n + 1) are as large as s. At most
    ⌊a (n + 1)⌋ of n + 1 numbers can have so few not below themselves, ties or none; s is each of
    them with the same probability. ∎

    No p is below 1 / (n + 1). If calibration rows hold anomalies, their large scores make p
    larger: fewer alarms, never more than promised, as long as their scores are not smaller than
    those of ordinary rows. It fails, to both sides, where new ordinary rows come from another law
    than the calibration rows: drift, other customers, a sensor replaced, rows of a series that
    depend on each other. Of a row that the score was fitted to, p is no p-value.

    Scores that agree to 9 digits are ties, as those of two equal rows, which may be rounded
    otherwise where one is scored by itself. That makes p larger, if anything.

    Parameters
    ----------
    scores : array (N,)
        The larger, the more abnormal.
    calibration : array (n,), n ≥ 1

    Returns
    -------
    array (N,)

    Raises
    ------
    InputError
        If there is no calibration score, or a score is not finite.

    Notes
    -----
    Source: Vovk, Gammerman, Shafer, Algorithmic learning in a random world, 2005, proposition 2.4;
    Bates, Candès, Lei, Romano, Sesia, Testing for outliers with conformal p-values, Annals of
    Statistics 2023 (they are positively dependent, PRDS: Benjamini–Hochberg keeps its promise).

    Examples
    --------
    >>> p_values([0.5, 9.0], [1.0, 2.0, 3.0])
    array([1.  , 0.25])
    """
    scores = np.asarray(finite_numbers(scores, "scores"), np.float64)
    calibration = np.sort(np.asarray(finite_numbers(calibration, "calibration"), np.float64))
    if calibration.ndim != 1 or not len(calibration):
        raise InputError(
            "p-values need the scores of rows that were set apart, an array (n,) with n at least "
            f"1; got shape {calibration.shape}"
        )
    count = len(calibration)
    least = scores - _ROUNDING * np.abs(scores)
    as_large = count - np.searchsorted(calibration, least, side="left")
    return np.asarray((1 + as_large) / (count + 1))


def largest_ordinary(calibration: ArrayLike, alpha: float) -> float:
    """The score that a row exceeds if, and only if, its p-value is at most α.

    That is the k-th largest of the n calibration scores, k = ⌊α (n + 1)⌋, but for rounding. Where
    α < 1 / (n + 1) no p-value is so small, and it is infinite.

    Parameters
    ----------
    calibration : array (n,)
    alpha : float
        In (0, 1).

    Returns
    -------
    float

    Examples
    --------
    >>> round(largest_ordinary([1.0, 2.0, 3.0, 4.0], 0.4), 6)
    3.0
    >>> largest_ordinary([1.0, 2.0, 3.0, 4.0], 0.1)
    inf
    """
    ordered = np.sort(np.asarray(finite_numbers(calibration, "calibration"), np.float64))[::-1]
    allowed = math.floor(alpha * (len(ordered) + 1) * _EXACT)
    if not allowed:
        return math.inf
    limit = float(ordered[allowed - 1])
    return limit + _ROUNDING * abs(limit)


def enough(alpha: float) -> int:
    """How many rows must be set apart for a p-value of α to be possible: n + 1 ≥ 1 / α.

    Examples
    --------
    >>> enough(0.05)
    19
    """
    return max(1, math.ceil(1 / alpha / _EXACT) - 1)


def beyond(p: Float[np.ndarray, " particle"], apart: int) -> int:
    """How many rows score above every one of the n that were set apart: p = 1 / (n + 1)."""
    return int((np.round(p * (apart + 1)) == 1).sum())


def discoveries(p: ArrayLike, alpha: float = 0.05) -> Bool[np.ndarray, " particle"]:
    """Which of m rows are called anomalies, by Benjamini and Hochberg's rule.

    Those with p_i ≤ p_(k), the k-th smallest, for the largest k with p_(k) ≤ α k / m. Of the rows
    called so, at most the share α (m₀/m of it) is ordinary in expectation, for p-values as
    ``p_values`` gives them.

    Parameters
    ----------
    p : array (m,)
        p-values in [0, 1].
    alpha : float
        In (0, 1).

    Returns
    -------
    array of bool (m,)

    Notes
    -----
    Source: Benjamini, Hochberg, JRSS B 1995; under dependence: Benjamini, Yekutieli, Annals of
    Statistics 2001, theorem 1.2.

    Examples
    --------
    >>> discoveries([0.01, 0.04, 0.03, 0.8], alpha=0.1)
    array([ True,  True,  True, False])
    """
    alpha = between(alpha, "alpha", 0.0, 1.0, with_low=False, with_high=False)
    p = np.asarray(finite_numbers(p, "p"), np.float64)
    count = len(p)
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= levels(np.arange(1, count + 1), count, alpha))
    if not len(passed):
        return np.zeros(count, bool)
    return np.asarray(p <= ordered[passed[-1]])


def levels(
    called: Int[np.ndarray, " place"], rows: int, alpha: float
) -> Float[np.ndarray, " place"]:
    """α k / m: the largest p-value with which k of m rows are called, but for its own rounding."""
    return np.asarray(alpha * called / max(rows, 1) * _EXACT)


def fewest(rows: int, apart: int, alpha: float) -> int:
    """The fewest of m rows that ``discoveries`` can call, with n rows set apart.

    No p is below 1 / (n + 1), and k rows with this p are called where 1 / (n + 1) ≤ α k / m: for
    k ≥ m / (α (n + 1)). More than m says that none can be called.

    Examples
    --------
    >>> fewest(60, 90, 0.05)
    14
    """
    return max(1, math.ceil(rows / (alpha * (apart + 1)) / _EXACT))


def promise(rows: int) -> str:
    """What is promised of p-values from so many calibration rows, in one sentence."""
    return PROMISE.format(rows=f"the {rows:,}")
