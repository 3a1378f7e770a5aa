"""What is predicted from a flow's final state, in the data's own terms.

# notation: x final state, A the components that are compared, y target.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.catalogue import COSTS
from autoencodes.checks import choice, finite_numbers, real, real_rows, shown
from autoencodes.cost import Comparison, CrossEntropy, SquaredError
from autoencodes.errors import InputError
from autoencodes.model.pca import Weights
from autoencodes.model.scaling import Scaling
from autoencodes.precision import compiled, precision
from autoencodes.summary import Summarised, first

_costs = compiled(lambda cost, x, y: jax.vmap(cost)(x, y))
_linked = compiled(lambda cost, x: jax.vmap(cost.predict)(x))

TARGETS = ("rows", "classes", "numbers")


class Readout(Summarised, eqx.Module):
    """The target of a model: the rows themselves, their classes, or a number each.

    Parameters
    ----------
    cost : Comparison
        Its ``components`` are those that are read, its ``link`` makes predictions of them.
    target : {"rows", "classes", "numbers"}
    classes : sequence
        The classes in the order of the target's entries: all int or all str.
    scaling : Scaling, optional
        Of numbers: from their own units to the flow's.

    Examples
    --------
    >>> readout = ac.Readout.of("classes", ["a", "b", "a"], "the data")
    >>> readout.classes
    ('a', 'b')
    >>> readout.targets(["b", "a"], np.float64)
    array([[0., 1.],
           [1., 0.]])
    """

    cost: Comparison
    target: str = eqx.field(
        static=True, default="rows", converter=partial(choice, name="target", choices=TARGETS)
    )
    classes: tuple[Any, ...] = eqx.field(static=True, default=())
    scaling: Scaling | None = None

    def _summary(self) -> dict[str, str]:
        """What is predicted, and by which cost."""
        summary = {"target": self.target, "cost": type(self.cost).__name__}
        return {**summary, "classes": first(self.classes)} if self.classes else summary

    @classmethod
    def of(
        cls, target: str, labels: ArrayLike | None, name: str, weights: Weights | None = None
    ) -> Readout:
        """The readout for rows with these labels and weights, by the squared error.

        Parameters
        ----------
        target : {"rows", "classes", "numbers"}
        labels : array (N,), optional
        name : str
            What the data are called in messages.
        weights : array (N,), optional

        Raises
        ------
        InputError
            If classes or numbers are wanted and the labels are absent, of one kind only, or no
            numbers.
        """
        cost, target = SquaredError(), choice(target, "target", TARGETS)
        if target == "rows":
            return cls(cost)
        if labels is None:
            raise InputError(
                f"{name} has no labels to predict; expected a column (in .npz an array) named "
                "label, class or target, or leave --target out to reconstruct the rows"
            )
        if target == "classes":
            classes = np.unique(_labels(labels, name))
            if len(classes) < 2:
                raise InputError(f"the labels of {name} are all {classes[0]!r}: nothing to learn")
            return cls(cost, target, tuple(classes.tolist()))
        numbers = _numbers(labels, name)
        return cls(cost, target, (), Scaling.of("standard", numbers, weights=weights))

    @property
    def size(self) -> int | None:
        """The number of entries of a target; None for rows, which have the data's."""
        return {"rows": None, "classes": len(self.classes), "numbers": 1}[self.target]

    @property
    def gives_probabilities(self) -> bool:
        """Whether predictions are the probabilities of classes."""
        return self.target == "classes" and isinstance(self.cost, CrossEntropy)

    def targets(
        self, labels: ArrayLike | None, dtype: DTypeLike
    ) -> Float[np.ndarray, "particle target"]:
        """``labels`` (N,) in the flow's units: 1 at a row's class and 0 elsewhere; scaled numbers.

        They come in the precision ``dtype``.
        """
        if labels is None:
            raise InputError(
                f"this model predicts {self.target}, and the data have no labels to compare with: "
                "add a column label, or use predict"
            )
        if self.target == "classes":
            labels, known = _labels(labels, "the data"), np.array(self.classes)
            if known.dtype.kind != labels.dtype.kind and "U" in (
                known.dtype.kind,
                labels.dtype.kind,
            ):
                known, labels = known.astype(str), labels.astype(str)
            if not np.isin(labels, known).all():
                strange = labels[~np.isin(labels, known)][0]
                raise InputError(
                    f"the label {strange.item()!r} is none of the {len(known)} classes that the "
                    f"model knows ({', '.join(map(str, known[:10]))}{' ...'[: len(known) - 10]})"
                )
            return (labels[:, None] == known).astype(dtype)
        assert self.scaling is not None
        return self.scaling.apply(_numbers(labels, "the data"), dtype)

    def predict(self, x: ArrayLike) -> Float[np.ndarray, "particle target"]:
        """Predictions in the flow's units, from final states ``x`` (N, d)."""
        states = np.asarray(real_rows(x, "final states"))
        states = states if states.dtype.kind == "f" else states.astype(np.float64)
        return np.asarray(_linked(self.cost, states))

    def squares(
        self,
        predictions: Float[np.ndarray, "particle target"],
        y: Float[np.ndarray, "particle other"],
    ) -> tuple[Float[np.ndarray, "particle target"], Float[np.ndarray, "particle target"] | None]:
        """Squared differences from targets ``y`` as the cost has them, and the 1 or 0 of observed
        ones.

        In float64, so that none overflows; 0 where nothing was observed. None: all were.
        """
        count = predictions.shape[1]
        seen = y[:, count:].astype(np.float64) if self.cost.masked else None
        squares = (predictions.astype(np.float64) - y[:, :count]) ** 2
        return (squares, None) if seen is None else (squares * seen, seen)

    def costs(self, x: ArrayLike, y: ArrayLike) -> Float[np.ndarray, " particle"]:
        """ℓ of every final state ``x`` (N, d) and target ``y``, in float64: squares overflow
        late.
        """
        with precision(np.float64):
            wide = (np.asarray(real_rows(part, "states"), np.float64) for part in (x, y))
            return np.asarray(_costs(self.cost, *wide))

    def named(self, predictions: ArrayLike) -> np.ndarray:
        """Predictions in the data's units: the likeliest class of a row, or its number."""
        predictions = real_rows(predictions, "predictions", self.size, "entries")
        if self.target == "classes":
            return np.array(self.classes)[np.argmax(predictions, axis=1)]
        assert self.scaling is not None
        return self.scaling.undo(predictions, np.float64)[:, 0]

    def describe(self) -> dict[str, Any]:
        """What a file says of it; the scaling's arrays stand elsewhere."""
        name = COSTS.name_of(type(self.cost))
        if name is not None:
            cost = {"name": name, **vars(self.cost)}
            return {"target": self.target, "classes": list(self.classes), "cost": cost}
        raise InputError(
            f"the cost {type(self.cost).__name__} is not built in ({', '.join(COSTS)}), so that a "
            "file cannot name it"
        )

    @classmethod
    def build(cls, description: dict[str, Any], scaling: Scaling | None) -> Readout:
        """The readout that ``describe`` gave this ``description`` of."""
        options = dict(description["cost"])
        cost = COSTS[options.pop("name")](**options)
        return cls(cost, description["target"], tuple(description["classes"]), scaling)


def _labels(labels: ArrayLike, name: str) -> np.ndarray:
    """Labels of classes (N,), all numbers or all text: 007 as text is not 7."""
    given = np.asarray(labels)
    if np.ma.is_masked(labels) or given.ndim != 1:
        raise InputError(
            f"the labels of {name} must be one for each row, none of them masked; got "
            f"{shown(labels)}"
        )
    if given.dtype.kind in "SM":  # bytes, dates
        given = np.char.decode(given, "utf-8", "replace") if given.dtype.kind == "S" else given
        given = given.astype(str)
    for row, label in enumerate(given.tolist()):
        if label is None or (isinstance(label, float) and not math.isfinite(label)):
            raise InputError(
                f"the labels of {name} must be known; got {label} in row {row} (counted from 0): "
                "leave its row out"
            )
    if given.dtype.kind == "O":
        kinds = {str if isinstance(label, str) else type(label) for label in given.tolist()}
        if kinds == {str}:
            return given.astype(str)
        given = np.asarray(real(given, f"the labels of {name}"))
    if given.dtype.kind not in "biufU":
        raise InputError(f"the labels of {name} must be numbers or text; got {given.dtype}")
    return given.astype(np.int64) if given.dtype.kind == "b" else given


def _numbers(labels: ArrayLike, name: str) -> np.ndarray:
    """Labels as numbers (N, 1)."""
    if np.asarray(labels).dtype.kind in "US":  # as a column of text has them
        try:
            labels = np.asarray(labels).astype(np.float64)
        except ValueError as error:
            raise InputError(
                f"the labels of {name} are no numbers ({error}); take --target classes"
            ) from error
    return np.asarray(finite_numbers(labels, f"the labels of {name}"), np.float64)[:, None]


def row_means(
    squares: Float[np.ndarray, "particle target"],
    seen: Shaped[np.ndarray, "particle target"] | None,
) -> Float[np.ndarray, " particle"]:
    """The mean of every row over its entries that count; those that do not are 0."""
    if seen is None:
        return np.asarray(squares.mean(axis=1))
    return np.asarray(squares.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))
