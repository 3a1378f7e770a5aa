"""The training method that a configuration names."""

from __future__ import annotations

from collections.abc import Callable

from autoencodes.run.config import TrainConfig
from autoencodes.training import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    ExtendedMSA,
    Method,
    MetricMovement,
    MinimizingMovement,
)


def method(config: TrainConfig, whole: bool) -> Method:
    """The method of a completed configuration, for whole-measure steps or for mini-batches.

    ``movement`` is MinimizingMovement on the whole measure, MetricMovement on mini-batches.
    """
    tau, rate = config.tau or 0.0, config.learning_rate or 0.0
    make: dict[str, Callable[[], Method]] = {
        "movement": (
            (lambda: MinimizingMovement(tau, config.inner))
            if whole
            else (lambda: MetricMovement(tau))
        ),
        "adam": lambda: Adam(rate),
        "adamw": lambda: AdamW(rate),
        "sgd": lambda: SGD(rate),
        "lbfgs": lambda: LBFGS(),
        "msa": lambda: ExtendedMSA(),
    }
    return make[str(config.method)]()
