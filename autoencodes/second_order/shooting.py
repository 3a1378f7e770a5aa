"""Whether the shooting map contracts, from both ends of the Hessian's spectrum.

# notation: Λ shooting map with step τ, q its contraction factor, H Hessian of J in L², H_ℓ =
# H − 2 λ I its part from the terminal cost, λ Tikhonov weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoencodes.second_order.curvature import Curvature
from autoencodes.second_order.interval import Kind


@dataclass(frozen=True)
class ShootingFactor:
    """The contraction factor of the shooting map Λ at a control, from above.

    Λ(θ) = (θ^k − τ g(θ))/(1 + 2λτ) has the derivative −τ H_ℓ/(1 + 2λτ), symmetric in L²: near
    the control it contracts by exactly
      q(τ) = τ R/(1 + 2λτ),   R = max |eig(H_ℓ)|,
    which grows with τ towards R/(2λ), the factor of pure shooting (infinite for λ = 0 < R).
    q(τ) < 1 ⟺ τ (R − 2λ) < 1: for every τ if R ≤ 2λ, else below 1/(R − 2λ).

    R is known within an interval. ``radius`` is its upper end, and what follows from it holds for
    every R of the interval: ``shooting`` and ``factor`` (at ``tau``, where one was given) are not
    exceeded, and Λ contracts for all τ below ``largest_tau``. ``least_radius`` is the lower end:
    Λ does not contract for τ above ``excluded_tau``. ``kind`` and ``confidence``: how the interval
    is known.

    Source: docs/explanation/theory.md, section 5.1.
    """

    radius: float
    shooting: float
    largest_tau: float
    tau: float | None
    factor: float | None
    least_radius: float
    least_shooting: float
    excluded_tau: float
    kind: Kind
    confidence: float


def shooting_factor(
    curvature: Curvature, tikhonov: float, tau: float | None = None
) -> ShootingFactor:
    """The factor of Λ, from where both ends of the spectrum of H lie."""
    known = curvature.radius(tikhonov)
    return ShootingFactor(
        known.upper,
        _factor(known.upper, tikhonov, math.inf),
        _largest(known.upper, tikhonov),
        tau,
        None if tau is None else _factor(known.upper, tikhonov, tau),
        known.lower,
        _factor(known.lower, tikhonov, math.inf),
        _largest(known.lower, tikhonov),
        known.kind,
        known.confidence,
    )


def _factor(radius: float, tikhonov: float, tau: float) -> float:
    """q(τ); no large τ overflows."""
    return radius / below if (below := 1 / tau + 2 * tikhonov) else (math.inf if radius else 0.0)


def _largest(radius: float, tikhonov: float) -> float:
    """The τ up to which q(τ) < 1."""
    return math.inf if radius <= 2 * tikhonov else 1 / (radius - 2 * tikhonov)
