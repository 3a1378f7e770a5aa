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
    """The data with training rows as their settings want them: without the farthest, and joined.

    The farthest are a share of the rows as they came: a row that came often is often near.
    ``model`` is that which the training began with, where it is none of its own.
    """
    labelled = settings.target != "rows"  # labels that only colour tell no rows apart
    if settings.trim:
        weights = np.ones(data.size) if data.weights is None else data.weights.copy()
        own = np.arange(data.size)[data.rows("train")]
        own = own[weights[own] > 0]
        others = np.setdiff1d(np.arange(data.size), own)
        counted = data.taken(np.r_[own, others], None)
        weights[own] *= trimmed(Encoded.of(settings, counted, model).x, settings.trim)
        data = replace(data, weights=weights)
    return data.atoms(labelled=labelled) if settings.distinct or settings.trim else data
