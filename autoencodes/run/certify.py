"""The certificate of a run: its data and model, read again, and ``certificate.json``."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from autoencodes import atomic
from autoencodes.certificate import Certificate
from autoencodes.certificate import certify as certify_control
from autoencodes.certificate.generalisation import gap, mean_cost, row_costs
from autoencodes.certificate.new_rows import new_rows
from autoencodes.datasets import Dataset, Table
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import InputError, Notice
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.model import Model
from autoencodes.plan.settings import Settings
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import native, precision
from autoencodes.run.folder import RunFolder
from autoencodes.run.hiding import with_holes
from autoencodes.run.kept import kept
from autoencodes.run.lock import Lock
from autoencodes.run.measures import measures
from autoencodes.run.source import read_again

_COMPLETE, _PARTIAL = "certificate.json", "certificate-partial.json"


def certify(
    path: str | Path,
    data_dir: str | Path | None = None,
    data: str | Path | None = None,
    **options: Any,
) -> tuple[Certificate, Path]:
    """Certifies a run's model over the rows it was trained on, and writes the certificate.

    Parameters
    ----------
    path : a run folder that holds a model
    data_dir : where MNIST's files lie, if elsewhere than at the training
    data : where the data are now, if elsewhere; their content must be what it was
    options : of ``autoencodes.certificate.certify``

    Returns
    -------
    The certificate, and the file in the run's folder that holds it, as ``keep`` has it.

    Raises
    ------
    InputError
        If there is no run or no model in it yet, its data are absent or have changed, or another
        process writes the folder.
    NumericalFailure
        If the model's particles leave the finite numbers.
    OSError
        If the file cannot be written.
    """
    with locked(path):
        certificate = certified(path, data_dir, data, **options)
        return certificate, keep(path, certificate)


@contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """No training goes on in the run meanwhile; of a folder that is read-only, a warning."""
    folder = RunFolder.open(path)
    try:
        lock = Lock(folder.path)
    except OSError as error:
        warnings.warn(
            f"{folder.path} cannot be written ({error.strerror}): the certificate will not be "
            "saved there",
            Notice,
            stacklevel=3,
        )
        yield
        return
    with lock:
        yield


def certified(
    path: str | Path, data_dir: str | Path | None, data: str | Path | None, **options: Any
) -> Certificate:
    """The certificate of a run, as ``certify`` has it; nothing is written."""
    folder = RunFolder.open(path)
    if not (folder.path / "model.safetensors").is_file():
        raise InputError(
            f"{path} holds no model yet; let its training end, or continue it with: "
            f"autoencodes train --out {path} --resume"
        )
    plan, model = folder.config, folder.model
    given = plan if data_dir is None else replace(plan, data_dir=str(data_dir))
    begun = None if plan.start is None else model
    loaded = read_again(folder, None if data is None else str(data), given, begun)
    if isinstance(loaded, Streamed):
        warnings.warn(
            f"the {loaded.size:,} rows of {path} are read a block at a time: the certificate is of "
            f"{loaded.sample.count('train'):,} rows that trained, drawn at random",
            Notice,
            stacklevel=3,
        )
        loaded = loaded.sample
    rows = kept(Settings(**plan.entries), loaded, begun)
    features = rows if model.encoding is None else model.encoding.entered(rows)
    if loaded.windows is not None:
        warnings.warn(
            "windows overlap and depend on each other: what the certificate says of the law that "
            "they come from (standard errors, generalisation) takes them for independent rows",
            Notice,
            stacklevel=3,
        )
    parts = measures(model, features)
    train, test = with_holes(model, features, parts["train"], plan.seed), parts.get("test")
    problem = model.problem(plan.tikhonov)
    made = certify_control(problem, model.control, train, test, **options)
    if train is not parts["train"]:
        made = _as_they_came(made, problem, model, parts["train"], test)
    if test is None:
        return made
    own, unseen = (_given(loaded, part) for part in ("train", "test"))
    targets = _targets(model, loaded, "train"), _targets(model, loaded, "test")
    dependent = loaded.windows is not None
    seen = new_rows(model, own, unseen, targets, seed=made.seed, dependent=dependent)
    return replace(made, new_rows=seen)


def _as_they_came(
    made: Certificate,
    problem: ControlProblem,
    model: Model,
    train: EmpiricalMeasure,
    test: EmpiricalMeasure | None,
) -> Certificate:
    """A certificate over rows and copies with more hidden, its costs over the rows alone: test
    rows have no such copies, and would look better beside them than they are."""
    with precision(np.float64):
        control = jax.tree.map(lambda a: np.asarray(a, np.float64), native(model.control))
        own, *others = (
            (row_costs(problem, control, m.astype(np.float64)), np.asarray(m.weights, float))
            for m in (train, *([] if test is None else [test]))
        )
    apart = gap(own, others[0], made.seed) if others else None
    copies = made.particles // train.size - 1
    return replace(made, train_cost=mean_cost(*own), gap=apart, copies=copies)


def _given(data: Dataset, part: str) -> Table | np.ndarray:
    """The rows of a part, as a model takes them."""
    rows = np.arange(data.size)[data.rows(part)]
    return data.x[rows] if data.table is None else data.table.taken(rows)


def _targets(model: Model, data: Dataset, part: str) -> np.ndarray | None:
    """What the rows of a part are to come to; None: themselves."""
    if model.readout.target != "rows":
        return np.asarray(data.part_labels(part))
    return None if data.y is None else data.y[data.rows(part)]


def keep(path: str | Path, certificate: Certificate) -> Path:
    """Writes the certificate of a run as ``certificate.json``, and returns the file.

    One that was interrupted replaces no complete one: it is ``certificate-partial.json`` then.
    Where it saw the objective lie lower, ``lower.safetensors`` holds the model there.
    """
    folder, down = RunFolder.open(path), certificate.descent
    lower = None if down is None else down.control
    if lower is not None:
        folder.write_lower(folder.model.with_control(lower))
    elif not certificate.interrupted:
        folder.write_lower(None)
    complete, partial = Path(path) / _COMPLETE, Path(path) / _PARTIAL
    written = partial if certificate.interrupted and _is_complete(complete) else complete
    text = json.dumps(certificate.as_dict(), indent=2, allow_nan=False, ensure_ascii=False)
    atomic.write(written, text + "\n")
    if not certificate.interrupted:
        partial.unlink(missing_ok=True)
    return written


def _is_complete(path: Path) -> bool:
    """Whether a file holds a certificate that was not interrupted."""
    try:
        return atomic.parsed(atomic.read(path))["interrupted"] is False
    except (OSError, ValueError, LookupError, TypeError):
        return False
