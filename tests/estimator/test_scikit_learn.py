"""What scikit-learn asks of every estimator holds of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import autoencodes as ac
from autoencodes.plan import resolve

# Settings under which fits of one shape share one compiled program, and a step takes no time.
QUICK: dict[str, Any] = {
    "rotation": "pca",
    "tikhonov": 1e-3,
    "steps_per_block": 1,
    "method": "adam",
    "learning_rate": 0.02,
    "epochs": 100,
    "batch_size": 0,
}


# Most checks come with so few rows that no p-value is below alpha, and are told so.
@pytest.mark.filterwarnings("ignore:no p-value can be below")
@parametrize_with_checks(
    [
        ac.AnomalyDetector(**QUICK),
        ac.AutoencODE(**QUICK),
        ac.AutoencODEClassifier(**QUICK),
        ac.AutoencODERegressor(**QUICK),
    ]
)
def test_estimators_do_as_scikit_learn_asks(
    estimator: Any, check: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it one check skips itself
    # The checks come with data of many shapes, each with programs of its own: two widths will do.
    monkeypatch.setattr(
        resolve, "falling", lambda first, latent: tuple(dict.fromkeys((first, latent)))
    )
    check(estimator)
