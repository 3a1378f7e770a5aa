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
    """The control, the last one whose objective was seen to be finite, and the moments."""

    control: Control
    safe: Control
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
        return AdamState(control, control, moments, jnp.asarray(int(Status.RUNNING)), steps)

    def step(
        self, problem: ControlProblem, state: AdamState, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[AdamState, Info]:
        point = evaluate(problem, state.control, batch)
        gradient = jax.tree.map(
            lambda theta, g: 2 * problem.tikhonov * theta + g, state.control, point.g
        )
        updates, moments = self._optimiser(state.steps).update(gradient, state.moments)
        control = optax.apply_updates(state.control, updates)
        residual = problem.residual(state.control, point.g)
        fine = jnp.isfinite(point.objective) & all_finite(control)
        converged = batch.whole & (residual <= tolerance)
        safe = _where(jnp.isfinite(point.objective), state.control, state.safe)
        control, moments = _where(
            fine & ~converged,
            (control, moments),
            (_where(fine, state.control, safe), state.moments),
        )
        status = jnp.where(
            ~fine, Status.FAILED, jnp.where(converged, Status.CONVERGED, Status.RUNNING)
        )
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            **({"residual": residual} if batch.whole else {}),
            "gradient_evaluations": jnp.asarray(1),
        }
        status = status.astype(state.status.dtype)
        return AdamState(control, safe, moments, status, state.steps), info

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
