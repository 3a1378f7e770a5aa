"""The Gauss-Newton part of the Hessian, from one costate for each component of the output.

# notation: A_i = ∂x_L^i/∂θ, C_i = ∇²_x ℓ(x_L^i, y^i), w_i weight of particle i, g gradient of
# ∫ ℓ dμ_T in L², Δt step size, m number of entries of the control, k components of the output.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streamed import Measure
from autoencodes.pontryagin import ControlProblem


class GaussNewtonModel(NamedTuple):
    """The terminal cost of a control, its gradient, and the Gauss-Newton part of its Hessian."""

    terminal_cost: Float[Array, ""]
    """∫ ℓ dμ_T."""
    g: Float[Array, " entry"]
    """(1/Δt) Σ_i w_i A_iᵀ ∇ℓ_i: the gradient in L², its entries in ``ravel_pytree``'s order."""
    matrix: Float[Array, "entry entry"]
    """(1/Δt) Σ_i w_i A_iᵀ C_i A_i, in L²; positive semi-definite where ℓ is convex in x."""


def gauss_newton(
    problem: ControlProblem,
    control: Control,
    measure: Measure,
    batch_size: int | None = None,
) -> GaussNewtonModel:
    """One forward sweep, and one backward sweep for each of the k components of the output.

    The Hessian of ∫ ℓ dμ_T in L² is the matrix plus (1/Δt) Σ_i w_i ∇ℓ_i·∂²x_L^i/∂θ², which
    is small where the particles are close to their targets or the flow is close to linear in
    the control. A row of A_i is the gradient of one component of x_L^i: a costate that starts
    as a unit vector. Memory is N k m numbers, for ``batch_size`` particles at a time if given.

    For use inside compiled code; nothing is checked. Source: docs/explanation/theory.md, section 6;
    Nocedal and Wright, Numerical Optimization (2006), section 10.3.
    """
    unravel = ravel_pytree(control)[1]

    def part(
        measure: EmpiricalMeasure, problem: ControlProblem, control: Control
    ) -> GaussNewtonModel:
        flow, cost, flat = problem.flow, problem.cost, ravel_pytree(control)[0]

        def output(
            entries: Float[Array, " entry"], x: Float[Array, " dim"]
        ) -> Float[Array, " dim"]:
            return flow.push(unravel(entries), x[None])[0]

        measure = measure.astype(flat.dtype)
        ends = flow.push(control, measure.x)
        jacobian = jax.vmap(jax.jacrev(output), (None, 0))(flat, measure.x)
        losses, slopes = jax.vmap(jax.value_and_grad(cost))(ends, measure.y)
        weighted = measure.weights[:, None, None] * jax.vmap(jax.hessian(cost))(ends, measure.y)
        rows = jacobian.reshape(-1, flat.size)
        bent = jnp.einsum("ijk,ikm->ijm", weighted, jacobian).reshape(-1, flat.size)
        return GaussNewtonModel(
            jnp.vdot(measure.weights, losses),
            (measure.weights[:, None] * slopes).ravel() @ rows,
            rows.T @ bent,
        )

    total = measure.integrate(part, batch_size, (problem, control))
    step_size = problem.flow.schedule.step_size
    return GaussNewtonModel(total.terminal_cost, total.g / step_size, total.matrix / step_size)
