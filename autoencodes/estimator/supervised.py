"""The flow that predicts classes or numbers, as estimators of scikit-learn."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from autoencodes.checks import finite_numbers
from autoencodes.datasets import Dataset
from autoencodes.datasets.table import classes
from autoencodes.errors import InputError
from autoencodes.estimator.base import Estimator
from autoencodes.measure.empirical import checked_weights
from autoencodes.model.encoding import Encoding
from autoencodes.plan.settings import Settings


class AutoencODEClassifier(ClassifierMixin, Estimator):
    """The class of a row, read from where a flow carries it.

    x ↦ x_L: Euler steps x_(l+1) = x_l + Δt F(x_l; θ_l), of which components are switched off on the
    way; the softmax of those that are left are the classes' probabilities, and θ minimises their
    mean cross-entropy + λ|θ|². It is ``autoencodes train --target classes``.

    Parameters
    ----------
    n_components : int, optional
        The width at the end; the number of classes, by default and where that is more.
    **parameters
        The others are those of ``AutoencODE``.

    Attributes
    ----------
    classes_ : array (K,)
        The classes, in the order of probabilities.
    model_, result_, plan_, n_components_, n_features_in_, feature_names_in_
        As those of ``AutoencODE``.

    See Also
    --------
    AutoencODERegressor : for numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import autoencodes as ac
    >>> X = np.random.default_rng(0).normal(size=(40, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> classifier = ac.AutoencODEClassifier(method="adam", epochs=200, batch_size=0).fit(X, y)
    >>> classifier.classes_.tolist()
    ['other', 'same']
    >>> bool(classifier.score(X, y) > 0.8)
    True
    """

    _target: ClassVar[Literal["rows", "classes", "numbers"]] = "classes"

    classes_: Shaped[np.ndarray, " class"]
    _places: Int[np.ndarray, " class"]

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> AutoencODEClassifier:
        """Trains on rows and their classes.

        Parameters
        ----------
        X : array or data frame (N, c)
        y : array (N,)
            Text, integers or truths, of two classes or more.
        sample_weight : array (N,), optional
            What rows count: not negative, not all 0.

        Returns
        -------
        self

        Raises
        ------
        InputError
            A ValueError: if rows, classes or parameters are not as they should be.
        """
        anew = not (self.warm_start and hasattr(self, "model_"))
        self._train(X, y, sample_weight, anew=anew)
        if anew:
            known, labels = _column(self, y), self._labels(y)
            if sample_weight is not None:
                weighty = checked_weights(sample_weight, len(known)) > 0
                known, labels = known[weighty], labels[weighty]
            self.classes_, first = np.unique(known, return_index=True)
            # The model has its classes in the order of integers or of text, whatever y is.
            order = {name: place for place, name in enumerate(self.model_.readout.classes)}
            self._places = np.array([order[label.item()] for label in labels[first]])
        return self

    def predict(self, X: Any) -> Shaped[np.ndarray, " particle"]:
        """The likeliest class of every row.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
        """
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[np.argmax(probabilities, axis=1)])

    def predict_proba(self, X: Any) -> Float[np.ndarray, "particle class"]:
        """The probabilities of the classes, in the order of ``classes_``.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N, K)
        """
        rows = self._rows(X)
        given = self.model_.probabilities(rows).astype(np.float64)[:, self._places]
        return np.asarray(given / given.sum(axis=1, keepdims=True))  # float32 adds up to 1e-7

    def _labels(self, y: Any) -> Shaped[np.ndarray, " particle"]:
        labels = _column(self, y)
        if labels.dtype.kind == "f":
            finite_numbers(labels, "y")
        try:
            check_classification_targets(y)  # as it came: its score will look at it, too
        except TypeError as error:
            kinds = sorted({type(value).__name__ for value in np.asarray(y).ravel().tolist()})
            raise InputError(
                f"expected classes of one type in y, text, integers or truths; got "
                f"{' and '.join(kinds)}: convert them, as numpy.asarray(y).astype(str)"
            ) from error
        return classes(labels, len(labels), "y")

    def _fitting(self, settings: Settings, data: Dataset) -> Settings:
        """With a component for every class, of the flow and of its end."""
        assert data.labels is not None
        count = len(np.unique(data.labels))
        if count < 2:
            raise InputError(
                f"expected two classes or more in y, of rows that have a weight; got one class, "
                f"{data.labels[0].item()!r}"
            )
        given, encoding = settings.given, Encoding.of(data, settings.missing)
        features = data.dim if encoding is None else encoding.size
        if self.n_components is not None:
            given["latent"] = max(settings.latent or count, count)
        if self.extra is None and features < count:
            given["extra"] = count - features
        return Settings(**given)


class AutoencODERegressor(RegressorMixin, Estimator):
    """The number of a row, read from where a flow carries it.

    x ↦ x_L: Euler steps x_(l+1) = x_l + Δt F(x_l; θ_l), of which components are switched off on the
    way; one that is left is the number, scaled, and θ minimises the mean squared error + λ|θ|². It
    is ``autoencodes train --target numbers``.

    Parameters
    ----------
    n_components : int, optional
        The width at the end; by default 1.
    **parameters
        The others are those of ``AutoencODE``.

    Attributes
    ----------
    model_, result_, plan_, n_components_, n_features_in_, feature_names_in_
        As those of ``AutoencODE``.

    See Also
    --------
    AutoencODEClassifier : for classes.

    Examples
    --------
    >>> import numpy as np
    >>> import autoencodes as ac
    >>> X = np.random.default_rng(0).normal(size=(40, 2))
    >>> regressor = ac.AutoencODERegressor(method="adam", epochs=200, batch_size=0)
    >>> bool(regressor.fit(X, np.sin(X[:, 0])).score(X, np.sin(X[:, 0])) > 0.8)
    True
    """

    _target: ClassVar[Literal["rows", "classes", "numbers"]] = "numbers"

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> AutoencODERegressor:
        """Trains on rows and their numbers.

        Parameters
        ----------
        X : array or data frame (N, c)
        y : array (N,)
        sample_weight : array (N,), optional
            What rows count: not negative, not all 0.

        Returns
        -------
        self

        Raises
        ------
        InputError
            A ValueError: if rows, numbers or parameters are not as they should be.
        """
        anew = not (self.warm_start and hasattr(self, "model_"))
        self._train(X, y, sample_weight, anew=anew)
        return self

    def predict(self, X: Any) -> Float[np.ndarray, " particle"]:
        """The number of every row.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
        """
        rows = self._rows(X)
        return np.asarray(self.model_.predict(rows), np.float64)

    def _labels(self, y: Any) -> Shaped[np.ndarray, " particle"]:
        return np.asarray(finite_numbers(_column(self, y), "y"), np.float64)


def _column(estimator: Estimator, y: Any) -> Shaped[np.ndarray, " particle"]:
    if y is None:
        raise InputError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )
    column: np.ndarray = column_or_1d(y, warn=True)
    return np.array(column.tolist()) if column.dtype.kind == "O" else column
