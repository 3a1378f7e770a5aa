"""Test rows for the pictures, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from autoencodes.catalogue import COSTS
from autoencodes.datasets.table import Observed
from autoencodes.flow.schedule import switched_on
from autoencodes.measure.streaming import strips
from autoencodes.model.model import Model, push
from autoencodes.model.pca import Pca
from autoencodes.precision import precision
from autoencodes.run.extremes import extremes, row_names
from autoencodes.run.folder import Samples
from autoencodes.run.job import Job

_PICTURED_IMAGES = 20
_PICTURED_ROWS = 1000
_PICTURED_CODES = 3000
_FOLLOWED_ROWS = 200
_FOLLOWED_COMPONENTS = 6
_PASSING_NUMBERS, _PASSING_LAYERS = 2_000_000, 15
"""Of images on their way through the layers, the most numbers and layers that are kept."""
"""Of how many rows, and of how many components, the way through the layers is kept."""


def samples(job: Job, model: Model, pca: Pca | None) -> Samples:
    """Test rows for the pictures, in the flow's units."""
    labels, names = _numbered(job.data.part_labels("test"))
    part, particles = job.data.test, np.asarray(job.held("test").x)
    x = job.features("test")
    predicted = model.read(push(model.flow, model.control, particles))
    # A random part, since a table may be sorted by class.
    shown = np.random.default_rng(0).permutation(len(x))[:_PICTURED_CODES]
    arrays = {"latent": np.asarray(model.encode_particles(particles[shown]).latent)}
    if labels is not None:
        arrays["labels"] = labels[shown]
    # Of a table those whose latent values are shown: what stands in their columns can be told.
    images = job.data.image_shape is not None
    rows = _pictured(len(x), labels) if images else shown[:_PICTURED_ROWS]
    numbers = np.arange(job.data.size)[job.data.rows("test")]
    arrays["originals"] = x[rows]
    if model.readout.target == "rows":
        y = x if part.reconstructs else model.scaling.apply(part.y, model.dtype)
        arrays |= {
            "targets": y[rows],
            "reconstructions": predicted[rows],
            "feature_error": _by_feature(predicted.__getitem__, y, job.observed("test")),
        }
        if images:
            arrays |= passage(model, particles[rows])
        if labels is not None:
            arrays["sample_labels"] = labels[rows]
    else:
        arrays |= {"targets": np.asarray(job.held("test").y), "predictions": predicted}
    followed = shown[:_FOLLOWED_ROWS]
    arrays |= _paths(model, particles[followed])
    names = _component_names(model)
    if labels is not None:
        arrays["path_labels"] = labels[followed]
    if pca is not None:
        arrays["pca"] = pca.reconstruct(x[rows])
        arrays["pca_feature_error"] = _by_feature(
            lambda rows: pca.reconstruct(x[rows]), x, job.observed("test")
        )
    found: dict[str, Any] = {}
    if job.reconstructs:
        ranked, found = extremes(job, model, predicted)
        arrays |= ranked
        arrays["latent_errors"] = arrays.pop("errors")[shown]
    if job.data.table is not None and job.data.table.missing is not None:
        arrays["gaps"] = job.data.table.missing[numbers[rows]]
    facts = found | {
        "image_shape": job.data.image_shape,
        "reconstructs": job.reconstructs,
        "target": model.readout.target,
        "classes": [str(name) for name in model.readout.classes],
        "label_names": names,
        "cost": COSTS.name_of(type(model.readout.cost)),
        "entries": int(predicted.shape[1]),
        "units": job.plan.scaling,
        "latent_names": row_names(job, numbers[shown]),
        "path_names": names and [names[k] for k in arrays["path_components"]],
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
    """The test images whose reconstructions are shown."""
    labels, _ = _numbered(job.data.part_labels("test"))
    return _pictured(job.data.test.size, labels)


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


def _component_names(model: Model) -> list[str] | None:
    """Names of the flow's components: the features', or principal axes; None: they have none."""
    coordinates = model.coordinates
    extra = [f"extra {k + 1}" for k in range(coordinates.dim - coordinates.features)]
    if coordinates.rotation is not None:
        return [f"axis {k + 1}" for k in range(coordinates.features)] + extra
    return None if model.encoding is None else [*model.encoding.feature_names, *extra]


def passage(model: Model, particles: np.ndarray) -> dict[str, np.ndarray]:
    """Rows at the ends of the blocks, as ``passage`` (layer, row, feature) in scaled units, with
    the number of each of these layers and which features are on there.

    In rotated coordinates no feature is off: a row is what the components that are on span.
    """
    schedule, coordinates = model.flow.schedule, model.coordinates
    ends = np.cumsum([0, *(block.steps for block in schedule.blocks)])
    middle = int(ends[schedule.bottleneck + 1])
    if len(ends) > _PASSING_LAYERS:
        ends = np.linspace(0, schedule.steps, _PASSING_LAYERS).round().astype(int)
        ends[np.argmin(np.abs(ends - middle))] = middle
    rows = max(1, _PASSING_NUMBERS // (len(ends) * schedule.dim))
    with precision(model.dtype):
        states = np.asarray(model.flow.trajectory(model.control, particles[:rows]))[ends]
    active = switched_on(schedule)[ends]
    on = active[:, : coordinates.features].copy()
    on[0] = True  # the input, as it came
    if coordinates.rotation is not None:
        on[:] = True
    return {
        "passage": np.stack([coordinates.leave(layer, model.dtype) for layer in states]),
        "passage_on": on,
        "passage_layers": ends,
        "passage_widths": active.sum(axis=1),
    }


def _pictured(count: int, labels: np.ndarray | None) -> np.ndarray:
    """The images to show: one for each class while there is room, else the first."""
    if labels is None:
        return np.arange(min(count, _PICTURED_IMAGES))
    return np.unique(labels, return_index=True)[1][:_PICTURED_IMAGES]


def _numbered(labels: Any) -> tuple[np.ndarray | None, list[str] | None]:
    """Labels as numbers from 0, and the names that they stand for."""
    if labels is None:
        return None, None
    names, numbers = np.unique(labels, return_inverse=True)
    return numbers, [str(name) for name in names]
