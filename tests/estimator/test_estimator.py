"""The estimators: the command line's job, and scikit-learn's ways with it."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import jax
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autoencodes as ac
from autoencodes.errors import Notice
from autoencodes.estimator.base import Estimator
from autoencodes.plan.settings import DECLARATIONS, Settings
from autoencodes.run import train

# Few blocks compile faster.
QUICK: dict[str, Any] = {
    "widths": (3, 1),
    "tikhonov": 1e-3,
    "steps_per_block": 1,
    "method": "adam",
    "learning_rate": 0.02,
    "epochs": 60,
    "batch_size": 16,
}


def curve(rows: int = 40, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (rows, 1))
    return np.hstack([t, t**2, t**3]) + 0.01 * rng.normal(size=(rows, 3))


def same(a: Any, b: Any) -> bool:
    """Whether two estimators, or models, have the same control in every bit."""
    leaves = [jax.tree.leaves(getattr(m, "model_", m).control) for m in (a, b)]
    return all(np.array_equal(x, y) for x, y in zip(*leaves, strict=True))


@pytest.fixture(scope="module")
def fitted() -> ac.AutoencODE:
    return ac.AutoencODE(**QUICK).fit(curve())


def frame(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    X = curve(rows, seed)
    names = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
    return pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "size": names, "c": X[:, 2]})


@pytest.mark.parametrize("kind", ["rows", "mixed", "classes", "numbers", "ruled"])
def test_the_command_line_gives_the_same_control(kind: str, tmp_path: Path) -> None:
    rows = frame() if kind == "mixed" else pd.DataFrame(curve(), columns=["a", "b", "c"])
    rows.iloc[5] = rows.iloc[4]  # as tables have it: a row that came twice
    part = np.where(np.arange(len(rows)) % 4 == 3, "test", "train")
    y = (rows["a"] > 0).map({True: "up", False: "down"}) if kind == "classes" else rows["c"] * 2
    target = kind if kind in ("classes", "numbers") else "rows"
    written = rows.assign(part=part)
    if target != "rows":
        written["label"] = y
    written.to_csv(tmp_path / "rows.csv", index=False)
    given = {"n_components": 2, "effort": "quick", "epochs": 3} if kind == "ruled" else QUICK
    given = {**given, "widths": (3, 2)} if kind == "classes" else given
    settings = {"latent" if n == "n_components" else n: v for n, v in given.items()}
    settings |= {"split": "part", "target": target}
    model = train(Settings(data=str(tmp_path / "rows.csv"), **settings), tmp_path / "run")
    made = {"classes": ac.AutoencODEClassifier, "numbers": ac.AutoencODERegressor}
    estimator = made.get(kind, ac.AutoencODE)(**given)
    own = part == "train"
    estimator.fit(rows[own], y[own])
    assert same(estimator, ac.load(tmp_path / "run"))
    assert model.metrics["train_mse"] >= 0
    estimator.save(tmp_path / "model.safetensors")
    again = ac.load(tmp_path / "model.safetensors")
    if target == "rows":
        np.testing.assert_array_equal(
            again.encode(rows).latent, estimator.transform(rows).astype(np.float32)
        )
    else:
        np.testing.assert_array_equal(again.predict(rows), estimator.predict(rows))


@pytest.mark.parametrize("kind", [ac.AutoencODE, ac.AutoencODEClassifier, ac.AutoencODERegressor])
def test_weights_are_those_of_the_measure(kind: Any) -> None:
    X = curve()
    y = (X[:, 0] > 0).astype(int) if kind is ac.AutoencODEClassifier else X[:, 0]
    rng = np.random.default_rng(1)
    whole, some = rng.integers(0, 4, len(X)), rng.integers(0, 2, len(X))
    order = rng.permutation(len(X))
    end = 2 if kind is ac.AutoencODEClassifier else 1
    estimator = kind(**{**QUICK, "epochs": 3, "widths": (3, end)})

    def fit(rows: Any, weights: Any = None) -> Any:
        return clone(estimator).fit(X[rows], y[rows], sample_weight=weights)

    rows = np.arange(len(X))
    assert same(fit(np.repeat(rows, whole)), fit(order, whole[order]))
    if kind is not ac.AutoencODE:
        return
    once = fit(rows)
    assert same(once, fit(rows, np.full(len(X), 3.0)))
    assert same(once, fit(np.tile(rows, 2)))
    assert same(fit(rows[some > 0]), fit(rows, some))
    assert not same(once, fit(rows, 1 + whole))


def test_frames_with_all_kinds_of_columns() -> None:
    rows = frame()
    rows.loc[3, "b"] = np.nan
    rows.loc[5, "size"] = None
    encoder = ac.AutoencODE(missing="mask", **QUICK).fit(rows)
    assert list(encoder.feature_names_in_) == ["a", "b", "size", "c"]
    back = encoder.reconstruct(rows)
    assert list(back.columns) == list(rows.columns)
    assert back.notna().all(axis=None)
    assert set(back["size"]) <= {"low", "high"}
    assert encoder.transform(rows).shape == (40, 1)
    assert np.isfinite(encoder.score(rows))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(rows[["b", "a", "size", "c"]])
    with pytest.raises(ac.InputError, match="missing"):
        clone(encoder).set_params(missing="refuse").fit(rows)
    again = ac.AutoencODE(missing="mask", **QUICK).fit(pl.from_pandas(rows))
    assert same(encoder, again)


def test_columns_that_are_no_features_are_named() -> None:
    rows = frame().assign(label="x", number=np.arange(1, 41))
    rows.loc[7, "label"] = "y"
    with pytest.warns(Notice, match="'label'"):
        encoder = ac.AutoencODE(**QUICK).fit(rows)
    assert encoder.model_.encoding.names == ("a", "b", "size", "c", "number")
    encoder = clone(encoder).set_params(kinds={"label": "category"}).fit(rows)
    assert encoder.model_.encoding.names == ("a", "b", "size", "c", "label", "number")


def test_scikit_learn_combines_them(fitted: ac.AutoencODE) -> None:
    X = curve()
    pipe = make_pipeline(StandardScaler(), clone(fitted)).set_output(transform="pandas")
    assert list(pipe.fit_transform(X).columns) == ["autoencode0"]
    columns = ColumnTransformer([("curve", clone(fitted), ["a", "b", "c"])], remainder="drop")
    columns.set_output(transform="polars")
    made = columns.fit_transform(pd.DataFrame(X, columns=["a", "b", "c"]))
    assert made.columns == ["curve__autoencode0"]
    np.testing.assert_array_equal(made.to_numpy(), fitted.transform(X))


@pytest.mark.slow
def test_a_search_in_processes() -> None:
    search = GridSearchCV(ac.AutoencODE(**QUICK), {"tikhonov": [1e-3, 10.0]}, cv=2, n_jobs=2)
    search.fit(curve())
    assert search.best_params_ == {"tikhonov": 1e-3}
    assert search.best_estimator_.score(curve()) > -0.5


def test_copies_and_files_transform_alike(fitted: ac.AutoencODE, tmp_path: Path) -> None:
    X = curve()
    joblib.dump(fitted, tmp_path / "encoder.joblib")
    for copy in (pickle.loads(pickle.dumps(fitted)), joblib.load(tmp_path / "encoder.joblib")):
        np.testing.assert_array_equal(copy.transform(X), fitted.transform(X))
        with pytest.raises(ac.InputError, match="call fit here"):
            copy.certificate()
    assert not hasattr(clone(fitted), "model_")


def test_what_it_says_of_rows(fitted: ac.AutoencODE) -> None:
    X = curve()
    back = fitted.inverse_transform(fitted.transform(X))
    np.testing.assert_allclose(back, fitted.reconstruct(X), atol=1e-5)
    scores = fitted.score_samples(X)
    assert fitted.score(X) == pytest.approx(scores.mean())
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    errors = ((back - X) / X.std(axis=0)) ** 2
    np.testing.assert_allclose(scores, -errors.mean(axis=1), atol=1e-5)
    ratio = 1 - errors.sum() / (z**2).sum()
    assert fitted.explained_variance_ratio_ == pytest.approx(ratio, abs=1e-5)
    assert fitted.score(X, sample_weight=np.eye(40)[3]) == pytest.approx(scores[3])
    assert fitted.transform(X.astype(np.float32)).dtype == np.float32
    assert fitted.get_feature_names_out().tolist() == ["autoencode0"]
    assert fitted.n_components_ == 1


def test_few_rows_of_many_columns_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    X = np.random.default_rng(0).normal(size=(12, 20))
    encoder = ac.AutoencODE(2, effort="quick", epochs=2, verbose=1).fit(X)
    assert encoder.choice_ is not None
    assert encoder.choice_.by == "3 folds of 12 training rows"
    assert "comparing candidates: " in capsys.readouterr().err


def test_arrays_of_text_and_lists(fitted: ac.AutoencODE) -> None:
    rows = frame()
    mixed = clone(fitted)
    of_frame, given = clone(mixed).fit(rows), rows.to_numpy()
    assert same(of_frame, mixed.fit(given))
    np.testing.assert_array_equal(of_frame.transform(rows), mixed.transform(given.tolist()))
    assert mixed.reconstruct(given.tolist())[0][2] in ("low", "high")


def test_training_goes_on(fitted: ac.AutoencODE) -> None:
    X = curve()
    warm = clone(fitted).set_params(warm_start=True, epochs=20)
    once = warm.fit(X).score(X)
    assert warm.fit(X).score(X) > once
    parts = clone(fitted).set_params(epochs=None)
    first = parts.partial_fit(X).score(X)
    for _ in range(30):
        parts.partial_fit(curve(seed=0))
    assert parts.score(X) > first
    assert parts.result_.resumption.step == 2
    with pytest.raises(ac.InputError, match=r"widths \(3, 2\) contradicts the run of the last fit"):
        warm.set_params(widths=(3, 2)).fit(X)


def test_parts_are_learned_from_where_the_rule_holds() -> None:
    """PCA is θ = 0, where training stands still: a first pass must not end there."""
    parts = ac.AutoencODE(1, effort="quick").partial_fit(curve())
    assert parts.choice_ is None
    assert parts.plan_.init_scale > 0
    assert parts.plan_.noise > 0


def test_rows_kept_to_validate(fitted: ac.AutoencODE) -> None:
    encoder = clone(fitted).set_params(validation_fraction=0.25).fit(curve())
    assert not same(encoder, fitted)
    learned, validation = encoder._measures
    assert (learned.size, validation.size) == (30, 10)


def test_a_certificate(fitted: ac.AutoencODE) -> None:
    assert fitted.certificate(seconds=5).as_dict()["particles"] == 40


def test_every_parameter_is_an_entry_of_the_settings() -> None:
    names = set(inspect.signature(Estimator).parameters)
    own = {"n_components", "random_state", "warm_start", "verbose"}
    assert names - own <= set(DECLARATIONS)
    said = inspect.getdoc(ac.AutoencODE) or ""
    assert all(f"\n{name} : " in said for name in names)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"n_components": 0}, "n_components must be"),
        ({"field": "percepton"}, "did you mean perceptron"),
        ({"random_state": -1}, "random_state must be"),
        ({"epochs": 2.5}, "epochs must be"),
        ({"n_components": 9}, "latent"),
    ],
)
def test_parameters_are_checked_by_fit(entries: dict[str, Any], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.AutoencODE(**entries).fit(curve())


def test_classes_keep_their_names_in_whatever_order_the_model_has_them() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    high = x[:, 0] > 0
    for low_name, high_name in ((9e17, 1e18), ("10", "9"), (-5, 3)):
        y = np.where(high, high_name, low_name)
        made = ac.AutoencODEClassifier(method="adam", epochs=20, batch_size=0).fit(x, y)
        named = [type(high_name)(name) for name in made.model_.predict(x)]
        np.testing.assert_array_equal(made.predict(x), named)
        np.testing.assert_array_equal(made.classes_, np.unique(y))
    with pytest.raises(ac.InputError, match="got int and str: convert them"):
        ac.AutoencODEClassifier().fit(x, np.array([1, "a"], object)[high.astype(int)])


def test_what_comes_back_is_as_precise_as_what_was_given() -> None:
    t = np.linspace(-1, 1, 40)
    X = np.c_[1.7e9 + 3 * t, t**2]
    made = ac.AutoencODE(1, method="adam", epochs=2, batch_size=0).fit(X)
    back = made.inverse_transform(made.transform(X))
    assert back.dtype == np.float64
    np.testing.assert_allclose(back, made.reconstruct(X), rtol=0, atol=1e-5)


def test_a_constant_column_that_varies_later_is_said() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": np.arange(30) % 7, "b": np.arange(30) % 5, "unit": "kg"})
    made = ac.AutoencODE(1, method="adam", epochs=2, batch_size=0).fit(frame)
    with pytest.raises(ac.InputError, match="a data frame with the columns a, b, unit, as in fit"):
        made.transform(frame.to_numpy())
    with pytest.warns(Notice, match=r"'unit' was constant \('kg'\)"):
        made.transform(frame.assign(unit="lb"))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_zones_and_lengths_of_time_come_back_as_they_were(library: str) -> None:
    rng = np.random.default_rng(0)
    at = pd.Timestamp("2024-03-30", tz="Europe/Berlin") + pd.to_timedelta(np.arange(40), unit="h")
    frame = pd.DataFrame(
        {
            "a": rng.normal(size=40),
            "b": rng.normal(size=40),
            "at": at,
            "took": pd.to_timedelta(rng.integers(1, 10**5, 40), unit="s"),
        }
    )
    given = frame if library == "pandas" else pl.from_pandas(frame)
    made = ac.AutoencODE(1, missing="mask", method="adam", epochs=2, batch_size=0).fit(given)
    for back in (made.reconstruct(given), made.model_.impute(given)):
        zone = back["at"].dt.tz if library == "pandas" else back["at"].dtype.time_zone
        assert str(zone) == "Europe/Berlin"
        if library == "polars":
            assert back["took"].dtype == pl.Duration
            back = back.to_pandas()
        assert back["took"].dtype.kind == "m"
    assert (back["at"] == frame["at"]).all()
    assert (back["took"] == frame["took"]).all()
