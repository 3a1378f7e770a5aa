"""The autoencoder as a transformer of scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from autoencodes.checks import real_rows
from autoencodes.estimator.base import Estimator, explained
from autoencodes.measure.empirical import checked_weights
from autoencodes.run.job import Job
from autoencodes.training import Result


class AutoencODE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        anew = not (self.warm_start and hasattr(self, "model_"))
        return self._train(X, None, sample_weight, anew=anew)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        epochs = 1 if self.epochs is None else None
        return self._train(X, None, sample_weight, anew=not hasattr(self, "model_"), epochs=epochs)

    def transform(self, X: Any) -> Float[np.ndarray, "particle latent"]:
        rows = self._rows(X)
        latent = self.model_.encode(rows).latent
        narrow = getattr(rows, "dtype", None) == np.float32
        return latent if narrow else latent.astype(np.float64)

    def inverse_transform(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        latent = real_rows(X, "X", self.n_components_, "components")
        return self.model_.decode(latent)

    def reconstruct(self, X: Any) -> Any:
        return self.model_.reconstruct(self._rows(X))

    def score(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        scores = self.score_samples(X)
        weights = None
        if sample_weight is not None:
            weights = checked_weights(sample_weight, len(scores), "sample_weight")
        return float(np.average(scores, weights=weights))

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _keep(self, job: Job, result: Result) -> None:
        super()._keep(job, result)
        self.explained_variance_ratio_ = explained(job, result)
