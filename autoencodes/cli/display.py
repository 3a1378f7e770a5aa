"""How the command line shows what goes on: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

from autoencodes.certificate import Stage
from autoencodes.cli import conclusion
from autoencodes.cli.streams import plain, terminal
from autoencodes.run.describe import advice
from autoencodes.run.job import Job
from autoencodes.run.train import Outcome
from autoencodes.run.verdict import remarks, verdict
from autoencodes.training import Progress as Round
from autoencodes.training.display import bar

_LINES = 20
"""How many plain lines a training prints at most, first and last ones aside."""

_QUIET_SECONDS = 15.0
"""How long plain lines stay silent about a part of a computation that goes on."""

_Shown = TypeVar("_Shown", bound="_Screen")


class _Screen:
    """Standard error as a bar or as lines; a context, so that the bar is taken down in any case."""

    _entered = "reading"
    """What the bar says from the beginning; nothing where it is shown later."""

    def __init__(self) -> None:
        self._console = Console(file=terminal(), highlight=False, quiet=conclusion.quiet())
        self._bar: Progress | None = None
        self._part = ""
        self._said = 0.0

    def __enter__(self: _Shown) -> _Shown:
        if self._entered:
            self._open(self._entered)
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _open(self, text: str, total: float | None = None) -> None:
        if self._console.is_terminal:
            self._bar = bar(text, total, console=self._console, transient=True)

    def _say(self, text: str) -> None:
        self._console.print(plain(text), markup=False, soft_wrap=True)

    def _show(self, part: str, text: str, share: float | None) -> None:
        """Shows how far a part is; elsewhere than on a terminal, now and then."""
        text = f"{part}  {text}".rstrip()
        now = time.perf_counter()
        if self._bar is not None:
            total = None if share is None else 1.0
            self._bar.update(
                self._bar.task_ids[0], description=text, total=total, completed=share or 0.0
            )
        elif part != self._part or now - self._said > _QUIET_SECONDS:
            self._part, self._said = part, now
            self._say(text)


class Certifying(_Screen):
    """Shows a certificate as it comes.

    ``begin`` is called as soon as the run and its data are read, before the first part.
    """

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin

    def advance(self, stage: Stage) -> None:
        """Shows the part that is computed."""
        self._begin()
        self._show(stage.part, stage.text, stage.share)


class Conducting(_Screen):
    """Shows an experiment as it goes."""

    def part(self, name: str, number: int, total: int, known: bool) -> None:
        """Shows which part begins."""
        earlier = " (from an earlier run)" if known else ""
        self._name = f"part {number} of {total}: {name}{earlier}"
        self.advance("", None)

    def advance(self, text: str, share: float | None) -> None:
        """Shows how far the part is."""
        self._show(self._name, text, share)


class Display(_Screen):
    """Shows a training as it goes.

    ``begin`` is called as soon as data and settings are known to be good.

    Numbers: the loss is the objective J averaged over the epoch, the error the mean squared one
    per feature of the rows that validate, or where none do of those that test.
    """

    _entered = ""

    def __init__(self, begin: Callable[[], None]) -> None:
        super().__init__()
        self._begin = begin
        self._job: Job | None = None
        self._started = (0, 0.0)
        self._last = ""
        self._test = ""
        self._printed = 0

    def choose(self, step: int, steps: int) -> None:
        """Shows how far the comparison of candidates is."""
        if self._bar is None:
            self._open("comparing candidates by folds")
        self._show("comparing candidates by folds", "", step / steps)

    def begin(self, job: Job) -> None:
        """Says what is trained on what."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        self._begin()
        self._job = job
        table = job.data.table
        said = () if table is None else (*table.notes, *advice(table))
        notes = "".join(f"{note}\n" for note in said)
        validate = "" if job.validation is None else f"{job.validation.size} to validate on, "
        plan, steps, tested = job.plan, job.model.flow.schedule.steps, job.measure("test").size
        grids = ["x".join(map(str, grid)) for grid in plan.grids or ()]
        widths = "-".join([*grids, *map(str, plan.widths)])
        back = " and back" if plan.mirror else ""
        last = ", then pointwise" if plan.pointwise else ""
        scheme = {"rk4": "Runge-Kutta"}.get(plan.scheme, type(job.model.flow.scheme).__name__)
        shared = f", {plan.substeps} for each control" if plan.substeps > 1 else ""
        rows = job.streamed
        if rows is not None:
            limit = job.plan.memory_limit or 0
            notes += (
                f"{rows.size:,} rows are read a block at a time, {job.buffer:,} mixed at once, "
                f"to stay within {limit / 1e9:.3g} GB of memory; they have been read "
                f"{'once' if rows.passes == 1 else f'{rows.passes} times'} to learn their columns "
                f"and moments, and {rows.sample.size:,} were looked at more closely\n"
            )
        self._say(
            f"{notes}{job.data.name}: {job.train.size} rows to train on, {validate}"
            f"{tested} to test on, {job.data.dim} features\n"
            f"widths {widths}{back}{last}, {steps * plan.substeps} {scheme} steps{shared}, "
            f"{job.parameters:,} parameters, {plan.method}, "
            f"regularisation λ = {plan.tikhonov:g}, "
            f"{plan.precision}, seed {plan.seed}; compiling ..."
        )
        self._open("compiling", job.steps)

    def advance(self, progress: Round) -> None:
        """Shows where the training stands."""
        now = time.perf_counter()
        if not self._last:  # until the first epoch has ended, time went into compilation
            self._started = (progress.step, now)
        for record in progress.records:
            part = "test" if self._job is None else self._job.watched
            if (error := record.get(f"{part}_mse")) is not None:
                self._test = f"  {part} error {error:.4g} (epoch {record['epoch']})"
            self._last = f"loss {record['objective']:.4g}{self._test}"
        epochs = progress.steps // progress.batches
        epoch = progress.step // progress.batches
        step, then = self._started
        left = ""
        if progress.step > step:
            seconds = round(
                (now - then) / (progress.step - step) * (progress.steps - progress.step)
            )
            left = f"{seconds // 60}:{seconds % 60:02d} left"
        text = f"epoch {epoch}/{epochs}  {self._last}  {left}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=progress.step, description=text)
        elif progress.records and progress.step * _LINES >= self._printed * progress.steps:
            self._printed = 1 + progress.step * _LINES // progress.steps
            self._say(text)

    def end(self, outcome: Outcome, pictures: int) -> None:
        """Says how the training ended, and where its results are."""
        assert self._job is not None
        metrics, path = outcome.metrics, outcome.folder.path
        remarked = "".join(f"{remark}\n" for remark in remarks(metrics))
        sentence = verdict(self._job.data.name, self._job.plan.target, metrics)
        self._say(
            f"{metrics['reason']}\n"
            f"{sentence}\n{remarked}"
            f"{metrics['seconds']:.0f} s; results in {path}: model.safetensors, metrics.json, "
            f"history.jsonl, "
            f"{'report.html with ' if pictures else ''}{pictures} pictures in figures"
        )
        if metrics["interrupted"]:
            conclusion.warn(
                f"interrupted: the model is saved as far as it came; continue with: autoencodes "
                f"train {self._job.plan.data} --out {path} --resume"
            )
