"""A training that is set up: data read, plan made, initial control drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal

import jax
import numpy as np

from autoencodes.control import Control
from autoencodes.cost import SquaredError
from autoencodes.datasets import Dataset, Record
from autoencodes.datasets.parts import PARTS
from autoencodes.datasets.streamed import Streamed
from autoencodes.datasets.table import Observed
from autoencodes.errors import NumericalFailure
from autoencodes.measure.empirical import EmpiricalMeasure, check_size
from autoencodes.measure.placement import Placement
from autoencodes.measure.streamed import Measure, StreamedMeasure, in_memory
from autoencodes.model.model import Model, in_pieces
from autoencodes.model.order import Order
from autoencodes.model.pca import Pca, Weights
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
from autoencodes.run import memory, source, streams
from autoencodes.run.choosing import Shown, choose
from autoencodes.run.hiding import with_holes
from autoencodes.run.kept import joins, kept
from autoencodes.run.measures import measures
from autoencodes.run.start import Start
from autoencodes.run.streams import Fitted
from autoencodes.training import Method, Result, Resumption, fit
from autoencodes.training.feed import BUFFER
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
    train: Measure
    learned: Measure
    """What the objective is over: the training rows, and copies with holes if some may have."""
    test: Measure | None
    """None where no rows are held out."""
    validation: Measure | None
    """None where no rows are kept to choose by."""
    order: Order | None
    """Of the components; None for a model of an earlier run, which has its own."""
    choice: Choice | None = None
    """Which of a table's candidates the plan has; None where there were none."""
    streamed: Streamed | None = None
    """The rows, where they are read a block at a time; ``data`` is a sample of them then."""
    fit_to: Fitted | None = None
    """What was fitted to them."""
    sampled: Job | None = None
    """The same training of the sample alone, for what looks at some rows."""
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
    def shown(self) -> Job:
        """The training whose rows are all in memory: of a sample, where they are not."""
        return self if self.sampled is None else self.sampled

    @property
    def record(self) -> Record:
        """What is kept of the data, to know them again."""
        return self.data.record

    @property
    def buffer(self) -> int:
        """The particles that are mixed at a time where they are read."""
        if self.streamed is None:
            return BUFFER
        own = self.learned.source.target if isinstance(self.learned, StreamedMeasure) else None
        return streams.buffer_rows(self.plan, self.model, own)

    @property
    def parameters(self) -> int:
        """The number of entries of the control."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.model.control))

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the rows themselves."""
        return self.model.readout.target == "rows" and self.data.y is None

    def measure(self, part: str) -> Measure:
        """The particles of a part; there must be some."""
        measure = {"train": self.train, "validation": self.validation, "test": self.test}[part]
        assert measure is not None
        return measure

    def held(self, part: str) -> EmpiricalMeasure:
        """The particles of a part, which are in memory."""
        return in_memory(self.measure(part))

    @property
    def loaded(self) -> EmpiricalMeasure:
        """What is learned from, which is in memory."""
        return in_memory(self.learned)

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
        measure = self.measure(part)
        if self.model.coordinates.plain and isinstance(measure, EmpiricalMeasure):
            return np.asarray(measure.x)
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

    def objective(self, control: Control) -> float:
        """J, over what is learned from."""
        with precision(self.plan.precision):
            return float(self.problem.objective(control, self.learned, STREAMED))

    def errors(self, control: Control, measure: Measure) -> dict[str, float]:
        """How well the targets are predicted: ``mse``, the mean squared error per entry in the
        flow's units; ``cost``, where it is another; ``accuracy``, where classes are the target.
        """
        if isinstance(measure, StreamedMeasure):
            return self._mean(control, ({"": part} for part in measure.source.all()))[""]
        weights = _unequal(measure)
        if self.placement is not None:
            means = self._shared_means(self.placement, control, measure, weights).tolist()
        else:
            errors = self._of_rows(control, measure)
            means = [float(np.average(own, weights=weights)) for own in errors]
        return dict(zip(self._named, means, strict=True))

    def _shared_means(
        self,
        placement: Placement,
        control: Control,
        measure: EmpiricalMeasure,
        weights: Weights | None,
    ) -> np.ndarray:
        """The mean errors, of which every process sums those of its own rows."""
        own = placement.rows(measure.size)
        w = np.ones(own.stop - own.start) if weights is None else weights[own]
        sums = np.append(np.zeros(len(self._named)), w.sum())
        if len(w):
            part = EmpiricalMeasure(np.asarray(measure.x)[own], np.asarray(measure.y)[own])
            try:
                sums[:-1] = [w @ errors for errors in self._of_rows(control, part)]
            except NumericalFailure:
                sums[:] = np.nan  # and so all processes learn of it
        sums = placement.gathered(sums).sum(axis=0)
        if np.isnan(sums).any():
            raise NumericalFailure("the predictions of some rows left the finite numbers")
        return sums[:-1] / sums[-1]

    def errors_of_parts(self, control: Control) -> dict[str, dict[str, float]]:
        """``errors`` of every part that has rows; where rows are read, in one pass."""
        if isinstance(self.train, StreamedMeasure):
            source = self.train.source
            assert isinstance(source, streams.PartBlocks)
            return self._mean(control, source.every())
        return {part: self.errors(control, self.measure(part)) for part in self.parts}

    def _mean(
        self, control: Control, blocks: Iterable[dict[str, EmpiricalMeasure]]
    ) -> dict[str, dict[str, float]]:
        """The mean errors over blocks of several measures."""
        totals: dict[str, np.ndarray] = {}
        counts: dict[str, int] = {}
        for block in blocks:
            for name, part in block.items():
                own = self._of_rows(control, part)
                sums = np.array([np.sum(errors, dtype=np.float64) for errors in own])
                totals[name] = totals.get(name, 0.0) + sums
                counts[name] = counts.get(name, 0) + part.size
        return {
            name: dict(zip(self._named, (total / counts[name]).tolist(), strict=True))
            for name, total in totals.items()
        }

    @property
    def _named(self) -> list[str]:
        """What ``errors`` has."""
        readout = self.model.readout
        names = ["mse"] + ["cost"] * (type(readout.cost) is not SquaredError)
        return names + ["accuracy"] * (readout.target == "classes")

    def _of_rows(self, control: Control, measure: EmpiricalMeasure) -> tuple[np.ndarray, ...]:
        """The errors of every particle."""
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

        # All rows at a time would be held four times.
        made: tuple[np.ndarray, ...] = in_pieces(
            of_rows, control, np.asarray(measure.x), np.asarray(measure.y)
        )
        return made

    def pca(self) -> Pca:
        """The linear autoencoder to beat, fitted to the training rows."""
        latent = self.model.flow.schedule.latent
        if self.fit_to is None:
            return Pca.fit(self.features("train"), latent, self.data.part_weights("train"))
        moments = self.fit_to.moments["train"]
        return Pca(moments.mean, moments.axes[:, :latent])

    def pca_error(self, pca: Pca, part: str) -> float:
        """The mean squared error of PCA over what was observed of a part."""
        measure = self.measure(part)
        if self.fit_to is not None and isinstance(measure, StreamedMeasure):
            if not self.model.readout.cost.masked:
                return self.fit_to.moments[part].linear_error(pca)
            return streams.masked_error(measure, self.model, pca)
        x, observed = self.features(part), self.observed(part)
        if observed is None:
            return pca.mean_squared_error(x)
        return float(np.mean(row_means((pca.reconstruct(x) - x) ** 2 * observed, observed)))

    def pca_exact(self, pca: Pca) -> bool:
        """Whether PCA's test error is nothing but rounding: a ratio to it would say nothing."""
        if self.fit_to is not None:
            own = self.fit_to.moments["test"]
            size, least = float(np.mean(own.variance + own.mean**2)), 1e-13
            least = max(least, 100 * float(np.finfo(self.model.dtype).eps) ** 2)
            return self.pca_error(pca, "test") <= least * size
        x = self.features("test")
        size = float(np.mean(np.square(x, dtype=np.float64)))
        return self.pca_error(pca, "test") <= 100 * float(np.finfo(x.dtype).eps) ** 2 * size

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
        plan, learned = self.plan, self.learned
        telling = (
            learned.source.telling() if isinstance(learned, StreamedMeasure) else nullcontext()
        )
        with precision(plan.precision), telling:
            if self.placement is not None:
                learned = in_memory(learned).spread(self.placement.devices)
            return fit(
                self.problem,
                self.model.control,
                learned,
                method=self.method,
                steps=self.steps,
                key=jax.random.fold_in(jax.random.key(plan.seed), 1),
                batch_size=None if self.whole else plan.batch_size,
                stream_size=STREAMED,
                buffer_size=self.buffer,
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
    read: Callable[[Settings, Model | None], Dataset | Streamed] = source.read,
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
    if isinstance(data, Streamed):
        return _streamed(given, settings, data, start, choosing)
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
    job = replace(Job.of(plan, encoded.data, model, order, encoded.x), choice=choice)
    if start is not None:
        start.refuse_no_fall(settings, job.objective)
    return job


def _streamed(
    given: Settings | Plan,
    settings: Settings,
    rows: Streamed,
    start: Start | None,
    choosing: Shown | Literal[False] | None,
) -> Job:
    """The training on rows that are read a block at a time."""
    streams.refuse(settings, rows)
    limit = memory.half() if settings.memory_limit is None else settings.memory_limit
    decided = {**settings.given, "distinct": False, "memory_limit": limit}
    started = None if start is None else start.beginning(settings, rows.sample)
    ruled = isinstance(given, Settings) and tables.holds(settings, rows.sample) and started is None
    if ruled and settings.effort is None:
        decided["effort"] = "quick"  # one candidate, for a comparison of few rows takes as long
    settings = Settings(**decided)
    settings = tables.begun(settings) if ruled else settings
    fit_to = streams.fitted(settings, rows, started)
    facts = streams.facts(settings, fit_to)
    plan, choice = resolve(settings, facts), None
    if ruled and choosing is not False:
        plan, choice = choose(settings, plan, rows.sample, facts, choosing)
        by = f"{choice.by}, of a sample of {rows.sample.size:,} of {rows.size:,} rows"
        choice = replace(choice, by=by)
    order, model = None, started
    if model is None:
        order = streams.order(plan, fit_to)
        model = build.model(plan, fit_to.encoded, None, order)
    sampled = Job.of(plan, fit_to.encoded.data, model, order, fit_to.encoded.x)
    parts = {
        name: StreamedMeasure(
            streams.PartBlocks(rows, model, fit_to.counts[:, k], k, sampled.held(name))
        )
        for k, name in enumerate(PARTS)
        if fit_to.counts[:, k].any()
    }
    learned = train = parts["train"]
    if sampled.learned is not sampled.train:
        source = streams.PartBlocks(rows, model, fit_to.counts[:, 0], 0, sampled.loaded, plan.seed)
        learned = StreamedMeasure(source)
    job = replace(
        sampled,
        method=build.method(plan, learned.size),
        train=train,
        learned=learned,
        test=parts["test"],
        validation=parts.get("validation"),
        choice=choice,
        streamed=rows,
        fit_to=fit_to,
        sampled=sampled,
    )
    if start is not None:
        start.refuse_no_fall(settings, job.objective)
    return job


def _unequal(measure: EmpiricalMeasure) -> Weights | None:
    """The weights of a measure, if they are not all the same."""
    weights = np.asarray(measure.weights, np.float64)
    return None if (weights == weights[0]).all() else weights
