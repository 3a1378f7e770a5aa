"""A stream of batches, each of which is scored before it is learned from.

# notation: e_i errors of the m rows of a batch, ē and s² mean and variance of M earlier errors.

What a model says of rows that it has not seen is its error on new rows, and a batch is that until
it is learned from: so every row tests once, and then trains (prequential evaluation). The running
error is the mean over all rows so far. Where rows come from one law the batch's own mean differs
from it by chance alone,

    z = (mean(e) − ē) / (var(e) / m + s² / M)^(1/2),

about a standard normal number for batches of some dozens of independent rows. The model learns
meanwhile, so that z is rather below 0; far above it, as over 4, the rows have changed.

Source: Dawid, JRSS A 1984; Gama, Sebastião, Rodrigues, Machine Learning 2013.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import jax
import numpy as np
from jaxtyping import Float

from autoencodes.control import Control, norm


@dataclass(frozen=True)
class Seen:
    """A batch, as it was before it was learned from.

    Parameters
    ----------
    rows : int
    error : float
        The mean squared error of its rows, in the units of training.
    running_error : float
        The mean over its rows and all earlier ones.
    z : float, optional
        How far its error is above that of the earlier ones, in standard deviations of chance; None
        for the first batch, and of a row alone.
    distance : float, optional
        ‖θ − θ*‖ in L², θ the control that it was scored with and θ* the one that was last
        certified; None where none was.
    """

    rows: int
    error: float
    running_error: float
    z: float | None
    distance: float | None


@dataclass(eq=False)
class Prequential:
    """The errors of a stream of batches before they are learned from.

    Examples
    --------
    >>> stream = Prequential()
    >>> _ = stream.add(np.array([1.0, 3.0]))
    >>> stream.add(np.array([2.0, 6.0])).running_error
    3.0
    """

    batches: list[Seen] = field(default_factory=list)
    _rows: int = 0
    _mean: float = 0.0
    _squares: float = 0.0

    @property
    def running_error(self) -> float:
        """The mean error over all rows so far; NaN before the first."""
        return self._mean if self._rows else math.nan

    def add(self, errors: Float[np.ndarray, " particle"], distance: float | None = None) -> Seen:
        """Takes the errors of a batch's rows in, and says how it is."""
        m, M = len(errors), self._rows
        mean, squares = float(errors.mean()), float(np.sum((errors - errors.mean()) ** 2))
        z = None
        if m > 1 and M > 1:
            chance = squares / (m - 1) / m + self._squares / (M - 1) / M
            z = (mean - self._mean) / math.sqrt(chance) if chance > 0 else None
        off = mean - self._mean
        self._squares += squares + off**2 * m * M / (m + M)
        self._mean += off * m / (m + M)
        self._rows += m
        seen = Seen(m, mean, self._mean, z, distance)
        self.batches.append(seen)
        return seen


def distance(control: Control, other: Control, step_size: float) -> float | None:
    """‖θ − η‖ in L²; None for controls of different shapes."""
    shapes = [jax.tree.map(np.shape, tuple(map(dict, part))) for part in (control, other)]
    if shapes[0] != shapes[1]:
        return None
    apart = jax.tree.map(
        lambda a, b: np.asarray(a, np.float64) - np.asarray(b, np.float64), control, other
    )
    return float(norm(apart, step_size))
