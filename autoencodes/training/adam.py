"""Adam, the baseline: adaptive moments on the L² gradient."""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import optax

from autoencodes.catalogue import METHODS
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import Descent, as_rate, as_warmup, rate


@METHODS.register("adam", "Adam", settings=("learning_rate",), rank=1)
class Adam(Descent):
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

    penalised: ClassVar[bool] = True

    learning_rate: float = eqx.field(static=True, default=2e-3, converter=as_rate)
    warmup: float = eqx.field(static=True, default=0.05, converter=as_warmup)

    def optimiser(self, problem: ControlProblem, steps: int) -> optax.GradientTransformation:
        return optax.adam(rate(self.learning_rate, self.warmup, steps))
