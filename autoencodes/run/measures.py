"""The rows of a data set as measures on the particles of a model's flow."""

from __future__ import annotations

from autoencodes.datasets import Dataset
from autoencodes.datasets.parts import PARTS
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.model import Model
from autoencodes.plan.facts import Rows


def measures(
    model: Model, data: Dataset, particles: Rows | None = None
) -> dict[str, EmpiricalMeasure]:
    """The rows of each part, as far as there are some, in the flow's units and precision.

    ``data`` are features; ``particles`` the training rows, where they have been scaled.
    """
    features = model.coordinates.features
    if data.dim != features:
        raise InputError(
            f"{data.name} has rows of {data.dim} features, but the run's model takes {features}; "
            "give the data that it was trained on"
        )
    parts = {}
    for name in PARTS:
        if not data.has(name):
            continue
        part = data.part(name)
        y = None if part.reconstructs else part.y
        if model.readout.target != "rows":
            y = data.part_labels(name)
        observed = None if data.observed is None else data.observed[data.rows(name)]
        x = particles if name == "train" else None
        if x is None:
            x = model.enter(part.x, data.numbers[data.rows(name)])
        parts[name] = model.paired(x, y, observed, data.part_weights(name))
    return parts
