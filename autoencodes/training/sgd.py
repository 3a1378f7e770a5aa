"""Stochastic gradient descent with momentum, on the L² gradient."""

from __future__ import annotations

from typing import ClassVar

import optax

from autoencodes.catalogue import METHODS
from autoencodes.checks import between, flag, positive
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.descent import Descent, rate
from autoencodes.training.method import Count, number, setting


@METHODS.register(
    "sgd", "gradient descent with momentum", settings=("learning_rate",), rate=1e-2, rank=3
)
class SGD(Descent):
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

    Examples
    --------
    >>> ac.SGD(momentum=0.8)
    SGD(momentum=0.8)
    """

    penalised: ClassVar[bool] = True

    learning_rate: float = number(positive, "learning_rate", 1e-2)
    momentum: float = setting(between, "momentum", 0.9, low=0, high=1, with_high=False)
    warmup: float = setting(between, "warmup", 0.05, low=0, high=1, with_high=False)
    nesterov: bool = setting(flag, "nesterov", False)

    def optimiser(self, problem: ControlProblem, steps: Count) -> optax.GradientTransformation:
        schedule = rate(self.learning_rate, self.warmup, steps)
        return optax.sgd(schedule, momentum=self.momentum, nesterov=self.nesterov)
