"""The affine map between the data's units and the flow's."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float, Real, Shaped
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.checks import choice, finite_numbers, real_rows
from autoencodes.errors import InputError
from autoencodes.measure.streaming import map_rows
from autoencodes.model import pca
from autoencodes.model.pca import Weights
from autoencodes.summary import Summarised, first

SCALINGS = ("unit", "standard", "none")


_SQUARED = (1e-140, 1e140)
"""Deviations whose squares are float64 numbers with all their digits."""
_ROUNDING = 1e-14
"""How far apart, in units of themselves, numbers are that are one but for rounding."""


class Scaling(Summarised, eqx.Module):
    """z = (x − shift) / scale on the way in, x = shift + scale z on the way out.

    Parameters
    ----------
    shift, scale : array (d,)
        One entry for each component; every scale is positive. Always float64: the map
        belongs to the data, whatever the flow's precision.

    Arrays come back in the precision ``dtype`` that is asked for.

    Notes
    -----
    A part of the model: it is saved with it, and errors "in the units that the model is
    trained in" are those of z.

    Examples
    --------
    >>> scaling = ac.Scaling.of("standard", [[0.0, 5.0], [2.0, 5.0]])
    >>> scaling.apply([[2.0, 5.0]], np.float64)
    array([[1., 0.]])
    >>> scaling.undo([[1.0, 0.0]], np.float64)
    array([[2., 5.]])
    """

    shift: Float[np.ndarray, " dim"] = eqx.field(
        converter=lambda a: np.asarray(finite_numbers(a, "shift"), np.float64)
    )
    scale: Float[np.ndarray, " dim"] = eqx.field(
        converter=lambda a: np.asarray(finite_numbers(a, "scale"), np.float64)
    )

    def __check_init__(self) -> None:
        if self.shift.ndim != 1 or self.shift.shape != self.scale.shape:
            raise InputError(
                "shift and scale must be arrays (d,); got shapes "
                f"{self.shift.shape} and {self.scale.shape}"
            )
        if not (self.scale > 0).all():
            k = int(np.argmin(self.scale > 0))
            raise InputError(f"scale must be positive; got {self.scale[k]} for component {k}")

    def _summary(self) -> dict[str, str]:
        """The first entries of shift and scale."""
        return {"shift": first(self.shift), "scale": first(self.scale)}

    @classmethod
    def of(
        cls,
        kind: str,
        x: ArrayLike,
        value_range: tuple[float, float] | None = None,
        observed: Bool[np.ndarray, "particle dim"] | None = None,
        weights: Weights | None = None,
    ) -> Scaling:
        """The scaling of a kind, fitted to rows (N, d).

        ``unit`` maps the known range of values, else the rows' smallest and largest
        value, onto [0, 1], the same way in every component; ``standard`` gives each
        component mean 0 and standard deviation 1 (a constant one: mean 0); ``none``
        leaves the data alone. Where a value was not ``observed``, x has the mean of those that
        were, and the deviation is that of those. Rows count as their ``weights`` (N,) say.

        Parameters
        ----------
        kind : {"unit", "standard", "none"}
        x : array (N, d)
        value_range : (float, float), optional
            The known smallest and largest value.
        observed : array of bool (N, d), optional
        weights : array (N,), optional

        Raises
        ------
        InputError
            If the kind is none of these, the rows are no finite numbers or none, a range
            overflows, or a column varies too little beside its size.
        """
        kind, x = choice(kind, "scaling", SCALINGS), np.asarray(real_rows(x, "rows"))
        dim = x.shape[1]
        if kind == "none":
            return cls(np.zeros(dim), np.ones(dim))
        if not len(x):
            raise InputError(f"scaling {kind} is fitted to rows; got none")
        if kind == "unit":
            low, high = value_range or (float(x.min()), float(x.max()))
            return cls.checked(np.full(dim, low), np.full(dim, (high - low) or 1.0))
        with np.errstate(over="ignore", invalid="ignore"):  # it is seen below
            mean, deviation = pca.mean(x, weights), np.sqrt(pca.variance(x, weights))
        extreme = ~((deviation > _SQUARED[0]) & (deviation < _SQUARED[1]))
        for k in np.flatnonzero(extreme):
            mean[k], deviation[k] = _moments(np.asarray(x[:, k], np.float64), weights)
        if observed is not None and weights is None:
            deviation *= np.sqrt(len(x) / np.maximum(observed.sum(axis=0), 1))
        elif observed is not None and weights is not None:
            seen = weights @ observed
            deviation *= np.sqrt(weights.sum() / np.where(seen > 0, seen, weights.sum()))
        # Rounding makes a constant column's deviation tiny instead of 0.
        constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        deviation[constant] = 1.0
        for k in np.flatnonzero(constant):
            low, high = x[:, k].min().item(), x[:, k].max().item()
            rounding = 0.0 if isinstance(low, int) else _ROUNDING * max(abs(low), abs(high))
            if high - low > rounding:
                raise too_close(int(k), low, high)
            if high > low:
                deviation[k] = max(1.0, abs(low), abs(high))
        return cls.checked(mean, deviation)

    @classmethod
    def checked(cls, shift: Real[np.ndarray, " dim"], scale: Real[np.ndarray, " dim"]) -> Scaling:
        """The scaling, where float64 can hold it.

        Parameters
        ----------
        shift, scale : array (d,)

        Returns
        -------
        Scaling

        Raises
        ------
        InputError
            If an entry is not finite: values were too large.
        """
        if not (np.isfinite(shift).all() and np.isfinite(scale).all()):
            raise InputError(
                "the data's values are too large to be scaled in float64; divide them by a "
                "constant first"
            )
        return cls(shift, scale)

    def without(self, groups: Sequence[tuple[int, int]]) -> Scaling:
        """The scaling that leaves groups of components, (first, number), as they are."""
        shift, scale = self.shift.copy(), self.scale.copy()
        for start, count in groups:
            shift[start : start + count], scale[start : start + count] = 0, 1
        return Scaling(shift, scale)

    def apply(
        self,
        x: ArrayLike,
        dtype: DTypeLike,
        numbers: Shaped[np.ndarray, " particle"] | None = None,
    ) -> Float[np.ndarray, "particle dim"]:
        """The rows in the flow's units; errors name a row by its place, or as ``numbers`` say.

        Raises
        ------
        InputError
            If the rows are no finite numbers, a row is so far off that the flow's precision has no
            such number, or all rows so small that it has none but 0.
        """
        rows = np.asarray(real_rows(x, "rows", len(self.shift)))
        largest = float(np.finfo(np.dtype(dtype)).max)
        least, seen = float(np.finfo(np.dtype(dtype)).smallest_subnormal), 0.0

        def scaled(block: np.ndarray) -> np.ndarray:
            nonlocal seen
            with np.errstate(over="ignore"):
                z: np.ndarray = (block - self.shift) / self.scale
            seen = max(seen, float(np.abs(z).max(initial=0.0)))
            return np.clip(z, -largest, largest) if seen > largest else z

        z: Float[np.ndarray, "particle dim"] = map_rows(scaled, rows, dtype=dtype)
        if seen > largest:
            row, column = (int(k) for k in np.argwhere(np.abs(z) == largest)[0])
            number = row if numbers is None else numbers[row]
            raise InputError(
                f"row {number}, column {column} (counted from 0) is {rows[row, column]:g}, which "
                f"in the units of training is beyond {np.dtype(dtype)}; if it stands for a value "
                "that is missing, leave it empty and take --missing mask"
            )
        if 0 < seen < least:
            raise InputError(
                f"the largest value is {seen:g}, which is 0 in {np.dtype(dtype)}; take scaling "
                "standard, or precision float64"
            )
        return z

    def undo(self, z: ArrayLike, dtype: DTypeLike) -> Float[np.ndarray, "particle dim"]:
        """Rows of the flow, in the data's units."""
        z = np.asarray(real_rows(z, "rows", len(self.shift)))
        return map_rows(lambda r: self.shift + self.scale * r, z, dtype=dtype)


def too_close(feature: int, low: float, high: float) -> InputError:
    """The error for a feature that varies too little for float64 to compute with."""
    return InputError(
        f"feature {feature} (counted from 0) varies from {_exactly(low)} to {_exactly(high)}, too "
        "little or too small for sums of squares; subtract a constant from its column or divide it "
        "by one, or leave it out"
    )


def _exactly(value: float) -> str:
    """A number with all its digits."""
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _moments(x: Float[np.ndarray, " particle"], weights: Weights | None) -> tuple[float, float]:
    """Mean and deviation of numbers whose squares are none."""
    size = float(np.abs(x).max())
    if size == 0:
        return 0.0, 0.0
    unit = x / size
    if weights is None:
        return float(unit.mean() * size), float(unit.std() * size)
    mean, variance = (of(unit[:, None], weights)[0] for of in (pca.mean, pca.variance))
    return float(mean * size), float(np.sqrt(variance) * size)
