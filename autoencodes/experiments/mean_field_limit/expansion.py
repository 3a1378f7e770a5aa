"""What a sample's minimiser does to first order in 1/N, from the law alone (theory, section 7).

# notation: θ* minimiser on the law, ℓ_i(θ) cost of particle i, Σ covariance of ∇ℓ_i(θ*) in L²,
# H Hessian of J at θ* in L², σ² variance of ℓ_i(θ*).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.hessian import Hessian

_PIECE = 1024
"""Particles whose gradients are computed at a time."""


class Expansion(NamedTuple):
    """σ, tr(H⁻¹Σ) and tr(H⁻¹ΣH⁻¹); the traces are None where J is not strongly convex at θ*."""

    deviation: float
    optimism: float | None
    reach: float | None


def expansion(
    problem: ControlProblem, control: Control, law: EmpiricalMeasure, convex: bool
) -> Expansion:
    """The constants at a stationary control of the law.

    With θ^N − θ* ≈ −H⁻¹∇J^N(θ*) and Cov(∇J^N(θ*)) = Σ/N:
      Var(J^N(θ*) − J(θ*)) = σ²/N,              E‖θ^N − θ*‖² ≈ tr(H⁻¹ΣH⁻¹)/N,
      E[J(θ^N) − J(θ*)] ≈ tr(H⁻¹Σ)/(2N),        E[J^N(θ^N) − J^N(θ*)] ≈ −tr(H⁻¹Σ)/(2N),
    and the gap's mean is the sum of the last two, −tr(H⁻¹Σ)/N. ``convex``: whether H > 0.
    """
    flat, unravel = ravel_pytree(control)

    def cost(flat: Float[Array, " entry"], x: Array, y: Array) -> Float[Array, ""]:
        return jnp.sum((problem.flow.push(unravel(flat), x[None])[0] - y) ** 2)

    @jax.jit
    def costs(flat: Float[Array, " entry"], x: Array, y: Array) -> tuple[Array, Array]:
        return jax.vmap(jax.value_and_grad(cost), (None, 0, 0))(flat, x, y)

    weights = np.asarray(law.weights)
    parts = [
        costs(flat, law.x[k : k + _PIECE], law.y[k : k + _PIECE])
        for k in range(0, law.size, _PIECE)
    ]
    values = np.concatenate([np.asarray(part[0]) for part in parts])
    deviation = float(np.sqrt(weights @ (values - weights @ values) ** 2))
    if not convex:
        return Expansion(deviation, None, None)
    # In coordinates whose Euclidean product is that of L²: θ √Δt, whose gradients are by √Δt less.
    slopes = np.concatenate([np.asarray(part[1]) for part in parts])
    slopes = (slopes - weights @ slopes) / np.sqrt(problem.flow.schedule.step_size)
    covariance = (weights[:, None] * slopes).T @ slopes
    bend = Hessian(problem, control, law).dense()
    solved = np.linalg.solve(bend, covariance)
    twice = np.linalg.solve(bend, solved.T)
    return Expansion(deviation, float(np.trace(solved)), float(np.trace(twice)))
