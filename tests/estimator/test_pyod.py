"""The detector among PyOD's: its conventions, its tools, and what is said without PyOD."""

from __future__ import annotations

import builtins
import pickle
import sys
from typing import Any

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.errors import MissingExtra

DETECTOR = ac.AnomalyDetector(1, tikhonov=1e-3, epochs=5, batch_size=20)


def rows(count: int = 80) -> np.ndarray:
    rng = np.random.default_rng(0)
    t = rng.uniform(-1, 1, count)
    x = np.c_[t, t**2, 2 * t] + 0.03 * rng.normal(size=(count, 3))
    x[:4, 1] -= 2
    return x


def test_scores_and_labels_are_pyod_s() -> None:
    base = pytest.importorskip("pyod.models.base")
    x = rows()
    found = DETECTOR.pyod(contamination=0.05)
    assert isinstance(found, base.BaseDetector)
    found.fit(x)
    np.testing.assert_array_equal(found.decision_function(x), -found.detector_.score_samples(x))
    np.testing.assert_array_equal(found.decision_scores_, found.decision_function(x))
    assert found.labels_.sum() == 4
    np.testing.assert_array_equal(np.flatnonzero(found.predict(x)), np.arange(4))
    chances = found.predict_proba(x)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert chances[:4, 1].min() > chances[4:, 1].max()
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(x), found.predict(x))


def test_pyod_s_ensembles_take_it() -> None:
    bagging = pytest.importorskip("pyod.models.feature_bagging")
    x = rows()
    many = bagging.FeatureBagging(
        base_estimator=DETECTOR.pyod(), n_estimators=2, max_features=3, random_state=0
    ).fit(x)
    assert set(np.argsort(-many.decision_scores_)[:4]) == set(range(4))
    combination = pytest.importorskip("pyod.models.combination")  # of another package
    joined = combination.average(np.c_[many.decision_scores_, many.decision_scores_])
    assert set(np.argsort(-joined)[:4]) == set(range(4))


def test_without_pyod_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **named: Any) -> Any:
        if name.split(".")[0] == "pyod":
            raise ImportError(name)
        return real(name, *more, **named)

    monkeypatch.delitem(sys.modules, "autoencodes.estimator.pyod", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="pyod"):
        DETECTOR.pyod()
