"""Why a training goes on or ends: what each status means, and the words for it."""

from __future__ import annotations

import enum

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

_STATIONARY = 1e-4
"""The PMP residual below which a control that cannot be improved is called stationary."""

NOT_FINITE = (
    "the objective is not finite at the control to start from: take a smaller "
    "initial scale, a shorter horizon or a bounded activation"
)
"""Why a method that starts from a point that was evaluated has failed there."""


class Status(enum.IntEnum):
    """Whether a method can go on, and if not, why."""

    RUNNING = 0
    """It can go on; a training of all its steps ends with ``budget spent``."""
    CONVERGED = 1
    """On the whole measure: the PMP residual is at most the tolerance."""
    STALLED = 2
    """On the whole measure: nothing improves the objective or the residual beyond rounding."""
    FAILED = 3
    """The objective or its gradient is not finite, or not even a first step could be made; on
    mini-batches also where no step was accepted on many of them in a row."""


Cases = list[tuple[Bool[Array, ""], Status]]


def running() -> Int[Array, ""]:
    """RUNNING, as a state holds it: a weakly typed number would compile the first round twice."""
    return jnp.asarray(int(Status.RUNNING), int)


def decided(cases: Cases) -> Int[Array, ""]:
    """The status of the first case that holds; RUNNING where none does."""
    return jnp.select(
        [case for case, _ in cases], [int(status) for _, status in cases], int(Status.RUNNING)
    )


def stalled(what: str, residual: float) -> str:
    """That ``what`` improves nothing any more, and what this means at a PMP residual."""
    meaning = (
        "the control is stationary to working precision"
        if residual < _STATIONARY
        else "rounding hides what is left (try float64), or the control sits at a kink of the "
        "field (relu: try tanh)"
    )
    return f"{what} any more beyond rounding, at a PMP residual of {residual:.1e}: {meaning}"
