"""The training job: settings in, a run folder out."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import numpy as np

from autoencodes.datasets import Dataset
from autoencodes.datasets.formats import STANDARD_INPUT
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import InputError, Notice, NumericalFailure
from autoencodes.model.model import Model, push
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.run import anomalies
from autoencodes.run.choosing import Shown
from autoencodes.run.folder import CHECKPOINT, RunFolder
from autoencodes.run.job import Job, prepare
from autoencodes.run.keeping import Keeper, begun
from autoencodes.run.lock import Lock
from autoencodes.run.metrics import evaluated, metrics
from autoencodes.run.recording import Course
from autoencodes.run.samples import pictured, samples
from autoencodes.run.source import read, read_again
from autoencodes.run.team import Team
from autoencodes.training import Progress, Result, Resumption

_CHECKPOINT_SECONDS = 30.0
_READ = (
    "several processes train on rows in memory, and these are read a block at a time; give a "
    "larger --memory-limit, or train in one process"
)
RESUMED = ("config.toml", "data.json", "choice.json", "history.jsonl", CHECKPOINT)
"""The files of a run folder from which its training goes on."""


@runtime_checkable
class Watcher(Protocol):
    """Whoever shows how a training goes."""

    def begin(self, job: Job) -> None:
        """Called once, when data and settings are known to be good."""

    def advance(self, progress: Progress) -> None:
        """Called after every round; the records hold ``validation_mse``, or
        without rows for that ``test_mse``, where it was measured."""


@runtime_checkable
class Comparing(Protocol):
    """A watcher that also shows how the comparison of a table's candidates goes."""

    def choose(self, step: int, steps: int) -> None:
        """Called with the steps that are made and all."""


@runtime_checkable
class Placed(Protocol):
    """A watcher that writes beside the run, too."""

    def place(self, path: Path) -> None:
        """Called with the run folder, before ``begin``."""


@dataclass(frozen=True)
class Outcome:
    """A training that ended: where its results are, and how it ended."""

    folder: RunFolder
    metrics: dict[str, Any]
    written: bool = True
    """Whether by this process; else the folder is another's, and metrics say how it ended."""


def train(
    settings: Settings | Plan,
    out: str | Path | None = None,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] | None = None,
    team: Team | None = None,
) -> Outcome:
    """Trains as the settings say and writes the run folder ``out``.

    By default the folder is ``runs/NAME``, numbered if that exists. Interrupted, by ``stop``
    (asked after every round) or without it by Ctrl-C, the folder holds the model as far as it
    came, and a checkpoint for ``resume``. A disk that is full for a while, or a folder that is
    moved or removed, ends no training: a warning says so, and what could not be written is written
    later. With a ``team`` all its processes call this with the same settings: the first writes.

    Raises
    ------
    InputError
        For data, settings or a folder that cannot be used; nothing is written then.
    NumericalFailure
        If the training failed and left no control that can be evaluated.
    OSError
        If the folder cannot be written, or the result at the end; then the checkpoint stays.
    """
    started = time.perf_counter()

    def make() -> Job:
        if _writes(team):
            place = RunFolder.vacant(Path("runs"), "data") if out is None else Path(out)
            RunFolder(place).require_vacant()
        choosing = watcher.choose if isinstance(watcher, Comparing) else None
        return set_up(settings, choosing, read if team is None else _loaded)

    job = make() if team is None else _placed(team.agreed("begins a training", make, _facts), team)
    if not _writes(team):
        return _run(job, None, watcher, stop, started)
    path = None if out is None else Path(out)
    with begun(path, _stem(job.data.name), job.plan) as keeper:
        keeper.folder.write_record(job.record)
        if job.choice is not None:
            keeper.folder.write_choice(job.choice)
        return _run(job, keeper, watcher, stop, started)


def _writes(team: Team | None) -> bool:
    return team is None or team.writes


def _loaded(settings: Settings, model: Model | None) -> Dataset:
    """The rows of a training in several processes, which are in memory."""
    if isinstance(data := read(settings, model), Streamed):
        raise InputError(_READ)
    return data


def _placed(job: Job, team: Team) -> Job:
    """The training over the devices of all processes."""
    if job.streamed is not None:
        raise InputError(_READ)
    return replace(job, placement=team.placement)


def _facts(job: Job) -> dict[str, object]:
    """What must be the same in every process that trains with others."""
    first = hashlib.sha256()
    for leaf in jax.tree.leaves(job.model.control):
        first.update(np.ascontiguousarray(leaf).tobytes())
    return {
        **{f"setting {n}": value for n, value in job.plan.entries.items() if n != "data"},
        "data (fingerprint of their content, wherever they lie)": job.data.record.sha256,
        "first control (fingerprint)": first.hexdigest()[:16],
    }


def set_up(
    settings: Settings | Plan,
    choosing: Shown | Literal[False] | None = None,
    read: Callable[[Settings, Model | None], Dataset | Streamed] = read,
) -> Job:
    """The training that settings ask for, which is to end with an error on rows held out.

    Raises
    ------
    InputError
        If data or settings cannot be used, or no rows are held out.
    """
    job = prepare(settings, read, choosing=choosing)
    if job.test is None:
        raise InputError(f"{job.data.name} has no rows to test on; give more rows")
    return job


def resume(
    path: str | Path,
    given: dict[str, Any] | None = None,
    watcher: Watcher | None = None,
    stop: Callable[[], bool] | None = None,
    team: Team | None = None,
) -> Outcome:
    """Goes on with an interrupted training, as if it had not been interrupted.

    One that was killed before its first checkpoint begins anew in its folder. Of a history that
    lost lines, those that are left are kept, and a warning says which are missing.

    Raises
    ------
    InputError
        If the folder holds no run or a finished one, or another process writes it, or an entry of
        ``given`` or of an edited configuration differs from what the training was begun with.
    """
    started = time.perf_counter()
    with ExitStack() as held:
        own = Path(path) if team is None else held.enter_context(team.copied(Path(path), RESUMED))

        def make() -> tuple[Job, Keeper, Resumption | None]:
            return _reopened(RunFolder.open(own), held, dict(given or {}))

        if team is None:
            job, keeper, checkpoint = make()
        else:
            job, keeper, checkpoint = team.agreed(
                "goes on with it", make, lambda made: _facts(made[0])
            )
            job = _placed(job, team)
        spent = 0.0 if checkpoint is None else checkpoint.seconds
        writer = keeper if _writes(team) else None
        return _run(job, writer, watcher, stop, started - spent, checkpoint)


def _reopened(
    folder: RunFolder, held: ExitStack, given: dict[str, Any]
) -> tuple[Job, Keeper, Resumption | None]:
    """The training in a folder, locked as long as it is ``held``, and how far it has come."""
    path = folder.path
    lock = held.enter_context(Lock(path))
    if folder.finished:
        raise InputError(f"{path} holds a finished run; there is nothing to resume")
    settings = folder.settings
    data = given.pop("data", None)
    if folder.record is None and data not in (None, settings.data):
        given["data"] = data  # nothing is known of the content
    for name, value in given.items():
        if (before := getattr(settings, name, None)) != value:
            raise InputError(
                f"{path} was started with {name.replace('_', '-')} {before}, not {value}; "
                "resume it with the same settings, or start another run"
            )
    checkpoint = folder.checkpoint_of(folder.config)
    job = prepare(folder.config, lambda said, model: read_again(folder, data, said, model))
    job = replace(job, choice=folder.choice)
    if folder.record is None:
        folder.write_record(job.record)
    step = 0 if checkpoint is None else checkpoint.step
    if step > job.steps:
        raise InputError(
            f"{path}: the checkpoint is at step {step}, beyond the {job.steps} of the "
            "training; it belongs to another run, or is damaged"
        )
    earlier = folder.rewind_history(step)
    _say_what_is_missing(folder, earlier, step * job.plan.epochs // max(1, job.steps))
    return job, Keeper(folder, lock, earlier), checkpoint


def _say_what_is_missing(folder: RunFolder, history: list[dict[str, Any]], epochs: int) -> None:
    """Warns of a history that has not one line for every epoch so far."""
    missing = sorted(set(range(1, epochs + 1)) - {record.get("epoch") for record in history})
    if missing:
        warnings.warn(
            f"{folder.path}: the history has no line of {len(missing)} of {epochs} epochs, from "
            f"{missing[0]} to {missing[-1]}; the training goes on from its checkpoint, which is "
            "whole, and the history stays without them",
            Notice,
            stacklevel=3,
        )


def _run(
    job: Job,
    keeper: Keeper | None,
    watcher: Watcher | None,
    stop: Callable[[], bool] | None,
    started: float,
    checkpoint: Resumption | None = None,
) -> Outcome:
    """Trains, and writes what came of it; without a keeper, another process does."""
    if keeper is not None and isinstance(watcher, Placed):
        watcher.place(keeper.folder.path)
    if watcher is not None:
        watcher.begin(job)
    result = job.fit(
        [_Recorder(job, keeper, watcher)],
        every=1 if job.plan.record and job.whole else None,
        stop=stop,
        resume=checkpoint,
    )
    if keeper is None:
        evaluated(job, result.control)
        ended = {"interrupted": result.interrupted, "failed": result.failed}
        return Outcome(RunFolder(Path("runs")), ended, written=False)
    return _finish(job, keeper, result, started)


def _finish(job: Job, keeper: Keeper, result: Result, started: float) -> Outcome:
    """Measures and writes the result of a training."""
    folder, at = keeper.settled(), result.resumption
    model, order = job.model.with_control(result.control), job.order
    # A failed training may have stepped back behind lines that are written.
    history = [r for r in (*keeper.earlier, *result.history) if r["step"] <= at.step]
    failures: list[OSError] = []

    def attempt(write: Callable[..., None], *contents: Any) -> None:
        try:
            write(*contents)
        except OSError as error:
            failures.append(error)

    if folder.record is None:  # a folder that had to be made anew
        attempt(folder.write_record, job.record)
        if job.choice is not None:
            attempt(folder.write_choice, job.choice)
    attempt(folder.write_history, history)
    attempt(folder.write_checkpoint, at, keeper.plan)
    attempt(folder.write_model, model)
    pca = job.pca() if job.reconstructs else None
    attempt(folder.write_samples, samples(job.shown, model, pca))
    if order is not None:
        named = model.encoding if model.coordinates.rotation is None else None
        attempt(folder.write_order, order, () if named is None else named.feature_names)
    if failures:  # without metrics the run is not finished, and can go on
        raise _unsaved(failures[0], folder)
    measured = metrics(job, model, pca, result, history)
    measured["seconds"] = time.perf_counter() - started
    if job.plan.data == STANDARD_INPUT and job.reconstructs:  # whose rows no one has later
        with suppress(InputError):  # of too few rows
            found = anomalies.fitted(model, job.data)
            attempt(found.save, folder.path / anomalies.FILE)
    attempt(folder.write_metrics, measured)
    if failures:
        raise _unsaved(failures[0], folder)
    return Outcome(folder, measured)


def _unsaved(error: OSError, folder: RunFolder) -> OSError:
    """An error of the disk at the end of a training, with what to do."""
    text = (
        f"{error.strerror}; what was written before is whole. Make room or give access, then go on "
        f"from the last checkpoint with: autoencodes train --out {folder.path} --resume"
    )
    return OSError(error.errno, text, error.filename)


class _Recorder:
    """Measures the error on ``watched`` rows every few epochs, writes history and checkpoints."""

    def __init__(self, job: Job, keeper: Keeper | None, watcher: Watcher | None) -> None:
        self._job = job
        self._keeper = keeper
        self._watcher = watcher
        self._saved = -math.inf  # the first round is kept at once
        recorded = job.plan.record and keeper is not None
        self._course = Course(job.problem, job.shown.loaded) if recorded else None
        images = job.data.image_shape is not None and job.plan.target == "rows"
        self._shown = pictured(job.shown) if images and keeper is not None else None
        self._next = 1 if keeper is None else 2 * max(keeper.folder.strip, default=0) or 1

    def __call__(self, progress: Progress) -> None:
        if progress.records:
            last = progress.records[-1]
            ended = progress.step == progress.steps
            if ended or last["epoch"] == 1 or last["epoch"] % self._job.tested == 0:
                last.update(self._errors(progress))
                self._picture(last["epoch"], progress.control, ended)
            if self._course is not None and last["step"] == progress.step:
                entries = self._course.measured(progress.step, progress.control)
                last.update({name: value for name, value in entries.items() if name not in last})
            if self._keeper is not None:
                self._keeper.add(progress.records)
        now = time.perf_counter()
        if self._keeper is not None and now - self._saved > _CHECKPOINT_SECONDS:
            self._keeper.check(progress.resumption)
            self._saved = now
        if self._watcher is not None:
            self._watcher.advance(progress)

    def _picture(self, epoch: int, control: Any, ended: bool) -> None:
        """Keeps the sample images' reconstructions, at epochs that double."""
        if self._keeper is None or self._shown is None or (epoch < self._next and not ended):
            return
        self._next = 2 * epoch
        model = self._job.model
        try:
            pushed = push(model.flow, control, np.asarray(self._job.held("test").x)[self._shown])
        except NumericalFailure:
            return
        self._keeper.picture(epoch, model.read(pushed))

    def _errors(self, progress: Progress) -> dict[str, float | None]:
        part = self._job.watched
        try:
            errors = self._job.errors(progress.control, self._job.measure(part))
        except NumericalFailure:
            return {f"{part}_mse": None}
        return {f"{part}_{name}": value for name, value in errors.items()}


def _stem(name: str) -> str:
    """A data set's name as a folder's: a file's without its endings."""
    return Path(name).name.split(".")[0] or "data"
