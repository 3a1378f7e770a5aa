"""When a guarded method stands still: it moves, and nothing gets better."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate
from autoencodes.training.rounding import extent, slack
from autoencodes.training.status import Status, decided

PATIENCE = 100
"""After how many steps in a row without any improvement a method has stalled."""


class Standstill(NamedTuple):
    """The best objective and residual so far, and for how many steps neither has improved."""

    objective: Float[Array, ""]
    residual: Float[Array, ""]
    idle: Int[Array, ""]


def unseen(point: Point) -> Standstill:
    """What is known before the first step: the largest finite numbers, as states are finite."""
    most = float(np.finfo(point.objective.dtype).max)
    least = jnp.full_like(point.objective, most)
    return Standstill(least, least, jnp.asarray(0, int))


def opening(
    problem: ControlProblem, control: Control, batch: Batch
) -> tuple[Point, Standstill, Int[Array, ""]]:
    """What a method that moves from point to point begins with: the point, what is known of it,
    and how many gradient evaluations it took. On mini-batches only the control is ever used."""
    zero = jnp.zeros((), jnp.result_type(*jax.tree.leaves(control)))
    point, residual = Point(control, zero, zero, jax.tree.map(jnp.zeros_like, control)), zero
    if batch.whole:
        point = evaluate(problem, control, batch)
        residual = problem.residual(control, point.g)
    seen = Standstill(point.objective, residual, jnp.asarray(0, int))
    return point, seen, jnp.asarray(int(batch.whole), int)


def updated(
    seen: Standstill, point: Point, residual: Float[Array, ""], hidden: Float[Array, ""]
) -> Standstill:
    """What is known after a step: it improves if J falls by more than ``hidden``, which is what
    rounding hides, or if the residual falls by a hundredth.
    """
    decreases = point.objective < seen.objective - hidden
    improves = decreases | (residual < 0.99 * seen.residual)
    return Standstill(
        jnp.where(decreases, point.objective, seen.objective),
        jnp.where(improves, jnp.minimum(residual, seen.residual), seen.residual),
        jnp.where(improves, 0, seen.idle + 1),
    )


def judge(
    seen: Standstill,
    start: Point,
    point: Point,
    accepted: Bool[Array, ""],
    residual: Float[Array, ""],
    batch: Batch,
    tolerance: Float[Array, ""],
) -> tuple[Standstill, Int[Array, ""]]:
    """What is known after a step from ``start`` to ``point``, and the status.

    A method has stalled on the whole measure where nothing is accepted, or nothing better; it has
    failed where J or the residual is not finite, or on mini-batches where nothing was accepted
    on ``PATIENCE`` of them in a row.
    """
    lost = ~jnp.isfinite(start.objective + residual)
    if batch.whole:
        seen = updated(seen, point, residual, slack(start, extent(batch.measure)))
        ends = [(residual <= tolerance, Status.CONVERGED)]
        ends += [(~accepted | (seen.idle >= PATIENCE), Status.STALLED)]
    else:
        seen = seen._replace(idle=jnp.where(accepted, 0, seen.idle + 1))
        ends = [(seen.idle >= PATIENCE, Status.FAILED)]
    return seen, decided([(lost, Status.FAILED), *ends])
