"""The shooting contraction with Anderson's acceleration.

# notation: Λ shooting map, f_s = Λ(θ_s) − θ_s its residual at the s-th iterate, ρ_s = ‖f_s‖,
# θ^k control before the movement, τ its step, I the movement's own objective.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import SOLVERS
from autoencodes.checks import positive_integer
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate, setting
from autoencodes.training.rounding import extent, resolution
from autoencodes.training.solvers.contraction import as_share, shoot, steered
from autoencodes.training.solvers.solver import Inner, InnerSolver, distance, plain_begin

_RIDGE = 1e-10
_DIVERGED = 100.0
"""A residual that many times the first one will not come down again."""


class _Mixing(NamedTuple):
    point: Point
    next: Float[Array, " entry"]
    image: Float[Array, " entry"]
    """Λ(θ_s)."""
    residual: Float[Array, " entry"]
    """f_s."""
    images: Float[Array, "window entry"]
    """The last differences of images."""
    residuals: Float[Array, "window entry"]
    """The last differences of residuals, 0 where there are none yet."""
    sweeps: Int[Array, ""]
    solved: Bool[Array, ""]
    broken: Bool[Array, ""]


@SOLVERS.register("anderson", "the same, accelerated", rank=1)
class Anderson(InnerSolver):
    """θ_(s+1) = Λ(θ_s) − Σ_j γ_j (Λ(θ_(j+1)) − Λ(θ_j)), γ = argmin ‖f_s − Σ_j γ_j (f_(j+1) − f_j)‖.

    On a linear problem this is GMRES on the movement's stationarity condition: it converges
    where Λ alone does not, as long as the movement is strongly convex. Nothing is presumed of
    single residuals, which may rise for a sweep; the loop ends well by ``Contraction``'s rule
    ‖∇I(θ_s)‖ ≤ (σ/τ) ‖θ_s − θ^k‖, and badly when the sweeps are used up, when ρ_s > 100 ρ_0, or
    when a number is not finite. The factor reported is the mean one, (ρ_s/ρ_0)^(1/s).

    Parameters
    ----------
    tolerance : float
        σ in (0, 1).
    window : int
        How many differences are kept, at least 1.
    sweeps : int
        The most sweeps of one movement, at least 1.

    Notes
    -----
    Source: Anderson (1965); Walker and Ni, SIAM J. Numer. Anal. 49 (2011).

    Examples
    --------
    >>> ac.MinimizingMovement(inner=ac.Anderson()).inner
    Anderson()
    """

    forgets: ClassVar[bool] = True

    tolerance: float = setting(as_share, "tolerance", 0.25)
    window: int = setting(positive_integer, "window", 5)
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
        flat, unravel = ravel_pytree(start.control)
        image = ravel_pytree(shoot(problem, start, start, tau))[0]
        first = jnp.linalg.norm(image - flat)

        def sweep(loop: _Mixing) -> _Mixing:
            control: Any = unravel(loop.next)
            point = evaluate(problem, control, batch)
            image = ravel_pytree(shoot(problem, start, point, tau))[0]
            residual = image - loop.next
            k = loop.sweeps % self.window
            images = loop.images.at[k].set(image - loop.image)
            residuals = loop.residuals.at[k].set(residual - loop.residual)
            solved, broken = self._verdict(
                problem, start, point, residual, first, tau, batch, loop.sweeps + 1
            )
            following = _mixed(image, residual, images, residuals)
            return _Mixing(
                point, following, image, residual, images, residuals,
                loop.sweeps + 1, solved, broken,
            )  # fmt: skip

        empty = jnp.zeros((self.window, flat.size), flat.dtype)
        no = jnp.asarray(False)
        begin = _Mixing(start, image, image, image - flat, empty, empty, jnp.asarray(0), no, no)
        end = jax.lax.while_loop(lambda loop: ~loop.solved & ~loop.broken, sweep, begin)
        ratio = jnp.linalg.norm(end.residual) / jnp.where(first > 0, first, 1)
        factor = ratio ** (1 / end.sweeps)
        growth, shrinkage = steered(factor)
        return Inner(end.point, (), end.solved, factor, end.sweeps, growth, shrinkage)

    def _verdict(
        self,
        problem: ControlProblem,
        start: Point,
        point: Point,
        residual: Float[Array, " entry"],
        first: Float[Array, ""],
        tau: Float[Array, ""],
        batch: Batch,
        sweeps: Int[Array, ""],
    ) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
        """(solved, broken) after a sweep."""
        size = jnp.linalg.norm(residual)
        fine = jnp.isfinite(point.objective) & jnp.isfinite(size)
        rho = size * problem.flow.schedule.step_size**0.5
        moved = distance(problem, point.control, start.control)
        near = rho * (1 + 2 * problem.tikhonov * tau) <= self.tolerance * moved
        rounded = rho <= 8 * resolution(problem, point.control, extent(batch.measure))
        solved = fine & (near | rounded)
        return solved, ~solved & (~fine | (size > _DIVERGED * first) | (sweeps >= self.sweeps))


def _mixed(
    image: Float[Array, " entry"],
    residual: Float[Array, " entry"],
    images: Float[Array, "window entry"],
    residuals: Float[Array, "window entry"],
) -> Float[Array, " entry"]:
    """The next iterate, from a least-squares problem regularised relative to its own size."""
    gram = residuals @ residuals.T
    size = jnp.trace(gram)
    least = max(_RIDGE, 10 * float(np.finfo(gram.dtype).eps))
    ridge = least * jnp.where(size > 0, size, 1) * jnp.eye(len(gram), dtype=gram.dtype)
    # An empty slot has a zero row: its weight comes out as 0.
    weights = jnp.linalg.solve(gram + ridge, residuals @ residual)
    return image - weights @ images
