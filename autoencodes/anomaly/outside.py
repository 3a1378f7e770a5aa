"""Columns most of whose values lie outside all that is ordinary: another unit, or drift."""

from __future__ import annotations

import numpy as np
from jaxtyping import Num

from autoencodes.anomaly.score import Detector

_MOST, _FEWEST = 0.5, 5
"""The share of values outside, and their number, from which a column is named."""
_NAMED = 5
"""Columns that are named; of more only their number is said, as of images' pixels."""


class Outside:
    """Counts the values of every column of numbers that are outside the range of ordinary rows.

    Parameters
    ----------
    detector : Detector
        Whose ordinary rows give the ranges.
    length : int
        How many rows of a series are one of its rows.
    """

    def __init__(self, detector: Detector, length: int = 1) -> None:
        model = detector.model
        features = model.scaling.undo(detector.neighbours.rows * detector.units, np.float64)
        ordinary = np.reshape(model.table_of(features), (-1, len(model.named.columns) // length))
        self._low, self._high = ordinary.min(axis=0), ordinary.max(axis=0)
        # Rounding there and back is no departure.
        margin = 1e-6 * np.maximum(np.abs(self._low), np.abs(self._high))
        self._ends = self._low - margin, self._high + margin
        own = model.named.columns[: ordinary.shape[1]]
        self._numbers = np.array([column.kind in ("number", "log") for column in own])
        self._least = np.full(len(own), np.inf)
        self._largest = np.full(len(own), -np.inf)
        self._outside, self._count = np.zeros((2, len(own)), np.int64)

    def add(self, x: Num[np.ndarray, "particle column"]) -> None:
        """Takes rows in, as numbers of a table."""
        seen = x.astype(np.float64)
        known = ~np.isnan(seen)
        self._outside += ((seen < self._ends[0]) | (seen > self._ends[1])).sum(axis=0)
        self._count += known.sum(axis=0)
        self._least = np.minimum(self._least, np.where(known, seen, np.inf).min(0, initial=np.inf))
        most = np.where(known, seen, -np.inf).max(0, initial=-np.inf)
        self._largest = np.maximum(self._largest, most)

    def sentences(self, names: tuple[str, ...]) -> list[str]:
        """What is said of columns of these names."""
        many = self._outside > _MOST * self._count
        places = np.flatnonzero(many & self._numbers & (self._outside >= _FEWEST))
        said = [
            f"{names[k]}: {self._outside[k]:,} of {self._count[k]:,} values lie outside all that "
            f"is ordinary to the run ({self._low[k]:.6g} to {self._high[k]:.6g}; here "
            f"{self._least[k]:.6g} to {self._largest[k]:.6g}): another unit or another source, of "
            "which nothing is promised"
            for k in places[:_NAMED]
        ]
        more = len(places) - len(said)
        return [*said, f"most values of {more:,} more columns lie outside, too"] if more else said
