"""The faces for scikit-learn: estimators that train as the command line does."""

from autoencodes.estimator.anomaly import AnomalyDetector
from autoencodes.estimator.autoencoder import AutoencODE
from autoencodes.estimator.supervised import AutoencODEClassifier, AutoencODERegressor

__all__ = ["AnomalyDetector", "AutoencODE", "AutoencODEClassifier", "AutoencODERegressor"]
