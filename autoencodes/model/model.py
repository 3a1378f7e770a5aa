"""A trained model: a flow, its control, and how data enter and leave it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Num, Shaped
from numpy.typing import ArrayLike

from autoencodes import datasets
from autoencodes.checks import optional, positive_integers, real_rows
from autoencodes.control import Control
from autoencodes.cost import ByColumn, SquaredError, TerminalCost, Turned
from autoencodes.datasets import Column, Reading, Record, Table
from autoencodes.errors import InputError, Notice, NumericalFailure
from autoencodes.flow.flow import Flow, Latent
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streaming import map_rows
from autoencodes.model import frames
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding, Observed
from autoencodes.model.readout import Readout, row_means
from autoencodes.model.scaling import Scaling
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import native, precision
from autoencodes.summary import Summarised, first

Rows = Any
"""An array (N, c), a data frame, or a ``Table``: see ``Model.features``."""

_FARTHEST = 1e150
"""The largest difference whose square, and sums of many, are finite."""

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
    image_shape : tuple, optional
        Height and width, of colour images also 3, where a row is an image.
    coordinates : Coordinates, optional
        How the scaled rows lie in the flow's space; by default they are its particles.
    readout : Readout, optional
        What is predicted; by default the rows themselves, by the squared error.
    encoding : Encoding, optional
        How the columns of a table become features, which are scaled then; by default rows are
        features, with no names and no missing values.
    record : Record, optional
        What is kept of the data that the model was trained on.

    Examples
    --------
    >>> model = ac.Model(flow, theta)
    >>> model.encode(rows.x).latent.shape
    (3, 1)
    >>> model.reconstruct(rows.x).shape
    (3, 2)
    >>> model.errors(rows.x).shape  # one a row
    (3,)
    """

    flow: Flow
    control: Control
    scaling: Scaling
    image_shape: tuple[int, ...] | None = eqx.field(static=True)
    coordinates: Coordinates
    readout: Readout
    encoding: Encoding | None
    record: Record | None = eqx.field(static=True)

    def __init__(
        self,
        flow: Flow,
        control: Control,
        scaling: Scaling | None = None,
        image_shape: tuple[int, ...] | None = None,
        coordinates: Coordinates | None = None,
        readout: Readout | None = None,
        encoding: Encoding | None = None,
        record: Record | None = None,
    ) -> None:
        dim = flow.schedule.dim
        self.flow = flow
        self.control = jax.tree.map(np.asarray, native(control))
        with precision(self.dtype):
            check_control(flow, self.control)
        self.coordinates = coordinates or Coordinates(dim, dim)
        features = self.coordinates.features
        self.scaling = scaling or Scaling(np.zeros(features), np.ones(features))
        self.image_shape = optional(
            positive_integers, image_shape, "image_shape", None, "height and width", 2
        )
        self.readout = readout or Readout(SquaredError())
        self.encoding, self.record = encoding, record
        if encoding is not None and encoding.size != features:
            raise InputError(
                f"an encoding of {encoding.size} features does not fit a model of {features}; "
                "give the coordinates as many features"
            )

    def _summary(self) -> dict[str, str]:
        """Rows, flow and what is predicted, in words and numbers."""
        schedule, field = self.flow.schedule, self.flow.field
        fields = tuple(dict.fromkeys(field)) if isinstance(field, tuple) else (field,)
        shape = self.image_shape
        image = "" if shape is None else f", images {' x '.join(map(str, shape))}"
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
        return eqx.tree_at(
            lambda model: model.control, self, jax.tree.map(np.asarray, native(control))
        )

    def problem(self, tikhonov: float) -> ControlProblem:
        """The control problem that the model's control is to solve, with λ = ``tikhonov``."""
        cost: TerminalCost = self.readout.cost
        if self.compares_columns:
            rotation, centre = self.coordinates.rotation, self.coordinates.centre
            assert rotation is not None
            assert centre is not None
            cost = Turned(self.readout.cost, rotation, centre)
        return ControlProblem(self.flow, cost, tikhonov)

    @property
    def compares_columns(self) -> bool:
        """Whether the cost compares columns, and particles are in coordinates that mix them."""
        return isinstance(self.readout.cost, ByColumn) and self.coordinates.rotation is not None

    def compared(self, states: ArrayLike) -> Num[np.ndarray, "particle entry"]:
        """Final states (N, d) as the cost compares them with targets."""
        if self.compares_columns:
            return self.coordinates.leave(states, self.dtype)
        return np.asarray(states)

    def measure(self, x: Rows, y: ArrayLike | None = None) -> EmpiricalMeasure:
        """Rows and their targets as particles, in the flow's units.

        ``y`` are labels (N,) where classes or numbers are predicted; else target rows (N, k), by
        default the rows themselves.
        """
        features, observed = self.features(x)
        return self.paired(self.enter(features), y, observed)

    def paired(
        self,
        particles: Num[np.ndarray, "particle dim"],
        y: ArrayLike | None = None,
        observed: Observed | None = None,
        weights: ArrayLike | None = None,
    ) -> EmpiricalMeasure:
        """Particles (N, d) with their targets: ``y`` as in ``measure``, of which entries were
        ``observed`` (N, k), and ``weights`` (N,)."""
        if self.readout.target != "rows":
            return EmpiricalMeasure(particles, self.readout.targets(y, self.dtype), weights)
        cost, size = self.readout.cost, self.coordinates.features
        plain = cost.components is None and not cost.masked and not self.compares_columns
        if y is None and plain:
            return EmpiricalMeasure(particles, weights=weights)
        targets = (particles if y is None else self.enter(y))[:, :size]
        if self.compares_columns:
            targets = self.coordinates.leave(targets, self.dtype)
        if cost.masked:
            seen = np.ones(targets.shape, bool) if observed is None else observed
            targets = np.hstack([targets, seen.astype(targets.dtype)])
        return EmpiricalMeasure(particles, targets, weights)

    def features(
        self, x: Rows, *, unseen: bool = False
    ) -> tuple[Num[np.ndarray, "particle feature"], Observed | None]:
        """Features (N, k) of rows as people have them, and which were observed (None: all).

        Rows are an array (N, c) of the data's columns, a data frame of pandas, Polars, Arrow or
        whatever narwhals knows, whose columns are matched by name, or a ``datasets.Table``. Where a
        category has a value that training has not seen, all its features are 0 if ``unseen``.

        Raises
        ------
        InputError
            If they are not rows of the data's kind.
        """
        if self.encoding is None and not isinstance(x, Table) and not datasets.is_frame(x):
            return np.asarray(real_rows(x, "the data", self.coordinates.features)), None
        return self.named.enter(self.table(x, unseen=unseen))

    def enter(
        self, features: ArrayLike, numbers: Shaped[np.ndarray, " particle"] | None = None
    ) -> Num[np.ndarray, "particle dim"]:
        """Features (N, k) as particles (N, d) of the flow; ``numbers`` as ``Scaling.apply``."""
        scaled = self.scaling.apply(features, self.dtype, numbers)
        return self.coordinates.enter(scaled, self.dtype)

    def particles(self, x: Rows) -> Num[np.ndarray, "particle dim"]:
        """Rows of the data as particles (N, d) of the flow."""
        return self.enter(self.features(x)[0])

    def encode(self, x: Rows) -> Latent:
        """Latent values (N, latent) of rows, and the held ones under memory ``hold``."""
        return self.encode_particles(self.particles(x))

    def encode_particles(self, particles: Num[np.ndarray, "particle dim"]) -> Latent:
        """Latent values (N, latent) of particles (N, d), as ``encode`` of rows."""

        def encode(rows: Any) -> Latent:
            return self.flow.encode(self.control, rows, held=True)

        return Latent(*in_pieces(encode, self.control, particles))

    def decode(
        self, latent: ArrayLike, held: ArrayLike | None = None
    ) -> Shaped[np.ndarray, "particle column"]:
        """Rows (N, c) that the decoder makes of latent values; without held ones, from 0.

        They are as precise as the data that the model was trained on.
        """
        features = self.decode_features(latent, held)
        return self._as_array(features, _precise(np.dtype(self.named.dtype), self.dtype))

    def decode_features(
        self, latent: ArrayLike, held: ArrayLike | None = None
    ) -> Float[np.ndarray, "particle feature"]:
        """Features (N, k) that the decoder makes of latent values, as ``decode`` makes rows.

        ``held`` as ``encode`` gave it, by default 0.
        """

        def decode(*parts: Any) -> Any:
            return self.flow.decode(self.control, *parts)

        self._require_rows("decode")
        width = self.flow.schedule.latent
        given = [np.asarray(real_rows(latent, "latent values", width, "values"))]
        if held is not None:
            given.append(np.asarray(real_rows(held, "held values")))
            if len(given[1]) != len(given[0]):
                raise InputError(
                    f"held values must have one row for each of the {len(given[0])} latent rows; "
                    f"got shape {given[1].shape}"
                )
        pushed = in_pieces(decode, self.control, *given)
        return self.scaling.undo(self.read(pushed), np.float64)

    def reconstruct(self, x: Rows) -> Any:
        """What the flow makes of rows, in the data's units and in the form that they came in.

        Of an array (N, c) an array, as precise as it is; of a data frame one of the same library,
        where a category is its likeliest level and integers are rounded; of a ``Table`` a table.
        """
        self._require_rows("reconstruct")
        return self._like(x, self.scaling.undo(self._predicted(x), np.float64))

    def impute(self, x: Rows) -> Any:
        """The rows, with what is missing in them taken from their reconstruction.

        Raises
        ------
        InputError
            If the model was not trained to know of missing values.
        """
        self._require_rows("impute")
        if self.encoding is None or self.encoding.missing == "refuse":
            raise InputError(
                "this model knows nothing of missing values; train one with --missing mask"
            )
        table = self.table(x)
        made = self.encoding.leave(self.scaling.undo(self._predicted(table), np.float64))
        return self._like_numbers(x, np.where(np.isnan(table.x), made, table.x))

    def predict(self, x: Rows) -> Any:
        """The class of every row (N,), or its number (N,); where rows are the target, rows."""
        if self.readout.target == "rows":
            return self.reconstruct(x)
        return self.readout.named(self._predicted(x))

    def probabilities(self, x: Rows) -> Num[np.ndarray, "particle class"]:
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

    def errors(self, x: Rows, y: ArrayLike | None = None) -> Float[np.ndarray, " particle"]:
        """The mean squared error of every row over its target's entries, in the flow's units.

        ``y`` are the targets in the data's units, as for ``measure``. Of classes the error is that
        of the probabilities. What is missing does not count.
        """
        return row_means(*self._squares(x, y))

    def column_errors(self, x: Rows) -> dict[str, Float[np.ndarray, " particle"]]:
        """Of every column the squared error of every row, summed over the column's features.

        In the flow's units; a row's sum over all columns, divided by its number of features that
        were observed, is its error.
        """
        self._require_rows("reconstruct")
        squares, _ = self._squares(x, None)
        encoding = self.named
        return {
            name: squares[:, encoding.owner == k].sum(axis=1)
            for k, name in enumerate(encoding.names)
        }

    def read(self, pushed: ArrayLike) -> Num[np.ndarray, "particle target"]:
        """Predictions in the scaled units of the targets, from final states ``pushed`` (N, d)."""
        with precision(self.dtype):
            predicted = self.readout.predict(self.compared(pushed))
        if self.readout.target != "rows" or self.compares_columns:
            return predicted
        return self.coordinates.leave(predicted, self.dtype)

    def table_of(
        self, features: Float[np.ndarray, "particle feature"]
    ) -> Num[np.ndarray, "particle column"]:
        """The numbers of a table (N, c), from features (N, k)."""
        return self.named.leave(features)

    def columns(self, numbers: Num[np.ndarray, "particle column"]) -> dict[str, np.ndarray]:
        """The columns in people's own values by name, from the numbers of a table (N, c)."""
        return self.named.values(numbers)

    @property
    def named(self) -> Encoding:
        """The encoding; where there is none, that of columns without names."""
        if self.encoding is not None:
            return self.encoding
        count = self.coordinates.features
        dtype = np.dtype("float64" if self.record is None else self.record.dtype)
        if dtype.kind not in "iu" or dtype.itemsize <= 2:  # pixels are not rounded
            dtype = _precise(dtype, self.dtype)
        columns = tuple(Column(f"x_{k}", dtype=str(dtype)) for k in range(count))
        return Encoding(columns, "refuse", np.zeros(count), str(dtype))

    def table(self, x: Rows, *, unseen: bool = False) -> Table:
        """Rows as a table of the model's columns; ``unseen`` as in ``features``."""
        encoding = self.named
        table = x if isinstance(x, Table) else self._read(x, encoding, unseen)
        return datasets.matched(table, encoding.columns, encoding.missing, "the data", unseen)

    def _read(self, x: Rows, encoding: Encoding, unseen: bool) -> Table:
        """An array or a data frame as a table."""
        others = () if self.record is None else self.record.others
        label = None if self.record is None else self.record.label
        reading = Reading(
            schema=encoding.columns,
            missing=encoding.missing,
            aside=others,
            label=label,
            unseen=unseen,
        )
        if not datasets.is_frame(x):
            return datasets.from_array(x, reading)
        table = datasets.from_frame(x, reading)
        for note in table.notes:
            # As the model's columns are, or what the score says.
            if "taken for numbers" not in note and "never seen" not in note:
                warnings.warn(note, Notice, stacklevel=2)
        return table

    def _squares(
        self, x: Rows, y: ArrayLike | None
    ) -> tuple[Float[np.ndarray, "particle target"], Observed | None]:
        """Squared differences of predictions and targets, and which of them count."""
        features, observed = self.features(x)
        predicted = self.read(push(self.flow, self.control, self.enter(features)))
        if self.readout.target != "rows":
            wanted, observed = self.readout.targets(y, self.dtype), None
        else:
            wanted = self.scaling.apply(features if y is None else self.features(y)[0], np.float64)
        differences = predicted.astype(np.float64) - wanted
        if observed is not None:
            differences = np.where(observed, differences, 0)
        far = np.abs(differences) > _FARTHEST
        if far.any():
            row, column = (int(k) for k in np.argwhere(far)[0])
            raise InputError(
                f"row {row} (counted from 0) is off by {differences[row, column]:.1e} in the units "
                "of training, whose square is beyond float64; if it stands for a value that is "
                "missing, leave it empty and take --missing mask, else leave the row out"
            )
        return differences**2, observed

    def _predicted(self, x: Rows) -> Num[np.ndarray, "particle target"]:
        return self.read(push(self.flow, self.control, self.particles(x)))

    def _like(self, x: Rows, features: Float[np.ndarray, "particle feature"]) -> Any:
        """Features in the form of some rows."""
        if self.encoding is None and not isinstance(x, Table) and not datasets.is_frame(x):
            return self._as_array(features, _precise(np.asarray(x).dtype, self.dtype))
        return self._like_numbers(x, self.named.leave(features))

    def _like_numbers(self, x: Rows, numbers: Num[np.ndarray, "particle column"]) -> Any:
        """The numbers of a table in the form of some rows."""
        encoding = self.named
        if isinstance(x, Table):
            return Table(numbers, columns=encoding.columns, image_shape=self.image_shape)
        if datasets.is_frame(x):
            return frames.like(x, encoding.values(numbers))
        return self._numbers_as_array(numbers, _precise(np.asarray(x).dtype, self.dtype))

    def _as_array(
        self, features: Float[np.ndarray, "particle feature"], dtype: np.dtype[Any]
    ) -> Shaped[np.ndarray, "particle column"]:
        return self._numbers_as_array(self.named.leave(features), dtype)

    def _numbers_as_array(
        self, numbers: Num[np.ndarray, "particle column"], dtype: np.dtype[Any]
    ) -> Shaped[np.ndarray, "particle column"]:
        """One array of all columns: numbers where all are, else objects."""
        encoding = self.named
        if all(column.kind in ("number", "log") for column in encoding.columns):
            most = float(np.finfo(dtype).max)  # a reconstruction may be beyond a narrow precision
            return np.clip(numbers, -most, most).astype(dtype, copy=False)
        values = encoding.values(numbers)
        return np.stack([values[name].astype(object) for name in encoding.names], axis=1)

    def _require_rows(self, verb: str) -> None:
        if self.readout.target != "rows":
            raise InputError(
                f"this model predicts {self.readout.target} and cannot {verb} rows; use predict"
            )


def _precise(given: np.dtype[Any], own: np.dtype[Any]) -> np.dtype[Any]:
    """The precision of results: that of the data, and of the flow where it is finer.

    Integers of up to 16 bits are told from each other by any.
    """
    if given.kind == "f":
        return np.promote_types(given.newbyteorder("="), own) if given.itemsize <= 8 else own
    small = given.kind in "biu" and given.itemsize <= 2
    return own if small else np.dtype(np.float64)


def push(flow: Flow, control: Control, x: ArrayLike) -> Num[np.ndarray, "particle dim"]:
    """``flow.push`` of any number of rows, compiled once and in bounded memory."""
    return in_pieces(lambda rows: flow.push(control, rows), control, np.asarray(x))


def in_pieces(function: Callable[..., Any], control: Control, *arrays: np.ndarray) -> Any:
    """A function of rows, applied to blocks of one size: it compiles once, for any count.

    It runs in the control's precision.
    """
    if len(arrays[0]) == 0:
        raise InputError("expected at least one row; got none")
    done = 0

    def following(*parts: np.ndarray) -> Any:
        nonlocal done
        try:
            result = function(*parts)
        except NumericalFailure as failure:
            raise failure.after(done) from None
        done += len(parts[0])
        return result

    with precision(jax.tree.leaves(control)[0].dtype):
        return map_rows(following, *arrays, size=_ROWS, filled=True)
