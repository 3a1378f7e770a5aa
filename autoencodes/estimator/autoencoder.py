"""The autoencoder as a transformer of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from autoencodes.checks import real_rows
from autoencodes.errors import Notice
from autoencodes.estimator.base import Estimator, explained
from autoencodes.measure.empirical import checked_weights
from autoencodes.run.drift import Prequential, distance
from autoencodes.run.job import Job
from autoencodes.training import Result


class AutoencODE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """A nonlinear PCA: rows through few latent values and back, by a flow of varying width.

    x ↦ z ↦ x̂: Euler steps x_(l+1) = x_l + Δt F(x_l; θ_l), of which fewer and fewer components stay
    active up to the bottleneck z, and then all come back; θ minimises Σ_i w_i |x̂_i − x_i|² + λ|θ|²
    over the rows that are given, in standardised units.

    Parameters
    ----------
    n_components : int, optional
        The number of latent values; by default an eighth of the features, from 1 to half of them.
    effort : {"quick", "default", "thorough"}, optional
        How many candidates are compared by folds of the rows; PCA is one of them. It is "default"
        where nothing of the model is given. Where something is, as ``tikhonov``, None stands for an
        ordinary training by another rule: a search over such parameters gives ``effort`` too.
    trim : float, optional
        The part of the rows, those farthest from the rest, that is not learned from; by default 0.
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

    Attributes
    ----------
    n_components_ : int
        The number of latent values.
    explained_variance_ratio_ : float
        1 − Σ w_i |x̂_i − x_i|² / Σ w_i |x_i − x̄|², over the training rows in standardised units.
    model_ : Model
        The trained model, what ``autoencodes.load`` returns.
    result_ : Result
        How the training went: ``history``, ``reason``, ``converged``.
    choice_ : Choice or None
        Which candidate was taken, ``because`` of what; None where there were none.
    plan_ : Plan
        Every setting, also those that the data decided.
    stream_ : Prequential
        After ``partial_fit``: the error of every batch before it was learned from, and of all.
    n_features_in_ : int
        The number of columns.
    feature_names_in_ : array of str
        Their names, where all are text.

    See Also
    --------
    autoencodes.AnomalyDetector : which rows do not belong
    autoencodes.AutoencODEClassifier : classes
    autoencodes.AutoencODERegressor : numbers

    Notes
    -----
    The same settings on the same rows give the same control, bit for bit, as ``autoencodes train``.
    ``sample_weight`` are the weights of the empirical measure: a weight of 2 is the same as the row
    twice, and a weight of 0 as no row.

    Source: docs/howto/estimator.md, docs/explanation/theory.md.

    Examples
    --------
    >>> import numpy as np
    >>> import autoencodes as ac
    >>> t = np.linspace(-1, 1, 40)[:, None]
    >>> X = np.hstack([t, t**2, t**3])  # a curve in three dimensions
    >>> encoder = ac.AutoencODE(1, effort="quick", epochs=100).fit(X)
    >>> encoder.transform(X).shape
    (40, 1)
    >>> encoder.reconstruct(X).shape
    (40, 3)
    >>> bool(encoder.explained_variance_ratio_ > 0.9)
    True
    """

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> AutoencODE:
        """Trains on rows.

        Parameters
        ----------
        X : array or data frame (N, c)
            N ≥ 2 rows; columns of a data frame may be categories, dates and truths.
        y : ignored
        sample_weight : array (N,), optional
            What rows count: not negative, not all 0.

        Returns
        -------
        self

        Raises
        ------
        InputError
            A ValueError: if rows or parameters are not as they should be.
        """
        anew = not (self.warm_start and hasattr(self, "model_"))
        if anew:
            self.__dict__.pop("stream_", None)
        self._train(X, None, sample_weight, anew=anew)
        return self

    def partial_fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> AutoencODE:
        """Goes on from the control of the last training, with these rows, for one pass.

        The first call decides scaling, order and widths by its rows; give it many. Every later
        one scores its rows before it learns from them: ``stream_.batches[-1]`` has their ``error``
        and the ``running_error`` of all so far, ``z``, by how many standard deviations of chance
        the error is above the earlier ones (far above 4 the rows have changed), and the
        ``distance`` of the control that scored them from the one that was last certified.

        Parameters
        ----------
        X : array or data frame (N, c)
        y : ignored
        sample_weight : array (N,), optional

        Returns
        -------
        self

        Examples
        --------
        >>> import numpy as np
        >>> import autoencodes as ac
        >>> random = np.random.default_rng(0)
        >>> def batch(turned):
        ...     t = random.uniform(-1, 1, 100)
        ...     return np.c_[t, turned * t**2] + 0.01 * random.normal(size=(100, 2))
        >>> encoder = ac.AutoencODE(1, noise=0.05, epochs=20, batch_size=16)
        >>> for turned in (1, 1, 1, -1):
        ...     _ = encoder.partial_fit(batch(turned))
        >>> [bool(seen.z is not None and seen.z > 4) for seen in encoder.stream_.batches]
        [False, False, True]
        """
        epochs = 1 if self.epochs is None else None
        anew = not hasattr(self, "model_")
        stream = getattr(self, "stream_", None) or Prequential()
        if not anew:
            stream.add(self.model_.errors(self._rows(X)), self._moved())
        self._train(X, None, sample_weight, anew=anew, epochs=epochs)
        self.stream_ = stream
        return self

    def _moved(self) -> float | None:
        """The distance of the control from the one that was last certified."""
        certified = getattr(self, "_certified", None)
        if certified is None:
            return None
        return distance(self.model_.control, certified, self.model_.flow.schedule.step_size)

    def transform(self, X: Any) -> Float[np.ndarray, "particle latent"]:
        """The latent values of rows.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N, n_components_), or a data frame after ``set_output``
            In float32 where X is, else in float64.
        """
        rows = self._rows(X)
        latent = np.asarray(self.model_.encode(rows).latent)
        narrow = getattr(rows, "dtype", None) == np.float32
        return latent if narrow else latent.astype(np.float64)

    def inverse_transform(self, X: ArrayLike) -> Shaped[np.ndarray, "particle column"]:
        """Rows that the decoder makes of latent values.

        Parameters
        ----------
        X : array (N, n_components_)

        Returns
        -------
        array (N, c)
            Of numbers, or of objects where columns are no numbers.
        """
        check_is_fitted(self)
        schedule = self.model_.flow.schedule
        if schedule.memory != "reset":
            warnings.warn(
                f"under memory {schedule.memory} more than the latent values reaches the decoder, "
                "and that is taken for 0 here: reconstruct(X) has it",
                Notice,
                stacklevel=2,
            )
        latent = real_rows(X, "X", self.n_components_, "components")
        return self.model_.decode(np.asarray(latent))

    def reconstruct(self, X: Any) -> Any:
        """What the flow makes of rows: ``inverse_transform`` of ``transform``.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array or data frame (N, c)
            In the form and the units of X. What was missing is filled.
        """
        return self.model_.reconstruct(self._rows(X))

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the mean squared error of reconstruction, in standardised units.

        Parameters
        ----------
        X : array or data frame (N, c)
        y : ignored
        sample_weight : array (N,), optional

        Returns
        -------
        float
            0 at best.
        """
        scores = self.score_samples(X)
        weights = None
        if sample_weight is not None:
            weights = checked_weights(sample_weight, len(scores), "sample_weight")
        return float(np.average(scores, weights=weights))

    def score_samples(self, X: Any) -> Float[np.ndarray, " particle"]:
        """Minus the mean squared error of every row, in the units of training.

        Parameters
        ----------
        X : array or data frame (N, c)

        Returns
        -------
        array (N,)
            The lower, the worse is the row reconstructed.
        """
        return -self.model_.errors(self._rows(X))

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()  # type: ignore[no-untyped-call]
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _keep(self, job: Job, result: Result) -> None:
        super()._keep(job, result)
        self.explained_variance_ratio_ = explained(job, result)
