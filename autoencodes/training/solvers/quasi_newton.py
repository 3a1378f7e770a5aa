"""Movements by a limited-memory quasi-Newton model, for many controls.

# notation: s = difference of two controls, y = that of their gradients ∇J, B model of the
# Hessian, τ step of the movement, θ^k control before it, η the movement.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from autoencodes.catalogue import SOLVERS
from autoencodes.checks import positive_integer
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate, setting
from autoencodes.training.rounding import extent, slack
from autoencodes.training.solvers.solver import Inner, InnerSolver, gradient, modelled


class Pairs(NamedTuple):
    """The last pairs (s, y), in a ring; an empty place holds zeros."""

    s: Float[Array, "pair entry"]
    y: Float[Array, "pair entry"]
    seen: Int[Array, ""]


@SOLVERS.register("lbfgs", "a quasi-Newton model", rank=2)
class QuasiNewton(InnerSolver):
    """(B + 1/τ) η = −∇J(θ^k), B + 1/τ by L-BFGS from pairs that outlive a movement.

    The Hessian of I is that of J plus 1/τ: a pair (s, y) of J is a pair (s, y + s/τ) of every
    movement's own problem, so that what earlier movements saw of J serves later ones, at
    whatever τ. The two-loop recursion begins from the last pair's <s, y'>/<y', y'>, y' = y + s/τ; a
    pair with <s, y'> ≤ ε^(1/2) ‖s‖ ‖y'‖, along which I is not convex, is left out, and the model
    stays positive definite. One gradient evaluation a movement.

    Parameters
    ----------
    pairs : int
        How many pairs are kept, at least 1.

    Notes
    -----
    Source: Liu and Nocedal, Math. Program. 45 (1989).

    Examples
    --------
    >>> ac.MinimizingMovement(inner=ac.QuasiNewton()).inner
    QuasiNewton()
    """

    forgets: ClassVar[bool] = False

    pairs: int = setting(positive_integer, "pairs", 20)

    def begin(
        self, problem: ControlProblem, control: Control, batch: Batch
    ) -> tuple[Point, Any, Int[Array, ""]]:
        flat = ravel_pytree(control)[0]
        empty = jnp.zeros((self.pairs, flat.size), flat.dtype)
        return (
            evaluate(problem, control, batch),
            Pairs(empty, empty, jnp.asarray(0, int)),
            jnp.asarray(1),
        )

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
        step = -two_loops(memory, slope, tau)
        point = evaluate(problem, unravel(flat + step), batch)
        change = ravel_pytree(gradient(problem, point))[0] - slope
        # Only a pair seen in finite numbers is remembered.
        good = jnp.isfinite(point.objective) & jnp.isfinite(change).all() & (step @ step > 0)
        k = memory.seen % self.pairs
        added = Pairs(memory.s.at[k].set(step), memory.y.at[k].set(change), memory.seen + 1)
        following = jax.tree.map(lambda new, old: jnp.where(good, new, old), added, memory)
        contraction, growth, shrinkage = modelled(
            problem, start, point, tau, slack(start, extent(batch.measure))
        )
        return Inner(point, following, good, contraction, jnp.asarray(1), growth, shrinkage)


def two_loops(
    pairs: Pairs, slope: Float[Array, " entry"], tau: Float[Array, ""]
) -> Float[Array, " entry"]:
    """(B + 1/τ)⁻¹ applied to a vector."""
    places = len(pairs.s)
    order = (pairs.seen - 1 - jnp.arange(places)) % places  # the latest first
    s, y = pairs.s[order], pairs.y[order] + pairs.s[order] / tau
    curvature = jnp.einsum("km,km->k", s, y)
    sizes = jnp.linalg.norm(s, axis=1) * jnp.linalg.norm(y, axis=1)
    least = float(np.finfo(slope.dtype).eps) ** 0.5  # below it, curvature may be rounding
    usable = curvature > least * sizes
    rho = jnp.where(usable, 1 / jnp.where(usable, curvature, 1), 0)

    def down(v: Any, pair: Any) -> tuple[Any, Any]:
        s, y, rho = pair
        a = rho * (s @ v)
        return v - a * y, a

    def up(v: Any, pair: Any) -> tuple[Any, None]:
        s, y, rho, a = pair
        return v + s * (a - rho * (y @ v)), None

    v, a = jax.lax.scan(down, slope, (s, y, rho))
    latest = jnp.argmax(usable)  # the first usable one; none: 0, and the next line says so
    square = y[latest] @ y[latest]
    known = usable.any() & (square > 0)
    first = jnp.minimum(tau, 1 / jnp.maximum(jnp.linalg.norm(slope), 1e-30))
    v = v * jnp.where(known, curvature[latest] / jnp.where(known, square, 1), first)
    return jax.lax.scan(up, v, (s, y, rho, a), reverse=True)[0]
