"""The outlier detector: what it promises, on rows with a structure."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import autoencodes as ac
from autoencodes.anomaly import explain, repair
from autoencodes.errors import Notice

QUICK: dict[str, Any] = {"rotation": "pca", "method": "adam", "epochs": 60, "batch_size": 0}


def _rows(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(count, 2))
    x = np.c_[u, u @ [[1.0, 0.5], [-0.5, 1.0]]]
    return np.asarray(x + 0.1 * rng.normal(size=x.shape))


@pytest.fixture(scope="module")
def fitted() -> ac.AnomalyDetector:
    X = _rows(250, 0)
    X[:10, 2] += 4
    return ac.AnomalyDetector(2, **QUICK).fit(X)


def test_scores_threshold_and_labels_agree(fitted: ac.AnomalyDetector) -> None:
    X = np.vstack([_rows(100, 1), _rows(20, 2) + np.array([0, 0, 6, 0])])
    scores = fitted.score_samples(X)
    np.testing.assert_array_equal(fitted.decision_function(X), scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(X), np.where(scores < fitted.offset_, -1, 1))
    np.testing.assert_array_equal(fitted.predict(X) == -1, fitted.p_values(X) <= 0.05)
    assert fitted.threshold_ == -fitted.offset_
    np.testing.assert_array_equal(fitted.labels_, fitted.decision_scores_ > fitted.threshold_)
    assert (fitted.predict(X[100:]) == -1).mean() > 0.7


def test_shares_add_up_and_name_the_column(fitted: ac.AnomalyDetector) -> None:
    X = _rows(40, 3) + np.array([0, 0, 0, 6])
    shares = fitted.explain(X)
    np.testing.assert_allclose(shares.sum(axis=1), -fitted.score_samples(X), rtol=1e-6)
    found = fitted.repair(X[:2])
    assert all("x_" in str(one) for one in found)


def test_a_share_of_the_rows_is_called(fitted: ac.AnomalyDetector) -> None:
    detector = ac.AnomalyDetector(2, contamination=0.1, **QUICK).fit(_rows(120, 4))
    assert detector.labels_.sum() == 12
    with pytest.raises(ac.InputError, match="contamination"):
        ac.AnomalyDetector(2, contamination=0.7, **QUICK).fit(_rows(30, 4))


def test_a_copy_says_the_same(fitted: ac.AnomalyDetector) -> None:
    X = _rows(10, 5)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.score_samples(X), fitted.score_samples(X))


def test_frames_with_categories_and_gaps_are_judged() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(_rows(120, 6), columns=["a", "b", "c", "d"])
    frame["land"] = np.where(frame["a"] > 0, "north", "south")
    frame.loc[rng.integers(120, size=15), "b"] = np.nan
    detector = ac.AnomalyDetector(2, missing="mask", **QUICK).fit(frame)
    shares = detector.explain(frame)
    assert shares.shape == (120, 5)
    gone = frame["b"].isna().to_numpy()
    assert np.isfinite(shares).all()
    assert np.abs(shares[gone, 1]).max() < np.abs(shares).max()
    odd = frame[:20].assign(land=np.where(frame["a"][:20] > 0, "south", "north"))
    assert detector.score_samples(odd).mean() < detector.score_samples(frame[:20]).mean()


def _orders(count: int, seed: int) -> Any:
    """Columns of many kinds, of which some follow from others; the last is constant."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    price, items = rng.uniform(5, 40, count), rng.integers(1, 9, count)
    day = rng.integers(0, 300, count)
    return pd.DataFrame(
        {
            "price": price,
            "items": items,
            "total": price * items,
            "land": np.where(price > 20, "north", "south"),
            "day": (pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")).strftime(
                "%d.%m.%Y"
            ),
            "paid": (day > 150),
            "unit": "kg",
        }
    )


@pytest.fixture(scope="module")
def of_orders() -> ac.AnomalyDetector:
    return ac.AnomalyDetector(2, **QUICK).fit(_orders(160, 0))


def test_a_row_with_the_changes_of_its_repair_has_the_score_that_is_told(
    of_orders: ac.AnomalyDetector,
) -> None:
    odd = _orders(40, 1)
    odd.loc[:9, "items"] += 40
    odd.loc[10:19, "day"] = "01.01.2031"
    odd.loc[20:29, "land"] = "west"
    odd.loc[30:, "total"] *= 30
    odd.loc[35:, "items"] += 9
    for k, one in enumerate(of_orders.repair(odd)):
        row = odd.iloc[[k]].astype(object)
        for name, (old, new) in one.changes.items():
            given = row[name].item()
            same = pytest.approx(given) if isinstance(given, float) else given
            assert old == ("a new value" if given == "west" else same)
            row[name] = [new]
        score = -of_orders.score_samples(row.infer_objects())[0]
        assert one.score == pytest.approx(score, rel=1e-6)
        assert one.enough == (of_orders.p_values(row.infer_objects())[0] > 0.05)


def test_the_score_of_a_row_depends_on_nothing_but_the_row() -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"b{k}": rng.random(240) < 0.3 for k in range(10)})
    frame["count"] = rng.integers(0, 3, 240)
    detector = ac.AnomalyDetector(2, **QUICK).fit(frame[:200])
    new = frame[180:]
    scores, p = detector.score_samples(new), detector.p_values(new)
    alone = [new.iloc[[k]] for k in range(len(new))]
    np.testing.assert_allclose(scores, [detector.score_samples(x)[0] for x in alone], rtol=1e-11)
    np.testing.assert_array_equal(p, [detector.p_values(x)[0] for x in alone])


def test_few_rows_are_no_reason_to_call_more_than_alpha() -> None:
    X = _rows(60, 7)
    detector = ac.AnomalyDetector(2, **QUICK).fit(X)
    assert len(detector.detector_.calibration) == 19  # a fifth were 12
    far = X[:1] + 50
    assert detector.predict(far) == -1
    assert detector.p_values(far) == pytest.approx(0.05)
    with pytest.warns(Notice, match=r"below 1 / 7 with 6 rows.*calls no row.*give 38 rows"):
        few = ac.AnomalyDetector(2, **QUICK).fit(X[:30])
    assert (few.predict(np.r_[far, X]) == 1).all()
    assert few.p_values(far) == pytest.approx(1 / 7)
    ac.AnomalyDetector(2, alpha=0.15, **QUICK).fit(X[:30])  # as was said


def test_rows_of_a_series_are_judged_by_their_windows() -> None:
    rng = np.random.default_rng(0)
    time = np.arange(260)
    series = np.c_[np.sin(time / 3), np.cos(time / 3)] + 0.05 * rng.normal(size=(260, 2))
    detector = ac.AnomalyDetector(2, window=6, tikhonov=1e-3, epochs=5, batch_size=50)
    assert len(detector.fit(series[:160]).detector_.calibration) == 32
    new = series[160:].copy()
    new[40, 0] *= -1
    scores, shares = detector.score_samples(new), detector.explain(new)
    assert scores.shape == (100,)
    assert np.argmin(scores) == 40
    assert np.argmax(shares[40]) == 0
    np.testing.assert_allclose(shares.sum(axis=1), -scores, atol=1e-9)
    p = detector.p_values(new)
    assert p[40] == 1 / 33
    assert detector.predict(new)[40] == -1
    pandas = pytest.importorskip("pandas")
    names = ["load", "heat"]
    frames = [pandas.DataFrame(x, columns=names) for x in (series[:160], new)]
    framed = clone(detector).fit(frames[0])
    np.testing.assert_allclose(framed.p_values(frames[1]), p)
    with pytest.raises(ac.InputError, match="rows needs as many to set apart"):
        clone(detector).set_params(window=100).fit(series[:160])
    with pytest.raises(ac.InputError, match="longest stretch has 3"):
        detector.predict(new[:3])
    with pytest.raises(ac.InputError, match="leave window out"):
        detector.repair(new)
    with pytest.raises(ac.InputError, match="stride is at most window"):
        clone(detector).set_params(stride=7).fit(series)


def test_a_constant_that_is_another_one_is_abnormal_and_to_blame() -> None:
    """A status that was always "ok", and is not, says much of a row of ordinary numbers."""
    pd = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2)) @ np.array([[1.0, 0.5], [0.0, 0.4]])
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "status": "ok", "unit": None})
    detector = ac.AnomalyDetector(effort="quick", epochs=10, n_components=1).fit(frame)
    new = frame.iloc[:6].copy()
    new.loc[2, "status"] = "ERROR"
    new.loc[4, "unit"] = "mm"
    with pytest.warns(Notice, match="was constant") as told:
        scores = detector.detector_.score(new)
    assert "'status' was constant ('ok')" in str(told[0].message)
    plain = detector.detector_.score(frame.iloc[:6])
    rare = np.log(len(detector.detector_.neighbours.rows) + 2) * detector.detector_.weights.sum()
    np.testing.assert_allclose(scores - plain, [0, 0, rare, 0, rare, 0], atol=1e-9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = detector.p_values(frame.iloc[:6]), detector.p_values(new)
        assert (after[[2, 4]] < before[[2, 4]]).all()
        assert (after[[2, 4]] < 0.25).all()
        found = explain(detector.detector_, new)
        np.testing.assert_allclose(found.shares.sum(axis=1), found.scores, rtol=1e-9)
        assert found.names[int(np.argmax(found.shares[2]))] == "status"
        assert found.names[int(np.argmax(found.shares[4]))] == "unit"
        repaired = repair(detector.detector_, new, float(plain[2]) + 1.0)
    assert repaired[2].changes["status"] == ("a new value", "ok")
    assert abs(repaired[2].score - plain[2]) < 1e-9
