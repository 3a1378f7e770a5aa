"""The training method that a configuration names."""

from __future__ import annotations

from collections.abc import Callable

from autoencodes.errors import InputError
from autoencodes.run.config import TrainConfig
from autoencodes.run.presets import by_name, default_batch_size, default_method
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

RATED = ("adam", "adamw", "sgd")
"""The methods that have a learning rate."""


def is_whole(config: TrainConfig, rows: int) -> bool:
    """Whether every step of a completed configuration sees all of so many training rows."""
    return not config.batch_size or config.batch_size >= rows


def method(config: TrainConfig, rows: int) -> Method:
    """The method of a completed configuration.

    ``movement`` is MinimizingMovement where steps see all rows, MetricMovement on mini-batches.
    """
    tau, rate = config.tau or 0.0, config.learning_rate or 0.0
    whole = is_whole(config, rows)
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


def check(config: TrainConfig, rows: int) -> None:
    """InputError if an entry that was given would do nothing, or cannot be done."""
    if config.refine is not None and config.start is None:
        raise InputError(
            "refine carries the control of an earlier run to a finer grid; got no start: add "
            "--start RUN, or set steps-per-block"
        )
    given = {**by_name(config.data), **config.model_dump(exclude_none=True)}
    name = given.get("method", default_method())
    size = given.get("batch_size", default_batch_size(name, rows))
    whole = not size or size >= rows
    if name == "lbfgs" and not whole:
        raise InputError(
            f"method lbfgs works on all rows in every step; got batch-size {size}: leave it out, "
            "or take movement or adam"
        )
    if config.noise and whole:
        raise InputError(
            f"noise is for mini-batches; here every step sees all {rows} rows: give a smaller "
            "batch-size, or leave noise out"
        )
    if config.inner != "auto" and (name != "movement" or not whole):
        raise InputError(
            f"inner {config.inner} is how movements on all rows are solved; got method {name} with "
            f"batches of {size or rows} of {rows} rows: add --method movement --batch-size 0"
        )
    if config.learning_rate is not None and name not in RATED:
        raise InputError(
            f"learning-rate belongs to {', '.join(RATED)}; got method {name}: leave it out"
            + (", or set tau" if name == "movement" else "")
        )
    if config.tau is not None and name != "movement":
        raise InputError(f"tau is the step of movements; got method {name}: leave it out")
    for entry, field in (("hidden", "two-layer"), ("rank", "low-rank")):
        if getattr(config, entry) is not None and config.field != field:
            raise InputError(
                f"{entry} belongs to the {field} field; got field {config.field}: leave it out, or "
                f"add --field {field}"
            )
