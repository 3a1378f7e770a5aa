"""Empirical measures: weights, integrals, mini-batches, and what is refused."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.measure.empirical import pieces
from autoencodes.measure.streaming import blocks, first_non_finite, map_rows, strips

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(2, 6, 3))
WEIGHTS = RANDOM.uniform(size=6)


def moments(measure: ac.EmpiricalMeasure) -> dict[str, Any]:
    """∫ 1, ∫ x and ∫ |y|²."""
    return {
        "mass": measure.weights.sum(),
        "mean": measure.weights @ measure.x,
        "square": measure.weights @ (measure.y**2).sum(axis=1),
    }


@pytest.mark.parametrize("weights", [None, WEIGHTS, [0, 0, 3, 0, 0, 1]])
def test_weights_are_a_probability(weights: Any) -> None:
    measure = ac.EmpiricalMeasure(X, weights=weights)
    given = np.ones(6) if weights is None else np.asarray(weights, float)
    np.testing.assert_allclose(measure.weights, given / given.sum(), rtol=1e-15)
    assert measure.weights.sum() == pytest.approx(1, rel=1e-15)


def test_without_targets_the_particles_are_reconstructed() -> None:
    assert ac.EmpiricalMeasure(X).reconstructs
    assert ac.EmpiricalMeasure(X).astype(jnp.float32).reconstructs
    assert not ac.EmpiricalMeasure(X, Y).reconstructs
    np.testing.assert_array_equal(ac.EmpiricalMeasure(X).y, X)


def test_size_and_dimension_are_those_of_the_particles() -> None:
    measure = ac.EmpiricalMeasure(X, Y[:, :2])
    assert (measure.size, measure.dim, measure.y.shape) == (6, 3, (6, 2))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_astype_gives_arrays_of_one_precision(dtype: Any) -> None:
    for measure in (ac.EmpiricalMeasure(X, Y, WEIGHTS), ac.EmpiricalMeasure(np.arange(6)[:, None])):
        cast = measure.astype(dtype)
        assert {a.dtype for a in jax.tree.leaves(cast)} == {jnp.dtype(dtype)}
        np.testing.assert_allclose(cast.x, measure.x, rtol=1e-6)


@pytest.mark.parametrize("batch_size", [None, 1, 2, 4, 5, 6, 9])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_an_integral_is_the_sum_of_its_integrals_over_pieces(
    batch_size: int | None, weights: Any
) -> None:
    measure = ac.EmpiricalMeasure(X, Y, weights).astype(float)
    found, expected = measure.integrate(moments, batch_size), moments(measure)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-12), found, expected)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_mini_batches_integrate_to_the_measure_on_average(batch_size: int) -> None:
    measure = ac.EmpiricalMeasure(X, Y, WEIGHTS).astype(float)
    rows = np.random.default_rng(1).permutation(6).reshape(-1, batch_size)
    batches = [moments(measure.sample(jnp.asarray(row))) for row in rows]
    mean = jax.tree.map(lambda *values: sum(values) / len(rows), *batches)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-12), mean, moments(measure))


def test_with_weights_changes_the_weights_alone() -> None:
    measure = ac.EmpiricalMeasure(X, Y).astype(float)
    other = measure.with_weights(jnp.ones(6))
    np.testing.assert_array_equal(other.weights, np.ones(6))
    np.testing.assert_array_equal(other.x, X)
    np.testing.assert_array_equal(other.y, Y)


def test_a_measure_passes_through_compiled_functions() -> None:
    measure = ac.EmpiricalMeasure(X, Y, WEIGHTS)
    found, expected = jax.jit(moments)(measure), moments(measure)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-14), found, expected)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 100])
@pytest.mark.parametrize("count", [1, 6, 7])
def test_strips_and_blocks_hold_every_row_once_and_in_order(count: int, size: int) -> None:
    rows = np.concatenate([np.arange(count)[strip] for strip in strips(count, size)])
    np.testing.assert_array_equal(rows, np.arange(count))
    filled = list(blocks(count, size))
    assert {len(block) for block in filled} == {size}
    np.testing.assert_array_equal(np.concatenate(filled)[:count], np.arange(count))
    assert (np.concatenate(filled)[count:] == filled[-1][0]).all()


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("size", [1, 4, 6, 100])
def test_a_map_over_rows_is_the_map_of_all_rows(size: int, filled: bool) -> None:
    sizes = set()

    def both(x: Any, y: Any) -> tuple[Any, Any]:
        sizes.add(len(x))
        return jnp.asarray(x) + y, (x * y).sum(axis=1)

    total, products = map_rows(both, X, Y, size=size, filled=filled)
    np.testing.assert_array_equal(total, X + Y)
    np.testing.assert_array_equal(products, (X * Y).sum(axis=1))
    assert sizes == {size} or not filled
    assert map_rows(lambda x: x[:, :2], X, size=size, dtype=np.float32).dtype == np.float32
    assert map_rows(lambda x: 2 * x, X[:0], size=size).shape == (0, 3)


def test_pieces_have_one_size_and_the_measures_weights() -> None:
    measure = ac.EmpiricalMeasure(X, Y, WEIGHTS).astype(float)
    parts = list(pieces(measure, 4))
    assert [part.size for part in parts] == [3, 3]
    parts = list(pieces(measure.sample(jnp.arange(5)).with_weights(measure.weights[:5]), 3))
    assert [part.size for part in parts] == [3, 3]
    weights = np.concatenate([part.weights for part in parts])
    np.testing.assert_array_equal(weights, [*measure.weights[:5], 0])


def test_the_first_number_that_is_not_finite_is_the_first_by_rows() -> None:
    x = np.zeros((10_000, 3), np.float32)
    assert first_non_finite(x) is first_non_finite(x.astype(int)) is None
    x[9_000, 2] = x[9_001, 0] = np.nan
    assert first_non_finite(x) == (9_000, 2)


_NAN, _INF = X.copy(), Y.copy()
_NAN[4, 1], _INF[0, 2] = np.nan, -np.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X[0],), r"x must be a non-empty matrix.*shape \(3,\)"),
        ((X[None],), r"shape \(1, 6, 3\)"),
        ((X[:0],), r"shape \(0, 3\)"),
        ((X[:, :0],), r"shape \(6, 0\)"),
        ((3.0,), r"shape \(\)"),
        ((X + 1j,), "real numbers; got dtype complex128"),
        ((X > 0,), "real numbers; got dtype bool"),
        (([["a"]],), "real numbers"),
        ((_NAN,), "x must hold finite numbers.*nan in row 4, column 1"),
        ((jnp.asarray(_NAN),), "x must hold finite numbers.*nan in row 4, column 1"),
        ((X, _INF), "y must hold finite numbers.*-inf in row 0, column 2"),
        ((X, Y[:4]), "one row for each particle: expected 6 rows, got 4"),
        ((X, Y[:, 0]), r"y must be a non-empty matrix.*shape \(6,\)"),
        ((X, None, WEIGHTS[:5]), r"each of the 6 particles; got shape \(5,\)"),
        ((X, None, WEIGHTS[:, None]), r"got shape \(6, 1\)"),
        ((X, None, -WEIGHTS), "non-negative"),
        ((X, None, ["a"] * 6), "weights must hold real numbers; got dtype"),
        (([[1.0, 2.0], [3.0]],), "x must be one array of real numbers"),
        ((X, None, 0 * WEIGHTS), "not all zero"),
        ((X, None, np.nan * WEIGHTS), "finite"),
        ((X, None, np.inf * np.ones(6)), "finite"),
    ],
)
def test_a_measure_that_cannot_be_says_why(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        ac.EmpiricalMeasure(*arguments)
