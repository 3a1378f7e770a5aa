"""A training that is set up: data read, configuration completed, initial control drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from autoencodes import datasets
from autoencodes.cost import SquaredError
from autoencodes.datasets import Dataset
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.model import Model, push
from autoencodes.model.order import Order
from autoencodes.model.readout import Readout
from autoencodes.model.scaling import Scaling
from autoencodes.plan import build as architecture
from autoencodes.plan.methods import check, is_whole, method
from autoencodes.plan.resolve import default_precision
from autoencodes.plan.settings import TrainConfig
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run.start import continued, starting
from autoencodes.training import Method

_NEGLIGIBLE = 1e-4
"""The share of the data's variance that components which are never active may carry."""

_COMPARED = 500
"""Rows whose nearest neighbours are looked for."""

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
    order: Order | None
    """Of the components; None for a model of an earlier run, which has its own."""

    @property
    def parameters(self) -> int:
        """The number of entries of the control."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.model.control))

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the rows themselves."""
        return self.model.readout.target == "rows" and self.data.y is None

    def features(self, part: str) -> np.ndarray:
        """The rows of a part, in the model's units."""
        return self.model.scaling.apply(self.data.part(part).x, self.model.dtype)

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

    def errors(self, control: Any, measure: EmpiricalMeasure) -> dict[str, float]:
        """How well the targets are predicted: ``mse``, the mean squared error per entry in the
        flow's units; ``cost``, where it is another; ``accuracy``, where classes are the target.
        """
        readout, y = self.model.readout, np.asarray(measure.y)
        pushed = push(self.model.flow, control, measure.x)
        with precision(self.model.dtype):
            predicted = readout.predict(pushed)
            found = {"mse": float(np.mean((predicted - y) ** 2, dtype=np.float64))}
            if type(readout.cost) is not SquaredError:
                found["cost"] = readout.mean_cost(pushed, y)
        if readout.target == "classes":
            found["accuracy"] = float(np.mean(predicted.argmax(axis=1) == y.argmax(axis=1)))
        return found


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
    check(config, rows.size)
    dtype = np.dtype(default_precision(config.model_dump(exclude_none=True)))
    if started is None:
        scaling, coordinates, readout = _surroundings(config, data, dtype)
    else:
        scaling, coordinates, readout = started.scaling, started.coordinates, started.readout
    x = coordinates.enter(scaling.apply(rows.x, dtype), dtype)
    targets = None
    if readout.size is not None:
        targets = readout.targets(data.part_labels("train"), dtype)
    config = _completed(config, data, x, targets)
    model, order = started, None
    if model is None:
        order = architecture.order(config, x, rows.y if targets is None else targets)
        model = _drawn(config, data, scaling, coordinates, readout, order)
    train, test = measures(model, data)
    problem = model.problem(config.tikhonov or 0.0)
    assert test is not None
    return Job(config, data, model, problem, method(config, rows.size), train, test, order)


def _surroundings(
    config: TrainConfig, data: Dataset, dtype: Any
) -> tuple[Scaling, Coordinates, Readout]:
    """How the data enter and what is predicted, fitted to the training rows; of classes all."""
    rows = data.train
    scaling = Scaling.of(config.scaled(data.value_range), rows.x, data.value_range)
    scaled = scaling.apply(rows.x, dtype)
    coordinates = Coordinates.of(config.rotation, scaled, data.dim + config.extra, config.seed)
    labels = data.part_labels("train") if config.target == "numbers" else data.labels
    return scaling, coordinates, Readout.of(config.target, labels, data.name)


def _drawn(
    config: TrainConfig,
    data: Dataset,
    scaling: Scaling,
    coordinates: Coordinates,
    readout: Readout,
    order: Order,
) -> Model:
    """The model of a completed configuration at a random control."""
    flow = architecture.flow(config, coordinates.dim, data.image_shape, order)
    readout = replace(readout, cost=architecture.cost(config, coordinates, readout, flow.schedule))
    dtype = np.dtype(config.precision)
    with precision(dtype):
        control = flow.init(jax.random.key(config.seed), config.init_scale or 0.0, dtype)
    return Model(flow, control, scaling, data.image_shape, coordinates, readout)


def measures(model: Model, data: Dataset) -> tuple[EmpiricalMeasure, EmpiricalMeasure | None]:
    """Train and test rows in the flow's units and precision; None where no row is for testing."""
    features = model.coordinates.features
    if data.dim != features:
        raise InputError(
            f"{data.name} has rows of {data.dim} features, but the run's model takes {features}; "
            "give the data that it was trained on"
        )
    parts = []
    for name in ("train", "test") if np.any(data.is_test) else ("train",):
        part = data.part(name)
        y = None if part.reconstructs else part.y
        if model.readout.target != "rows":
            y = data.part_labels(name)
        parts.append(model.measure(part.x, y))
    return parts[0], parts[1] if len(parts) > 1 else None


def _completed(config: TrainConfig, data: Dataset, x: Any, targets: Any) -> TrainConfig:
    """The configuration with every entry decided, in the light of particles and targets."""
    variance = np.var(x, axis=0, dtype=np.float64)
    total = variance if targets is None else np.var(targets, axis=0, dtype=np.float64)
    carried = None
    if targets is None and data.y is None and not config.extra:
        carried = _carried(variance, np.asarray(np.mean(x, axis=0, dtype=np.float64)))
    return config.completed(
        x.shape[1],
        len(x),
        float(total.sum()),
        config.scaled(data.value_range),
        carried,
        None if targets is None else targets.shape[1],
        _resolution(x) if config.target == "classes" and config.noise is None else 0.0,
        data.image_shape,
    )


def _resolution(x: Any) -> float:
    """The median distance from one of at most 500 rows to the nearest other, not equal one."""
    some = np.random.default_rng(0).permutation(len(x))[:_COMPARED]
    rows = np.asarray(x, np.float32)
    squares = np.sum(rows**2, axis=1)
    found = []
    for row in some:
        distances = squares - 2 * (rows @ rows[row]) + squares[row]
        apart = distances[distances > 1e-6 * squares[row] + 1e-12]
        found.append(np.sqrt(apart.min()) if apart.size else 0.0)
    return float(np.median(found))


def _carried(variance: np.ndarray, mean: np.ndarray) -> int:
    """How many components, the most varied first, carry all but 1e-4 of the variance.

    If the rest are switched off throughout, at 0, that costs their mean square.
    """
    squares = (variance + mean**2)[np.argsort(-variance, kind="stable")]
    lost = np.cumsum(squares[::-1])[::-1]
    return max(1, int(np.sum(lost > _NEGLIGIBLE * variance.sum())))
