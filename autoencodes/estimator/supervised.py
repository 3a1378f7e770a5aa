"""The flow that predicts classes or numbers, as estimators of scikit-learn."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from autoencodes.checks import finite_numbers
from autoencodes.datasets.table import classes
from autoencodes.errors import InputError
from autoencodes.estimator.base import Estimator
from autoencodes.measure.empirical import checked_weights


class AutoencODEClassifier(ClassifierMixin, Estimator):
    _target: ClassVar[Literal["rows", "classes", "numbers"]] = "classes"

    classes_: Shaped[np.ndarray, " class"]

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        labels = _column(self, y)
        check_classification_targets(labels)
        if labels.dtype.kind == "O":
            labels = np.array(labels.tolist())
        anew = not (self.warm_start and hasattr(self, "model_"))
        known = np.unique(_counted(labels, sample_weight))
        if len(known) < 2:
            raise InputError(f"expected two classes or more in y; got one class, {known[0]!r}")
        named = classes(labels, len(labels), "y")
        self._train(X, named, sample_weight, anew=anew)
        self.classes_ = known if anew else self.classes_
        return self

    def predict(self, X: Any) -> Shaped[np.ndarray, " particle"]:
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    def predict_proba(self, X: Any) -> Float[np.ndarray, "particle class"]:
        rows = self._rows(X)
        raw = self.model_.probabilities(rows).astype(np.float64)
        return raw / raw.sum(axis=1, keepdims=True)


class AutoencODERegressor(RegressorMixin, Estimator):
    _target: ClassVar[Literal["rows", "classes", "numbers"]] = "numbers"

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        numbers = np.asarray(finite_numbers(_column(self, y), "y"), np.float64)
        anew = not (self.warm_start and hasattr(self, "model_"))
        return self._train(X, numbers, sample_weight, anew=anew)

    def predict(self, X: Any) -> Float[np.ndarray, " particle"]:
        return np.asarray(self.model_.predict(self._rows(X)), np.float64)


def _column(estimator: Estimator, y: Any) -> Shaped[np.ndarray, " particle"]:
    if y is None:
        raise InputError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    column: np.ndarray = column_or_1d(y, warn=True)
    return column


def _counted(
    y: Shaped[np.ndarray, " particle"], sample_weight: ArrayLike | None
) -> Shaped[np.ndarray, " some"]:
    """The targets of rows that count."""
    if sample_weight is None:
        return y
    return y[checked_weights(sample_weight, len(y), "sample_weight") > 0]
