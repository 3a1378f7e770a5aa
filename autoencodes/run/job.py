"""A training that is set up: data read, configuration completed, initial control drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autoencodes import datasets, fields
from autoencodes.datasets import Dataset
from autoencodes.fields import ControlledField
from autoencodes.flow import Flow
from autoencodes.measure import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run.config import TrainConfig
from autoencodes.run.methods import check, is_whole, method
from autoencodes.run.model import Model, push
from autoencodes.run.start import continued, starting
from autoencodes.scaling import Scaling
from autoencodes.schedule import WidthSchedule
from autoencodes.schemes import scheme
from autoencodes.training import Method

_NEGLIGIBLE = 1e-4
"""The share of the data's variance that components which are never active may carry."""

_TESTING = 0.02
"""The share of a training's work on mini-batches that test errors along the way may take."""


@dataclass(frozen=True)
class Job:
    """A training that is set up: the completed configuration and all that it stands for."""

    config: TrainConfig
    data: Dataset
    model: Model
    problem: ControlProblem
    method: Method
    train: EmpiricalMeasure
    test: EmpiricalMeasure

    @property
    def parameters(self) -> int:
        """The number of entries of the control."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.model.control))

    @property
    def whole(self) -> bool:
        """Whether every step sees all training rows."""
        return is_whole(self.config, self.train.size)

    @property
    def steps(self) -> int:
        """The most steps of the training."""
        size = self.config.batch_size or self.train.size
        return (self.config.epochs or 1) * max(1, self.train.size // size)

    @property
    def tested(self) -> int:
        """The number of epochs from one test error to the next.

        A test row costs a push, a training row the three of a gradient. On the whole measure an
        epoch may take milliseconds, and rounds of many set the pace.
        """
        pushes = self.test.size / (3 * self.train.size)
        return 1 if self.whole else max(1, round(pushes / _TESTING))

    def error(self, control: Any, measure: EmpiricalMeasure) -> float:
        """The mean squared error per feature, in the flow's units."""
        pushed = push(self.model.flow, control, measure.x)
        return float(np.mean((pushed - np.asarray(measure.y)) ** 2, dtype=np.float64))

    def with_control(self, control: Any) -> Model:
        """The model at a control."""
        return Model(self.model.flow, control, self.model.scaling, self.model.image_shape)


def prepare(config: TrainConfig) -> Job:
    """Reads the data, completes the configuration and draws the initial control.

    Raises
    ------
    InputError
        If data or configuration cannot be used; nothing has been written then.
    """
    config = continued(config)
    data = datasets.load(
        config.data,
        data_dir=config.data_dir,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
    )
    rows, started = data.train, starting(config, data.dim)
    kind = config.scaled(data.value_range)
    scaling = Scaling.of(kind, rows.x, data.value_range) if started is None else started.scaling
    variance = np.var(rows.x, axis=0, dtype=np.float64) / scaling.scale**2
    check(config, rows.size)
    mean = scaling.apply(np.mean(rows.x, axis=0, dtype=np.float64, keepdims=True), np.float64)[0]
    carried = _carried(variance, mean) if rows.reconstructs else None
    config = config.completed(data.dim, rows.size, float(variance.sum()), kind, carried)
    chosen = method(config, rows.size)
    dtype = np.dtype(config.precision)
    model = _model(config, data, scaling, variance, started)
    return Job(
        config,
        data,
        model,
        ControlProblem(model.flow, tikhonov=config.tikhonov or 0.0),
        chosen,
        _scaled(rows, scaling, dtype),
        _scaled(data.test, scaling, dtype),
    )


def _model(
    config: TrainConfig,
    data: Dataset,
    scaling: Scaling,
    variance: np.ndarray,
    started: Model | None,
) -> Model:
    """The model that the training begins with, drawn at random or that of an earlier run."""
    dtype, stepping = np.dtype(config.precision), scheme(config.scheme, config.substeps)
    if started is not None:
        flow = Flow(started.flow.schedule, started.flow.field, stepping)
        control = jax.tree.map(lambda values: np.asarray(values, dtype), started.control)
        return Model(flow, control, scaling, data.image_shape)
    schedule = WidthSchedule.autoencoder(
        data.dim,
        config.widths or (),
        config.steps_per_block or 1,
        config.horizon or 1.0,
        _order(str(config.order), variance),
        config.memory,
    )
    flow = Flow(schedule, _field(config), stepping)
    with precision(dtype):
        control = flow.init(jax.random.key(config.seed), config.init_scale or 0.0, dtype)
    return Model(flow, control, scaling, data.image_shape)


def _scaled(measure: EmpiricalMeasure, scaling: Scaling, dtype: Any) -> EmpiricalMeasure:
    x = scaling.apply(measure.x, dtype)
    y = None if measure.reconstructs else scaling.apply(measure.y, dtype)
    return EmpiricalMeasure(x, y, measure.weights)


def _field(config: TrainConfig) -> ControlledField:
    """The field of a completed configuration."""
    own = {"two-layer": {"hidden": config.hidden}, "low-rank": {"rank": config.rank}}
    options = {"activation": config.activation, **own.get(config.field, {})}
    return fields.build({"name": config.field, **options})


def _order(kind: str, variance: np.ndarray) -> list[int]:
    """The components, the one to keep longest first."""
    if kind == "index":
        return list(range(len(variance)))
    return [int(i) for i in np.argsort(-variance, kind="stable")]


def _carried(variance: np.ndarray, mean: np.ndarray) -> int:
    """How many components, the most varied first, carry all but 1e-4 of the variance.

    If the rest are switched off throughout, at 0, that costs their mean square.
    """
    squares = (variance + mean**2)[_order("variance", variance)]
    lost = np.cumsum(squares[::-1])[::-1]
    return max(1, int(np.sum(lost > _NEGLIGIBLE * variance.sum())))
