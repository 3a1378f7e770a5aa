"""A trained model: a flow, its control, and how data enter and leave it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Num, Shaped
from numpy.typing import ArrayLike

from autoencodes.checks import optional, positive_integers
from autoencodes.control import Control
from autoencodes.cost import SquaredError
from autoencodes.errors import InputError
from autoencodes.flow.flow import Flow, Latent
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streaming import map_rows
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.readout import Readout
from autoencodes.model.scaling import Scaling
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.summary import Summarised, first

_ROWS = 1024
"""Rows pushed at a time: enough for the full rate of matrix products."""


class Model(Summarised, eqx.Module):
    """A trained flow that reads rows, and says what it makes of them, in the data's own units.

    It computes in the control's precision, whatever JAX is set to.

    Parameters
    ----------
    flow : Flow
    control : its control
    scaling : Scaling, optional
        From the data's units to the flow's; by default they are the same.
    image_shape : (int, int), optional
        Height and width, where a row is an image.
    coordinates : Coordinates, optional
        How the scaled rows lie in the flow's space; by default they are its particles.
    readout : Readout, optional
        What is predicted; by default the rows themselves, by the squared error.
    """

    flow: Flow
    control: Control
    scaling: Scaling
    image_shape: tuple[int, int] | None = eqx.field(static=True)
    coordinates: Coordinates
    readout: Readout

    def __init__(
        self,
        flow: Flow,
        control: Control,
        scaling: Scaling | None = None,
        image_shape: tuple[int, int] | None = None,
        coordinates: Coordinates | None = None,
        readout: Readout | None = None,
    ) -> None:
        dim = flow.schedule.dim
        self.flow = flow
        self.control = jax.tree.map(np.asarray, control)
        with precision(self.dtype):
            check_control(flow, self.control)
        self.coordinates = coordinates or Coordinates(dim, dim)
        features = self.coordinates.features
        self.scaling = scaling or Scaling(np.zeros(features), np.ones(features))
        shape = optional(positive_integers, image_shape, "image_shape", 2, "height and width")
        self.image_shape = None if shape is None else (shape[0], shape[1])
        self.readout = readout or Readout(SquaredError())

    def _summary(self) -> dict[str, str]:
        """Rows, flow and what is predicted, in words and numbers."""
        schedule, field = self.flow.schedule, self.flow.field
        fields = tuple(dict.fromkeys(field)) if isinstance(field, tuple) else (field,)
        image = "" if self.image_shape is None else ", images {} x {}".format(*self.image_shape)
        steps, scheme = sum(b.steps for b in schedule.blocks), type(self.flow.scheme).__name__
        count = sum(leaf.size for leaf in jax.tree.leaves(self.control))
        return {
            "rows": self.coordinates._summary()["rows"] + image,
            "latent": f"{schedule.latent} values, memory {schedule.memory}",
            "widths": first(schedule.widths, 16),
            "flow": f"{steps} steps of {scheme} to T = {schedule.horizon:g}",
            "field": ", ".join(map(str, fields)),
            "control": f"{count:,} entries, {self.dtype}",
            "predicts": f"{self.readout.target}, by {type(self.readout.cost).__name__}",
        }

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the control, and of every result."""
        return np.dtype(jax.tree.leaves(self.control)[0].dtype)

    def with_control(self, control: Control) -> Model:
        """The same model at another control."""
        return Model(
            self.flow, control, self.scaling, self.image_shape, self.coordinates, self.readout
        )

    def problem(self, tikhonov: float) -> ControlProblem:
        """The control problem that the model's control is to solve."""
        return ControlProblem(self.flow, self.readout.cost, tikhonov)

    def measure(self, x: ArrayLike, y: ArrayLike | None = None) -> EmpiricalMeasure:
        """Rows (N, k) and their targets as particles, in the flow's units.

        ``y`` are labels (N,) where classes or numbers are predicted; else target rows (N, k), by
        default the rows themselves.
        """
        return self.paired(self.particles(x), y)

    def paired(
        self, particles: Num[np.ndarray, "particle dim"], y: ArrayLike | None = None
    ) -> EmpiricalMeasure:
        """Particles (N, d) of the flow with their targets, as ``measure`` takes them."""
        if self.readout.target != "rows":
            return EmpiricalMeasure(particles, self.readout.targets(y, self.dtype))
        if y is None and self.readout.cost.components is None:
            return EmpiricalMeasure(particles)
        targets = particles if y is None else self.particles(y)
        return EmpiricalMeasure(particles, targets[:, : self.coordinates.features])

    def particles(self, x: ArrayLike) -> Num[np.ndarray, "particle dim"]:
        """Rows (N, k) of the data as particles of the flow."""
        return self.coordinates.enter(self._scaled(x), self.dtype)

    def encode(self, x: ArrayLike) -> Latent:
        """Latent values (N, latent) of rows (N, k), and the held ones under memory ``hold``."""

        def encode(rows: Any) -> Latent:
            return self.flow.encode(self.control, rows, held=True)

        return Latent(*_in_pieces(encode, self.control, self.particles(x)))

    def decode(
        self, latent: ArrayLike, held: ArrayLike | None = None
    ) -> Num[np.ndarray, "particle feature"]:
        """Rows (N, k) that the decoder makes of latent values; without held ones, from 0."""

        def decode(*parts: Any) -> Any:
            return self.flow.decode(self.control, *parts)

        self._require_rows("decode")
        given = [np.asarray(part) for part in (latent, held) if part is not None]
        width = self.flow.schedule.latent
        if given[0].ndim != 2 or given[0].shape[1] != width:
            raise InputError(
                f"latent values must be an array (N, {width}), one a row; got shape "
                f"{given[0].shape}"
            )
        if len(given) == 2 and (given[1].ndim != 2 or len(given[1]) != len(given[0])):
            raise InputError(
                f"held values must have one row for each of the {len(given[0])} latent rows; got "
                f"shape {given[1].shape}"
            )
        pushed = _in_pieces(decode, self.control, *given)
        return self.scaling.undo(self.read(pushed), self.dtype)

    def reconstruct(self, x: ArrayLike) -> Num[np.ndarray, "particle feature"]:
        """What the flow makes of rows (N, k), in the data's units."""
        self._require_rows("reconstruct")
        return self.scaling.undo(self._predicted(x), self.dtype)

    def predict(self, x: ArrayLike) -> Shaped[np.ndarray, "particle ..."]:
        """The class of every row (N,), or its number (N,); where rows are the target, rows."""
        if self.readout.target == "rows":
            return self.reconstruct(x)
        return self.readout.named(self._predicted(x))

    def probabilities(self, x: ArrayLike) -> Num[np.ndarray, "particle class"]:
        """The probabilities (N, K) of the K classes ``readout.classes``.

        Raises
        ------
        InputError
            If no classes are predicted, or by a cost that knows no probabilities.
        """
        if not self.readout.gives_probabilities:
            raise InputError(
                "probabilities are what a model trained with --target classes and cost "
                f"cross-entropy predicts; this one predicts {self.readout.target}"
            )
        return self._predicted(x)

    def errors(self, x: ArrayLike, y: ArrayLike | None = None) -> Num[np.ndarray, " particle"]:
        """The mean squared error of every row over its target's entries, in the flow's units.

        ``y`` are the targets in the data's units, as for ``measure``. Of classes the error is that
        of the probabilities.
        """
        if self.readout.target != "rows":
            wanted = self.readout.targets(y, self.dtype)
        else:
            wanted = self._scaled(x if y is None else y)
        difference = self._predicted(x) - wanted
        return np.asarray(np.mean(difference**2, axis=1, dtype=np.float64))

    def read(self, pushed: ArrayLike) -> Num[np.ndarray, "particle target"]:
        """Predictions in the scaled units of the targets, from final states (N, d)."""
        with precision(self.dtype):
            predicted = self.readout.predict(pushed)
        if self.readout.target != "rows":
            return predicted
        return self.coordinates.leave(predicted, self.dtype)

    def _predicted(self, x: ArrayLike) -> Num[np.ndarray, "particle target"]:
        return self.read(push(self.flow, self.control, self.particles(x)))

    def _scaled(self, x: ArrayLike) -> Num[np.ndarray, "particle feature"]:
        """The rows in the flow's units, once they are known to be rows of the data's size."""
        features = self.coordinates.features
        if np.ndim(x) != 2 or np.shape(x)[1] != features:
            raise InputError(
                f"the model takes rows of {features} features, one a row of an array "
                f"(N, {features}); got shape {np.shape(x)}: give data of the kind it was trained on"
            )
        return self.scaling.apply(x, self.dtype)

    def _require_rows(self, verb: str) -> None:
        if self.readout.target != "rows":
            raise InputError(
                f"this model predicts {self.readout.target} and cannot {verb} rows; use predict"
            )


def push(flow: Flow, control: Control, x: ArrayLike) -> Num[np.ndarray, "particle dim"]:
    """``flow.push`` of any number of rows, compiled once and in bounded memory."""
    return _in_pieces(lambda rows: flow.push(control, rows), control, np.asarray(x))


def _in_pieces(function: Callable[..., Any], control: Control, *arrays: np.ndarray) -> Any:
    """A function of rows, applied to blocks of one size: it compiles once, for any count.

    It runs in the control's precision.
    """
    if len(arrays[0]) == 0:
        raise InputError("expected at least one row; got none")
    with precision(jax.tree.leaves(control)[0].dtype):
        return map_rows(function, *arrays, size=_ROWS, filled=True)
