"""Descent along an optax update: what Adam, AdamW and SGD share.

# notation: θ control, ∇J = 2λθ + g the gradient in L², η_k learning rate of step k.
"""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Info, Method, all_finite, evaluate, where
from autoencodes.training.status import Status, decided, running


class DescentState(eqx.Module):
    """The control and the optimiser's moments; on the whole measure also the control before.

    On mini-batches ``before`` is empty: keeping it would cost two passes over the control.
    """

    control: Control
    before: Control
    moments: Any
    status: Int[Array, ""]
    steps: int = eqx.field(static=True)


class Descent(Method):
    """One update θ + optimiser(∇J) a step, at one gradient evaluation.

    What is reported, and judged, is the control before the update, since the sweep was made there.
    """

    penalised: eqx.AbstractClassVar[bool]
    """Whether the optimiser is given ∇J, or g alone, the gradient of the terminal cost."""

    @abc.abstractmethod
    def optimiser(self, problem: ControlProblem, steps: int) -> optax.GradientTransformation:
        """The optax update of a training of so many steps."""

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> DescentState:
        before = control if batch.whole else ()
        moments = self.optimiser(problem, steps).init(control)
        return DescentState(control, before, moments, running(), steps)

    def step(
        self,
        problem: ControlProblem,
        state: DescentState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[DescentState, Info]:
        point = evaluate(problem, state.control, batch)
        pull = 2 * problem.tikhonov if self.penalised else 0.0
        gradient = jax.tree.map(lambda theta, g: pull * theta + g, state.control, point.g)
        updates, moments = self.optimiser(problem, state.steps).update(
            gradient, state.moments, state.control
        )
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
        status = decided([(~fine, Status.FAILED), (converged, Status.CONVERGED)])
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            "gradient_evaluations": jnp.asarray(1),
        }
        if batch.whole:
            info["residual"] = residual
        status = status.astype(state.status.dtype)
        return DescentState(control, before, moments, status, state.steps), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return (
            "the objective or its gradient is not finite: take a smaller learning rate or initial "
            "scale, a shorter horizon or a bounded activation; the last good control is kept"
        )


def rate(learning_rate: float, warmup: float, steps: int) -> optax.Schedule:
    """η_k: from 0 to the peak over the share ``warmup`` of all steps, then half a cosine to 0."""
    return optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, int(warmup * steps), max(steps, 1)
    )
