"""Movements by the Gauss-Newton model: for few controls and few components of the output.

# notation: G Gauss-Newton matrix of the terminal cost in L², λ Tikhonov weight, τ step of the
# movement, θ^k control before it, η the movement.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import jax.scipy.linalg as linalg
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from autoencodes.catalogue import SOLVERS
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.gauss_newton import gauss_newton
from autoencodes.training.method import Batch, Point
from autoencodes.training.rounding import extent, slack
from autoencodes.training.solvers.solver import Inner, InnerSolver, gradient, modelled

_NUMBERS = 2**24
"""Entries of the Jacobian of the particles that are held at a time."""


@SOLVERS.register("gauss-newton", "the linearised flow's movement", rank=4)
class GaussNewton(InnerSolver):
    """(G(θ^k) + 2 λ + 1/τ) η = −∇J(θ^k): the movement, its terminal cost linearised inside.

    It is the minimiser of Σ_i w_i ℓ(x_L^i + A_i η, y^i) + λ ‖θ^k + η‖² + ‖η‖²/(2τ) for the
    squared cost: the movement of the linearised flow, strongly convex for every τ. In other
    words the method of Levenberg (1944) and Marquardt (1963), τ their damping.

    Every point costs one forward sweep and d backward ones, counted as d gradient evaluations
    (measured on the parabola, d = 2, m = 98: 1.3 times the time of one); beside them N d m²
    operations for the matrix, which count where m is large.

    Examples
    --------
    >>> ac.MinimizingMovement(inner=ac.GaussNewton()).inner
    GaussNewton()
    """

    forgets: ClassVar[bool] = True

    def begin(
        self, problem: ControlProblem, control: Control, batch: Batch
    ) -> tuple[Point, Any, Int[Array, ""]]:
        entries = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(control))
        size = max(1, _NUMBERS // (problem.flow.schedule.dim * entries))
        piece = min(size, batch.stream or batch.measure.size)
        model = gauss_newton(problem, control, batch.measure, piece)
        objective = model.terminal_cost + problem.penalty(control)
        g = ravel_pytree(control)[1](model.g)
        point = Point(control, model.terminal_cost, objective, g)
        return point, model.matrix, jnp.asarray(problem.flow.schedule.dim)

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
        damped = memory + (2 * problem.tikhonov + 1 / tau) * jnp.eye(flat.size, dtype=flat.dtype)
        # Where ℓ is not convex the factor may not exist: it is then NaN, and τ shrinks.
        step = -linalg.cho_solve((linalg.cholesky(damped, lower=True), True), slope)
        point, matrix, evaluations = self.begin(problem, unravel(flat + step), batch)
        contraction, growth, shrinkage = modelled(
            problem, start, point, tau, slack(start, extent(batch.measure))
        )
        solved = jnp.isfinite(point.objective)
        return Inner(point, matrix, solved, contraction, evaluations, growth, shrinkage)
