"""The curvature of J: both ends of the spectrum of its Hessian, and local convexity.

# notation: H Hessian of J in L², λ_min and λ_max its smallest and largest eigenvalue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from autoencodes.second_order.davidson import Correction, Lowest, lowest
from autoencodes.second_order.dense import spectrum
from autoencodes.second_order.interval import Interval, Kind
from autoencodes.second_order.lanczos import CONFIDENCE, End, Ends, ends

DENSE = 500
"""Controls of up to this many entries have their whole Hessian computed, unless asked otherwise."""
_WEIGHT = 10.0
"""The length of a vector that a random start is pushed by, over the start's own: the bound on what
lies beyond loosens with its logarithm alone."""
_ROOM_BELOW = 50
"""Products, for each digit wanted, that the outer bound on a λ_min may cost that is surely
negative: it decides nothing."""
_DIGITS_ABOVE = 3
"""The digits that λ_max is given at the least: it is found in few products."""


@runtime_checkable
class Symmetric(Protocol):
    """A symmetric operator on R^m, known by its products: a ``Hessian``, or a matrix."""

    size: int
    dtype: np.dtype[Any]

    def __call__(self, direction: Any) -> Any: ...

    def dense(self) -> Float[np.ndarray, "entry entry"]: ...


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue of H at an end of its spectrum, in [lower, upper].

    Dense: the bounds are those of the computed matrix. Else an eigenvalue lies within ``error`` of
    ``value``; the bound on the inner side is the Rayleigh quotient's, hence certain but for
    rounding; the outer one holds with the probability of ``Curvature.confidence``.
    ``estimate`` is the error to expect if no eigenvalue was missed: residual²/gap, or for a
    cluster without a gap what Davidson's iteration expects to come (``davidson.Lowest``).
    """

    value: float
    error: float
    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Curvature:
    """Both ends of the spectrum of H(θ) in L²; ``method`` is "dense", "lanczos" or "davidson".

    ``converged``: both values have the digits that were asked for, by their estimates.
    ``bounded``: what rounding does to the products is known to lie within ``rounding``; where it is
    not, all that is said of the eigenvalues is an estimate. ``extrapolated``: it is known with a
    probability, which ``confidence`` then accounts for, and by an extrapolation (``growth``); no
    interval is then called certain. ``vector`` is the unit vector whose Rayleigh quotient is
    ``smallest.value``; None while a search goes on.
    """

    smallest: Eigenvalue
    largest: Eigenvalue
    method: str
    confidence: float
    products: int
    rounding: float
    converged: bool
    bounded: bool = True
    vector: Float[np.ndarray, " entry"] | None = field(default=None, repr=False, compare=False)
    extrapolated: bool = False

    @property
    def kind(self) -> Kind:
        """How the intervals are known."""
        if not self.bounded:
            return "estimate"
        if self.extrapolated:
            return "extrapolated"
        return "certain" if self.method == "dense" else "probable"

    @property
    def lambda_min(self) -> Interval:
        """Where λ_min lies."""
        return self._interval(self.smallest.lower, self.smallest.upper)

    @property
    def lambda_max(self) -> Interval:
        """Where λ_max lies."""
        return self._interval(self.largest.lower, self.largest.upper)

    def radius(self, tikhonov: float) -> Interval:
        """Where R = max |eig(H − 2 λ I)| lies, given where both ends do."""
        pull = 2 * tikhonov
        low, high = self.smallest, self.largest
        most = max(abs(low.lower - pull), abs(high.upper - pull))
        least = max(_distance(pull, low), _distance(pull, high))
        return self._interval(least, most)

    def _interval(self, lower: float, upper: float) -> Interval:
        return Interval(lower, upper, self.kind, self.confidence)

    def loosened(self, rounding: float, bounded: bool, risk: float) -> Curvature:
        """With so much more rounding: every bound moves outwards by it.

        But for the ``risk``, and an extrapolation, it is no more than that.
        """

        def wider(end: Eigenvalue) -> Eigenvalue:
            return replace(
                end,
                error=end.error + rounding,
                lower=end.lower - rounding,
                upper=end.upper + rounding,
            )

        return replace(
            self,
            smallest=wider(self.smallest),
            largest=wider(self.largest),
            rounding=self.rounding + rounding,
            bounded=self.bounded and bounded,
            extrapolated=True,
            confidence=round(self.confidence - risk, 12),
        )

    @property
    def locally_convex(self) -> str:
        """ "yes" if λ_min > 0 within its bounds, "no" if λ_min < 0 within them, "undecided"."""
        if not self.bounded:
            return "undecided"
        if self.smallest.lower > 0:
            return "yes"
        return "no" if self.smallest.upper < 0 else "undecided"


def _distance(point: float, end: Eigenvalue) -> float:
    """How far a number is, at least, from where an eigenvalue lies."""
    return max(end.lower - point, point - end.upper, 0.0)


Stop = Callable[[Curvature], bool]


def curvature(
    hessian: Symmetric,
    *,
    method: str = "auto",
    digits: float = 3,
    seed: int = 0,
    stop: Stop = lambda _: False,
    correction: Callable[[float], Correction] | None = None,
) -> Curvature:
    """λ_min and λ_max of a Hessian, by ``method`` "dense", "lanczos", "davidson" or "auto".

    Lanczos ends when both estimates have the digits and the sign of λ_min is certain, or when
    it cannot become so. Davidson's iteration needs a ``correction``, a rough inverse made for a
    given λ_max: see ``_by_davidson``. "auto" is dense for few parameters, else Davidson's
    iteration where there is a correction, else Lanczos. ``stop`` is asked after every product;
    True ends the search with what there is.
    """
    if method == "dense" or (method == "auto" and hessian.size <= DENSE):
        return _dense(hessian)
    if method == "lanczos" or correction is None:

        def enough(now: Ends) -> bool:
            return stop(_from_lanczos(now)) or (now.converged and _settled(now))

        return _from_lanczos(
            ends(hessian, hessian.size, hessian.dtype, seed=seed, digits=digits, stop=enough)
        )
    return _by_davidson(hessian, correction, digits, seed, stop)


def _settled(now: Ends) -> bool:
    """Whether more products cannot say more of the sign of λ_min."""
    low = now.smallest
    positive = low.beyond - now.rounding > 0
    hopeless = now.restarted or low.value <= now.rounding or low.residual <= now.rounding
    return positive or hopeless


def _dense(hessian: Symmetric) -> Curvature:
    """From all of H as its products gave it: what those lose to rounding is not in the bounds, but
    for ten units of it and for the two halves' difference (``growth`` tells of the rest).
    """
    found = spectrum(hessian.dense())
    epsilon = float(np.finfo(hessian.dtype).eps)
    # Ten units of rounding are those of the products, where they are not made in float64.
    error = found.error + 10 * epsilon * float(np.abs(found.values).max())
    low, high = (
        Eigenvalue(float(v), error, error, float(v) - error, float(v) + error)
        for v in (found.values[0], found.values[-1])
    )
    return Curvature(low, high, "dense", 1.0, hessian.size, error, True, vector=found.vector)


def _by_davidson(
    hessian: Symmetric,
    correction: Callable[[float], Correction],
    digits: float,
    seed: int,
    stop: Stop,
) -> Curvature:
    """λ_max by Lanczos, λ_min by Davidson's iteration, and its outer bound by Lanczos again.

    The first Lanczos ends once it has λ_max (and all, where both ends are easy). Where it has
    shown no bound on λ_min within |λ_min| of it, another starts beside the vector of λ_min.
    Should that meet a lower value, that is λ_min.
    """
    stopped = False

    def ended(now: Curvature) -> bool:
        nonlocal stopped
        stopped = stop(now)
        return stopped

    def enough(now: Ends) -> bool:
        known = _from_lanczos(now)
        easy = now.converged and _settled(now)
        return ended(known) or easy or (now.largest.reached and _far(known))

    lanczos = partial(ends, hessian, hessian.size, hessian.dtype, searches=2)
    first = lanczos(seed=seed, digits=max(digits, _DIGITS_ABOVE), stop=enough)
    known = _from_lanczos(first)
    if stopped or known.converged or not first.largest.reached:
        return known
    low = lowest(
        hessian,
        correction(known.largest.value),
        first.vectors[0],
        digits=digits,
        rounding=first.rounding,
        stop=lambda low: ended(_with_lowest(known, low)),
    )
    known = _with_lowest(known, low)
    if stopped or not _far(known):
        return known

    def bounded(now: Ends) -> bool:
        better = _with_bound(known, now)
        decided = better.smallest.upper < 0 and now.products >= _ROOM_BELOW * digits
        return ended(better) or now.restarted or decided or not _far(better)

    pushed = _WEIGHT * np.sqrt(hessian.size) * low.vector.astype(float)
    last = lanczos(seed=seed + 1, digits=digits, stop=bounded, improved=pushed)
    return _with_bound(known, last)


def _with_lowest(known: Curvature, low: Lowest) -> Curvature:
    """With λ_min as Davidson's iteration has it."""
    slack = known.rounding
    end = known.smallest
    return replace(
        known,
        smallest=Eigenvalue(
            low.value, low.residual + slack, low.estimate, end.lower, low.value + slack
        ),
        method="davidson",
        products=known.products + low.products,
        converged=low.converged,
        vector=low.vector,
    )


def _with_bound(known: Curvature, another: Ends) -> Curvature:
    """With the outer bound on λ_min of another Lanczos, and its value if that is lower."""
    other, end = _from_lanczos(another).smallest, known.smallest
    best = other if other.value < end.value else end
    missed = end.value - other.value > end.estimate
    vector = another.vectors[0] if best is other and another.vectors.size else known.vector
    return replace(
        known,
        vector=vector,
        smallest=replace(best, lower=max(other.lower, end.lower)),
        products=known.products + another.products,
        converged=another.smallest.reached if missed else known.converged,
    )


def _far(known: Curvature) -> bool:
    """Whether λ_min could, for all that is known, lie as far away as its own size."""
    end = known.smallest
    return end.value - end.lower > max(abs(end.value), 10 * known.rounding)


def _from_lanczos(both: Ends) -> Curvature:
    slack = both.rounding

    def eigenvalue(end: End, lower: float, upper: float) -> Eigenvalue:
        return Eigenvalue(
            end.value, end.residual + slack, end.estimate, lower - slack, upper + slack
        )

    low, high = both.smallest, both.largest
    return Curvature(
        eigenvalue(low, low.beyond, low.value),
        eigenvalue(high, high.value, high.beyond),
        "lanczos",
        CONFIDENCE,
        both.products,
        slack,
        both.converged,
        vector=both.vectors[0] if both.vectors.size else None,
    )
