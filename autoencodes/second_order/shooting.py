"""Whether the shooting map contracts, from both ends of the Hessian's spectrum.

# notation: Λ shooting map with step τ, q its contraction factor, H Hessian of J in L², H_ℓ =
# H − 2 λ I its part from the terminal cost, λ Tikhonov weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from autoencodes.second_order.curvature import Curvature


@dataclass(frozen=True)
class ShootingFactor:
    """The contraction factor of the shooting map Λ at a control.

    Λ(θ) = (θ^k − τ g(θ))/(1 + 2λτ) has the derivative −τ H_ℓ/(1 + 2λτ), symmetric in L²: near
    the control it contracts by exactly
      q(τ) = τ R/(1 + 2λτ),   R = max |eig(H_ℓ)|,
    which grows with τ towards R/(2λ), the factor of pure shooting (``shooting``; infinite for
    λ = 0 < R). q(τ) < 1 ⟺ τ (R − 2λ) < 1: for every τ if R ≤ 2λ, else below
    ``largest_tau`` = 1/(R − 2λ). ``factor`` is q at ``tau``, where one was given.

    Source: docs/theory.md, section 5.1.
    """

    radius: float
    shooting: float
    largest_tau: float
    tau: float | None
    factor: float | None


def shooting_factor(
    curvature: Curvature, tikhonov: float, tau: float | None = None
) -> ShootingFactor:
    """The factor of Λ, from both ends of the spectrum of H."""
    pull = 2 * tikhonov
    radius = max(abs(curvature.smallest.value - pull), abs(curvature.largest.value - pull))
    shooting = radius / pull if pull else (math.inf if radius else 0.0)
    largest = math.inf if radius <= pull else 1 / (radius - pull)
    if tau is None:
        factor = None
    elif math.isinf(tau):
        factor = radius / pull if pull else math.inf
    else:
        factor = radius / (1 / tau + pull)  # no large τ overflows
    return ShootingFactor(radius, shooting, largest, tau, factor)
