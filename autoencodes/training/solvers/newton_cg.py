"""Movements by Newton's model, its system solved by conjugate gradients.

# notation: H Hessian of J in L², τ step of the movement, θ^k control before it, η the movement,
# r residual and p direction of the conjugate gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import SOLVERS
from autoencodes.checks import positive_integer
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate, setting
from autoencodes.training.rounding import extent, slack
from autoencodes.training.solvers.contraction import as_share
from autoencodes.training.solvers.solver import Inner, InnerSolver, gradient, modelled, plain_begin

Vector = Float[Array, " entry"]


class _Iterate(NamedTuple):
    step: Vector
    residual: Vector
    direction: Vector
    square: Float[Array, ""]
    curvature: Float[Array, ""]
    """<p, H p>/<p, p> of the last direction."""
    products: Int[Array, ""]
    convex: Bool[Array, ""]


@SOLVERS.register("newton-cg", "Newton's model by conjugate gradients", rank=3)
class NewtonCG(InnerSolver):
    """(H(θ^k) + 1/τ) η = −∇J(θ^k) up to a relative residual, by Hessian-vector products.

    A direction p with <p, H p>/<p, p> ≤ −1/τ proves that the movement is not strongly convex
    at this τ: it is given up, and τ falls below the reciprocal of that curvature. So τ knows of
    λ_min(H). The system is solved to min(``forcing``, |∇J|^(1/2)) of its right-hand side, |·|
    over the entries (Eisenstat and Walker, 1996), or as far as ``products`` go. H is linearised
    once a movement, which holds the states and costates of all particles. One product counts as
    two gradient evaluations: a forward and a backward sweep of tangents beside those of the
    particles.

    Parameters
    ----------
    forcing : float
        The largest relative residual, in (0, 1).
    products : int
        The most products of a movement, at least 1.

    Notes
    -----
    Source: Nocedal and Wright, Numerical Optimization (2006), section 7.1.

    Examples
    --------
    >>> ac.MinimizingMovement(inner=ac.NewtonCG()).inner
    NewtonCG()
    """

    forgets: ClassVar[bool] = True

    forcing: float = setting(as_share, "forcing", 0.1)
    products: int = setting(positive_integer, "products", 50)

    def begin(
        self, problem: ControlProblem, control: Control, batch: Batch
    ) -> tuple[Point, Any, Int[Array, ""]]:
        return plain_begin(problem, control, batch)

    def solve(
        self,
        problem: ControlProblem,
        start: Point,
        memory: Any,
        tau: Float[Array, ""],
        batch: Batch,
    ) -> Inner:
        flat, unravel = ravel_pytree(start.control)
        slope = ravel_pytree(gradient(problem, start))[0]
        end = self._conjugate(_hessian(problem, start.control, batch), slope, tau)
        point = evaluate(problem, unravel(flat + end.step), batch)
        contraction, growth, shrinkage = modelled(
            problem, start, point, tau, slack(start, extent(batch.measure))
        )
        convexity = jnp.where(end.convex, shrinkage, -0.5 / jnp.minimum(end.curvature * tau, -1))
        return Inner(
            point,
            (),
            end.convex & (end.products > 0) & jnp.isfinite(end.square),
            contraction,
            2 * end.products + 1,
            growth,
            jnp.minimum(convexity, 0.5),
        )

    def _conjugate(
        self, hessian: Callable[[Vector], Vector], slope: Vector, tau: Float[Array, ""]
    ) -> _Iterate:
        """The conjugate gradients, from 0 until the residual is small or convexity fails."""
        size = jnp.linalg.norm(slope)
        aim = jnp.minimum(self.forcing, jnp.sqrt(size)) * size

        def going(at: _Iterate) -> Bool[Array, ""]:
            return at.convex & (at.square > aim**2) & (at.products < self.products)

        def turn(at: _Iterate) -> _Iterate:
            product = hessian(at.direction)
            square = at.direction @ at.direction
            curvature = (at.direction @ product) / jnp.where(square > 0, square, 1)
            convex = curvature + 1 / tau > 0
            product = product + at.direction / tau
            length = at.square / jnp.where(convex, at.direction @ product, 1)
            residual = at.residual - length * product
            fresh = residual @ residual
            moved = _Iterate(
                at.step + length * at.direction,
                residual,
                residual + fresh / at.square * at.direction,
                fresh,
                curvature,
                at.products + 1,
                convex,
            )
            stayed = at._replace(curvature=curvature, products=at.products + 1, convex=convex)
            return jax.tree.map(lambda a, b: jnp.where(convex, a, b), moved, stayed)

        yes, none = jnp.asarray(True), jnp.asarray(0)
        begin = _Iterate(
            jnp.zeros_like(slope), -slope, -slope, slope @ slope, jnp.zeros_like(size), none, yes
        )
        return jax.lax.while_loop(going, turn, begin)


def _hessian(problem: ControlProblem, control: Control, batch: Batch) -> Callable[[Vector], Vector]:
    """v ↦ H v on flat vectors, linearised once."""
    flat, unravel = ravel_pytree(control)

    def slope(entries: Vector) -> Vector:
        g = problem.sweep(unravel(entries), batch.measure, batch.stream)[1]
        return 2 * problem.tikhonov * entries + ravel_pytree(g)[0]

    linear: Callable[[Vector], Vector] = jax.linearize(slope, flat)[1]
    return linear
