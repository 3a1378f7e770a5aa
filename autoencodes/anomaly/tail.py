"""A number on the scale of surprise: minus the logarithm of how seldom it is exceeded.

# notation: q a non-negative number, S(q) the share of ordinary rows with as large a one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from autoencodes.checks import finite_numbers
from autoencodes.errors import InputError

_KNOTS = 512
_BODY = 0.7
"""The share of ordinary rows whose own numbers tell S; beyond them a power law does."""
_STEEPEST = 50.0
"""The largest exponent of the power law: of numbers that hardly differ it would be infinite."""


@dataclass(frozen=True, eq=False)
class Tail:
    """q ↦ −log S(q): 0 of what every ordinary row exceeds, large of what hardly any does.

    S is that of ordinary rows' own numbers, linear between them on the scale of −log S, up to
    their 70 % quantile u; beyond it S(q) = S(u) (u / q)^a with Hill's estimate of a. It is
    continuous and increases without bound, so that no two far rows are equally far, and numbers
    of different units can be added: of independent ones the sum is Fisher's.

    Parameters
    ----------
    values, surprises : arrays (knot,)
        Increasing numbers q and −log S(q) there; beyond the last the power law.
    exponent : float
        a > 0.

    Notes
    -----
    Source: Hill, Annals of Statistics 1975; Fisher, Statistical methods for research workers, 1932.
    """

    values: Float[np.ndarray, " knot"]
    surprises: Float[np.ndarray, " knot"]
    exponent: float

    @classmethod
    def of(cls, ordinary: ArrayLike) -> Tail:
        """Fitted to the numbers of ordinary rows (N,), all at least 0.

        Raises
        ------
        InputError
            If there are none, or one is negative or not finite.
        """
        numbers = np.sort(np.asarray(finite_numbers(ordinary, "numbers of rows"), np.float64))
        count = len(numbers)
        if not count or numbers[0] < 0:
            raise InputError(
                "a tail is fitted to one or more numbers, at least 0; got "
                + (f"{numbers[0]}" if count else "none")
            )
        inside = numbers[: max(1, int(np.ceil(_BODY * count)))]
        values = np.unique(np.quantile(inside, np.linspace(0, 1, min(_KNOTS, len(inside)))))
        above = count - np.searchsorted(numbers, values, side="left")
        surprises = -np.log(np.minimum((above + 0.5) / (count + 1), 1.0))
        smallest = max(float(values[-1]), 1e-12 * max(float(numbers[-1]), 1.0), 1e-30)
        beyond = numbers[numbers > smallest]
        logs = float(np.log(beyond / smallest).mean()) if len(beyond) else 0.0
        exponent = 1 / max(logs, 1 / _STEEPEST)
        if values[0] > 0:
            values, surprises = np.r_[0.0, values], np.r_[0.0, surprises]
        values[-1] = max(values[-1], smallest)
        return cls(values, np.maximum.accumulate(surprises), exponent)

    def __call__(self, numbers: Float[np.ndarray, " particle"]) -> Float[np.ndarray, " particle"]:
        """−log S of numbers (N,)."""
        last = self.values[-1]
        inside = np.interp(numbers, self.values, self.surprises)
        return np.asarray(inside + self.exponent * np.log(np.maximum(numbers, last) / last))
