"""Rows that came several times, and rows with weights, are one measure: that of the atoms."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoencodes.datasets import Dataset, Table, atoms
from autoencodes.datasets.atoms import lexicographic
from autoencodes.errors import InputError
from autoencodes.model import order, pca
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding
from autoencodes.model.pca import Pca
from autoencodes.model.scaling import Scaling

VALUES = (0.0, 1.0, 2.5, np.nan)


def of(x: np.ndarray, weights: Any = None, labels: Any = None, test: int = 0) -> Dataset:
    is_test = np.arange(len(x)) >= len(x) - test
    table = Table(x, labels, identifiers={"place": np.arange(len(x))}, line=2)
    return Dataset("rows", x, None, labels, is_test, table=table, weights=weights)


@given(st.lists(st.tuples(*[st.sampled_from(VALUES)] * 3), min_size=1, max_size=30))
def test_the_order_is_that_of_sorted_tuples(rows: list[tuple[float, ...]]) -> None:
    x = np.array(rows)
    placed, firsts = lexicographic(x[:, :1], x[:, 1:])
    key = [tuple(np.where(np.isnan(x[i]), np.inf, x[i])) for i in range(len(x))]
    assert placed.tolist() == sorted(range(len(x)), key=lambda i: (key[i], i))
    assert firsts.sum() == len(set(key))


def test_the_example_is_as_it_says() -> None:
    assert doctest.testmod(atoms) == (0, 3)


@given(st.integers(0, 2**31), st.integers(2, 12))
def test_a_weight_is_a_number_of_rows(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    x, labels = rng.integers(0, 3, (count, 2)).astype(float), rng.integers(0, 2, count)
    weights = rng.integers(0, 4, count)
    weights[0] += 1
    mixed = rng.permutation(count)
    repeated = np.repeat(np.arange(count), weights)
    a = of(x[mixed], weights[mixed].astype(float), labels[mixed]).atoms()
    b = of(x[repeated], None, labels[repeated]).atoms()
    if a.weights is None:  # all the same: rows stay as they came
        assert b.weights is None
        assert sorted(map(tuple, a.x)) == sorted(map(tuple, b.x))
        return
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.weights, b.weights)
    assert a.labels is not None
    np.testing.assert_array_equal(a.labels, b.labels)
    assert len({(*row, label) for row, label in zip(a.x, a.labels, strict=True)}) == a.size


def test_rows_stay_what_they_are_where_nothing_is_repeated() -> None:
    data = of(np.array([[3.0], [1.0], [2.0]]))
    assert data.atoms() is data
    same = of(data.x, np.full(3, 0.5)).atoms()
    assert same.weights is None
    np.testing.assert_array_equal(same.x, data.x)


def test_only_training_rows_are_joined_and_all_are_known_by_their_places() -> None:
    x = np.array([[3.0], [1.0], [3.0], [1.0], [3.0], [3.0], [3.0]])
    data = of(x, test=2)
    joined = data.atoms()
    np.testing.assert_array_equal(joined.x[:, 0], [1, 3, 3, 3])
    np.testing.assert_allclose(joined.train.weights, [0.4, 0.6])
    np.testing.assert_array_equal(joined.test.weights, [0.5, 0.5])
    assert joined.numbers.tolist() == [1, 0, 5, 6]
    assert joined.table is not None
    assert joined.table.place(1, 0) == "line 2, column 0 (counted from 0)"
    assert joined.record == data.record
    with pytest.raises(InputError, match="weight above 0"):
        of(x, np.zeros(7)).atoms()


def test_statistics_of_weights_are_those_of_repeated_rows() -> None:
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), rng.integers(1, 5, 9)
    w, again, targets = weights.astype(float), x.repeat(weights, 0), y.repeat(weights, 0)

    def close(a: Any, b: Any) -> None:
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)

    close(pca.mean(x, w), pca.mean(again))
    close(pca.variance(x, w), pca.variance(again))
    close(pca.covariance(x, y, w), pca.covariance(again, targets))
    seen = rng.random(x.shape) > 0.3
    filled = np.where(seen, x, 0)
    for kind in ("standard", "unit"):
        a = Scaling.of(kind, filled, None, seen, w)
        b = Scaling.of(kind, filled.repeat(weights, 0), None, seen.repeat(weights, 0))
        close([a.shift, a.scale], [b.shift, b.scale])
    huge = 1e200 * x
    close(Scaling.of("standard", huge, weights=w).scale / 1e200, again.std(axis=0))
    for latent, rows in ((2, x), (2, x[:3])):
        some = w[: len(rows)]
        a = Pca.fit(rows, latent, some).reconstruct(x)
        close(a, Pca.fit(rows.repeat(some.astype(int), 0), latent).reconstruct(x))
    turned = Coordinates.of("pca", x, 4, weights=w)
    assert turned.centre is not None
    close(turned.centre, again.mean(axis=0))
    for a, b in (
        (order.by_variance(x, w), order.by_variance(again)),
        (order.natural(x, y, w), order.natural(again, targets)),
    ):
        assert a.components == b.components
        close(a.scores, b.scores)
    holes = np.where(seen, x, np.nan)
    a = Encoding.of(of(holes, w), "mean")
    b = Encoding.of(of(holes.repeat(weights, 0)), "mean")
    assert a is not None
    assert b is not None
    close(a.fill, b.fill)
