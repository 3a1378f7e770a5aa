"""Adam, the baseline: adaptive moments on the L² gradient."""

from __future__ import annotations

from typing import ClassVar

import optax

from autoencodes.catalogue import METHODS
from autoencodes.checks import between, positive
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import Descent, rate
from autoencodes.training.method import Count, number, setting


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

    Examples
    --------
    >>> ac.Adam(learning_rate=0.01)
    Adam(learning_rate=0.01)
    """

    penalised: ClassVar[bool] = True

    learning_rate: float = number(positive, "learning_rate", 2e-3)
    warmup: float = setting(between, "warmup", 0.05, low=0, high=1, with_high=False)

    def optimiser(self, problem: ControlProblem, steps: Count) -> optax.GradientTransformation:
        return optax.adam(rate(self.learning_rate, self.warmup, steps))
