"""When a guarded method stands still: it moves, and nothing gets better."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from autoencodes.training.method import Point

PATIENCE = 100
"""After how many steps in a row without any improvement a method has stalled."""

_STATIONARY = 1e-4
"""The PMP residual below which a control that cannot be improved is called stationary."""


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


def watch(
    seen: Standstill, point: Point, residual: Float[Array, ""], slack: Float[Array, ""]
) -> Standstill:
    """What is known after a step: it improves if J falls by more than ``slack``, which is what
    rounding hides, or if the residual falls by a hundredth.
    """
    decreases = point.objective < seen.objective - slack
    improves = decreases | (residual < 0.99 * seen.residual)
    return Standstill(
        jnp.where(decreases, point.objective, seen.objective),
        jnp.where(improves, jnp.minimum(residual, seen.residual), seen.residual),
        jnp.where(improves, 0, seen.idle + 1),
    )


def describe(residual: float) -> str:
    """What a standstill at this PMP residual means."""
    meaning = (
        "the control is stationary to working precision"
        if residual < _STATIONARY
        else "rounding hides what is left (try float64), or the control sits at a kink of the "
        "field (relu: try tanh)"
    )
    return f"at a PMP residual of {residual:.1e}: {meaning}"
