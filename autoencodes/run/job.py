"""A training that is set up: data read, plan made, initial control drawn."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from autoencodes import datasets
from autoencodes.control import Control
from autoencodes.cost import SquaredError
from autoencodes.datasets import Dataset
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.model import Model, push
from autoencodes.model.order import Order
from autoencodes.plan import build
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Facts, Rows
from autoencodes.plan.plan import Plan
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run.start import Start
from autoencodes.training import Method

_TESTING = 0.02
"""The share of a training's work on mini-batches that test errors along the way may take."""


@dataclass(frozen=True)
class Job:
    """A training that is set up: the plan and all that it stands for."""

    plan: Plan
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
        """The rows of a part, scaled."""
        measure = self.train if part == "train" else self.test
        if self.model.coordinates.plain:
            return np.asarray(measure.x)
        return self.model.scaling.apply(self.data.part(part).x, self.model.dtype)

    @property
    def whole(self) -> bool:
        """Whether every step sees all training rows."""
        return self.plan.sees_all(self.train.size)

    @property
    def steps(self) -> int:
        """The most steps of the training."""
        batches = 1 if self.whole else self.train.size // self.plan.batch_size
        return self.plan.epochs * batches

    @property
    def tested(self) -> int:
        """The number of epochs from one test error to the next.

        A test row costs a push, a training row the three of a gradient. On the whole measure an
        epoch may take milliseconds, and rounds of many set the pace.
        """
        pushes = self.test.size / (3 * self.train.size)
        return 1 if self.whole else max(1, round(pushes / _TESTING))

    def errors(self, control: Control, measure: EmpiricalMeasure) -> dict[str, float]:
        """How well the targets are predicted: ``mse``, the mean squared error per entry in the
        flow's units; ``cost``, where it is another; ``accuracy``, where classes are the target.
        """
        readout, y = self.model.readout, np.asarray(measure.y)
        pushed = push(self.model.flow, control, measure.x)
        with precision(self.model.dtype):
            predicted = readout.predict(pushed)
            errors = {"mse": float(np.mean((predicted - y) ** 2, dtype=np.float64))}
            if type(readout.cost) is not SquaredError:
                errors["cost"] = readout.mean_cost(pushed, y)
        if readout.target == "classes":
            errors["accuracy"] = float(np.mean(predicted.argmax(axis=1) == y.argmax(axis=1)))
        return errors


def prepare(given: Settings | Plan) -> Job:
    """Reads the data, decides what is left to them and draws the initial control.

    A plan, as ``RunFolder.config`` is one, leaves nothing to them.

    Raises
    ------
    InputError
        If data or settings cannot be used; nothing has been written then.
    """
    settings = Settings(**given.entries) if isinstance(given, Plan) else given
    start = Start.of(settings)
    settings = settings if start is None else start.continued(settings)
    data = datasets.load(
        settings.data,
        data_dir=settings.data_dir,
        seed=settings.split_seed,
        test_fraction=settings.test_fraction,
    )
    started = None if start is None else start.beginning(settings, data.dim)
    encoded = Encoded.of(settings, data, started)
    plan = resolve(settings, Facts.of(settings, data, encoded.x, encoded.targets))
    if started is None:
        wanted = np.asarray(data.train.y) if encoded.targets is None else encoded.targets
        order = build.order(plan, encoded.x, wanted)
        model = build.model(plan, encoded, data.image_shape, order)
    else:
        order, model = None, started
    train, test = measures(model, data, encoded.x)
    assert test is not None
    problem = model.problem(plan.tikhonov)
    return Job(plan, data, model, problem, build.method(plan, train.size), train, test, order)


def measures(
    model: Model, data: Dataset, particles: Rows | None = None
) -> tuple[EmpiricalMeasure, EmpiricalMeasure | None]:
    """Train and test rows in the flow's units and precision; None where no row is for testing.

    ``particles`` are the training rows, where they have been scaled.
    """
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
        x = model.particles(part.x) if particles is None or name == "test" else particles
        parts.append(model.paired(x, y))
    return parts[0], parts[1] if len(parts) > 1 else None
