"""The detector under PyOD's conventions, for its ensembles and tools."""

from __future__ import annotations

from typing import Any, Protocol, Self

from jaxtyping import Float
from numpy import ndarray
from sklearn.base import clone

from autoencodes.errors import MissingExtra

try:
    from pyod.models.base import BaseDetector
except ImportError as error:
    raise MissingExtra("pyod", "pyod", "a detector of PyOD") from error


class Detector(Protocol):
    """What is asked of the ``AnomalyDetector`` that is shown to PyOD."""

    @property
    def decision_scores_(self) -> Float[ndarray, " particle"]: ...

    def fit(self, X: Any, y: Any = None) -> Self: ...

    def score_samples(self, X: Any) -> Float[ndarray, " particle"]: ...


class PyodDetector(BaseDetector):  # type: ignore[misc,unused-ignore]
    """An ``AnomalyDetector`` as one of PyOD's: the larger the score, the more abnormal.

    ``decision_function`` is minus scikit-learn's ``score_samples``; ``threshold_``, ``labels_`` and
    ``predict`` (1 for anomalies, else 0) follow from ``contamination``, as PyOD has it.

    Parameters
    ----------
    detector : AnomalyDetector
        Not fitted itself, but a clone of it.
    contamination : float, default=0.1
        In (0, 0.5]: the share of the training rows that is called anomalies.

    Attributes
    ----------
    detector_ : AnomalyDetector
        The fitted one, with its ``p_values``, ``explain`` and ``repair``.
    decision_scores_, threshold_, labels_ :
        As PyOD has them.
    """

    def __init__(self, detector: Detector, contamination: float = 0.1) -> None:
        super().__init__(contamination=contamination)
        self.detector = detector

    def fit(self, X: Any, y: Any = None) -> PyodDetector:
        """Trains on rows, among which there may be anomalies; ``y`` is ignored."""
        self._set_n_classes(y)
        self.detector_ = clone(self.detector)
        self.decision_scores_ = self.detector_.fit(X).decision_scores_
        self._process_decision_scores()
        return self

    def decision_function(self, X: Any) -> Float[ndarray, " particle"]:
        """The scores (N,) of rows: the larger, the more abnormal."""
        return -self.detector_.score_samples(X)
