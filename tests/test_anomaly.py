"""Scores of anomalies, their p-values and their reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.anomaly import Detector, discoveries, explain, p_values, repair
from autoencodes.anomaly.conformal import enough, fewest, largest_ordinary
from autoencodes.anomaly.density import Density
from autoencodes.anomaly.neighbours import Neighbours
from autoencodes.anomaly.tail import Tail
from autoencodes.flow.flow import Flow
from autoencodes.model.model import Model


def _rows(count: int, seed: int) -> np.ndarray:
    """A curved surface: the last two columns follow from the first two."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-1, 1, (count, 2))
    x = np.c_[u, u[:, 0] * u[:, 1], u[:, 0] ** 2]
    return np.asarray(x + 0.03 * rng.normal(size=x.shape))


@pytest.fixture(scope="module")
def model() -> Model:
    import jax

    schedule = ac.WidthSchedule.autoencoder(4, (4, 2), 2, 1.0)
    flow = Flow(schedule, ac.fields.Perceptron())
    return Model(flow, flow.init(jax.random.key(0), 0.1))


@pytest.fixture(scope="module")
def detector(model: Model) -> Detector:
    x = _rows(300, 0)
    x[:15] += np.array([0, 0, 1.5, 0])
    return Detector.fit(model, x).calibrated(_rows(200, 1))


def test_a_p_value_counts_scores_as_large() -> None:
    scores, calibration = np.random.default_rng(0).integers(0, 9, (2, 50)).astype(float)
    counted = [(1 + (calibration >= s).sum()) / 51 for s in scores]
    np.testing.assert_allclose(p_values(scores, calibration), counted)


def test_rounding_parts_no_ties() -> None:
    rng = np.random.default_rng(0)
    calibration = rng.integers(1, 6, 50) / 7
    jittered = calibration[:20] * (1 + rng.uniform(-1e-13, 1e-13, 20))
    np.testing.assert_array_equal(
        p_values(jittered, calibration), p_values(calibration[:20], calibration)
    )


@pytest.mark.parametrize("apart", [1, 8, 19, 20, 60, 99])
@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1, 0.15, 0.3])
def test_a_row_beyond_the_largest_ordinary_score_has_p_at_most_alpha(
    apart: int, alpha: float
) -> None:
    rng = np.random.default_rng(apart)
    calibration = rng.normal(size=apart).round(1)
    scores = np.r_[calibration, rng.normal(size=200), 9.0]
    np.testing.assert_array_equal(
        scores > largest_ordinary(calibration, alpha), p_values(scores, calibration) <= alpha
    )
    assert np.isinf(largest_ordinary(calibration, alpha)) == (apart < enough(alpha))


def test_p_values_keep_their_promise_with_ties() -> None:
    rng = np.random.default_rng(0)
    p = np.concatenate(
        [p_values(*np.split(rng.integers(0, 20, 40).astype(float), [1])) for _ in range(3000)]
    )
    for a in (0.05, 0.1, 0.3):
        assert (p <= a).mean() <= a + 3 * np.sqrt(a / 3000)


@pytest.mark.parametrize(
    ("rows", "apart"), [(60, 90), (80, 300), (12, 1), (5, 99), (7, 3000), (43, 19), (81, 19)]
)
def test_as_many_odd_rows_as_said_are_called_and_no_fewer(rows: int, apart: int) -> None:
    least = fewest(rows, apart, 0.05)
    for count in range(1, rows + 1):
        p = np.where(np.arange(rows) < count, 1 / (apart + 1), 1.0)
        assert discoveries(p, 0.05).sum() == (count if count >= least else 0)


def test_false_discoveries_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        scores = np.r_[rng.normal(size=45), rng.normal(size=5) + 6]
        called = discoveries(p_values(scores, rng.normal(size=500)), 0.1)
        shares.append(called[:45].sum() / max(1, called.sum()))
        assert called[45:].mean() > 0.5
    assert np.mean(shares) <= 0.1 + 3 * np.std(shares) / np.sqrt(300)


@pytest.mark.parametrize("rows", [np.zeros((0,)), np.zeros((2, 2))])
def test_calibration_must_be_scores(rows: np.ndarray) -> None:
    with pytest.raises(ac.InputError, match="set apart"):
        p_values([1.0], rows)


def test_a_tail_increases_without_bound() -> None:
    q = np.random.default_rng(0).exponential(size=500)
    tail = Tail.of(q)
    grid = np.r_[np.linspace(0, q.max(), 200), 10 * q.max(), 1e6, 1e30]
    assert (np.diff(tail(grid)) >= 0).all()
    assert tail(np.array([1e30]))[0] > tail(np.array([1e6]))[0] > tail(np.array([q.max()]))[0]
    assert abs(tail(np.quantile(q, [0.5]))[0] - np.log(2)) < 0.05


@pytest.mark.parametrize("q", [np.zeros(20), np.ones(20), np.r_[np.zeros(19), 5.0], np.ones(1)])
def test_tails_of_equal_numbers_are_finite(q: np.ndarray) -> None:
    assert np.isfinite(Tail.of(q)(np.array([0.0, 0.5, 1.0, 5.0, 1e12]))).all()


def test_what_is_off_the_surface_scores_higher(detector: Detector) -> None:
    ordinary, odd = _rows(100, 2), _rows(100, 3) + np.array([0, 0, 1.0, 0])
    a, b = detector.score(ordinary), detector.score(odd)
    assert (b[:, None] > a).mean() > 0.85  # by a flow that has learned nothing
    assert detector.p_values(odd).mean() < 0.1 < detector.p_values(ordinary).mean()


def test_shares_add_up_and_name_the_column(detector: Detector) -> None:
    odd = _rows(60, 4)
    odd[:, 3] += 1.2
    reason = explain(detector, odd)
    np.testing.assert_allclose(reason.shares.sum(axis=1), detector.score(odd), rtol=1e-6)
    assert (reason.shares.argmax(axis=1) == 3).mean() >= 0.9


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
def test_which_rows_are_near_depends_on_nothing_but_the_row(masked: bool, discrete: bool) -> None:
    rng = np.random.default_rng(0)
    rows, z = (
        rng.integers(0, 2, (n, 20)) / 3 if discrete else rng.normal(size=(n, 20)) for n in (300, 60)
    )
    known, seen = (rng.random(x.shape) < 0.8 if masked else None for x in (rows, z))
    reference = Neighbours(rows, known)
    found = reference.nearest(z, seen, 30, None)
    alone = [
        reference.nearest(z[k : k + 1], None if seen is None else seen[k : k + 1], 30, None)[0]
        for k in range(len(z))
    ]
    np.testing.assert_array_equal(found, alone)
    both = np.ones((60, 300, 20), bool)
    if seen is not None and known is not None:
        both = seen[:, None] & known
    squares = (((z[:, None] - rows) ** 2) * both).sum(axis=2) / both.sum(axis=2)
    far = np.take_along_axis(squares, found, axis=1)
    np.testing.assert_allclose(far, np.sort(squares, axis=1)[:, :30], atol=1e-12)


def test_rows_as_far_as_numbers_go_have_neighbours() -> None:
    rng = np.random.default_rng(0)
    z = np.array([np.full(20, 1e200), np.full(20, -1e308)])
    assert Neighbours(rng.normal(size=(50, 20)), None).nearest(z, None, 5, None).shape == (2, 5)


def _line(count: int, seed: int) -> np.ndarray:
    """Columns that are all the same but for noise."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.uniform(-1, 1, (count, 1)) + 0.05 * rng.normal(size=(count, 4)))


def test_the_column_that_no_other_can_repair_is_named(model: Model) -> None:
    odd = _line(40, 1)
    planted = np.arange(40) % 4
    odd[np.arange(40), planted] += 1.2
    reason = explain(Detector.fit(model, _line(200, 0)), odd)
    assert (reason.shares.argmax(axis=1) == planted).mean() >= 0.95
    np.testing.assert_allclose(reason.shares.sum(axis=1), reason.scores, rtol=1e-6)


def test_a_density_without_a_column_is_what_integration_gives() -> None:
    rng = np.random.default_rng(0)
    rows = _line(15, 0)[:, :3]
    density, z = Density(rows, 5, 0.02, 0.0), rng.normal(size=3)
    windows = [
        (n, (rows[near] - n).T @ (rows[near] - n) / 5 + 0.02 * np.eye(3))
        for n in rows
        for near in [np.argsort(((rows - n) ** 2).sum(axis=1))[1:6]]
    ]

    def normal(c: np.ndarray, covariance: np.ndarray) -> float:
        return float(np.exp(-c @ np.linalg.solve(covariance, c) / 2) / _root(covariance))

    whole = sum(normal(z - n, C) for n, C in windows)
    assert density.numbers(z[None])[0] == pytest.approx(max(-2 * np.log(whole), 0.0))
    without = [
        sum(normal(np.delete(z - n, j), np.delete(np.delete(C, j, 0), j, 1)) for n, C in windows)
        for j in range(3)
    ]
    chances, _ = density.suspects(z[None], np.arange(3), np.ones(3, bool))
    np.testing.assert_allclose(chances[0], np.array(without) / sum(without), rtol=1e-5)


def test_a_column_of_no_feature_is_never_suspected() -> None:
    rows = _line(30, 0)[:, :2]
    density = Density(rows, 5, 0.02, 0.0)
    for left in (7.0, np.nan):  # in the memory that arrays are made of
        beside = np.full((4, 3), left)
        del beside
        chances, _ = density.suspects(rows[:4] + 1, np.array([0, 2]), np.ones(3, bool))
        assert not chances[:, 1].any()
        np.testing.assert_allclose(chances.sum(axis=1), 1)


def _root(covariance: np.ndarray) -> float:
    return float(np.sqrt(np.linalg.det(covariance)))


def test_a_row_is_left_out_of_its_own_windows() -> None:
    rows = _line(12, 0)
    density = Density(rows, 4, 0.02, -1e3)
    others = np.delete(np.arange(12), 3)
    without = 0.0
    for n in others:
        near = np.argsort(((rows - rows[n]) ** 2).sum(axis=1))[1:5]
        c = rows[near[near != 3]] - rows[n]
        C, offset = c.T @ c / 4 + 0.02 * np.eye(4), rows[3] - rows[n]
        without += np.exp(-offset @ np.linalg.solve(C, offset) / 2) / _root(C)
    assert density.own(np.array([3]))[0] == pytest.approx(1e3 - 2 * np.log(without))


def test_shares_move_with_the_columns(model: Model) -> None:
    x, order = _rows(60, 7), np.array([2, 0, 3, 1])
    rows, odd = x[:50], x[50:] + np.array([0, 0, 1.0, 0])
    density, turned = Density.fit(rows), Density.fit(rows[:, order])
    names, free = np.arange(4), np.ones(4, bool)
    a, b = density.suspects(odd, names, free)[0], turned.suspects(odd[:, order], names, free)[0]
    np.testing.assert_allclose(a[:, order], b, atol=1e-6)
    np.testing.assert_allclose(density.numbers(odd), turned.numbers(odd[:, order]), rtol=1e-6)


@pytest.mark.parametrize("rows", [np.zeros((3, 2)), np.eye(4), np.r_[np.zeros((30, 2)), [[1, 9]]]])
def test_densities_of_hardly_any_rows_are_finite(rows: np.ndarray) -> None:
    rows = np.asarray(rows, float)
    density, far = Density.fit(rows), np.full((1, rows.shape[1]), 1e30)
    columns = np.arange(rows.shape[1])
    for z in (rows, far):
        assert np.isfinite(density.numbers(z)).all()
        assert np.isfinite(density.parts(z)).all()
        assert np.isfinite(density.suspects(z, columns, np.ones(len(columns), bool))[0]).all()
    assert density.numbers(far)[0] > density.own(np.arange(len(rows))).max()


def test_a_repair_changes_few_columns_and_suffices(detector: Detector) -> None:
    odd = _rows(5, 5)
    odd[:, 2] += 1.5
    assert detector.calibration is not None
    limit = float(np.quantile(detector.calibration, 0.95))
    found = repair(detector, odd, limit)
    assert all(one.enough and len(one.changes) <= 2 for one in found)
    named = [k for k, one in enumerate(found) if list(one.changes) == ["x_2"]]
    assert len(named) >= 3
    for k in named:
        old, new = found[k].changes["x_2"]
        assert old == pytest.approx(odd[k, 2], abs=1e-5)
        assert abs(new - (old - 1.5)) < 1.2
        assert "x_2" in str(found[k])


def test_a_detector_is_stored_as_it_is(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "anomaly.safetensors"
    detector.save(path)
    again = Detector.load(path, detector.model)
    x = _rows(20, 6)
    assert np.array_equal(again.score(x), detector.score(x))
    assert np.array_equal(again.p_values(x), detector.p_values(x))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ac.InputError, match="detector"):
        Detector.load(path, detector.model)


def test_without_rows_set_apart_there_are_no_p_values(model: Model) -> None:
    with pytest.raises(ac.InputError, match="set apart"):
        Detector.fit(model, _rows(50, 0)).p_values(_rows(3, 1))
    with pytest.raises(ac.InputError, match="4 rows"):
        Detector.fit(model, _rows(3, 0))
