"""Descent along an optax update: what Adam, AdamW and SGD share.

# notation: θ control, ∇J = 2λθ + g the gradient in L², η_k learning rate of step k.
"""

from __future__ import annotations

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Count, Info, Method, all_finite, evaluate, where
from autoencodes.training.status import Status, decided, running

_DIVERGED = 1e6
"""From so many times the first objective no training comes back."""


class DescentState(eqx.Module):
    """The control and the optimiser's moments; on the whole measure also the best control so far.

    On mini-batches ``best`` is empty: keeping it would cost two passes over the control.
    """

    control: Control
    best: Control
    moments: Any
    status: Int[Array, ""]
    seen: Any
    """The objective of the first control and that of the best; the largest number before."""
    steps: Int[Array, ""]
    """Of the whole training."""


class Descent(Method):
    """One update θ + optimiser(∇J) a step, at one gradient evaluation.

    What is reported, and judged, is the control before the update, since the sweep was made there.
    """

    penalised: eqx.AbstractClassVar[bool]
    """Whether the optimiser is given ∇J, or g alone, the gradient of the terminal cost."""

    @abc.abstractmethod
    def optimiser(self, problem: ControlProblem, steps: Count) -> optax.GradientTransformation:
        """The optax update of a training of so many steps."""

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> DescentState:
        moments = self.optimiser(problem, steps).init(control)
        if not batch.whole:
            return DescentState(control, (), moments, running(), (), jnp.asarray(steps))
        dtype = jnp.result_type(*jax.tree.leaves(control))
        unseen = jnp.full(2, float(np.finfo(dtype).max), dtype)
        return DescentState(control, control, moments, running(), unseen, jnp.asarray(steps))

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
        best, seen = state.best, state.seen
        if batch.whole:
            residual = problem.residual(state.control, point.g)
            first, least = jnp.asarray(state.seen)
            first = jnp.where(first == np.finfo(first.dtype).max, point.objective, first)
            best = where(fine & (point.objective < least), state.control, state.best)
            least = jnp.minimum(least, point.objective)
            fine &= (first == 0) | (point.objective <= _DIVERGED * jnp.abs(first))
            converged = fine & (residual <= tolerance)
            fine &= all_finite(control, moments, residual)
            seen = where(fine, jnp.stack([first, least]), state.seen)
            moments = where(fine, moments, state.moments)
            control = where(converged, state.control, where(fine, control, best))
        status = decided([(~fine, Status.FAILED), (converged, Status.CONVERGED)])
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            "gradient_evaluations": jnp.asarray(1),
        }
        if batch.whole:
            info["residual"] = residual
        status = status.astype(state.status.dtype)
        return DescentState(control, best, moments, status, seen, state.steps), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return (
            "the objective or its gradient is not finite, or a million times what it was: take a "
            "smaller learning rate or initial scale, a shorter horizon or a bounded activation; "
            "the control with the least objective so far is kept"
        )


def rate(learning_rate: Any, warmup: float, steps: Any) -> optax.Schedule:
    """η_k: from 0 to the peak over the share ``warmup`` of all steps, then half a cosine to 0.

    The arguments may be arrays, which an optax schedule's may not.
    """
    warm = jnp.floor(warmup * steps)

    def at(count: Any) -> Any:
        rise = count / jnp.maximum(warm, 1)
        fall = jnp.clip((count - warm) / jnp.maximum(steps - warm, 1), 0, 1)
        return learning_rate * jnp.where(count < warm, rise, 0.5 * (1 + jnp.cos(np.pi * fall)))

    return at
