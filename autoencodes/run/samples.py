"""Test rows for the pictures, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from autoencodes.catalogue import COSTS
from autoencodes.datasets.table import Observed
from autoencodes.measure.streaming import strips
from autoencodes.model.model import Model, push
from autoencodes.model.pca import Pca
from autoencodes.precision import precision
from autoencodes.run.folder import Samples
from autoencodes.run.job import Job

_PICTURED_IMAGES = 20
_PICTURED_ROWS = 1000
_PICTURED_CODES = 3000
_FOLLOWED_ROWS = 200
_FOLLOWED_COMPONENTS = 6
"""Of how many rows, and of how many components, the way through the layers is kept."""


def samples(job: Job, model: Model, pca: Pca | None) -> Samples:
    """Test rows for the pictures, in the flow's units."""
    labels, names = _numbered(job.data.part_labels("test"))
    part, particles = job.data.test, np.asarray(job.measure("test").x)
    x = job.features("test")
    predicted = model.read(push(model.flow, model.control, particles))
    # A random part, since a table may be sorted by class.
    shown = np.random.default_rng(0).permutation(len(x))[:_PICTURED_CODES]
    arrays = {"latent": np.asarray(model.encode_particles(particles[shown]).latent)}
    if labels is not None:
        arrays["labels"] = labels[shown]
    rows = _pictured(len(x), labels, job.data.image_shape is not None)
    arrays["originals"] = x[rows]
    if model.readout.target == "rows":
        y = x if part.reconstructs else model.scaling.apply(part.y, model.dtype)
        arrays |= {
            "targets": y[rows],
            "reconstructions": predicted[rows],
            "feature_error": _by_feature(predicted.__getitem__, y, job.observed("test")),
        }
        if labels is not None:
            arrays["sample_labels"] = labels[rows]
    else:
        arrays |= {"targets": np.asarray(job.measure("test").y), "predictions": predicted}
    followed = shown[:_FOLLOWED_ROWS]
    arrays |= _paths(model, particles[followed])
    if labels is not None:
        arrays["path_labels"] = labels[followed]
    if pca is not None:
        arrays["pca"] = pca.reconstruct(x[rows])
        arrays["pca_feature_error"] = _by_feature(
            lambda rows: pca.reconstruct(x[rows]), x, job.observed("test")
        )
    facts = {
        "image_shape": job.data.image_shape,
        "reconstructs": job.reconstructs,
        "target": model.readout.target,
        "classes": [str(name) for name in model.readout.classes],
        "label_names": names,
        "cost": COSTS.name_of(type(model.readout.cost)),
        "entries": int(predicted.shape[1]),
        "units": job.plan.scaling,
        "features": None if model.encoding is None else list(model.encoding.feature_names),
    }
    return Samples(arrays, facts)


def _by_feature(
    predicted: Callable[[slice], Num[np.ndarray, "particle feature"]],
    wanted: Num[np.ndarray, "particle feature"],
    observed: Observed | None,
) -> Float[np.ndarray, " feature"]:
    """The mean squared error of every feature over the rows where it was observed."""
    total = np.zeros(wanted.shape[1])
    for rows in strips(len(wanted)):
        squares = (predicted(rows).astype(np.float64) - wanted[rows]) ** 2
        total += (squares if observed is None else squares * observed[rows]).sum(axis=0)
    return total / (len(wanted) if observed is None else np.maximum(observed.sum(axis=0), 1))


def pictured(job: Job) -> np.ndarray:
    """The test rows whose reconstructions are shown."""
    labels, _ = _numbered(job.data.part_labels("test"))
    return _pictured(job.data.test.size, labels, job.data.image_shape is not None)


def _paths(model: Model, x: np.ndarray) -> dict[str, np.ndarray]:
    """States at every layer, of the components that stay longest and of some that do not."""
    schedule = model.flow.schedule
    kept = list(schedule.blocks[schedule.bottleneck].active)
    rest = [k for k in range(schedule.dim) if k not in set(kept)]
    half = _FOLLOWED_COMPONENTS // 2
    first = kept[: max(half, _FOLLOWED_COMPONENTS - len(rest))]
    components = first + rest[: _FOLLOWED_COMPONENTS - len(first)]
    with precision(model.dtype):
        states = np.asarray(model.flow.trajectory(model.control, x))
    return {"paths": states[..., components], "path_components": np.array(components)}


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
