"""A training that is set up: data read, plan made, initial control drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import jax
import numpy as np

from autoencodes.control import Control
from autoencodes.cost import SquaredError
from autoencodes.datasets import Dataset
from autoencodes.datasets.parts import PARTS
from autoencodes.datasets.table import Observed
from autoencodes.errors import NumericalFailure
from autoencodes.measure.empirical import EmpiricalMeasure, check_size
from autoencodes.measure.placement import Placement
from autoencodes.model.model import Model, in_pieces
from autoencodes.model.order import Order
from autoencodes.model.pca import Weights
from autoencodes.model.readout import row_means
from autoencodes.plan import build, tables
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Facts, Rows
from autoencodes.plan.plan import Plan
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.plan.tables import Choice
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run import source
from autoencodes.run.choosing import Shown, choose
from autoencodes.run.hiding import with_holes
from autoencodes.run.kept import joins, kept
from autoencodes.run.measures import measures
from autoencodes.run.start import Start
from autoencodes.training import Method, Result, Resumption, fit
from autoencodes.training.result import Callback

STREAMED = 1024
"""Particles that pass at a time where a step sees the whole measure: more are slower."""

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
    test: EmpiricalMeasure | None
    """None where no rows are held out."""
    validation: EmpiricalMeasure | None
    """None where no rows are kept to choose by."""
    order: Order | None
    """Of the components; None for a model of an earlier run, which has its own."""
    choice: Choice | None = None
    """Which of a table's candidates the plan has; None where there were none."""
    placement: Placement | None = None
    """Over which devices and processes particles lie while it trains; None for one device."""

    @classmethod
    def of(
        cls, plan: Plan, data: Dataset, model: Model, order: Order | None, particles: Rows
    ) -> Job:
        """The training of a model on the training rows, which are particles already."""
        parts = measures(model, data, particles)
        train, problem = parts["train"], model.problem(plan.tikhonov)
        check_size(train, model.dtype, large=True)
        learned = with_holes(model, data, train, plan.seed)
        method = build.method(plan, learned.size)
        test, validation = parts.get("test"), parts.get("validation")
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
        own = {"train": self.train, "validation": self.validation, "test": self.test}
        return tuple(part for part in PARTS if own[part] is not None)

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
        readout, model = self.model.readout, self.model

        def of_rows(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
            compared = model.compared(model.flow.push(control, x))
            predicted = readout.predict(compared)
            errors = [row_means(*readout.squares(predicted, y))]
            if type(readout.cost) is not SquaredError:
                errors.append(readout.costs(compared, y))
            if readout.target == "classes":
                errors.append((predicted.argmax(axis=1) == y.argmax(axis=1)).astype(float))
            return tuple(errors)

        names = ["mse"] + ["cost"] * (type(readout.cost) is not SquaredError)
        names += ["accuracy"] * (readout.target == "classes")
        x, y, weights = np.asarray(measure.x), np.asarray(measure.y), _unequal(measure)
        if self.placement is None:
            # All rows at a time would be held four times.
            told = in_pieces(of_rows, control, x, y)
            means = np.array([np.average(own, weights=weights) for own in told])
        else:
            means = _shared_means(self.placement, of_rows, control, x, y, weights, len(names))
        return dict(zip(names, map(float, means), strict=True))

    def fit(
        self,
        callbacks: Sequence[Callback] = (),
        *,
        every: int | None = None,
        progress: bool = False,
        stop: Callable[[], bool] | None = None,
        resume: Resumption | None = None,
    ) -> Result:
        """The training: on the command line and in the estimators the same, bit for bit.

        The arguments are those of ``training.fit``.
        """
        plan = self.plan
        with precision(plan.precision):
            learned = self.learned
            if self.placement is not None:
                learned = learned.spread(self.placement.devices)
            return fit(
                self.problem,
                self.model.control,
                learned,
                method=self.method,
                steps=self.steps,
                key=jax.random.fold_in(jax.random.key(plan.seed), 1),
                batch_size=None if self.whole else plan.batch_size,
                stream_size=STREAMED,
                noise=plan.noise,
                tolerance=plan.tolerance,
                callbacks=callbacks,
                every=every,
                progress=progress,
                stop=stop,
                resume=resume,
            )


def prepare(
    given: Settings | Plan,
    read: Callable[[Settings, Model | None], Dataset] = source.read,
    start: Start | None = None,
    choosing: Shown | Literal[False] | None = None,
) -> Job:
    """Reads the data, decides what is left to them, and draws the initial control.

    A plan, as ``RunFolder.config`` is one, leaves nothing to them. ``start`` is the training that
    this one goes on from, where it is not a run that the settings name. Where a table's rule has
    candidates, folds of its training rows choose; ``choosing`` is called with the steps that are
    made and all, and with False nothing is trained: then the plan has the first candidate.

    Raises
    ------
    InputError
        If data or settings cannot be used; nothing has been written then.
    """
    settings = Settings(**given.entries) if isinstance(given, Plan) else given
    start = Start.of(settings) if start is None else start
    settings = settings if start is None else start.continued(settings)
    data = read(settings, None if start is None else start.model)
    started = None if start is None else start.beginning(settings, data)
    ruled = isinstance(given, Settings) and tables.holds(settings, data) and started is None
    settings = tables.begun(settings) if ruled else settings
    if isinstance(given, Settings):
        settings = Settings(**{**settings.given, "distinct": joins(settings, data)})
    data = kept(settings, data, started)
    encoded = Encoded.of(settings, data, started)
    facts = Facts.of(settings, encoded.data, encoded.x, encoded.targets, encoded.by_column)
    plan, choice = resolve(settings, facts), None
    if ruled and choosing is not False:
        plan, choice = choose(settings, plan, data, facts, choosing)
    if started is None:
        wanted = np.asarray(encoded.data.train.y) if encoded.targets is None else encoded.targets
        order = build.order(plan, encoded.x, wanted, encoded.data.part_weights("train"))
        model = build.model(plan, encoded, data.image_shape, order)
    else:
        order, model = None, started
    return replace(Job.of(plan, encoded.data, model, order, encoded.x), choice=choice)


def _unequal(measure: EmpiricalMeasure) -> Weights | None:
    """The weights of a measure, if they are not all the same."""
    weights = np.asarray(measure.weights, np.float64)
    return None if (weights == weights[0]).all() else weights


def _shared_means(
    placement: Placement,
    of_rows: Callable[..., tuple[np.ndarray, ...]],
    control: Control,
    x: np.ndarray,
    y: np.ndarray,
    weights: Weights | None,
    count: int,
) -> np.ndarray:
    """Means of what is told of rows: every process has its own of them, and all the sums."""
    own = placement.rows(len(x))
    w = np.ones(own.stop - own.start) if weights is None else weights[own]
    sums = np.zeros(count + 1)
    sums[-1] = w.sum()
    if len(w):
        try:
            sums[:-1] = [w @ told for told in in_pieces(of_rows, control, x[own], y[own])]
        except NumericalFailure:
            sums[:] = np.nan  # and so all processes learn of it
    sums = placement.summed(sums)
    if np.isnan(sums).any():
        raise NumericalFailure("the predictions of some rows left the finite numbers")
    return sums[:-1] / sums[-1]
