"""The affine map between the data's units and the flow's."""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Real
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.checks import choice
from autoencodes.errors import InputError
from autoencodes.measure.streaming import map_rows
from autoencodes.summary import Summarised, first

KINDS = ("unit", "standard", "none")


class Scaling(Summarised, eqx.Module):
    """z = (x − shift) / scale on the way in, x = shift + scale z on the way out.

    Parameters
    ----------
    shift, scale : array (d,)
        One entry for each component; every scale is positive. Always float64: the map
        belongs to the data, whatever the flow's precision.

    Notes
    -----
    A part of the model: it is saved with it, and errors "in the units that the model is
    trained in" are those of z.
    """

    shift: Float[np.ndarray, " dim"] = eqx.field(converter=lambda a: np.asarray(a, np.float64))
    scale: Float[np.ndarray, " dim"] = eqx.field(converter=lambda a: np.asarray(a, np.float64))

    def _summary(self) -> dict[str, str]:
        """The first entries of shift and scale."""
        return {"shift": first(self.shift), "scale": first(self.scale)}

    @classmethod
    def of(
        cls,
        kind: str,
        x: Real[Array | np.ndarray, "particle dim"],
        value_range: tuple[float, float] | None = None,
    ) -> Scaling:
        """The scaling of a kind, fitted to rows (N, d).

        ``unit`` maps the known range of values, else the rows' smallest and largest
        value, onto [0, 1], the same way in every component; ``standard`` gives each
        component mean 0 and standard deviation 1 (a constant one: mean 0); ``none``
        leaves the data alone.

        Raises
        ------
        InputError
            If the kind is none of these, or a range overflows.
        """
        dim, kind = x.shape[1], choice(kind, "scaling", KINDS)
        if kind == "none":
            return cls(np.zeros(dim), np.ones(dim))
        if kind == "unit":
            low, high = value_range or (float(x.min()), float(x.max()))
            return cls._checked(np.full(dim, low), np.full(dim, (high - low) or 1.0))
        mean = np.asarray(np.mean(x, axis=0, dtype=np.float64))
        deviation = np.std(x, axis=0, dtype=np.float64)
        # Rounding makes a constant column's deviation tiny instead of 0.
        constant = deviation <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        return cls._checked(mean, np.where(constant, 1.0, deviation))

    @classmethod
    def _checked(cls, shift: np.ndarray, scale: np.ndarray) -> Scaling:
        if not (np.isfinite(shift).all() and np.isfinite(scale).all()):
            raise InputError(
                "the data's values are too large to be scaled in float64; divide them by a "
                "constant first"
            )
        return cls(shift, scale)

    def apply(self, x: ArrayLike, dtype: DTypeLike) -> Float[np.ndarray, "particle dim"]:
        """The rows in the flow's units."""
        return map_rows(lambda r: (r - self.shift) / self.scale, np.asarray(x), dtype=dtype)

    def undo(self, z: ArrayLike, dtype: DTypeLike) -> Float[np.ndarray, "particle dim"]:
        """Rows of the flow, in the data's units."""
        return map_rows(lambda r: self.shift + self.scale * r, np.asarray(z), dtype=dtype)
