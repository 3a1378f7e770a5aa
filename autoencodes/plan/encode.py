"""The training rows on their way into the flow: scaled once, before anything is decided by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.datasets import Dataset
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.model import Model
from autoencodes.model.readout import Readout
from autoencodes.model.scaling import Scaling
from autoencodes.plan import resolve
from autoencodes.plan.settings import Settings


@dataclass(frozen=True, eq=False)
class Encoded:
    """How rows and labels enter the flow, and the training rows that did.

    Parameters
    ----------
    scaling, coordinates, readout : of the model; the readout's cost is not yet decided
    x : array (N, d)
        The training rows as particles.
    targets : array (N, k), optional
        Their targets, where these are no rows.
    """

    scaling: Scaling
    coordinates: Coordinates
    readout: Readout
    x: Float[np.ndarray, "particle dim"]
    targets: Float[np.ndarray, "particle target"] | None

    @classmethod
    def of(cls, settings: Settings, data: Dataset, model: Model | None = None) -> Encoded:
        """The training rows, encoded as the settings say; as a model does, where there is one.

        Classes are those of all rows; all else is fitted to the training rows.
        """
        rows, dtype = data.train.x, np.dtype(resolve.precision(settings))
        labels = data.part_labels("train")
        if model is None:
            kind = resolve.scaling(settings, data.value_range)
            scaling = Scaling.of(kind, rows, data.value_range)
            scaled = scaling.apply(rows, dtype)
            dim = data.dim + settings.extra
            coordinates = Coordinates.of(settings.rotation, scaled, dim, settings.seed)
            known = labels if settings.target == "numbers" else data.labels
            readout = Readout.of(settings.target, known, data.name)
        else:
            scaling, coordinates, readout = model.scaling, model.coordinates, model.readout
            scaled = scaling.apply(rows, dtype)
        targets = None if readout.size is None else readout.targets(labels, dtype)
        return cls(scaling, coordinates, readout, coordinates.enter(scaled, dtype), targets)
