"""The training rows on their way into the flow: scaled once, before anything is decided by them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.datasets import Dataset
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding
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
    data : Dataset
        All rows, as features.
    encoding : Encoding, optional
        From columns to features.
    scaling, coordinates, readout : of the model; the readout's cost is not yet decided
    x : array (N, d)
        The training rows as particles.
    targets : array (N, k), optional
        Their targets, where these are no rows.
    """

    data: Dataset
    encoding: Encoding | None
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
        encoding = Encoding.of(data, settings.missing) if model is None else model.encoding
        data = data if encoding is None else encoding.entered(data)
        train, dtype = data.rows("train"), np.dtype(resolve.precision(settings))
        rows, labels = data.x[train], data.part_labels("train")
        weights, numbers = data.part_weights("train"), data.numbers[train]
        if model is None:
            kind = resolve.scaling(settings, data.value_range)
            seen = None if data.observed is None else data.observed[train]
            bounds = data.value_range
            if bounds is None and kind == "unit" and resolve.compares_probabilities(settings):
                bounds = float(data.x.min()), float(data.x.max())  # targets must be in [0, 1]
            scaling = Scaling.of(kind, rows, bounds, seen, weights)
            if encoding is not None:
                scaling = scaling.without(encoding.groups)
            scaled = scaling.apply(rows, dtype, numbers)
            dim = rows.shape[1] + settings.extra
            coordinates = Coordinates.of(settings.rotation, scaled, dim, settings.seed, weights)
            known = labels if settings.target == "numbers" else data.labels
            readout = Readout.of(settings.target, known, data.name, weights)
        else:
            scaling, coordinates, readout = model.scaling, model.coordinates, model.readout
            scaled = scaling.apply(rows, dtype, numbers)
        targets = None if readout.size is None else readout.targets(labels, dtype)
        x = coordinates.enter(scaled, dtype)
        return cls(data, encoding, scaling, coordinates, readout, x, targets)

    @property
    def by_column(self) -> bool:
        """Whether there are categories, or values that were not observed do not count."""
        return self.encoding is not None and (
            bool(self.encoding.groups) or self.encoding.missing == "mask"
        )
