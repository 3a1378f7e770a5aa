"""A rough inverse of the Hessian near the lower end of its spectrum, from a few particles.

# notation: A_i = ∂x_L^i/∂θ, C_i = ∇²_x ℓ(x_L^i, y^i), w_i weight of particle i, Δt step size,
# G Gauss-Newton part of the Hessian H in L², S the rest, μ shift, κ condition number.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure, pieces
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled

Entries = Float[Array, " entry"]
Moved = Float[Array, "particle dim"]
Tape = tuple[Moved, Callable[[Control], Moved]]
Iterate = tuple[Entries, Entries, Entries, Float[Array, ""], Int[Array, ""]]
"""Of conjugate gradients: solution, residual, direction, |residual|², step."""
_STEPS = 24
_SHIFT = 0.75
_LEAST_SHIFT = 4e-4


class Preconditioner:
    """r -> (G + μ)⁻¹ r by a few steps of conjugate gradients, G taken over few particles.

      H = 2 λ I + G + S,   G = (1/Δt) Σ_i w_i A_iᵀ C_i A_i,   S = (1/Δt) Σ_i w_i ∇ℓ_i·∂²x_L^i/∂θ².
    What makes the spectrum of H wide is G, a mean of positive semi-definite matrices that few
    particles show well. S, small and of both signs, makes its lower end; a mean that cancels, it
    is mostly noise on few particles, so that theirs would mislead: here it is left out. Where G
    vanishes, H − θ I is S + 2 λ − θ, from 0 to about 2 |θ|: hence μ = 0.75 |θ| (not below
    4e-4 of ‖H‖, since 24 steps could not tell). A product with G is a forward and a
    backward sweep of tangents, four matrix products a step for the perceptron.

    Parameters
    ----------
    problem, control : as for ``Hessian``
    part : a part of its particles, as a probability measure
    width : ‖H‖, λ_max for short

    Source: Martens (2010) for G; Byrd, Chin, Neveitt and Nocedal (2011) for subsampling it.
    """

    def __init__(
        self, problem: ControlProblem, control: Control, part: EmpiricalMeasure, width: float
    ) -> None:
        self._problem, self._control = problem, control
        self._least = _LEAST_SHIFT * width
        self._pieces = list(pieces(part))
        self._tapes = [_linearise(problem, control, jnp.asarray(piece.x)) for piece in self._pieces]

    def __call__(
        self, residual: Float[np.ndarray, " entry"], value: float
    ) -> Float[np.ndarray, " entry"]:
        """(G + μ)⁻¹ r, roughly, for the Ritz value θ."""
        # In the control's precision; of length 1, so that a small one does not vanish in float32.
        length = float(np.linalg.norm(residual)) or 1.0
        right = jnp.asarray(residual / length, jax.tree.leaves(self._control)[0].dtype)
        # An array: a plain number would be a constant, and compiled anew every time.
        shift = jnp.asarray(max(_SHIFT * abs(value), self._least), right.dtype)
        found = _solve(self._problem, self._control, self._pieces, self._tapes, right, shift)
        return length * np.asarray(found, residual.dtype)


@compiled
def _linearise(problem: ControlProblem, control: Control, x: Float[Array, "particle dim"]) -> Tape:
    """x_L of the particles, and η -> A_i η."""
    return jax.linearize(lambda theta: problem.flow.push(theta, x), control)


@compiled
def _solve(
    problem: ControlProblem,
    control: Control,
    parts: list[EmpiricalMeasure],
    tapes: list[Tape],
    right: Entries,
    shift: Float[Array, ""],
) -> Entries:
    """Conjugate gradients from 0: at most 24 steps, fewer once done or where curvature ends."""

    def curved(q: Entries) -> Entries:
        direction = ravel_pytree(control)[1](q)
        total = shift * q
        for part, (ends, tangent) in zip(parts, tapes, strict=True):
            moved = tangent(direction)
            slope = jax.vmap(jax.grad(problem.cost))
            bent = jax.jvp(lambda x, y=part.y, of=slope: of(x, jnp.asarray(y)), (ends,), (moved,))[
                1
            ]
            weighted = jnp.asarray(part.weights)[:, None] * bent
            back = jax.linear_transpose(tangent, control)(weighted)[0]
            total = total + ravel_pytree(back)[0] / problem.flow.schedule.step_size
        return total

    def going(state: Iterate) -> Bool[Array, ""]:
        _, _, _, square, step = state
        return (step < _STEPS) & (square > 1e-8 * jnp.vdot(right, right))

    def advance(state: Iterate) -> Iterate:
        x, r, q, square, step = state
        image = curved(q)
        bend = jnp.vdot(q, image)
        ahead = jnp.where(bend > 0, square / jnp.where(bend > 0, bend, 1), 0)
        x, r = x + ahead * q, r - ahead * image
        after = jnp.vdot(r, r)
        return x, r, r + after / square * q, after, jnp.where(bend > 0, step + 1, _STEPS)

    zero = jnp.zeros_like(right)
    return jax.lax.while_loop(
        going, advance, (zero, right, right, jnp.vdot(right, right), jnp.asarray(0))
    )[0]
