"""AdamW: Adam on the terminal cost, with the Tikhonov term as decoupled decay."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import optax

from autoencodes.catalogue import METHODS
from autoencodes.checks import at_least, between, optional, positive
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import Descent, rate
from autoencodes.training.method import Count, number, setting


@METHODS.register("adamw", "Adam with decoupled decay", settings=("learning_rate",), rank=2)
class AdamW(Descent):
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

    Examples
    --------
    >>> ac.AdamW(weight_decay=0.1)
    AdamW(weight_decay=0.1)
    """

    penalised: ClassVar[bool] = False

    learning_rate: float = number(positive, "learning_rate", 2e-3)
    warmup: float = setting(between, "warmup", 0.05, low=0, high=1, with_high=False)
    weight_decay: float | None = setting(partial(optional, at_least), "weight_decay", None, bound=0)

    def optimiser(self, problem: ControlProblem, steps: Count) -> optax.GradientTransformation:
        decay = 2 * problem.tikhonov if self.weight_decay is None else self.weight_decay
        return optax.adamw(rate(self.learning_rate, self.warmup, steps), weight_decay=decay)
