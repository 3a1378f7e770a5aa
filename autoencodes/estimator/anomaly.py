"""Which rows do not belong, as an outlier detector of scikit-learn."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import OutlierMixin, clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from autoencodes import anomaly, checks, datasets
from autoencodes.anomaly import Detector, Repair, conformal
from autoencodes.datasets import Reading, Table
from autoencodes.datasets.windows import Windows, cut, of_rows
from autoencodes.errors import InputError, Notice
from autoencodes.estimator.base import Estimator
from autoencodes.plan.settings import Settings


class AnomalyDetector(OutlierMixin, Estimator):
    """Which rows do not belong, how surely, and which of their columns are to blame.

    A flow learns the rows without those farthest from the rest; the score of a row joins what the
    flow makes of it with its distance to the rows nearest to it, each on the scale of how seldom
    an ordinary row has as large a one (``autoencodes.anomaly.Detector``). Part of the rows is set
    apart, so that a p-value can be given that holds for any law and any number of rows:

    P(p(X) ≤ a) ≤ a for every a, if X and the rows set apart come from the same source.

    Anomalies among the rows set apart make p larger: fewer alarms, not more.

    Parameters
    ----------
    n_components : int, optional
        The number of latent values; by default an eighth of the features, from 1 to half of them.
    effort : {"quick", "default", "thorough"}, optional
        How many candidates are compared by folds of the rows; PCA is one of them. It is "default"
        where nothing of the model is given. Where something is, as ``tikhonov``, None stands for an
        ordinary training by another rule: a search over such parameters gives ``effort`` too.
    trim : float, default=0.3
        The part of the rows, those farthest from the rest, that is not learned from, as there may
        be anomalies among them; where rows follow a curved law only those apart from it.
    extra : int, optional
        Components beyond the features, which begin at 0; by default none.
    widths : tuple of int, optional
        The encoder's widths, from that of the features that enter down to ``n_components``; the
        decoder mirrors them.
    field : str, optional
        The velocity F, as "perceptron" or "two-layer": see ``autoencodes train --help``.
    hidden : int, optional
        Neurons of a field of two layers.
    activation : str, optional
        The activation in the field, as "tanh".
    steps_per_block : int, optional
        Steps of the control between two widths.
    horizon : float, optional
        The final time T.
    memory : {"reset", "hold", "skip"}, optional
        What becomes of a component that is switched off: it is dropped (by default), kept until it
        comes back, or seen again where it does. Under the last two ``transform`` returns only what
        passes the bottleneck.
    rotation : {"none", "pca", "random"}, optional
        Orthogonal coordinates to work in.
    scaling : {"standard", "unit", "none"}, optional
        Of features; by default to mean 0 and deviation 1, of bytes to [0, 1].
    tikhonov : float, optional
        The weight λ of |θ|².
    init_scale : float, optional
        The size of the random initial control.
    noise : float, optional
        The deviation of noise on mini-batches, in trained units.
    method : str, optional
        The training method, as "movement" or "adam".
    learning_rate : float, optional
        The peak rate of steps, for methods that take one.
    tau : float, optional
        The largest step τ of movements.
    epochs : int, optional
        Passes over the rows; of ``partial_fit`` one by default.
    batch_size : int, optional
        Rows of a mini-batch; 0: all rows in every step.
    tolerance : float, optional
        Stop at this residual of the maximum principle, where steps see all rows.
    kinds : mapping of str to str, optional
        What columns of a data frame are, as {"size": "S<M<L", "zip": "category"}, where their
        values do not say it.
    missing : {"refuse", "mean", "mask"}, default="refuse"
        Values that are missing: refused; taken for their column's mean; masked, which means not
        learned from, and filled by reconstruction.
    validation_fraction : float, optional
        The part of the rows that is kept out of training, for choices and for the certificate; by
        default none.
    precision : {"float32", "float64"}, optional
        Of all that is computed.
    warm_start : bool, default=False
        Whether ``fit`` begins with the control, and keeps the scaling, of the last one.
    verbose : int, default=0
        Above 0, progress is shown on standard error.
    random_state : int or RandomState, optional
        Of the initial control and of mini-batches; None is 0, so that every fit can be repeated.
    window : int, optional
        Rows are those of one series, in the order of time, and are judged by windows of so many
        consecutive ones: see Notes.
    stride : int, optional
        Rows from one window to the next, at most ``window``; by default 1.
    calibration_fraction : float, default=0.2
        The part of the rows that is set apart for p-values: nothing else is fitted to them. Where
        that is fewer than the 1 / α − 1 that a p-value of α asks for, so many are, if half of the
        rows remain.
    contamination : float in (0, 0.5] or "auto", default="auto"
        The part of the rows that ``predict`` is to call anomalies; "auto": those with p ≤ α.
    alpha : float, default=0.05
        The chance that ``predict`` calls an ordinary row an anomaly, at most, under "auto". With
        fewer than 1 / α − 1 rows set apart it calls none, and ``fit`` says so.

    Attributes
    ----------
    detector_ : Detector
        The score, with the scores of the rows set apart; ``save`` writes it as one file.
    offset_ : float
        ``decision_function`` is ``score_samples`` less this; −∞ where ``predict`` can call no row.
    decision_scores_, threshold_, labels_ : array (N,), float, array (N,)
        As PyOD has them: scores of the training rows, the larger the more abnormal; the largest
        that is no anomaly's; 1 for anomalies, else 0.
    model_ : Model
        The trained model.
    result_, choice_, plan_ :
        How the training went, as those of ``AutoencODE``.
    n_components_ : int
        The number of latent values.
    n_features_in_ : int
        The number of columns.
    feature_names_in_ : array of str
        Their names, where all are text.

    See Also
    --------
    AutoencODE : the flow by itself.

    Notes
    -----
    On many tables a linear model with the distance to neighbours does as well, and the flow adds
    nothing; where the columns depend on each other along curves, it adds much:
    docs/howto/anomalies.md.

    With ``window`` the rows of every call are one series, and a row's score is the mean over the
    windows that hold it of what they put down to it (``autoencodes.anomaly.of_rows``). The last
    part of the rows of ``fit`` is set apart. Rows of a series depend on each other, so that
    p-values hold approximately: those set apart are worth about one for each window.

    Examples
    --------
    >>> import numpy as np
    >>> import autoencodes as ac
    >>> t = np.linspace(-1, 1, 60)[:, None]
    >>> X = np.hstack([t, t**2, t**3])  # a curve in three dimensions
    >>> detector = ac.AnomalyDetector(1, effort="quick", epochs=100).fit(X)
    >>> odd = np.array([[0.0, 0.9, 0.0]])  # every column as usual, but not together
    >>> detector.predict(odd)
    array([-1])
    >>> bool(np.isclose(detector.explain(odd).sum(), -detector.score_samples(odd)[0]))
    True
    """

    detector_: Detector
    offset_: float

    def __init__(
        self,
        n_components: int | None = None,
        *,
        effort: str | None = None,
        trim: float = 0.3,
        extra: int | None = None,
        widths: tuple[int, ...] | None = None,
        field: str | None = None,
        hidden: int | None = None,
        activation: str | None = None,
        steps_per_block: int | None = None,
        horizon: float | None = None,
        memory: str | None = None,
        rotation: str | None = None,
        scaling: str | None = None,
        tikhonov: float | None = None,
        init_scale: float | None = None,
        noise: float | None = None,
        method: str | None = None,
        learning_rate: float | None = None,
        tau: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        tolerance: float | None = None,
        kinds: Mapping[str, str] | tuple[str, ...] | None = None,
        missing: str = "refuse",
        validation_fraction: float | None = None,
        precision: str | None = None,
        warm_start: bool = False,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        window: int | None = None,
        stride: int | None = None,
        calibration_fraction: float = 0.2,
        contamination: float | str = "auto",
        alpha: float = 0.05,
    ) -> None:
        super().__init__(
            n_components,
            effort=effort,
            trim=trim,
            extra=extra,
            widths=widths,
            field=field,
            hidden=hidden,
            activation=activation,
            steps_per_block=steps_per_block,
            horizon=horizon,
            memory=memory,
            rotation=rotation,
            scaling=scaling,
            tikhonov=tikhonov,
            init_scale=init_scale,
            noise=noise,
            method=method,
            learning_rate=learning_rate,
            tau=tau,
            epochs=epochs,
            batch_size=batch_size,
            tolerance=tolerance,
            kinds=kinds,
            missing=missing,
            validation_fraction=validation_fraction,
            precision=precision,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )
        self.window = window
        self.stride = stride
        self.calibration_fraction = calibration_fraction
        self.contamination = contamination
        self.alpha = alpha

    def fit(self, X: Any, y: Any = None) -> AnomalyDetector:
        """Trains on rows, among which there may be anomalies.

        Parameters
        ----------
        X : array or data frame (N, c)
            N ≥ 5 rows; columns of a data frame may be categories, dates and truths.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InputError
            A ValueError: if rows or parameters are not as they should be.
        """
        share = checks.between(
            self.calibration_fraction, "calibration_fraction", 0.0, 1.0,
            with_low=False, with_high=False,
        )  # fmt: skip
        trim = checks.between(self.trim, "trim", 0.0, 0.5, with_high=False)
        alpha = checks.between(self.alpha, "alpha", 0.0, 1.0, with_low=False, with_high=False)
        if self.contamination != "auto":
            checks.between(self.contamination, "contamination", 0.0, 0.5, with_low=False)
        X = self._checked(X, reset=True, least=2)
        count = len(X)
        if count < _LEAST:
            raise InputError(
                f"expected {_LEAST} rows or more, of which some are set apart; got {count}"
            )
        apart = min(max(1, round(share * count)), count - _LEAST + 1)
        if self.window is None:  # as many as α asks for, where that leaves half of the rows
            least = conformal.enough(alpha)
            apart = max(apart, least if 2 * least <= count else 0)
        drawn = np.random.default_rng(self._settings().seed).permutation(count)
        if self._settings().window is not None:  # the last stretch of time, of a window or more
            drawn, apart = np.arange(count)[::-1], max(apart, self._settings().window or 1)
            if count - apart < apart + _LEAST - 1:
                raise InputError(
                    f"a window of {self.window} rows needs as many to set apart, and more to learn "
                    f"from; got {count} rows: give a smaller window, or more rows"
                )
        learned, held = (_safe_indexing(X, np.sort(p)) for p in (drawn[apart:], drawn[:apart]))
        self._train(learned, None, None, anew=not (self.warm_start and hasattr(self, "model_")))
        if self.window is None:
            self.detector_ = Detector.fit(self.model_, learned, share=trim).calibrated(held)
        else:
            made = Detector.fit(self.model_, self._windows(learned)[0], share=trim)
            calibration = anomaly.of_rows(made, *self._windows(held)).scores
            self.detector_ = replace(made, calibration=calibration)
        scores = self._scores(X)
        if self.contamination == "auto":
            apart_scores = self.detector_.calibration
            assert apart_scores is not None
            self.offset_ = -conformal.largest_ordinary(apart_scores, alpha)
            if np.isinf(self.offset_):
                _warn_of_few(len(apart_scores), alpha)
        else:
            self.offset_ = float(np.percentile(-scores, 100.0 * float(self.contamination)))
        self.decision_scores_, self.threshold_ = scores, -self.offset_
        self.labels_ = (-scores < self.offset_).astype(int)
        return self

    def score_samples(self, X: Any) -> Float[np.ndarray, " particle"]:
        """Minus the score of every row: the lower, the more abnormal.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
            0 at most.
        """
        return -self._scores(self._rows(X))

    def decision_function(self, X: Any) -> Float[np.ndarray, " particle"]:
        """``score_samples`` less ``offset_``: negative for anomalies.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> Int[np.ndarray, " particle"]:
        """-1 for anomalies, 1 for other rows.

        Each row is judged by itself: of many rows about the share ``alpha`` of the ordinary ones is
        called. ``autoencodes.anomaly.discoveries(p_values(X), alpha)`` bounds the share of ordinary
        rows among those called.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> Float[np.ndarray, " particle"]:
        """(1 + the number of rows set apart with as large a score) / (1 + their number).

        Parameters
        ----------
        X : array or data frame (N, c)
            New rows: of those that ``fit`` has seen, nothing is promised.

        Returns
        -------
        array (N,)
        """
        if self.window is None:
            return self._detector.p_values(self._rows(X))
        calibration = self._detector.calibration
        assert calibration is not None
        return anomaly.p_values(self._scores(self._rows(X)), calibration)

    def explain(self, X: Any) -> Float[np.ndarray, "particle column"]:
        """The share of every column in the score of every row: they add up to −score_samples(X).

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N, c)
        """
        rows = self._rows(X)
        if self.window is None:
            return anomaly.explain(self._detector, rows).shares
        return anomaly.of_rows(self._detector, *self._windows(rows)).shares

    def repair(self, X: Any) -> list[Repair]:
        """The smallest change of few columns that makes a row ordinary, for every row.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        list of Repair
            Their ``changes`` are by column (what stands there, about what would be ordinary).
        """
        if self.window is not None:
            raise InputError("rows of a series have no repairs: leave window out")
        return anomaly.repair(self._detector, self._rows(X), -self.offset_)

    def pyod(self, contamination: float = 0.1) -> Any:
        """The same as a detector of PyOD, for its ensembles and tools; it is fitted by itself.

        PyOD's ``decision_function`` is the larger, the more abnormal the row: the other way round
        than scikit-learn's; its ``predict`` gives 1 for anomalies and 0 else.

        Parameters
        ----------
        contamination : float, default=0.1
            In (0, 0.5]: the share of the training rows that is called anomalies.

        Returns
        -------
        pyod.models.base.BaseDetector

        Raises
        ------
        MissingExtra
            If pyod is not installed.
        """
        from autoencodes.estimator.pyod import PyodDetector

        return PyodDetector(clone(self), contamination)

    def _settings(self, **more: Any) -> Settings:
        return super()._settings(window=self.window, stride=self.stride, **more)

    def _scores(self, X: Any) -> Float[np.ndarray, " particle"]:
        """The scores of rows that were checked."""
        if self.window is None:
            return self._detector.score(X)
        return anomaly.of_rows(self._detector, *self._windows(X)).scores

    def _windows(self, X: Any) -> tuple[Table, Windows]:
        """The windows of a series, as the model has them, and what they are made of."""
        encoding, window = self.model_.encoding, self._settings().window
        assert encoding is not None
        assert window is not None
        columns = of_rows(encoding.columns, window)
        reading = Reading(schema=columns, missing=encoding.missing, unseen=True)
        frame = datasets.is_frame(X)
        table = datasets.from_frame(X, reading) if frame else datasets.from_array(X, reading)
        one = np.zeros(len(table.x), np.int64)
        made, _, windows = cut(table, one, window, self.stride or 1, "the rows")
        return made, windows

    @property
    def _detector(self) -> Detector:
        check_is_fitted(self)
        return self.detector_


_LEAST = 5
"""Rows that a fit needs: four to learn from, one set apart."""


def _warn_of_few(apart: int, alpha: float) -> None:
    """Says that no row can be called, however odd."""
    warnings.warn(
        f"no p-value can be below 1 / {apart + 1} with {apart:,} rows set apart, so that predict "
        f"calls no row an anomaly at alpha={alpha:g}: give {2 * conformal.enough(alpha):,} rows or "
        f"more, a larger calibration_fraction, alpha={_ceiling(1 / (apart + 1)):g} or more, or the "
        "share to call as contamination; score_samples and p_values hold all the same",
        Notice,
        stacklevel=3,
    )


def _ceiling(share: float) -> float:
    """A share rounded up to two digits."""
    digits = 1 - math.floor(math.log10(share))
    return math.ceil(share * 10**digits - 1e-9) / 10**digits
