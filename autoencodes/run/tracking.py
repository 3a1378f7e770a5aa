"""A training shown in TensorBoard or MLflow while it goes; the run folder stays what it is."""

from __future__ import annotations

import contextlib
import importlib
import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autoencodes.checks import choice
from autoencodes.errors import MissingExtra, Notice
from autoencodes.run.job import Job
from autoencodes.run.train import Comparing, Watcher
from autoencodes.training import Progress


class Tracker(ABC):
    """Where the numbers of a training go."""

    @abstractmethod
    def begin(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Called with the run folder and every setting, once."""

    @abstractmethod
    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Called with every line of the history: finite numbers by their names."""

    @abstractmethod
    def end(self, metrics: Mapping[str, float], ended: str) -> None:
        """Called with the metrics at the end; ``ended`` is finished, killed or failed."""


class TensorBoard(Tracker):
    """Events in RUN/tensorboard: ``tensorboard --logdir runs`` shows all runs by their names."""

    def __init__(self) -> None:
        self._made = _imported("tensorboardX", "tensorboardX").SummaryWriter

    def begin(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._writer = self._made(str(path / "tensorboard"))
        lines = "\n".join(f"    {name} = {value}" for name, value in settings.items())
        self._writer.add_text("settings", lines, 0)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"training/{name}", value, step)
        self._writer.flush()

    def end(self, metrics: Mapping[str, float], ended: str) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(f"result/{name}", value, 0)
        self._writer.close()


class MLflow(Tracker):
    """A run of the experiment ``autoencodes``, where MLFLOW_TRACKING_URI says, else ./mlflow.db.

    RUN/mlflow-run keeps its identifier, so that a training that goes on continues it.
    """

    def __init__(self) -> None:
        self._made = _imported("mlflow", "mlflow-skinny").MlflowClient

    def begin(self, path: Path, settings: Mapping[str, Any]) -> None:
        self._client = self._made()
        kept = path / "mlflow-run"
        if kept.is_file():
            self._run = kept.read_text().strip()
            self._client.update_run(self._run, status="RUNNING")
            return
        known = self._client.get_experiment_by_name("autoencodes")
        experiment = (
            self._client.create_experiment("autoencodes") if known is None else known.experiment_id
        )
        self._run = self._client.create_run(experiment, run_name=path.name).info.run_id
        kept.write_text(self._run)
        for name, value in settings.items():
            self._client.log_param(self._run, name, value)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._client.log_metric(self._run, name, value, step=step)

    def end(self, metrics: Mapping[str, float], ended: str) -> None:
        for name, value in metrics.items():
            self._client.log_metric(self._run, f"result_{name}", value)
        self._client.set_terminated(self._run, ended.upper())


TRACKERS: dict[str, type[Tracker]] = {"tensorboard": TensorBoard, "mlflow": MLflow}


class Tracking:
    """A watcher whose training is tracked too.

    A tracker that fails (its server is gone, its disk full) ends no training: a warning says so,
    and nothing more is sent.

    Parameters
    ----------
    watcher : Watcher
        Who shows the training.
    kind : str
        ``"tensorboard"`` or ``"mlflow"``.

    Raises
    ------
    InputError
        If the kind is neither.
    MissingExtra
        If its package is not installed.
    """

    def __init__(self, watcher: Watcher, kind: str) -> None:
        self._watcher = watcher
        self._name = choice(kind, "track", tuple(TRACKERS))
        self._path = Path()
        self._tracker: Tracker | None = TRACKERS[kind]()

    def place(self, path: Path) -> None:
        """Takes the run folder."""
        self._path = path

    def choose(self, step: int, steps: int) -> None:
        if isinstance(self._watcher, Comparing):
            self._watcher.choose(step, steps)

    def begin(self, job: Job) -> None:
        self._watcher.begin(job)
        self._attempt("begin", self._path, job.plan.entries)

    def advance(self, progress: Progress) -> None:
        self._watcher.advance(progress)
        for record in progress.records:
            self._attempt("log", record["step"], _numbers(record))

    def end(self, metrics: Mapping[str, Any]) -> None:
        """Sends the metrics of the end."""
        ended = (
            "killed"
            if metrics.get("interrupted")
            else "failed"
            if metrics.get("failed")
            else "finished"
        )
        self._attempt("end", _numbers(metrics), ended)

    def _attempt(self, action: str, *arguments: Any) -> None:
        if self._tracker is None:
            return
        try:
            # These packages warn of their own parts; the errors of the training are elsewhere.
            with warnings.catch_warnings(), contextlib.redirect_stdout(None):
                warnings.simplefilter("ignore")
                getattr(self._tracker, action)(*arguments)
        except Exception as error:  # whatever somebody else's package raises
            self._tracker = None
            warnings.warn(
                f"{self._name} takes no more numbers ({type(error).__name__}: {error}); the "
                "training goes on, and the run folder has them all",
                Notice,
                stacklevel=2,
            )


def _numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a record but its step."""
    return {
        name: float(value)
        for name, value in record.items()
        if name != "step"
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
    }


def _imported(module: str, package: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(package, "track", f"--track by {module}") from error
