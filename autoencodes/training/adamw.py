"""AdamW: Adam on the terminal cost, with the Tikhonov term as decoupled decay."""

from __future__ import annotations

import equinox as eqx
import optax
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import FAILURE, DescentState, begin, check_rate, descend, rate
from autoencodes.training.method import Batch, Info, Method, Status


class AdamW(Method):
    """AdamW (Loshchilov and Hutter, 2019), warm-up and cosine decay as Adam, through optax.

    With m̂, v̂ Adam's corrected moments of g, the gradient of the TERMINAL COST alone,
      θ^(k+1) = θ^k − η_k (m̂ / (√v̂ + ε) + w θ^k),   w = 2λ unless ``weight_decay`` is given.
    2λθ is the gradient of the problem's own penalty λ|θ|², so that by default the penalty
    acts once, and only outside the adaptive scaling; a ``weight_decay`` replaces it and is not
    added to it, as where weight decay is all the regularisation there is.

    Where this path comes to rest ∇J need not vanish, as the scaling acts on g and not on the
    penalty: the control is good, but the PMP residual tends to 0 for Adam only.

    Parameters
    ----------
    learning_rate : float
        The peak rate, > 0.
    warmup : float
        The share of all steps over which the rate rises to its peak, in [0, 1).
    weight_decay : float, optional
        w ≥ 0; None is 2λ, with λ the problem's ``tikhonov``.
    """

    learning_rate: float = eqx.field(static=True, default=2e-3)
    warmup: float = eqx.field(static=True, default=0.05)
    weight_decay: float | None = eqx.field(static=True, default=None)

    def __check_init__(self) -> None:
        check_rate(self.learning_rate, self.warmup)
        if self.weight_decay is not None and not 0 <= self.weight_decay < float("inf"):
            raise InputError(
                "weight_decay must be a finite number, at least 0, or None for the problem's 2λ; "
                f"got {self.weight_decay}"
            )

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> DescentState:
        return begin(self._optimiser(problem, steps), control, batch, steps)

    def step(
        self,
        problem: ControlProblem,
        state: DescentState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[DescentState, Info]:
        optimiser = self._optimiser(problem, state.steps)
        return descend(problem, optimiser, state, batch, tolerance, penalised=False)

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return FAILURE

    def _optimiser(self, problem: ControlProblem, steps: int) -> optax.GradientTransformation:
        decay = 2 * problem.tikhonov if self.weight_decay is None else self.weight_decay
        return optax.adamw(rate(self.learning_rate, self.warmup, steps), weight_decay=decay)
