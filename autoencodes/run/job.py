"""A training that is set up: data read, plan made, initial control drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autoencodes.control import Control
from autoencodes.cost import SquaredError
from autoencodes.datasets import Dataset
from autoencodes.datasets.parts import PARTS
from autoencodes.datasets.table import Observed
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure, check_size
from autoencodes.measure.streaming import strips
from autoencodes.model.model import Model, push
from autoencodes.model.order import Order
from autoencodes.model.readout import Readout, row_means
from autoencodes.plan import build
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Facts, Rows
from autoencodes.plan.plan import Plan
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run import source
from autoencodes.run.hiding import with_holes
from autoencodes.run.start import Start
from autoencodes.training import Method

_TESTING = 0.02
"""The share of a training's work on mini-batches that test errors along the way may take."""


@dataclass(frozen=True)
class Job:
    """A training that is set up: the plan and all that it stands for."""

    plan: Plan
    data: Dataset
    """All rows, as features."""
    model: Model
    problem: ControlProblem
    method: Method
    train: EmpiricalMeasure
    learned: EmpiricalMeasure
    """What the objective is over: the training rows, and copies with holes if some may have."""
    test: EmpiricalMeasure
    validation: EmpiricalMeasure | None
    """None where no rows are kept to choose by."""
    order: Order | None
    """Of the components; None for a model of an earlier run, which has its own."""

    @classmethod
    def of(
        cls, plan: Plan, data: Dataset, model: Model, order: Order | None, particles: Rows
    ) -> Job:
        """The training of a model on the training rows, which are particles already."""
        parts = measures(model, data, particles)
        if "test" not in parts:
            raise InputError(f"{data.name} has no rows to test on; give more rows")
        train, problem = parts["train"], model.problem(plan.tikhonov)
        check_size(train, model.dtype, large=True)
        learned = with_holes(model, data, train, plan.seed)
        method = build.method(plan, learned.size)
        test, validation = parts["test"], parts.get("validation")
        return cls(plan, data, model, problem, method, train, learned, test, validation, order)

    @property
    def parameters(self) -> int:
        """The number of entries of the control."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.model.control))

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the rows themselves."""
        return self.model.readout.target == "rows" and self.data.y is None

    def measure(self, part: str) -> EmpiricalMeasure:
        """The particles of a part; there must be some."""
        measure = {"train": self.train, "validation": self.validation, "test": self.test}[part]
        assert measure is not None
        return measure

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that have rows."""
        return tuple(part for part in PARTS if part != "validation" or self.validation is not None)

    def observed(self, part: str) -> Observed | None:
        """Which features of a part were observed; None where all were."""
        seen = self.data.observed
        return None if seen is None else seen[self.data.rows(part)]

    def features(self, part: str) -> np.ndarray:
        """The rows of a part, scaled."""
        if self.model.coordinates.plain:
            return np.asarray(self.measure(part).x)
        return self.model.scaling.apply(self.data.part(part).x, self.model.dtype)

    @property
    def watched(self) -> str:
        """The part whose error is measured along the way: what choices may look at, if any is."""
        return "test" if self.validation is None else "validation"

    @property
    def whole(self) -> bool:
        """Whether every step sees all training rows."""
        return self.plan.sees_all(self.learned.size)

    @property
    def steps(self) -> int:
        """The most steps of the training."""
        batches = 1 if self.whole else self.learned.size // self.plan.batch_size
        return self.plan.epochs * batches

    @property
    def tested(self) -> int:
        """The number of epochs from one error of ``watched`` rows to the next.

        Such a row costs a push, a training row the three of a gradient. On the whole measure an
        epoch may take milliseconds, and rounds of many set the pace.
        """
        pushes = self.measure(self.watched).size / (3 * self.learned.size)
        return 1 if self.whole else max(1, round(pushes / _TESTING))

    def errors(self, control: Control, measure: EmpiricalMeasure) -> dict[str, float]:
        """How well the targets are predicted: ``mse``, the mean squared error per entry in the
        flow's units; ``cost``, where it is another; ``accuracy``, where classes are the target.
        """
        readout, y = self.model.readout, np.asarray(measure.y)
        pushed = push(self.model.flow, control, measure.x)
        with precision(self.model.dtype):
            predicted = readout.predict(pushed)
            errors = {"mse": _mean_square(readout, predicted, y)}
            if type(readout.cost) is not SquaredError:
                errors["cost"] = readout.mean_cost(pushed, y)
        if readout.target == "classes":
            errors["accuracy"] = float(np.mean(predicted.argmax(axis=1) == y.argmax(axis=1)))
        return errors


def prepare(
    given: Settings | Plan,
    read: Callable[[Settings, Model | None], Dataset] = source.read,
) -> Job:
    """Reads the data, decides what is left to them, and draws the initial control.

    A plan, as ``RunFolder.config`` is one, leaves nothing to them.

    Raises
    ------
    InputError
        If data or settings cannot be used; nothing has been written then.
    """
    settings = Settings(**given.entries) if isinstance(given, Plan) else given
    start = Start.of(settings)
    settings = settings if start is None else start.continued(settings)
    data = read(settings, None if start is None else start.model)
    started = None if start is None else start.beginning(settings, data)
    encoded = Encoded.of(settings, data, started)
    facts = Facts.of(settings, encoded.data, encoded.x, encoded.targets, encoded.by_column)
    plan = resolve(settings, facts)
    if started is None:
        wanted = np.asarray(encoded.data.train.y) if encoded.targets is None else encoded.targets
        order = build.order(plan, encoded.x, wanted)
        model = build.model(plan, encoded, data.image_shape, order)
    else:
        order, model = None, started
    return Job.of(plan, encoded.data, model, order, encoded.x)


def measures(
    model: Model, data: Dataset, particles: Rows | None = None
) -> dict[str, EmpiricalMeasure]:
    """The rows of each part, as far as there are some, in the flow's units and precision.

    ``data`` are features; ``particles`` the training rows, where they have been scaled.
    """
    features = model.coordinates.features
    if data.dim != features:
        raise InputError(
            f"{data.name} has rows of {data.dim} features, but the run's model takes {features}; "
            "give the data that it was trained on"
        )
    parts = {}
    for name in PARTS:
        if not data.has(name):
            continue
        part = data.part(name)
        y = None if part.reconstructs else part.y
        if model.readout.target != "rows":
            y = data.part_labels(name)
        observed = None if data.observed is None else data.observed[data.rows(name)]
        x = particles if name == "train" else None
        if x is None:
            x = model.enter(part.x, np.arange(data.size)[data.rows(name)])
        parts[name] = model.paired(x, y, observed)
    return parts


def _mean_square(readout: Readout, predicted: Any, y: Any) -> float:
    """The mean over rows of a row's mean over the entries that were observed, in pieces."""
    total = 0.0
    for rows in strips(len(predicted)):
        squares, seen = readout.squares(predicted[rows], y[rows])
        total += float(np.sum(row_means(squares, seen)))
    return total / len(predicted)
