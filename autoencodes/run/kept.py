"""Which rows a training learns from, and what each of them counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autoencodes.catalogue import DATASETS
from autoencodes.datasets import Dataset
from autoencodes.measure.trimming import trimmed
from autoencodes.model.model import Model
from autoencodes.plan.encode import Encoded
from autoencodes.plan.settings import Settings


def joins(settings: Settings, data: Dataset) -> bool:
    """Whether a training that begins now makes one row of equal ones: on every table.

    What is built in, and images, stay as they are: their figures are known.
    """
    if settings.distinct is not None:
        return settings.distinct
    return settings.data not in DATASETS and data.image_shape is None


def kept(settings: Settings, data: Dataset, model: Model | None) -> Dataset:
    """The data with training rows as their settings want them: joined, and without the farthest.

    ``model`` is that which the training began with, where it is none of its own.
    """
    labelled = settings.target != "rows"  # labels that only colour tell no rows apart
    if settings.distinct:
        data = data.atoms(labelled=labelled)
    if not settings.trim:
        return data
    near = trimmed(Encoded.of(settings, data, model).x, settings.trim)
    weights = np.ones(data.size) if data.weights is None else data.weights.copy()
    weights[np.arange(data.size)[data.rows("train")]] *= near
    return replace(data, weights=weights).atoms(labelled=labelled)
