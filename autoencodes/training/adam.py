"""Adam, the baseline: adaptive moments on the L² gradient."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from autoencodes.cost import Control
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Info, Method, Status, all_finite, evaluate


class AdamState(eqx.Module):
    """The control and the optimiser's moments; on the whole measure also the control before.

    On mini-batches ``before`` is empty: keeping it would cost two passes over the control.
    """

    control: Control
    before: Control
    moments: Any
    status: Int[Array, ""]
    steps: int = eqx.field(static=True)


class Adam(Method):
    """Adam (Kingma and Ba, 2015) with linear warm-up and cosine decay to 0, through optax.

    Its step is invariant to the scale of the gradient, so that the L² gradient and the
    usual one give the same path but for the term that guards the division.

    Parameters
    ----------
    learning_rate : float
        The peak rate, > 0.
    warmup : float
        The share of all steps over which the rate rises to its peak, in [0, 1).
    """

    learning_rate: float = eqx.field(static=True, default=2e-3)
    warmup: float = eqx.field(static=True, default=0.05)

    def __check_init__(self) -> None:
        if not 0 < self.learning_rate < float("inf"):
            raise InputError(
                f"learning_rate must be a positive finite number; got {self.learning_rate}"
            )
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup must lie in [0, 1); got {self.warmup}")

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> AdamState:
        moments = self._optimiser(steps).init(control)
        before = control if batch.whole else ()
        return AdamState(control, before, moments, jnp.asarray(int(Status.RUNNING)), steps)

    def step(
        self, problem: ControlProblem, state: AdamState, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[AdamState, Info]:
        point = evaluate(problem, state.control, batch)
        gradient = jax.tree.map(
            lambda theta, g: 2 * problem.tikhonov * theta + g, state.control, point.g
        )
        updates, moments = self._optimiser(state.steps).update(gradient, state.moments)
        control: Any = optax.apply_updates(state.control, updates)
        fine, converged = jnp.isfinite(point.objective), jnp.asarray(False)
        before = state.before
        if batch.whole:
            residual = problem.residual(state.control, point.g)
            converged = fine & (residual <= tolerance)
            before = _where(fine, state.control, state.before)
            fine &= all_finite(control, moments)
            moments = _where(fine, moments, state.moments)
            control = _where(fine & ~converged, control, before)
        status = jnp.where(
            ~fine, Status.FAILED, jnp.where(converged, Status.CONVERGED, Status.RUNNING)
        )
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            "gradient_evaluations": jnp.asarray(1),
        }
        if batch.whole:
            info["residual"] = residual
        status = status.astype(state.status.dtype)
        return AdamState(control, before, moments, status, state.steps), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return (
            "the objective or its gradient is not finite: take a smaller learning rate or initial "
            "scale, a shorter horizon or a bounded activation; the last good control is kept"
        )

    def _optimiser(self, steps: int) -> optax.GradientTransformation:
        rate = optax.warmup_cosine_decay_schedule(
            0.0, self.learning_rate, int(self.warmup * steps), max(steps, 1)
        )
        return optax.adam(rate)


def _where(condition: Bool[Array, ""], yes: Any, no: Any) -> Any:
    """One of two trees of arrays."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
