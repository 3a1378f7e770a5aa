"""The run folder: what a training leaves behind, every file whole or absent."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from autoencodes import atomic
from autoencodes.errors import InputError
from autoencodes.model.model import Model
from autoencodes.model.order import Order
from autoencodes.model.storage import load, read_tensors, save, write_tensors
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings, read_toml
from autoencodes.training import Resumption

_CHECKPOINT = "autoencodes-checkpoint-1"


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
    """A folder with ``config.toml``, ``history.jsonl``, ``metrics.json``, ``model.safetensors``,
    ``samples.safetensors``, ``checkpoint/``, ``figures/`` and ``report.html``; for images also
    ``strip.safetensors``.
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
        if folder.path.exists() and not folder.path.is_dir():
            raise InputError(f"{path} is a file; expected the name of a folder for the run")
        if folder.path.is_dir() and any(folder.path.iterdir()):
            held = "already holds a run" if folder._file("config.toml").exists() else "is not empty"
            raise InputError(
                f"{path} {held}; choose another folder with --out, continue an unfinished run "
                "with --resume, or remove it"
            )
        folder.path.mkdir(parents=True, exist_ok=True)
        atomic.write(folder._file("config.toml"), plan.toml)
        return folder

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """The folder of an earlier run; InputError if there is none."""
        folder = cls(Path(path))
        if not folder._file("config.toml").is_file():
            raise InputError(
                f"{path} holds no run; expected a folder that 'autoencodes train' wrote"
            )
        return folder

    @classmethod
    def vacant(cls, parent: Path, name: str) -> Path:
        """The first of parent/name, parent/name-2, parent/name-3, ... that does not exist."""
        path, number = parent / name, 1
        while path.exists():
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
    def finished(self) -> bool:
        """Whether the training has ended."""
        return self._file("metrics.json").exists() and not self.metrics.get("interrupted")

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured at the end."""
        path = self._file("metrics.json")
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: there are no metrics to read ({error})") from error
        if not isinstance(metrics, dict):
            raise InputError(f"{path}: expected a JSON object of metrics; the file is damaged")
        return metrics

    @property
    def history(self) -> list[dict[str, Any]]:
        """The lines of history.jsonl; a last line cut short by a crash is left out."""
        path = self._file("history.jsonl")
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        try:
            records = [json.loads(line) for line in lines if line.endswith("\n")]
            for record in records:
                int(record["step"])
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{path}: expected one JSON object with a step on every line; the file is damaged "
                f"({error}): remove the run and train anew"
            ) from error
        return records

    @property
    def figures(self) -> Path:
        """The folder of pictures."""
        return self._file("figures")

    def write_model(self, model: Model) -> None:
        """Replaces the model."""
        save(self._file("model.safetensors"), model)

    def write_order(self, order: Order) -> None:
        """Writes ``components.csv``: each component's place in the order, and its score."""
        place = {component: k for k, component in enumerate(order.components)}
        lines = [f"{i},{place[i]},{score:.9g}" for i, score in enumerate(order.scores)]
        text = "\n".join([f"component,place,score ({order.meaning})", *lines])
        atomic.write(self._file("components.csv"), text + "\n")

    def write_metrics(self, metrics: dict[str, Any]) -> None:
        """Replaces the metrics."""
        text = json.dumps(_known(metrics), indent=2, allow_nan=False)
        atomic.write(self._file("metrics.json"), text + "\n")

    def append_history(self, records: Iterable[dict[str, Any]]) -> None:
        """Adds lines to the history."""
        lines = [json.dumps(_known(record), allow_nan=False) + "\n" for record in records]
        if lines:
            with self._file("history.jsonl").open("a", encoding="utf-8") as stream:
                stream.write("".join(lines))

    def rewind_history(self, step: int) -> None:
        """Drops the lines that a checkpoint at ``step`` has not seen."""
        kept = [json.dumps(record) + "\n" for record in self.history if record["step"] <= step]
        atomic.write(self._file("history.jsonl"), "".join(kept))

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
        return {int(epoch): images for epoch, images in sorted(self._strip.items())}

    @property
    def _strip(self) -> dict[str, np.ndarray]:
        path = self._file("strip.safetensors")
        return read_tensors(path, "facts", "images")[1] if path.exists() else {}

    def write_checkpoint(self, resumption: Resumption) -> None:
        """Replaces the checkpoint, from which a training resumes bit for bit."""
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
        write_tensors(self._file("checkpoint") / "state.safetensors", arrays, facts)

    @property
    def checkpoint(self) -> Resumption | None:
        """The last checkpoint, or None if there is none yet."""
        path = self._file("checkpoint") / "state.safetensors"
        if not path.exists():
            return None
        facts, arrays = read_tensors(path, "facts", "a checkpoint")
        return Resumption(
            [arrays[name] for name in sorted(arrays)],
            facts["step"],
            facts["gradient_evaluations"],
            facts["seconds"],
            tuple(facts["pending"]),
        )

    def _file(self, name: str) -> Path:
        return self.path / name


def _known(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries, with None for a number that overflowed: no file holds a NaN."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entries.items()
    }
