"""Adam, the baseline: adaptive moments on the L² gradient."""

from __future__ import annotations

import equinox as eqx
import optax
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import FAILURE, DescentState, begin, check_rate, descend, rate
from autoencodes.training.method import Batch, Info, Method, Status


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
        check_rate(self.learning_rate, self.warmup)

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
        return optax.adam(rate(self.learning_rate, self.warmup, steps))
