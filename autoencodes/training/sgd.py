"""Stochastic gradient descent with momentum, on the L² gradient."""

from __future__ import annotations

import equinox as eqx
import optax
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import FAILURE, DescentState, begin, check_rate, descend, rate
from autoencodes.training.method import Batch, Info, Method, Status


class SGD(Method):
    """Gradient descent with momentum, warm-up and cosine decay as Adam, through optax.

      v^(k+1) = μ v^k + ∇J(θ^k),   θ^(k+1) = θ^k − η_k v^(k+1),   with Nesterov's look-ahead
      θ^(k+1) = θ^k − η_k (∇J(θ^k) + μ v^(k+1)).

    ∇J is the gradient in L², which is the usual one of the stacked control divided by Δt: a
    usual rate, multiplied by Δt, is the rate here, and then means the same however fine the
    time grid is. On a quadratic J plain momentum is stable for η < 2 (1 + μ) / λ_max(H).

    Parameters
    ----------
    learning_rate : float
        The peak rate, > 0, with respect to the L² gradient.
    momentum : float
        μ, in [0, 1).
    warmup : float
        The share of all steps over which the rate rises to its peak, in [0, 1).
    nesterov : bool
        Whether to look ahead.

    Notes
    -----
    Source: Sutskever, Martens, Dahl and Hinton, ICML 2013.
    """

    learning_rate: float = eqx.field(static=True, default=1e-2)
    momentum: float = eqx.field(static=True, default=0.9)
    warmup: float = eqx.field(static=True, default=0.05)
    nesterov: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        check_rate(self.learning_rate, self.warmup)
        if not 0 <= self.momentum < 1:
            raise InputError(f"momentum must lie in [0, 1); got {self.momentum}")

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> DescentState:
        return begin(self._optimiser(steps), control, batch, steps)

    def step(
        self,
        problem: ControlProblem,
        state: DescentState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[DescentState, Info]:
        return descend(problem, self._optimiser(state.steps), state, batch, tolerance)

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return FAILURE

    def _optimiser(self, steps: int) -> optax.GradientTransformation:
        schedule = rate(self.learning_rate, self.warmup, steps)
        return optax.sgd(schedule, momentum=self.momentum, nesterov=self.nesterov)
