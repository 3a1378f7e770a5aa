"""Both ends of the spectrum of a symmetric operator, from its products with vectors.

# notation: A symmetric operator on R^m, v_j Lanczos vectors, T_k = VᵀAV, (θ, V s) Ritz pair, β_k
# the length of what A v_k leaves outside of span V, g Gaussian start, λ an eigenvalue of A.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.measure.streaming import strips

Vector = Float[np.ndarray, " entry"]
Product = Callable[[Vector], ArrayLike]
CONFIDENCE = 0.99
"""The probability with which ``End.beyond`` holds at both ends at once."""
_MOST_VECTORS = 300
_MEMORY = 2 * 2**30
_STRIP = 1 << 16
_LOOKS = 10
"""The ends are looked at whenever the basis has grown by one in so many of its vectors."""
_MOST_PRODUCTS = 20_000
"""Where a search ends that rounding keeps from its digits."""


@dataclass(frozen=True)
class End:
    """One end of the spectrum.

    ``value`` is a Rayleigh quotient: the eigenvalue at the end never lies on its inner side.
    An eigenvalue lies within ``residual`` = |A v − θ v| of it; ``estimate`` is the smaller of
    that and residual²/gap, the size of its error if no eigenvalue was missed. With probability
    ``CONFIDENCE`` none lies further out than ``beyond``. All but for ``Ends.rounding``.
    ``reached``: the estimate has the digits that were asked for, and ``beyond`` is not as far
    away as the value's own size (once restarted it improves no more, and may be).
    """

    value: float
    residual: float
    estimate: float
    beyond: float
    reached: bool = False


@dataclass(frozen=True)
class Ends:
    """Both ends of the spectrum, what they cost, and how exact the arithmetic was.

    ``rounding`` bounds, up to a modest factor, how far rounding moves an eigenvalue.
    ``vectors`` are the two Ritz vectors of length 1; ``converged`` says whether both ends are
    ``reached``, or the Krylov space is all there is to see; once ``restarted``, ``beyond``
    improves no more.
    """

    smallest: End
    largest: End
    rounding: float
    products: int
    converged: bool
    restarted: bool
    vectors: Float[np.ndarray, "2 entry"]


def ends(
    product: Product,
    size: int,
    dtype: DTypeLike,
    *,
    seed: int,
    digits: float = 3,
    improved: Vector | None = None,
    stop: Callable[[Ends], bool] = lambda now: now.converged,
    most_vectors: int | None = None,
    searches: int = 1,
) -> Ends:
    """The smallest and the largest eigenvalue, by Lanczos with full reorthogonalisation.

      A V_k = V_k T_k + β_k v_(k+1) e_kᵀ;   |A V s − θ V s| = β_k |s_k|.
    The start is v_1 = (g + u)/|g + u|, g ~ N(0, I), u an ``improved`` vector independent of g
    (or 0). When the basis is full it is restarted with its outermost Ritz vectors.

    *What lies beyond.* Before a restart v_(k+1) = p_k(A) v_1, with p_k(t) = Π_i (t − θ_i)/Π_j β_j.
    For a unit eigenvector e of λ this gives 1 ≥ |<e, v_(k+1)>| = |p_k(λ)| |<e, v_1>|. Whatever
    u, |<e, g + u>| < z has at most the probability that it has for u = 0 (a normal density is
    highest at its mean), P(|N(0,1)| < z). So |p_k(λ)| ≤ |g + u|/z with that probability as
    the risk, and as |p_k| grows outside of its zeros this bounds λ. It holds for any spectrum,
    multiple eigenvalues too, and it closes up as the Krylov space becomes invariant.

    Parameters
    ----------
    product : from a vector (m,) to A times it
    size : m, at least 1
    dtype : precision of the vectors; all small matrices are in float64
    seed : of g
    digits : relative accuracy 10^-digits asked of both estimates
    improved : u, (m,), drawn without looking at g
    stop : asked after every product, of what the last look has shown: the first products are all
        looked at, later ones when the basis has grown by a tenth, and the last one always. True
        ends the search, which also ends by itself where the Krylov space is invariant
    most_vectors : the size of the basis; by default 300, or what 2 GiB hold
    searches : among how many the risk is shared, if the best of their bounds is taken

    Raises
    ------
    ArithmeticError
        If the very first product is not finite; later ones end the search.

    Source: Parlett, The Symmetric Eigenvalue Problem (1998), chapters 11 and 13; Wu and Simon
    (2000) for the restart; van Dorsselaer, Hochstenbach and van der Vorst (2000) for p_k, here
    with a shifted start.
    """
    start = np.random.default_rng(seed).standard_normal(size)
    if improved is not None:
        start = start + improved
    room = most_vectors or min(_MOST_VECTORS, _MEMORY // (np.dtype(dtype).itemsize * size))
    basis = _Basis(size, dtype, max(8, int(room)), start, (1 - CONFIDENCE) / 2 / searches)
    now, looked = None, 0
    while True:
        if not basis.extend(product) and basis.products == 0:
            raise ArithmeticError("the first product is not finite")
        over = basis.exhausted or basis.products >= _MOST_PRODUCTS
        # A look decomposes the small matrix, which can take longer than a product.
        due = basis.products - looked >= basis.count // _LOOKS
        fresh = now is None or over or basis.full or due
        if now is None or fresh:
            now, looked = basis.ends(digits), basis.products
        else:
            now = replace(now, products=basis.products)
        if stop(now) or over:
            return basis.with_vectors(now if fresh else basis.ends(digits))
        if basis.full:
            basis.restart()


def combine(
    vectors: Float[np.ndarray, "basis entry"], weights: Float[np.ndarray, "basis new"]
) -> None:
    """Puts Wᵀ V in the place of V's first rows: Ritz vectors, with no second basis in memory."""
    for columns in strips(vectors.shape[1], _STRIP):
        strip = vectors[:, columns]
        strip[: weights.shape[1]] = weights.T.astype(strip.dtype) @ strip


class _Basis:
    """An orthonormal basis that grows by one product at a time, and the operator on it."""

    def __init__(self, size: int, dtype: DTypeLike, room: int, start: Vector, risk: float) -> None:
        length = float(np.linalg.norm(start))
        self._reach = np.log(length / NormalDist().inv_cdf((1 + risk) / 2))
        self._vectors = np.empty((min(room, size) + 1, size), dtype)
        self._vectors[0] = start / length
        self._matrix = np.zeros((len(self._vectors) - 1,) * 2)
        self.count = 0
        self._last = 0.0
        self._logs = 0.0
        self._beyond = (-np.inf, np.inf)
        self._restarted = False
        self._skew = 0.0
        self._kept = 0
        self._failed = False
        self.products = 0
        self.exhausted = False

    @property
    def full(self) -> bool:
        return self.count == len(self._matrix)

    def extend(self, product: Product) -> bool:
        """Takes in A times the newest vector; False, and the end, where that is not finite."""
        k = self.count
        image = np.array(product(self._vectors[k]), self._vectors.dtype)
        if not np.isfinite(image).all():
            self.exhausted, self._failed = True, True
            return False
        before = float(np.linalg.norm(image))
        # First what is known to be there, which a three-term recurrence (or, after a restart, the
        # vectors kept) would take out; then all that rounding has left. Without the second pass a
        # loss of orthogonality would grow from step to step.
        column = np.zeros(k + 1)
        known = 0 if k <= self._kept else k - 1
        column[known:] = self._project(image, known, k + 1)
        column += self._project(image, 0, k + 1)
        # Below the subdiagonal (and the restart's coupling) only asymmetry and rounding remain.
        self._skew += float(np.sum(column[self._kept : max(self._kept, k - 1)] ** 2))
        self._matrix[: k + 1, k] = self._matrix[k, : k + 1] = column
        self._last = float(np.linalg.norm(image))
        self.count, self.products = k + 1, self.products + 1
        scale = max(before, float(np.abs(self._matrix).max()))
        epsilon = float(np.finfo(self._vectors.dtype).eps)
        self.exhausted = self._last <= 10 * epsilon * scale or self.count == image.size
        if self.exhausted:
            self._last = min(self._last, 10 * epsilon * scale)
        self._logs += float(np.log(max(self._last, np.finfo(float).tiny)))
        self._vectors[k + 1] = image / (self._last or 1.0)
        return True

    def _project(self, vector: Vector, first: int, end: int) -> Float[np.ndarray, " basis"]:
        """Takes from a vector, in place, its part in a span of basis vectors; its coefficients."""
        span = self._vectors[first:end]
        column = span @ vector
        vector -= column @ span
        return column.astype(float)

    def ends(self, digits: float) -> Ends:
        """What is known of the ends now; the vectors are left empty."""
        values, vectors = np.linalg.eigh(self._matrix[: self.count, : self.count])
        residuals = self._last * np.abs(vectors[-1])
        if not self._restarted:
            self._beyond = self._outermost(values)
        size = float(np.abs(values).max())
        epsilon = float(np.finfo(self._vectors.dtype).eps)
        rounding = 10 * epsilon * size + float(np.sqrt(self._skew))
        low = _end(values, residuals, self._beyond[0])
        mirrored = _end(-values[::-1], residuals[::-1], -self._beyond[1])
        high = End(-mirrored.value, mirrored.residual, mirrored.estimate, -mirrored.beyond)
        wanted = 0.5 * 10.0**-digits

        def reached(end: End) -> bool:
            # The estimate alone would be fooled while the space has not yet seen the end.
            far = abs(end.beyond - end.value) > max(abs(end.value), 10 * rounding)
            return (self._restarted or not far) and end.estimate <= max(
                wanted * abs(end.value), epsilon * size
            )

        low, high = (replace(end, reached=reached(end)) for end in (low, high))
        done = (low.reached and high.reached) or (self.exhausted and not self._failed)
        none = np.empty((2, 0))
        return Ends(low, high, rounding, self.products, done, self._restarted, none)

    def _outermost(self, values: Float[np.ndarray, " basis"]) -> tuple[float, float]:
        """How far out |p_k| stays within its bound, on either side."""
        width = float(values[-1] - values[0]) + float(np.abs(values).max()) + self._last
        width = max(width, float(np.finfo(float).tiny))  # the operator may be 0

        def grown(shift: float, end: float) -> bool:
            with np.errstate(divide="ignore"):
                logs = np.log(np.abs(end + shift - values)).sum()
            return bool(logs - self._logs > self._reach)

        bounds = []
        for end, sign in ((values[0], -1.0), (values[-1], 1.0)):
            inside, outside = 0.0, width
            while not grown(sign * outside, end) and outside < np.finfo(float).max / 4:
                inside, outside = outside, 2 * outside
            for _ in range(60):
                middle = (inside + outside) / 2
                inside, outside = (
                    (inside, middle) if grown(sign * middle, end) else (middle, outside)
                )
            bounds.append(float(end + sign * outside))
        return max(bounds[0], self._beyond[0]), min(bounds[1], self._beyond[1])

    def restart(self) -> None:
        """Keeps the outermost Ritz vectors of both ends, and the newest vector after them."""
        k = self.count
        values, vectors = np.linalg.eigh(self._matrix)
        low, high = max(2, k // 3), max(1, k // 8)
        kept = np.r_[0:low, k - high : k]
        newest = self._vectors[k].copy()
        combine(self._vectors[:k], vectors[:, kept])
        self._vectors[len(kept)] = newest
        self._matrix[:] = 0
        self._matrix[range(len(kept)), range(len(kept))] = values[kept]
        self.count = self._kept = len(kept)
        self._restarted = True

    def with_vectors(self, both: Ends) -> Ends:
        """The same result with its two Ritz vectors."""
        _, vectors = np.linalg.eigh(self._matrix[: self.count, : self.count])
        weights = vectors[:, [0, -1]].T.astype(self._vectors.dtype)
        pair = weights @ self._vectors[: self.count]
        return replace(both, vectors=pair)


def _end(
    values: Float[np.ndarray, " basis"], residuals: Float[np.ndarray, " basis"], beyond: float
) -> End:
    """The lower end, from ascending Ritz values and their residuals."""
    residual = float(residuals[0])
    # Ritz values within their residuals of the first stand for one cluster with it.
    distances = values - residuals - values[0]
    clear = distances[distances > residual]
    estimate = min(residual, residual**2 / float(clear[0])) if len(clear) else residual
    return End(float(values[0]), residual, estimate, min(float(beyond), float(values[0])))
