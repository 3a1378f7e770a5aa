"""Descent along an optax update: what Adam, AdamW and SGD share.

# notation: θ control, ∇J = 2λθ + g the gradient in L², η_k learning rate of step k.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Info, Status, all_finite, evaluate

FAILURE = (
    "the objective or its gradient is not finite: take a smaller learning rate or initial "
    "scale, a shorter horizon or a bounded activation; the last good control is kept"
)
"""Why a descent fails: it has no other way to."""


class DescentState(eqx.Module):
    """The control and the optimiser's moments; on the whole measure also the control before.

    On mini-batches ``before`` is empty: keeping it would cost two passes over the control.
    """

    control: Control
    before: Control
    moments: Any
    status: Int[Array, ""]
    steps: int = eqx.field(static=True)


def check_rate(learning_rate: float, warmup: float) -> None:
    """InputError unless the peak rate is positive and finite, and the warm-up a share of 1."""
    if not 0 < learning_rate < float("inf"):
        raise InputError(f"learning_rate must be a positive finite number; got {learning_rate}")
    if not 0 <= warmup < 1:
        raise InputError(f"warmup must lie in [0, 1); got {warmup}")


def rate(learning_rate: float, warmup: float, steps: int) -> optax.Schedule:
    """η_k: from 0 to the peak over the share ``warmup`` of all steps, then half a cosine to 0."""
    return optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, int(warmup * steps), max(steps, 1)
    )


def begin(
    optimiser: optax.GradientTransformation, control: Control, batch: Batch, steps: int
) -> DescentState:
    """The state before the first of ``steps`` steps."""
    before = control if batch.whole else ()
    # A weakly typed state would compile every round a second time.
    running = jnp.asarray(int(Status.RUNNING), int)
    return DescentState(control, before, optimiser.init(control), running, steps)


def descend(
    problem: ControlProblem,
    optimiser: optax.GradientTransformation,
    state: DescentState,
    batch: Batch,
    tolerance: Float[Array, ""],
    penalised: bool = True,
) -> tuple[DescentState, Info]:
    """One update θ + optimiser(∇J), at one gradient evaluation; see ``Method.step``.

    ``penalised=False`` hands the optimiser g alone, the gradient of the terminal cost. What is
    reported, and judged, is the control before the update, since the sweep was made there.
    """
    point = evaluate(problem, state.control, batch)
    pull = 2 * problem.tikhonov if penalised else 0.0
    gradient = jax.tree.map(lambda theta, g: pull * theta + g, state.control, point.g)
    updates, moments = optimiser.update(gradient, state.moments, state.control)
    control: Any = optax.apply_updates(state.control, updates)
    fine, converged = jnp.isfinite(point.objective), jnp.asarray(False)
    before = state.before
    if batch.whole:
        residual = problem.residual(state.control, point.g)
        converged = fine & (residual <= tolerance)
        before = where(fine, state.control, state.before)
        fine &= all_finite(control, moments)
        moments = where(fine, moments, state.moments)
        control = where(fine & ~converged, control, before)
    status = jnp.where(~fine, Status.FAILED, jnp.where(converged, Status.CONVERGED, Status.RUNNING))
    info = {
        "objective": point.objective,
        "terminal_cost": point.terminal_cost,
        "gradient_evaluations": jnp.asarray(1),
    }
    if batch.whole:
        info["residual"] = residual
    status = status.astype(state.status.dtype)
    return DescentState(control, before, moments, status, state.steps), info


def where(condition: Bool[Array, ""], yes: Any, no: Any) -> Any:
    """One of two trees of arrays."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
