"""How a training shows on the screen: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from autoencodes.certificate import Stage
from autoencodes.cli.streams import plain, terminal
from autoencodes.run.job import Job
from autoencodes.run.train import Outcome
from autoencodes.run.verdict import verdict
from autoencodes.training import Progress as Round

_LINES = 20
"""How many plain lines a training prints at most, first and last ones aside."""


class Display:
    """Shows a training as it goes; a context, so that the bar is taken down in any case.

    ``begin`` is called as soon as data and settings are known to be good.

    Numbers: the loss is the objective J averaged over the epoch, the test error the mean
    squared error per feature.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin
        self._console = Console(file=terminal(), highlight=False)
        self._bar: Progress | None = None
        self._job: Job | None = None
        self._started = (0, 0.0)
        self._last = ""
        self._test = ""
        self._printed = 0

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, job: Job) -> None:
        """Says what is trained on what."""
        self._begin()
        self._job = job
        plan = job.plan
        self._say(
            f"{job.data.name}: {job.train.size} rows to train on, {job.test.size} to test on, "
            f"{job.data.dim} features\n"
            f"{_shaped(job)}, {_stepped(job)}, "
            f"{job.parameters:,} parameters, {plan.method}, λ = {plan.tikhonov:g}, "
            f"{plan.precision}, seed {plan.seed}; compiling ..."
        )
        if self._console.is_terminal:
            self._bar = Progress(
                BarColumn(30),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.add_task("compiling", total=job.steps)
            self._bar.start()

    def advance(self, progress: Round) -> None:
        """Shows where the training stands."""
        if not self._last:  # until the first epoch has ended, time went into compilation
            self._started = (progress.step, time.perf_counter())
        for record in progress.records:
            if (test := record.get("test_mse")) is not None:
                self._test = f"  test error {test:.4g} (epoch {record['epoch']})"
            self._last = f"loss {record['objective']:.4g}{self._test}"
        epochs = progress.steps // progress.batches
        epoch = progress.step // progress.batches
        text = f"epoch {epoch}/{epochs}  {self._last}  {self._left(progress)}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=progress.step, description=text)
        elif progress.records and progress.step * _LINES >= self._printed * progress.steps:
            self._printed = 1 + progress.step * _LINES // progress.steps
            self._say(text)

    def end(self, outcome: Outcome, pictures: int) -> None:
        """Says how the training ended, and where its results are."""
        assert self._job is not None
        metrics, path = outcome.metrics, outcome.folder.path
        sentence = verdict(self._job.data.name, self._job.plan.target, metrics)
        self._say(
            f"{metrics['reason']}\n"
            f"{sentence}\n"
            f"{metrics['seconds']:.0f} s; results in {path}: model.safetensors, metrics.json, "
            f"history.jsonl, "
            f"{'report.html with ' if pictures else ''}{pictures} pictures in figures"
        )
        if metrics["interrupted"]:
            self._say(
                f"interrupted: the model is saved as far as it came; continue with: autoencodes "
                f"train {self._job.plan.data} --out {path} --resume"
            )

    def _left(self, progress: Round) -> str:
        step, time_then = self._started
        if progress.step <= step:
            return ""
        rate = (time.perf_counter() - time_then) / (progress.step - step)
        seconds = round(rate * (progress.steps - progress.step))
        return f"{seconds // 60}:{seconds % 60:02d} left"

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, soft_wrap=True)


def _shaped(job: Job) -> str:
    """The grids and widths that the flow goes through."""
    plan = job.plan
    grids = ["x".join(str(n) for n in grid) for grid in (() if plan.grids is None else plan.grids)]
    widths = "-".join([*grids, *(str(width) for width in plan.widths)])
    last = ", then pointwise" if plan.pointwise else ""
    return f"widths {widths}{' and back' if plan.mirror else ''}{last}"


def _stepped(job: Job) -> str:
    """How many steps the flow makes, and how each is crossed."""
    plan, steps = job.plan, job.model.flow.schedule.steps
    name = {"rk4": "Runge-Kutta"}.get(plan.scheme, type(job.model.flow.scheme).__name__)
    shared = f", {plan.substeps} for each control" if plan.substeps > 1 else ""
    return f"{steps * plan.substeps} {name} steps{shared}"


_QUIET_SECONDS = 15.0
"""How long plain lines stay silent about a part of a certificate that goes on."""


_Shown = TypeVar("_Shown", bound="_Parts")


class _Parts:
    """Shows the parts of a computation: a bar on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._console = Console(file=terminal(), highlight=False)
        self._bar: Progress | None = None
        self._part = ""
        self._said = 0.0

    def __enter__(self: _Shown) -> _Shown:
        if self._console.is_terminal:
            columns = (BarColumn(30), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task("reading", total=None)
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _show(self, part: str, text: str, share: float | None) -> None:
        if self._bar is not None:
            total = None if share is None else 1.0
            self._bar.update(
                self._bar.task_ids[0], description=text, total=total, completed=share or 0.0
            )
            return
        now = time.perf_counter()
        if part != self._part or now - self._said > _QUIET_SECONDS:
            self._part, self._said = part, now
            self._console.print(plain(text), markup=False, soft_wrap=True)


class Certifying(_Parts):
    """Shows a certificate as it comes; a context, so that the bar is taken down in any case.

    ``begin`` is called as soon as the run and its data are read, before the first part.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin

    def advance(self, stage: Stage) -> None:
        """Shows the part that is computed; elsewhere than on a terminal, now and then."""
        self._begin()
        self._show(stage.part, f"{stage.part}  {stage.text}".rstrip(), stage.share)


class Conducting(_Parts):
    """Shows an experiment as it goes; a context, as ``Certifying`` is."""

    _name = ""

    def part(self, name: str, number: int, total: int, known: bool) -> None:
        """Shows which part begins."""
        earlier = " (from an earlier run)" if known else ""
        self._name = f"part {number} of {total}: {name}{earlier}"
        self.advance("", None)

    def advance(self, text: str, share: float | None) -> None:
        """Shows how far the part is; elsewhere than on a terminal, now and then."""
        self._show(self._name, f"{self._name}  {text}".rstrip(), share)
