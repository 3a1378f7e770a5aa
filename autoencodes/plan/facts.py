"""What the data are, as far as the rules of a training ask: taken from the particles.

# notation: x particles, y targets, d dimension of the flow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.catalogue import DATASETS
from autoencodes.datasets import Dataset
from autoencodes.model import pca
from autoencodes.model.order import ranked
from autoencodes.plan.settings import Settings

Rows = Float[np.ndarray, "particle dim"]
Targets = Float[np.ndarray, "particle target"]

_NEGLIGIBLE = 1e-4
"""The share of the data's variance that components which are never active may carry."""

COPIES = 4
"""Copies of a row from which some values are hidden, where a model is to know of missing ones."""

_COMPARED = 500
"""Rows whose nearest neighbours are looked for."""


@dataclass(frozen=True)
class Facts:
    """What is known of the training rows, in the flow's units.

    Parameters
    ----------
    dim, rows : int
        Dimension of the flow and number of rows.
    variance : float
        The sum over the targets' entries of their variances.
    value_range : (float, float), optional
        The fixed range of the values as they came, where one is known.
    carried : int, optional
        The number of components that carry nearly all of the variance, the most varied first,
        where the rest need no width.
    outputs : int, optional
        The number of entries of a target that is no row.
    resolution : float
        The median distance from a row to the nearest other one, where that is to decide the noise.
    image : tuple, optional
        Height and width, of colour images also 3, where the rows are images.
    own_split : bool
        Whether the data came with their split, or are built in.
    by_column : bool
        Whether rows have categories, or values that were not observed.
    learned : int
        The number of rows that are learned from: more, where copies have more values hidden.
    variances : array (d,)
        Those of the particles' components.
    """

    dim: int
    rows: int
    variance: float
    value_range: tuple[float, float] | None = None
    carried: int | None = None
    outputs: int | None = None
    resolution: float = 0.0
    image: tuple[int, ...] | None = None
    own_split: bool = False
    by_column: bool = False
    learned: int = 0
    variances: Float[np.ndarray, " dim"] | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        data: Dataset,
        x: Rows,
        y: Targets | None,
        by_column: bool = False,
    ) -> Facts:
        """The facts of particles (N, d), as far as the settings leave something to them.

        ``y`` are their targets (N, k), where these are no rows; ``by_column``: whether there are
        categories or values that were not observed.
        """
        weights = data.part_weights("train")
        variance = pca.variance(x, weights)
        total = variance if y is None else pca.variance(y, weights)
        reaching = None
        if y is None and data.y is None and not settings.extra:
            reaching = carried(variance, pca.mean(x, weights))
        table = data.table
        return cls(
            x.shape[1],
            len(x),
            float(total.sum()),
            data.value_range,
            reaching,
            None if y is None else y.shape[1],
            _resolution(x) if settings.target == "classes" and settings.noise is None else 0.0,
            data.image_shape,
            settings.data in DATASETS or (table is not None and table.is_test is not None),
            by_column and settings.target == "rows",
            len(x) * (1 + COPIES if settings.missing == "mask" and y is None else 1),
            variance,
        )


def _resolution(x: Rows) -> float:
    """The median distance from one of at most 500 rows to the nearest other, not equal one."""
    some = np.random.default_rng(0).permutation(len(x))[:_COMPARED]
    rows = np.asarray(x, np.float32)
    squares = np.sum(rows**2, axis=1)
    nearest = []
    for row in some:
        distances = squares - 2 * (rows @ rows[row]) + squares[row]
        others = distances[distances > 1e-6 * squares[row] + 1e-12]
        nearest.append(np.sqrt(others.min()) if others.size else 0.0)
    return float(np.median(nearest))


def carried(variance: Float[np.ndarray, " dim"], mean: Float[np.ndarray, " dim"]) -> int:
    """How many components, the most varied first, carry all but 1e-4 of the variance.

    If the rest are switched off throughout, at 0, that costs their mean square.
    """
    squares = (variance + mean**2)[list(ranked(variance))]
    lost = np.cumsum(squares[::-1])[::-1]
    # What is equal to the bound but for rounding must not be above it on one machine only.
    return max(1, int(np.sum(lost > _NEGLIGIBLE * (1 + 1e-6) * variance.sum())))
