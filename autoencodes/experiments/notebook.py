"""The notebook of an experiment: its parts, each computed once and kept.

An experiment is a sequence of parts, a training or a measurement each. The result of a part is
written as soon as there is one; interrupted and started again, an experiment reads it there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from autoencodes.certificate import certify
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.storage import read_tensors, write_tensors
from autoencodes.pontryagin import ControlProblem
from autoencodes.run import Outcome, Settings
from autoencodes.run.folder import RunFolder
from autoencodes.run.job import Job
from autoencodes.run.train import resume, train
from autoencodes.training import Progress, Result, fit


@runtime_checkable
class Reader(Protocol):
    """Whoever follows an experiment."""

    def part(self, name: str, number: int, total: int, known: bool) -> None:
        """Called before every part; ``known`` if an earlier run had computed it."""

    def advance(self, text: str, share: float | None) -> None:
        """Called within a part; ``share`` of it is done, if that is known."""


@dataclass(frozen=True)
class Part:
    """The result of a part: arrays of finite numbers, and JSON values."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def holding(cls, control: Control, **facts: Any) -> Part:
        """A control, and JSON values."""
        arrays = {
            f"control.{j}.{name}": np.asarray(leaf)
            for j, block in enumerate(control)
            for name, leaf in block.items()
        }
        return cls(arrays, facts)

    @property
    def control(self) -> Control:
        """The control that it holds."""
        blocks: dict[int, dict[str, Any]] = {}
        for key, array in self.arrays.items():
            if key.startswith("control."):
                _, j, name = key.split(".", 2)
                blocks.setdefault(int(j), {})[name] = array
        return tuple(blocks[j] for j in sorted(blocks))


def certified(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure, fresh: EmpiricalMeasure
) -> Part:
    """The lines of a control's certificate; an interruption leaves no part of it."""
    certificate = certify(problem, control, measure, fresh, stop=lambda: False)
    return Part(facts={"lines": certificate.lines()})


class Notebook:
    """The parts of one experiment, kept in a folder.

    Parameters
    ----------
    path : Path
        Where parts are kept; made when the first one is.
    reader : Reader, optional
    data_dir : str, optional
        Where the user says that data lie which are not built in.
    """

    def __init__(
        self, path: Path, reader: Reader | None = None, data_dir: str | None = None
    ) -> None:
        self.path = path
        self.data_dir = data_dir
        self._reader = reader
        self.earlier = 0.0
        """The seconds that known parts took when they were computed."""
        self._number = 0
        self._total = 0

    def expect(self, total: int) -> None:
        """Says how many parts there will be, for the bar."""
        self._total = total

    def part(self, name: str, compute: Callable[[], Part]) -> Part:
        """What ``compute()`` gives, or gave in an earlier run; names are used once.

        Raises
        ------
        NumericalFailure
            If it holds a number that is not finite.
        InputError
            If the file of an earlier run is damaged.
        """
        path = self.path / f"{_stem(name)}.safetensors"
        known = path.exists()
        self._begin(name, known)
        if not known:
            began = time.perf_counter()
            part = compute()
            self.path.mkdir(parents=True, exist_ok=True)
            spent = time.perf_counter() - began
            write_tensors(path, part.arrays, {"part": part.facts, "seconds": spent}, finite=True)
        try:
            facts, arrays = read_tensors(path, "facts", "a part of an experiment")
        except InputError as error:
            raise InputError(f"{error}; remove it, and it is computed again") from error
        self.earlier += facts["seconds"] if known else 0.0
        return Part(arrays, facts["part"])

    def training(self, name: str, settings: Settings) -> Outcome:
        """A training as ``autoencodes train`` makes it, in a run folder of its own.

        One that was interrupted goes on from its checkpoint.
        """
        path = self.path / _stem(name)
        folder, watcher = RunFolder(path), _Forward(self)
        if folder.finished:
            self._begin(name, True)
            self.earlier += folder.metrics["seconds"]
            return Outcome(folder, folder.metrics)
        self._begin(name, False)
        begun = folder.holds_run  # one that was killed before that has left nothing to go on from
        outcome = resume(path, watcher=watcher) if begun else train(settings, path, watcher)
        if outcome.metrics["interrupted"]:
            raise KeyboardInterrupt
        return outcome

    def fit(
        self, problem: ControlProblem, control: Control, measure: EmpiricalMeasure, **options: Any
    ) -> Result:
        """``autoencodes.fit``, whose progress is shown, and whose interruption ends the part."""
        callbacks = [self.watch, *options.pop("callbacks", ())]
        result = fit(problem, control, measure, callbacks=callbacks, **options)
        if result.interrupted:
            raise KeyboardInterrupt
        return result

    def advance(self, text: str, share: float | None = None) -> None:
        """Reports to the reader how far the part is."""
        if self._reader is not None:
            self._reader.advance(text, share)

    def watch(self, progress: Progress) -> None:
        """Reports how far a training is."""
        if progress.records:
            loss = f"step {progress.step}  J {progress.records[-1]['objective']:.4g}"
            self.advance(loss, progress.step / max(progress.steps, 1))

    def _begin(self, name: str, known: bool) -> None:
        self._number += 1
        if self._reader is not None:
            self._reader.part(name, self._number, max(self._total, self._number), known)


@dataclass(frozen=True)
class _Forward:
    """A training's watcher that tells the notebook."""

    notebook: Notebook

    def begin(self, job: Job) -> None:
        """Nothing: the part has been announced."""

    def advance(self, progress: Progress) -> None:
        """Passes it on."""
        self.notebook.watch(progress)


def _stem(name: str) -> str:
    """A part's name as a file's."""
    return "".join(c if c.isalnum() or c in "-+." else "-" for c in name)
