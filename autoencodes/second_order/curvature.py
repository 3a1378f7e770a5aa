"""What the spectrum of the Hessian says: local convexity, and whether the shooting map contracts.

# notation: H Hessian of J in L², H_ℓ = H − 2 λ I its part from the terminal cost, λ Tikhonov
# weight, Λ shooting map with step τ, q its contraction factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from autoencodes.second_order.davidson import Correction, Lowest, lowest
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.lanczos import CONFIDENCE, End, Spectrum, ends

DENSE = 500
"""Controls of up to this many entries have their whole Hessian computed, unless asked otherwise."""
_WEIGHT = 10.0
"""The length of a vector that a random start is pushed by, over the start's own: the bound on what
lies beyond loosens with its logarithm alone."""
Watch = Callable[["Curvature"], bool]
"""Asked after every product; True ends the search with what there is."""


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue of H at an end of its spectrum, in [lower, upper].

    Dense: the bounds are those of rounding. Else an eigenvalue lies within ``error`` of
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
    """

    smallest: Eigenvalue
    largest: Eigenvalue
    method: str
    confidence: float
    products: int
    rounding: float
    converged: bool

    @property
    def locally_convex(self) -> str:
        """ "yes" if λ_min > 0 within its bounds, "no" if λ_min < 0 within them, "undecided"."""
        if self.smallest.lower > 0:
            return "yes"
        return "no" if self.smallest.upper < 0 else "undecided"


@dataclass(frozen=True)
class Contraction:
    """The factor of the shooting map Λ at a control.

    Λ(θ) = (θ^k − τ g(θ))/(1 + 2λτ) has the derivative −τ H_ℓ/(1 + 2λτ), symmetric in L²: near
    the control it contracts by exactly
      q(τ) = τ R/(1 + 2λτ),   R = max |eig(H_ℓ)|,
    which grows with τ towards R/(2λ), the factor of pure shooting (``shooting``; infinite for
    λ = 0 < R). q(τ) < 1 ⟺ τ (R − 2λ) < 1: for every τ if R ≤ 2λ, else below
    ``largest_tau`` = 1/(R − 2λ). ``factor`` is q at ``tau``, where one was given.

    Source: docs/theory.md, section 5.
    """

    radius: float
    shooting: float
    largest_tau: float
    tau: float | None
    factor: float | None


def curvature(
    hessian: Hessian,
    *,
    method: str = "auto",
    digits: float = 3,
    seed: int = 0,
    stop: Watch = lambda _: False,
    correction: Callable[[float], Correction] | None = None,
) -> Curvature:
    """λ_min and λ_max of a Hessian, by ``method`` "dense", "lanczos", "davidson" or "auto".

    Lanczos ends when both estimates have the digits and the sign of λ_min is certain, or when
    it cannot become so. Davidson's iteration needs a ``correction``, a rough inverse made for a
    given λ_max: see ``_by_davidson``. "auto" is dense for few parameters, else Davidson's
    iteration where there is a correction, else Lanczos.
    """
    if method == "dense" or (method == "auto" and hessian.size <= DENSE):
        return _dense(hessian)
    if method == "lanczos" or correction is None:
        return _by_lanczos(hessian, digits, seed, stop)
    return _by_davidson(hessian, correction, digits, seed, stop)


def contraction(curvature: Curvature, tikhonov: float, tau: float | None = None) -> Contraction:
    """The contraction factor of Λ, from both ends of the spectrum of H."""
    pull = 2 * tikhonov
    radius = max(abs(curvature.smallest.value - pull), abs(curvature.largest.value - pull))
    shooting = radius / pull if pull else (math.inf if radius else 0.0)
    largest = math.inf if radius <= pull else 1 / (radius - pull)
    factor = None if tau is None else _factor(radius, pull, tau)
    return Contraction(radius, shooting, largest, tau, factor)


def _factor(radius: float, pull: float, tau: float) -> float:
    """q(τ) = R/(1/τ + 2λ), which no large τ overflows."""
    if not math.isinf(tau):
        return radius / (1 / tau + pull)
    return radius / pull if pull else math.inf


def _settled(found: Spectrum) -> bool:
    """Whether more products cannot tell more of the sign of λ_min."""
    low = found.smallest
    positive = low.beyond - found.rounding > 0
    hopeless = found.restarted or low.value <= found.rounding or low.residual <= found.rounding
    return positive or hopeless


def _dense(hessian: Hessian) -> Curvature:
    """From all of H: its two halves differ by rounding, which bounds the eigenvalues' error."""
    matrix = hessian.dense()
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    size = float(np.abs(values).max())
    epsilon = float(np.finfo(hessian.dtype).eps)
    error = 10 * epsilon * size + float(np.linalg.norm(matrix - matrix.T)) / 2
    low, high = (
        Eigenvalue(float(v), error, error, float(v) - error, float(v) + error)
        for v in (values[0], values[-1])
    )
    return Curvature(low, high, "dense", 1.0, hessian.size, error, True)


def _by_lanczos(hessian: Hessian, digits: float, seed: int, stop: Watch) -> Curvature:
    """Both ends from one Krylov space."""

    def enough(found: Spectrum) -> bool:
        return stop(_from_lanczos(found)) or (found.converged and _settled(found))

    return _from_lanczos(_lanczos(hessian, digits, seed, enough))


def _by_davidson(
    hessian: Hessian,
    correction: Callable[[float], Correction],
    digits: float,
    seed: int,
    stop: Watch,
) -> Curvature:
    """λ_max by Lanczos, λ_min by Davidson's iteration, and its outer bound by Lanczos again.

    The first Lanczos ends once it has λ_max (and all, where both ends are easy). Where it has
    shown no bound on λ_min within |λ_min| of it, another begins beside the vector that was
    found. Should that come upon a lower value, that is λ_min.
    """
    asked = False

    def ended(found: Curvature) -> bool:
        nonlocal asked
        asked = stop(found)
        return asked

    def begun(found: Spectrum) -> bool:
        now = _from_lanczos(found)
        easy = found.converged and _settled(found)
        return ended(now) or easy or (found.largest.reached and _far(now))

    first = _lanczos(hessian, digits, seed, begun, searches=2)
    known = _from_lanczos(first)
    if asked or known.converged or not first.largest.reached:
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
    if asked or not _far(known):
        return known

    def bounded(found: Spectrum) -> bool:
        now = _with_bound(known, found)
        return ended(now) or found.restarted or not _far(now)

    pushed = _WEIGHT * np.sqrt(hessian.size) * low.vector.astype(float)
    last = _lanczos(hessian, digits, seed + 1, bounded, pushed, searches=2)
    return _with_bound(known, last)


def _lanczos(
    hessian: Hessian,
    digits: float,
    seed: int,
    stop: Callable[[Spectrum], bool],
    improved: np.ndarray | None = None,
    searches: int = 1,
) -> Spectrum:
    return ends(
        hessian,
        hessian.size,
        hessian.dtype,
        seed=seed,
        digits=digits,
        improved=improved,
        stop=stop,
        searches=searches,
    )


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
    )


def _with_bound(known: Curvature, found: Spectrum) -> Curvature:
    """With the outer bound on λ_min of another Lanczos, and its value if that is lower."""
    other, end = _from_lanczos(found).smallest, known.smallest
    best = other if other.value < end.value else end
    missed = end.value - other.value > end.estimate
    return replace(
        known,
        smallest=replace(best, lower=max(other.lower, end.lower)),
        products=known.products + found.products,
        converged=found.smallest.reached if missed else known.converged,
    )


def _far(found: Curvature) -> bool:
    """Whether λ_min could, for all that is known, lie as far away as its own size."""
    end = found.smallest
    return end.value - end.lower > max(abs(end.value), 10 * found.rounding)


def _from_lanczos(found: Spectrum) -> Curvature:
    slack = found.rounding

    def known(end: End, lower: float, upper: float) -> Eigenvalue:
        return Eigenvalue(
            end.value, end.residual + slack, end.estimate, lower - slack, upper + slack
        )

    low, high = found.smallest, found.largest
    return Curvature(
        known(low, low.beyond, low.value),
        known(high, high.value, high.beyond),
        "lanczos",
        CONFIDENCE,
        found.products,
        slack,
        found.converged,
    )
