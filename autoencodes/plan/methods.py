"""The training method that a configuration names."""

from __future__ import annotations

from collections.abc import Callable

from autoencodes.errors import InputError
from autoencodes.plan.resolve import by_name, default_batch_size, default_method
from autoencodes.plan.settings import TrainConfig
from autoencodes.training import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    ExactMSA,
    ExtendedMSA,
    Method,
    MetricMovement,
    MinimizingMovement,
)

RATED = ("adam", "adamw", "sgd")
"""The methods that have a learning rate."""

OWN = {
    "hidden": ("two-layer", "convolution"),
    "rank": ("low-rank",),
    "grids": ("convolution",),
    "kernel": ("convolution",),
}
"""The entries that some fields have."""


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
        "exact-msa": lambda: ExactMSA(),
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
    if name == "exact-msa":
        _check_exact(config)
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
    _check_target(config)
    _check_field(config)


def _check_field(config: TrainConfig) -> None:
    """InputError if an entry belongs to another field, or a convolution would not act on pixels."""
    for entry, fields in OWN.items():
        if getattr(config, entry) is not None and config.field not in fields:
            raise InputError(
                f"{entry} belongs to the {' and the '.join(fields)} field; got field "
                f"{config.field}: leave it out, or add --field {fields[0]}"
            )
    if config.field != "convolution":
        return
    if config.rotation != "none":
        raise InputError(
            "a convolution is for pixels, which are none after a rotation; got rotation "
            f"{config.rotation}: leave it out, or take another field"
        )
    if config.time_dependent:
        raise InputError(
            "a convolution takes channels, of which the time is none; leave --time-dependent out, "
            "or take another field"
        )


_COSTS_OF = {
    "rows": ("squared", "huber", "binary-cross-entropy"),
    "classes": ("cross-entropy", "squared", "huber"),
    "numbers": ("squared", "huber"),
}


def _check_target(config: TrainConfig) -> None:
    """InputError if target, cost and scaling do not go together."""
    allowed = _COSTS_OF[config.target]
    if config.cost not in (None, *allowed):
        raise InputError(
            f"the costs for target {config.target} are {', '.join(allowed)}; got {config.cost}"
        )
    if config.delta is not None and config.cost != "huber":
        raise InputError("delta belongs to the huber cost; leave it out, or add --cost huber")
    if config.cost == "binary-cross-entropy":
        if config.rotation != "none":
            raise InputError(
                "binary-cross-entropy compares values in [0, 1], which a rotation does not keep; "
                "take rotation none or cost squared"
            )
        named = by_name(config.data).get("scaling")
        if (config.scaling or named or "unit") != "unit":
            raise InputError(
                "binary-cross-entropy compares values in [0, 1]; got scaling "
                f"{config.scaling or named}: take scaling unit or cost squared"
            )


def _check_exact(config: TrainConfig) -> None:
    """InputError unless the Hamiltonians of the configuration are concave quadratics."""
    identity = config.field == "perceptron" and config.activation == "identity"
    if config.field != "linear-in-control" and not identity:
        raise InputError(
            f"method exact-msa needs a field that is linear in the control; got field "
            f"{config.field}: add --field linear-in-control, or take --method msa"
        )
    if config.pointwise is not None:
        raise InputError(
            "method exact-msa needs a field that is linear in the control, which a pointwise step "
            "is not; leave pointwise out, or take --method msa"
        )
    if config.scheme != "euler" or config.substeps > 1:
        raise InputError(
            "method exact-msa needs Euler steps that share no control; got scheme "
            f"{config.scheme} with substeps {config.substeps}: leave both out, or take --method msa"
        )
    if config.tikhonov == 0:
        raise InputError(
            "method exact-msa needs tikhonov above 0, or the Hamiltonian has no maximum; got 0: "
            "give a positive one, or take --method msa"
        )
