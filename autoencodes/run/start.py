"""Going on from an earlier run: its model, on its own grid or a finer one."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from autoencodes.control import refine
from autoencodes.errors import InputError
from autoencodes.flow.flow import Flow
from autoencodes.model.model import Model
from autoencodes.plan.settings import TrainConfig, make
from autoencodes.precision import precision
from autoencodes.run.folder import RunFolder
from autoencodes.schemes import scheme

_MODEL = (
    "scaling",
    "order",
    "rotation",
    "extra",
    "target",
    "cost",
    "delta",
    "mirror",
    "widths",
    "latent",
    "steps_per_block",
    "horizon",
    "memory",
    "field",
    "hidden",
    "rank",
    "grids",
    "kernel",
    "pointwise",
    "time_dependent",
    "activation",
    "init_scale",
)
"""What is settled by the model that a training starts from."""

_OF_A_FIELD = ("hidden", "rank", "grids", "kernel", "pointwise", "delta")
"""What is absent where the field, or the cost, has none of it."""

_SPLIT = ("test_fraction", "split_seed")
"""What decides which rows are held out: the same, or rows would be tested that were trained on."""

_USUAL = ("data", "data_dir", "scheme", "substeps", "precision", "tikhonov")
"""What is taken over unless something else is given."""


def continued(config: TrainConfig) -> TrainConfig:
    """The configuration with all that follows from the run it starts from, if it does.

    Raises
    ------
    InputError
        If there is no such run, or an entry that was given contradicts its model.
    """
    if config.start is None:
        return config
    before = RunFolder.open(config.start).config
    given = {name: getattr(config, name) for name in config.model_fields_set}
    settled: dict[str, Any] = {name: getattr(before, name) for name in _MODEL}
    if given.get("data", before.data) == before.data:
        settled.update({name: getattr(before, name) for name in _SPLIT})
    settled["steps_per_block"] = (before.steps_per_block or 1) * (config.refine or 1)
    for name, value in settled.items():
        if value is None and name not in _OF_A_FIELD:
            continue  # an older run, that knew no such entry
        if given.get(name) not in (None, value):
            raise InputError(_contradiction(config, name, given[name], value))
    usual = {name: getattr(before, name) for name in _USUAL}
    return make(**{**usual, **given, **settled})


def starting(config: TrainConfig, dim: int) -> Model | None:
    """The model that a training begins with, on its grid; None where it draws its own.

    Raises
    ------
    InputError
        If the model is not of the data's dimension.
    """
    if config.start is None:
        return None
    model, factor = RunFolder.open(config.start).model, config.refine or 1
    features = model.coordinates.features
    if features != dim:
        raise InputError(
            f"the model of {config.start} has {features} features; got data with "
            f"{dim}: start from a run on data of this kind"
        )
    dtype = np.dtype(config.precision or model.dtype)
    with precision(model.dtype):
        control = refine(model.control, factor)
    finer = model.flow.refined(factor)
    flow = Flow(finer.schedule, finer.field, scheme(config.scheme, config.substeps))
    control = jax.tree.map(lambda values: np.asarray(values, dtype), control)
    return Model(flow, control, model.scaling, model.image_shape, model.coordinates, model.readout)


def _contradiction(config: TrainConfig, name: str, given: Any, value: Any) -> str:
    option = name.replace("_", "-")
    shown = ",".join(str(v) for v in value) if isinstance(value, tuple) else value
    finer = f", on the {config.refine} times finer grid" if config.refine else ""
    advice = f"{option} {shown} is taken over: leave it out"
    if value is None:
        advice = f"it has none with field {config.field}: leave it out"
    if name == "steps_per_block":
        advice += ", or refine"
    return f"{option} {given} contradicts the run {config.start}{finer}; {advice}"
