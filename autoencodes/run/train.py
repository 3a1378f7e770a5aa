"""The training job: a configuration in, a run folder out."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from autoencodes.errors import InputError, NumericalFailure
from autoencodes.precision import precision
from autoencodes.run.baseline import Pca
from autoencodes.run.config import TrainConfig
from autoencodes.run.folder import RunFolder, Samples
from autoencodes.run.job import Job, prepare
from autoencodes.run.model import Model, push
from autoencodes.run.recording import Course
from autoencodes.training import Progress, Result, fit
from autoencodes.training.interruption import Interruption

_CHECKPOINT_SECONDS = 30.0
_STREAMED = 8192
"""Particles that pass at a time where a step sees the whole measure."""
_PICTURED_IMAGES = 20
_PICTURED_ROWS = 1000
_PICTURED_CODES = 3000


@runtime_checkable
class Watcher(Protocol):
    """Whoever shows how a training goes."""

    def begin(self, job: Job) -> None:
        """Called once, when data and configuration are known to be good."""

    def advance(self, progress: Progress) -> None:
        """Called after every round; the records hold ``test_mse`` where it was measured."""


@dataclass(frozen=True)
class Outcome:
    """A training that ended: where its results are, and how it ended."""

    folder: RunFolder
    metrics: dict[str, Any]


def train(
    config: TrainConfig, out: str | Path | None = None, watcher: Watcher | None = None
) -> Outcome:
    """Trains as configured and writes the run folder ``out``.

    By default the folder is ``runs/NAME``, numbered if that exists. Interrupted by Ctrl-C,
    the folder holds the model as far as it came, and a checkpoint for ``resume``.

    Raises
    ------
    InputError
        For data, configuration or a folder that cannot be used; nothing is written then.
    NumericalFailure
        If the training failed and left no control that can be evaluated.
    OSError
        If the folder cannot be written.
    """
    began = time.perf_counter()
    job = prepare(config)
    path = RunFolder.vacant(Path("runs"), _stem(job.data.name)) if out is None else Path(out)
    folder = RunFolder.create(path, job.config)
    return _run(job, folder, watcher, began)


def resume(
    path: str | Path, given: dict[str, Any] | None = None, watcher: Watcher | None = None
) -> Outcome:
    """Goes on with an interrupted training, as if it had not been interrupted.

    One that was killed before its first checkpoint begins anew in its folder.

    Raises
    ------
    InputError
        If the folder holds no run or a finished one, or an entry of ``given`` differs from
        the run's configuration.
    """
    began = time.perf_counter()
    folder = RunFolder.open(path)
    if folder.finished:
        raise InputError(f"{path} holds a finished run; there is nothing to resume")
    for name, value in (given or {}).items():
        if (before := getattr(folder.config, name, None)) != value:
            raise InputError(
                f"{path} was begun with {name.replace('_', '-')} {before}, not {value}; resume it "
                "with the same settings, or start another run"
            )
    checkpoint = folder.checkpoint
    job = prepare(folder.config)
    folder.rewind_history(0 if checkpoint is None else checkpoint.step)
    spent = 0.0 if checkpoint is None else checkpoint.seconds
    return _run(job, folder, watcher, began - spent, checkpoint)


def _run(
    job: Job, folder: RunFolder, watcher: Watcher | None, began: float, checkpoint: Any = None
) -> Outcome:
    """Trains, and writes what came of it."""
    if watcher is not None:
        watcher.begin(job)
    with precision(job.config.precision):
        result = fit(
            job.problem,
            job.model.control,
            job.train,
            method=job.method,
            steps=job.steps,
            key=jax.random.fold_in(jax.random.key(job.config.seed), 1),
            batch_size=job.config.batch_size or None,
            stream_size=_STREAMED,
            noise=job.config.noise or 0.0,
            tolerance=job.config.tolerance,
            callbacks=[_Recorder(job, folder, watcher)],
            every=1 if job.config.record and job.whole else None,
            resume=checkpoint,
        )
    with Interruption():  # Ctrl-C waits the seconds that it takes to save what there is
        return _finish(job, folder, result, began)


def _finish(job: Job, folder: RunFolder, result: Result, began: float) -> Outcome:
    """Measures and writes what a training came to."""
    folder.rewind_history(result.resumption.step)  # a failed training may have stepped back
    folder.write_checkpoint(result.resumption)
    model = job.with_control(result.control)
    folder.write_model(model)
    pca = Pca.fit(job.train.x, model.flow.schedule.latent) if job.train.reconstructs else None
    folder.write_samples(_samples(job, model, pca))
    metrics = _metrics(job, model, pca, result)
    metrics["seconds"] = time.perf_counter() - began
    folder.write_metrics(metrics)
    return Outcome(folder, metrics)


class _Recorder:
    """Measures the test error every few epochs, and writes history and checkpoints."""

    def __init__(self, job: Job, folder: RunFolder, watcher: Watcher | None) -> None:
        self._job = job
        self._folder = folder
        self._watcher = watcher
        self._saved = time.perf_counter()
        self._course = Course(job.problem, job.train) if job.config.record else None

    def __call__(self, progress: Progress) -> None:
        if progress.records:
            last = progress.records[-1]
            ended = progress.step == progress.steps
            if ended or last["epoch"] == 1 or last["epoch"] % self._job.tested == 0:
                last["test_mse"] = self._test_error(progress)
            if self._course is not None and last["step"] == progress.step:
                found = self._course.measured(progress.step, progress.control)
                last.update({name: value for name, value in found.items() if name not in last})
            self._folder.append_history(progress.records)
        now = time.perf_counter()
        if now - self._saved > _CHECKPOINT_SECONDS:
            self._folder.write_checkpoint(progress.resumption)
            self._saved = now
        if self._watcher is not None:
            self._watcher.advance(progress)

    def _test_error(self, progress: Progress) -> float | None:
        try:
            return self._job.error(progress.control, self._job.test)
        except NumericalFailure:
            return None


def _error_through_bottleneck(job: Job, model: Model) -> float | None:
    """The test error of what comes through the bottleneck alone; None where all does.

    The values that go around it, held or stored, are put to 0, which the decoder was not trained
    for: None also where it then leaves the finite numbers.
    """
    if not model.flow.schedule.stored(model.flow.schedule.bottleneck):
        return None
    try:
        decoded = model.decode(model.encode(job.data.test.x).latent)
    except NumericalFailure:
        return None
    return float(np.mean((model.scaling.apply(decoded, np.float64) - job.test.y) ** 2))


def _metrics(job: Job, model: Model, pca: Pca | None, result: Result) -> dict[str, Any]:
    """What metrics.json says, but for the time; errors per feature, in the flow's units."""
    train_mse = job.error(result.control, job.train)
    return {
        "train_mse": train_mse,
        "test_mse": job.error(result.control, job.test),
        "test_mse_bottleneck_only": _error_through_bottleneck(job, model),
        "pca_test_mse": None if pca is None else pca.mean_squared_error(np.asarray(job.test.x)),
        "objective": train_mse * job.data.dim + _penalty(job, result),
        "gradient_evaluations": result.resumption.gradient_evaluations,
        "steps": result.resumption.step,
        "seed": job.config.seed,
        "converged": result.converged,
        "interrupted": result.interrupted,
        "failed": result.failed,
        "reason": result.reason,
        "dim": model.flow.schedule.dim,
        "latent": model.flow.schedule.latent,
        "parameters": job.parameters,
        "train_rows": job.train.size,
        "test_rows": job.test.size,
        "peak_memory_mb": _peak_memory_mb(),
    }


def _penalty(job: Job, result: Result) -> float:
    with precision(job.config.precision):
        return float(job.problem.penalty(result.control))


def _samples(job: Job, model: Model, pca: Pca | None) -> Samples:
    """Test rows for the pictures, in the flow's units."""
    labels, names = _numbered(job.data.part_labels("test"))
    x, y = np.asarray(job.test.x), np.asarray(job.test.y)
    rows = _pictured(len(x), labels, job.data.image_shape is not None)
    pushed = push(model.flow, model.control, x)
    # A random part, since a table may be sorted by class.
    shown = np.random.default_rng(0).permutation(len(x))[:_PICTURED_CODES]
    codes = np.asarray(model.encode(job.data.test.x[shown]).latent)
    arrays = {
        "originals": x[rows],
        "targets": y[rows],
        "reconstructions": pushed[rows],
        "latent": codes,
        "feature_error": np.mean((pushed - y) ** 2, axis=0, dtype=np.float64),
    }
    if pca is not None:
        arrays["pca"] = pca.reconstruct(x[rows])
        arrays["pca_feature_error"] = np.mean((pca.reconstruct(x) - x) ** 2, axis=0)
    if labels is not None:
        arrays["sample_labels"] = labels[rows]
        arrays["labels"] = labels[shown]
    facts = {
        "image_shape": job.data.image_shape,
        "reconstructs": job.train.reconstructs,
        "label_names": names,
        "units": str(job.config.scaling),
    }
    return Samples(arrays, facts)


def _pictured(count: int, labels: np.ndarray | None, images: bool) -> np.ndarray:
    """The rows to show: of images one for each class while there is room, else the first."""
    if not images:
        return np.arange(min(count, _PICTURED_ROWS))
    if labels is None:
        return np.arange(min(count, _PICTURED_IMAGES))
    return np.unique(labels, return_index=True)[1][:_PICTURED_IMAGES]


def _numbered(labels: Any) -> tuple[np.ndarray | None, list[str] | None]:
    """Labels as numbers from 0, and the names that they stand for."""
    if labels is None:
        return None, None
    names, numbers = np.unique(labels, return_inverse=True)
    return numbers, [str(name) for name in names]


def _stem(name: str) -> str:
    """A data set's name as a folder's: a file's without its endings."""
    return Path(name).name.split(".")[0] or "data"


def _peak_memory_mb() -> float | None:
    try:
        import resource  # absent on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
