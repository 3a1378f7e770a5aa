"""The lower end of the spectrum of a symmetric operator of which a rough inverse is known.

# notation: A symmetric operator on R^m, V orthonormal basis, W = A V, T = VᵀW, (θ, u = V s) the
# lowest Ritz pair, r = A u − θ u its residual, P a rough inverse of A − θ I.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.second_order.lanczos import Product, Vector, combine

Pairs = Float[np.ndarray, "pair entry"]
Correction = Callable[[Vector, float], ArrayLike]
"""From a residual r and the Ritz value θ to P r."""
_MOST_VECTORS = 36
_MEMORY = 2 * 2**30
_MOST_PRODUCTS = 5000
_WINDOW = 12
"""Products over which the fall of θ is compared with the fall over as many before."""
_TO_COME = 10.0
"""How many times r·P r a Ritz value may yet fall."""
_PAIRS = 4
"""The lowest Ritz pairs that are watched: any may become the lowest."""
_ASIDE = 4
"""One correction in so many is for whichever of them may become the deepest."""


@dataclass(frozen=True)
class Lowest:
    """The lowest Ritz pair.

    ``value`` is a Rayleigh quotient: the smallest eigenvalue is not above it. An eigenvalue lies
    within ``residual`` = |A v − θ v| of it. ``estimate`` is the error to expect if none was
    missed: see ``lowest``. ``converged``: it has the digits asked for.
    """

    value: float
    residual: float
    estimate: float
    products: int
    converged: bool
    vector: Vector


def lowest(
    product: Product,
    correct: Correction,
    start: Vector,
    *,
    digits: float = 3,
    rounding: float = 0.0,
    stop: Callable[[Lowest], bool] = lambda _: False,
    most_vectors: int | None = None,
) -> Lowest:
    """The smallest eigenvalue, by a generalised Davidson iteration with thick restarts.

    Each step adds t = P r to the basis, orthonormalised, and solves the small problem T s = θ s:
    θ falls from step to step, for any P. For P = (M − θ I)⁻¹ it falls as fast as Lanczos would
    on M^(-1/2) (A − θ I) M^(-1/2): where M takes with it what makes the spectrum of A wide, few
    products find an end that is narrow beside it. A full basis is restarted with its lowest
    Ritz vectors and the last one of the step before, which loses next to nothing.

    *The estimate.* Where the lowest eigenvalue stands clear by a gap, the error is at most
    |r|²/gap. In a cluster it does not: let D_1 be the fall of θ over the last 12 products and
    D_0 that over the 12 before. With the ratio ρ = D_1/D_0 < 1 kept up, the error before these
    products was D_1/(1 − ρ), which is taken for the error now. Neither is believed below
    10 r·P r: if the complement of the basis saw A − θ I as P⁻¹, θ would fall by r·P r next. Nor
    where one of the next three pairs could fall below so far, judged in the same way (with its
    |r|² times the last r·P r/|r|²); each fourth correction is for the one that could most.
    An eigenvalue whose vector the basis has not met yet is foreseen by none of this.

    Parameters
    ----------
    product : from a vector (m,) to A times it
    correct : from (r, θ) to P r; need be neither exact nor linear nor symmetric
    start : (m,), not 0, in the precision to work in; all small matrices are in float64
    digits : relative accuracy 10^-digits asked of the estimate
    rounding : of A's eigenvalues; what is below is not looked for
    stop : asked after every product; True ends the search
    most_vectors : the size of the basis; by default 36, or what 2 GiB hold

    Raises
    ------
    ArithmeticError
        If the very first product is not finite; later ones end the search.

    Source: Davidson (1975); Morgan and Scott (1986) for any P; Stathopoulos and Saad (1998) and
    Stathopoulos (2007) for the restart.
    """
    each = 2 * start.dtype.itemsize * start.size
    basis = _RitzBasis(
        start.size, start.dtype, int(most_vectors or min(_MOST_VECTORS, _MEMORY // each))
    )
    falls: list[float] = []
    rate = 0.0
    if not basis.extend(start, product):
        raise ArithmeticError("the first product is not finite")
    while True:
        values, vectors, rests = basis.pairs()
        squares = np.sum(np.square(rests, dtype=float), axis=1)
        falls.append(float(values[0]))
        aside = basis.products % _ASIDE == 0
        aim = int(np.argmin(_depths(values, squares, rate))) if aside else 0
        step = np.asarray(correct(rests[aim], float(values[aim])), start.dtype)
        gain = float(np.vdot(rests[aim], step))
        rate = gain / squares[aim] if gain > 0 else 0.0
        low = _lowest(values, squares, rate, falls, digits, rounding)
        low = replace(low, products=basis.products, vector=vectors[0])
        ended = low.converged or low.residual <= max(rounding, basis.rounding)
        if stop(low) or ended or basis.products >= _MOST_PRODUCTS:
            return low
        if basis.full:
            basis.restart()
        # A correction that is not finite, or lies in the basis, is replaced by the residual.
        if not (basis.extend(step, product) or basis.extend(rests[aim], product)):
            return low


def _depths(
    values: Float[np.ndarray, " basis"], squares: Float[np.ndarray, " pair"], rate: float
) -> Float[np.ndarray, " pair"]:
    """How deep each of the lowest Ritz values may yet fall."""
    return values[: len(squares)] - _TO_COME * rate * squares


def _lowest(
    values: Float[np.ndarray, " basis"],
    squares: Float[np.ndarray, " pair"],
    rate: float,
    falls: list[float],
    digits: float,
    rounding: float,
) -> Lowest:
    """What the Ritz values and the residuals of the lowest ones say."""
    value, residual = float(values[0]), float(np.sqrt(squares[0]))
    others = values[values - value > residual]
    clear = squares[0] / (others[0] - value) if len(others) else np.inf
    deepest = float(_depths(values, squares, rate).min())
    hoped = max(value - deepest, min(clear, _to_come(falls))) if rate > 0 else np.inf
    estimate = float(min(residual, hoped))
    done = estimate <= max(0.5 * 10.0**-digits * abs(value), rounding / 10)
    return Lowest(value, residual, estimate, 0, done, np.empty(0))


def _to_come(falls: list[float]) -> float:
    """By how much the last of the Ritz values may still fall, as it has fallen so far."""
    if len(falls) <= 2 * _WINDOW:
        return np.inf
    before, now = (falls[-k] - falls[-k + _WINDOW] for k in (2 * _WINDOW + 1, _WINDOW + 1))
    return now / (1 - now / before) if now < before else np.inf


class _RitzBasis:
    """An orthonormal basis, A times it, and A on it."""

    def __init__(self, size: int, dtype: DTypeLike, room: int) -> None:
        room = min(max(8, room), size)
        self._v = np.empty((room, size), dtype)
        self._w = np.empty((room, size), dtype)
        self._t = np.zeros((room, room))
        self._count = 0
        self._last = np.zeros((0, 1))
        self._lasting = np.zeros((0, 1))
        self.products = 0

    @property
    def rounding(self) -> float:
        """Below which a residual is noise."""
        return 10 * float(np.finfo(self._v.dtype).eps * np.abs(self._t).max())

    @property
    def full(self) -> bool:
        return self._count == len(self._v)

    def extend(self, direction: Vector, product: Product) -> bool:
        """Takes in a direction and A times it; False where it adds nothing that is finite."""
        k = self._count
        size = float(np.linalg.norm(direction))
        if not 0 < size < np.inf or self.full:
            return False
        new = direction / self._v.dtype.type(size)
        for _ in range(2):  # the second takes out what rounding left
            new -= (self._v[:k] @ new) @ self._v[:k]
            size = float(np.linalg.norm(new))
            if size < 100 * np.finfo(new.dtype).eps:
                return False
            new /= self._v.dtype.type(size)
        image = np.asarray(product(new), new.dtype)
        if not np.isfinite(image).all():
            return False
        self._v[k], self._w[k] = new, image
        self._t[k, : k + 1] = self._t[: k + 1, k] = self._v[: k + 1] @ image
        self._count, self.products = k + 1, self.products + 1
        return True

    def pairs(self) -> tuple[Float[np.ndarray, " basis"], Pairs, Pairs]:
        """All Ritz values; Ritz vectors and residuals of the lowest few."""
        k = self._count
        values, vectors = np.linalg.eigh(self._t[:k, :k])
        self._lasting, self._last = self._last, vectors[:, :1]
        few = vectors[:, :_PAIRS].T.astype(self._v.dtype)
        ritz = few @ self._v[:k]
        rests = few @ self._w[:k]
        rests -= values[: len(few), None].astype(self._v.dtype) * ritz
        return values, ritz, rests

    def restart(self) -> None:
        """Keeps the lowest third of the Ritz vectors, and the lowest one of the step before."""
        k = self._count
        low = np.linalg.eigh(self._t)[1][:, : max(2, k // 3)]
        before = np.zeros((k, 1))
        before[: len(self._lasting)] = self._lasting
        keep = np.linalg.qr(np.hstack([low, before]))[0]
        count = keep.shape[1]
        combine(self._v, keep)
        combine(self._w, keep)
        matrix = keep.T @ self._t @ keep
        self._t[:] = 0
        self._t[:count, :count] = (matrix + matrix.T) / 2
        self._count = count
        self._last = self._lasting = np.zeros((0, 1))
