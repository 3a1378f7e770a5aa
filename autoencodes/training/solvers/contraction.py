"""The shooting contraction, the paper's inner loop.

# notation: θ^k control before the movement, τ its step, λ Tikhonov weight, Λ shooting map,
# ρ_s = ‖Λ(θ_s) − θ_s‖, q contraction factor, I the movement's own objective, σ inexactness.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import SOLVERS
from autoencodes.checks import between, positive_integer
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate, setting
from autoencodes.training.rounding import extent, resolution
from autoencodes.training.solvers.solver import Inner, InnerSolver, distance, plain_begin

_BEST_FACTOR = 0.37
"""1/e: a movement gains about τ and takes about log(1/σ)/log(1/q) sweeps with q ∝ τ, so that
the gain of a sweep, q log(1/q), is greatest there."""

_WORTH_KEEPING = 0.6
"""The contraction factor up to which a τ that worked is not made smaller."""


as_share = partial(between, low=0, high=1, with_low=False, with_high=False)


class _Contracting(NamedTuple):
    point: Point
    next: Control
    residual: Float[Array, ""]
    factor: Float[Array, ""]
    sweeps: Int[Array, ""]
    solved: Bool[Array, ""]
    broken: Bool[Array, ""]


@SOLVERS.register("contraction", "the paper's shooting", rank=0)
class Contraction(InnerSolver):
    """θ ← Λ(θ) = (θ^k − τ g(θ)) / (1 + 2 λ τ), one sweep each.

    DΛ = −τ H_ℓ / (1 + 2 λ τ) is self-adjoint; where ‖DΛ‖ ≤ q < 1 the movement's Hessian
    H_ℓ + 2 λ + 1/τ ≥ (1 − q)(1 + 2 λ τ)/τ is positive: the fixed point is the unique
    minimiser of I on a convex set that holds both controls and on which this is so.
    ∇I(θ) = (1 + 2 λ τ)/τ (θ − Λ(θ)), so that ρ_s measures the inner gradient.

    The loop ends well when ‖∇I(θ_s)‖ ≤ (σ/τ) ‖θ_s − θ^k‖ (``tolerance`` = σ), and badly when
    a measured ratio q = ρ_s/ρ_(s−1) exceeds ``factor``, when the sweeps are used up, or when a
    number is not finite. Ratios of residuals that rounding hides are not judged.

    Parameters
    ----------
    tolerance : float
        σ in (0, 1). Small: the movement is exact.
    factor : float
        The largest q accepted, in (0, 1).
    sweeps : int
        The most sweeps of one movement, at least 1.

    Notes
    -----
    Source: docs/explanation/theory.md, section 5.

    Examples
    --------
    >>> ac.MinimizingMovement(inner=ac.Contraction()).inner
    Contraction()
    """

    forgets: ClassVar[bool] = True

    tolerance: float = setting(as_share, "tolerance", 0.25)
    factor: float = setting(as_share, "factor", 0.8)
    sweeps: int = setting(positive_integer, "sweeps", 30)

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
        def sweep(loop: _Contracting) -> _Contracting:
            point = evaluate(problem, loop.next, batch)
            following = shoot(problem, start, point, tau)
            residual = distance(problem, following, point.control)
            q = residual / jnp.where(loop.residual > 0, loop.residual, 1)
            fine = jnp.isfinite(point.objective)
            rounded = fine & (
                residual <= 8 * resolution(problem, point.control, extent(batch.measure))
            )
            contracts = fine & (q <= self.factor)
            moved = distance(problem, point.control, start.control)
            near = residual * (1 + 2 * problem.tikhonov * tau) <= self.tolerance * moved
            solved = rounded | (contracts & near)
            broken = ~solved & (~contracts | (loop.sweeps + 1 >= self.sweeps))
            factor = jnp.where(rounded, loop.factor, jnp.maximum(loop.factor, q))
            return _Contracting(point, following, residual, factor, loop.sweeps + 1, solved, broken)

        following = shoot(problem, start, start, tau)
        first = distance(problem, following, start.control)
        no = jnp.asarray(False)
        begin = _Contracting(start, following, first, jnp.zeros_like(first), jnp.asarray(0), no, no)
        end = jax.lax.while_loop(lambda loop: ~loop.solved & ~loop.broken, sweep, begin)
        growth, shrinkage = steered(end.factor)
        return Inner(end.point, (), end.solved, end.factor, end.sweeps, growth, shrinkage)


def shoot(problem: ControlProblem, start: Point, point: Point, tau: Float[Array, ""]) -> Control:
    """Λ(θ) = (θ^k − τ g(θ)) / (1 + 2 λ τ)."""
    shrunk = 1 + 2 * problem.tikhonov * tau
    return jax.tree.map(lambda a, g: (a - tau * g) / shrunk, start.control, point.g)


def steered(factor: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(growth, shrinkage) of τ that bring the contraction factor q to the best one.

    q = τ Lip(g)/(1 + 2 λ τ) is proportional to τ while 2 λ τ is small; where it is not, it
    takes more than one movement.
    """
    known = jnp.isfinite(factor) & (factor > 0)
    aim = jnp.where(known, _BEST_FACTOR / jnp.where(known, factor, 1), jnp.inf)
    # Between the best factor and this one a smaller τ would gain little.
    kept = (aim < 1) & (factor <= _WORTH_KEEPING)
    growth = jnp.where(kept, 1, jnp.clip(aim, 0.5, 4.0)).astype(factor.dtype)
    return growth, jnp.where(known, jnp.clip(aim, 0.01, 0.5), 0.01).astype(factor.dtype)
