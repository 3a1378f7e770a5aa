"""The run folder: what a training leaves behind, every file whole or absent."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from autoencodes import atomic, checks
from autoencodes.datasets import Record
from autoencodes.errors import InputError, Notice
from autoencodes.model.model import Model
from autoencodes.model.order import Order
from autoencodes.model.storage import DAMAGED, load, read_tensors, save, write_tensors
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings, read_toml
from autoencodes.plan.tables import Choice
from autoencodes.run import lock
from autoencodes.training import Resumption

_CHECKPOINT = "autoencodes-checkpoint-1"
CHECKPOINT = "checkpoint/state.safetensors"
"""The file of a run folder that holds its checkpoint."""


@dataclass(frozen=True)
class Samples:
    """Test rows and what the model made of them: all that the pictures need.

    ``originals``, ``targets``, ``reconstructions`` and ``pca`` are some rows in the flow's
    units; ``latent`` and ``labels`` belong to more rows. ``facts`` are JSON values.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """A folder with ``config.toml``, ``data.json``, ``history.jsonl``, ``metrics.json``,
    ``model.safetensors``, ``samples.safetensors``, ``checkpoint/``, ``figures/`` and
    ``report.html``; for images also ``strip.safetensors``; of a certificate ``certificate.json``
    and, where it saw the objective lie lower, ``lower.safetensors``.
    """

    path: Path

    @classmethod
    def create(cls, path: str | Path, plan: Plan) -> RunFolder:
        """A new folder that holds the plan of its training.

        Raises
        ------
        InputError
            If something stands there already.
        OSError
            If it cannot be written.
        """
        folder = cls(Path(path))
        text = plan.toml
        folder.require_vacant()
        folder.path.mkdir(parents=True, exist_ok=True)
        atomic.write(folder._file("config.toml"), text)
        return folder

    def require_vacant(self) -> None:
        """Refuses what stands there already; what a killed training left before it began does not.

        Raises
        ------
        InputError
            If it is a file, or a folder that holds anything, or cannot be made or written.
        """
        path = self.path
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file; expected the name of a folder for the run")
        _require_room(path)
        if not path.is_dir() or all(lock.is_leftover(entry.name) for entry in path.iterdir()):
            return
        if writer := lock.holder(path):
            raise InputError(writer)
        held = "already holds a run" if self.holds_run else "is not empty"
        raise InputError(
            f"{path} {held}; choose another folder with --out, continue an unfinished run "
            "with --resume, or remove it"
        )

    @property
    def holds_run(self) -> bool:
        """Whether a training was begun here."""
        return self._file("config.toml").is_file()

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The folder of an earlier run; InputError if there is none."""
        folder = cls(Path(path))
        if not folder.holds_run:
            entries = folder.path.iterdir() if folder.path.is_dir() else ["nothing to be seen"]
            empty = all(lock.is_leftover(Path(entry).name) for entry in entries)
            advice = "; it is as good as empty: train into it without --resume" if empty else ""
            raise InputError(
                f"{path} holds no run; expected a folder that 'autoencodes train' wrote{advice}"
            )
        return folder

    @classmethod
    def vacant(cls, parent: Path, name: str) -> Path:
        """The first of parent/name, parent/name-2, parent/name-3, ... that does not exist."""
        path, number = parent / name, 1
        while os.path.lexists(path):
            number += 1
            path = parent / f"{name}-{number}"
        return path

    @property
    def settings(self) -> Settings:
        """What ``config.toml`` says, as settings."""
        return Settings(**read_toml(self._file("config.toml")))

    @property
    def config(self) -> Plan:
        """The plan of the training: ``config.toml``, where every default is filled in."""
        return Plan.of(self.settings)

    @property
    def model(self) -> Model:
        """The trained model."""
        return load(self._file("model.safetensors"))

    @property
    def lower(self) -> Model | None:
        """The model where a certificate saw the objective lie lower; None if it saw no such."""
        file = self._file("lower.safetensors")
        return load(file) if file.is_file() else None

    @property
    def finished(self) -> bool:
        """Whether the training has ended."""
        return self._file("metrics.json").exists() and not self.metrics.get("interrupted")

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured at the end."""
        path = self._file("metrics.json")
        try:
            metrics = atomic.parsed(atomic.read(path))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: there are no metrics to read ({error})") from error
        if not isinstance(metrics, dict):
            raise InputError(f"{path}: expected a JSON object of metrics; the file is damaged")
        return metrics

    @property
    def history(self) -> list[dict[str, Any]]:
        """The lines of history.jsonl; a last line cut short by a crash is left out."""
        records, damaged = self._lines()
        if damaged:
            raise InputError(
                f"{self._file('history.jsonl')}: expected one JSON object with a step and numbers "
                f"on every line; line {damaged[0][0]} is damaged ({damaged[0][1]}): remove it"
            )
        return records

    def _lines(self) -> tuple[list[dict[str, Any]], list[tuple[int, str]]]:
        """The records of the history, and the numbers and faults of the lines that are none."""
        path, records, damaged = self._file("history.jsonl"), [], []
        content = atomic.read(path) if path.exists() else b""
        for number, line in enumerate(content.split(b"\n")[:-1], 1):
            try:
                records.append(_record(atomic.parsed(line)))
            except ValueError as error:
                damaged.append((number, str(error)))
        return records, damaged

    @property
    def figures(self) -> Path:
        """The folder of pictures."""
        return self._file("figures")

    @property
    def record(self) -> Record | None:
        """What was kept of the data; None in folders of before that was kept."""
        path = self._file("data.json")
        if not path.exists():
            return None
        try:
            return Record.read(atomic.parsed(atomic.read(path)))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {error}; remove it, and the data are not checked") from error

    def write_record(self, record: Record) -> None:
        """Writes what is kept of the data, as ``data.json``."""
        text = json.dumps(record.described, indent=1, allow_nan=False, ensure_ascii=False)
        atomic.write(self._file("data.json"), text + "\n")

    @property
    def choice(self) -> Choice | None:
        """Which of a table's candidates was taken; None where there were none.

        Raises
        ------
        InputError
            If ``choice.json`` is damaged.
        """
        path = self._file("choice.json")
        if not path.exists():
            return None
        try:
            return Choice.read(atomic.parsed(atomic.read(path)))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {error}; remove it, and the choice is not known") from error

    def write_choice(self, choice: Choice) -> None:
        """Writes which of a table's candidates was taken, as ``choice.json``."""
        text = json.dumps(choice.described, indent=1, allow_nan=False, ensure_ascii=False)
        atomic.write(self._file("choice.json"), text + "\n")

    def write_model(self, model: Model) -> None:
        """Replaces the model."""
        save(self._file("model.safetensors"), model)

    def write_lower(self, model: Model | None) -> None:
        """Replaces the model where the objective lies lower, or takes it away."""
        file = self._file("lower.safetensors")
        if model is None:
            file.unlink(missing_ok=True)
        else:
            save(file, model)

    def write_order(self, order: Order, names: Sequence[str] = ()) -> None:
        """Writes ``components.csv``: each component's place in the order, and its score.

        Where components are features that have names, these stand in a fourth column.
        """
        place = {component: k for k, component in enumerate(order.components)}
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        head = ["component", "place", f"score ({order.meaning})"]
        writer.writerow([*head, "feature"] if names else head)
        for i, score in enumerate(order.scores):
            named = names[i : i + 1] or ([""] if names else [])
            writer.writerow([i, place[i], f"{score:.9g}", *named])
        atomic.write(self._file("components.csv"), text.getvalue())

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Replaces the metrics."""
        text = json.dumps(_known(metrics), indent=2, allow_nan=False)
        atomic.write(self._file("metrics.json"), text + "\n")

    def append_history(self, records: Iterable[dict[str, Any]]) -> None:
        """Adds lines to the history: all, or none if they cannot be written."""
        text = _jsonl(records)
        path = self._file("history.jsonl")
        if not text:
            return
        try:
            with path.open("ab", buffering=0) as stream:
                before = stream.tell()
                try:
                    _write_whole(stream.fileno(), text.encode())
                except OSError:
                    stream.truncate(before)
                    raise
        except OSError as error:
            raise atomic.named(error, path) from error

    def sync_history(self) -> None:
        """Has what was added to the history written to the disk."""
        path = self._file("history.jsonl")
        try:
            with path.open("ab") as stream:
                os.fsync(stream.fileno())
        except OSError as error:
            raise atomic.named(error, path) from error

    def write_history(self, records: Iterable[dict[str, Any]]) -> None:
        """Replaces the history."""
        atomic.write(self._file("history.jsonl"), _jsonl(records))

    def rewind_history(self, step: int) -> list[dict[str, Any]]:
        """Drops the lines that a checkpoint at ``step`` has not seen, and returns the others.

        Lines that cannot be read are dropped too; the file as it was is kept then, beside it, as
        ``history-damaged.jsonl``, and a warning says so.
        """
        records, damaged = self._lines()
        if damaged:
            kept = self._file("history-damaged.jsonl")
            atomic.write(kept, atomic.read(self._file("history.jsonl")))
            warnings.warn(
                f"{self._file('history.jsonl')}: {len(damaged)} damaged lines are left out, the "
                f"first is line {damaged[0][0]} ({damaged[0][1]}); the file as it was is {kept}",
                Notice,
                stacklevel=2,
            )
        records = [record for record in records if record["step"] <= step]
        self.write_history(records)
        return records

    def write_samples(self, samples: Samples) -> None:
        """Replaces the samples for the pictures."""
        write_tensors(self._file("samples.safetensors"), samples.arrays, samples.facts)

    @property
    def samples(self) -> Samples:
        """The samples for the pictures."""
        facts, arrays = read_tensors(self._file("samples.safetensors"), "facts", "samples")
        return Samples(arrays, facts)

    def add_to_strip(self, epoch: int, images: np.ndarray) -> None:
        """Keeps what the model makes of the sample images after an epoch, (n, d)."""
        write_tensors(self._file("strip.safetensors"), {**self._strip, f"{epoch:09d}": images}, {})

    @property
    def strip(self) -> dict[int, np.ndarray]:
        """Reconstructions of the sample images by epoch; empty where rows are no images."""
        images = sorted(self._strip.items())
        if not all(epoch.isdecimal() and rows.ndim == 2 for epoch, rows in images):
            raise InputError(
                f"{self._file('strip.safetensors')}: expected images by epoch; the file is damaged "
                "and can be removed"
            )
        return {int(epoch): rows for epoch, rows in images}

    @property
    def _strip(self) -> dict[str, np.ndarray]:
        path = self._file("strip.safetensors")
        return read_tensors(path, "facts", "images")[1] if path.exists() else {}

    def write_checkpoint(self, resumption: Resumption, plan: Plan | None = None) -> None:
        """Replaces the checkpoint, from which a training resumes bit for bit.

        With it stands what was trained, the plan, so that ``checkpoint_of`` can tell another.
        """
        self._file("checkpoint").mkdir(exist_ok=True)
        leaves = jax.tree.leaves(resumption.state)
        arrays = {f"{k:05d}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
        facts = {
            "format": _CHECKPOINT,
            "step": resumption.step,
            "gradient_evaluations": resumption.gradient_evaluations,
            "seconds": resumption.seconds,
            "pending": [_known(row) for row in resumption.pending],
        }
        if plan is not None:
            facts["plan"] = plan.entries
        write_tensors(self._state, arrays, facts)

    @property
    def checkpoint(self) -> Resumption | None:
        """The last checkpoint, or None if there is none yet."""
        return self._read_checkpoint()[0]

    def checkpoint_of(self, plan: Plan) -> Resumption | None:
        """The last checkpoint, or None; InputError if it is that of another plan.

        The configuration is a file that anyone may edit: a training that went on with other
        settings than it was begun with would be neither the one nor the other.
        """
        resumption, entries = self._read_checkpoint()
        if entries is None:  # none yet, or that of an earlier version
            return resumption
        begun = Plan.of(Settings(**entries))
        if begun != plan:
            name = next(n for n in vars(plan) if getattr(plan, n) != getattr(begun, n))
            before, now = getattr(begun, name), getattr(plan, name)
            raise InputError(
                f"{self._file('config.toml')}: {name} is {now}, but the training that is to go on "
                f"was begun with {before}; put that back, or start another run with the new value"
            )
        return resumption

    def _read_checkpoint(self) -> tuple[Resumption | None, dict[str, Any] | None]:
        """The last checkpoint and the entries of its plan, as far as there are any."""
        if not self._state.exists():
            return None, None
        facts, arrays = read_tensors(self._state, "facts", "a checkpoint")
        try:
            if facts["format"] != _CHECKPOINT:
                raise ValueError(f"format {facts['format']!r}")
            seconds = checks.at_least(facts["seconds"], "seconds", 0)
            counts = (facts["step"], facts["gradient_evaluations"])
            step, evaluations = (checks.integer(n, "a count", at_least=0) for n in counts)
            pending = [_numbers(row) for row in facts["pending"]]
            if any(row.keys() != pending[0].keys() for row in pending):
                raise ValueError("pending steps that differ")
            if not isinstance(entries := facts.get("plan"), dict | None):
                raise ValueError("a plan without entries")
            state = [arrays[name] for name in sorted(arrays)]
            return Resumption(state, step, evaluations, seconds, tuple(pending)), entries
        except DAMAGED as error:
            raise InputError(
                f"{self._state}: expected a checkpoint as autoencodes writes it; the file is of "
                f"another version, or damaged ({error})"
            ) from error

    @property
    def _state(self) -> Path:
        return self._file(CHECKPOINT)

    def _file(self, name: str) -> Path:
        return self.path / name


def _known(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries, with None for a number that overflowed: no file holds a NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entries.items()
    }


def _jsonl(records: Iterable[dict[str, Any]]) -> str:
    """Records as JSON, one a line."""
    return "".join(json.dumps(_known(record), allow_nan=False) + "\n" for record in records)


def _record(line: Any) -> dict[str, Any]:
    """A line of the history; ValueError if it is none."""
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        raise ValueError("no object with a step")
    for name, value in line.items():
        if value is not None and type(value) not in (int, float):
            raise ValueError(f"{name} is no number")
    return line


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    """The numbers of a step; one that overflowed stands as None in a file."""
    return {name: math.nan if value is None else float(value) for name, value in row.items()}


def _write_whole(handle: int, data: bytes) -> None:
    """Writes all of the data: the system may take a part at a time."""
    while data:
        data = data[os.write(handle, data) :]


def _require_room(path: Path) -> None:
    """InputError where no folder can be made at or in a path: tried, in the nearest that exists."""
    there = next(p for p in (path.absolute(), *path.absolute().parents) if os.path.lexists(p))
    try:
        os.rmdir(tempfile.mkdtemp(prefix=".", dir=there))
    except OSError as error:
        raise InputError(
            f"{path}: the run folder cannot be written, since nothing can be made in "
            f"{there} ({error.strerror}); name another with --out"
        ) from error
