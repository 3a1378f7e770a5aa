"""Scalings: affine maps that undo themselves."""

from __future__ import annotations

import numpy as np
import pytest

from autoencodes.errors import InputError
from autoencodes.model.scaling import SCALINGS, Scaling

X = np.random.default_rng(0).normal(3.0, 2.0, (5000, 4)) * [1, 10, 0.1, 0] + [0, 5, 0, 7]


@pytest.mark.parametrize("kind", SCALINGS)
def test_what_is_scaled_comes_back(kind: str) -> None:
    scaling = Scaling.of(kind, X)
    np.testing.assert_allclose(
        scaling.undo(scaling.apply(X, float), float), X, rtol=1e-12, atol=1e-13
    )
    assert scaling.apply(X, np.float32).dtype == np.float32


def test_unit_maps_the_known_range_else_the_rows_own_onto_the_unit_interval() -> None:
    bytes_ = np.array([[0, 51], [102, 204]], np.uint8)
    known = Scaling.of("unit", bytes_, (0, 255))
    np.testing.assert_allclose(known.apply(bytes_, float), [[0, 0.2], [0.4, 0.8]])
    own = Scaling.of("unit", X).apply(X, float)
    assert own.min() == 0
    assert own.max() == 1
    assert np.isfinite(Scaling.of("unit", np.ones((3, 2))).apply(np.ones((3, 2)), float)).all()


def test_standard_gives_mean_0_and_deviation_1_and_a_constant_column_0() -> None:
    z = Scaling.of("standard", X).apply(X, float)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(z.std(axis=0), [1, 1, 1, 0], atol=1e-12)


@pytest.mark.parametrize(
    "column",
    [
        np.uint64(2**63) + np.arange(0, 10**6, 10**5).astype(np.uint64),
        2**60 + np.arange(10),
        1e9 * (1 + 1e-13 * np.arange(10)),
    ],
)
def test_numbers_too_close_to_each_other_are_refused_and_not_taken_as_they_are(
    column: np.ndarray,
) -> None:
    x = np.stack([column, column[::-1]], axis=1)
    with pytest.raises(InputError, match=r"feature 0 .* varies from .* subtract a constant"):
        Scaling.of("standard", x)


def test_rounding_is_no_variation() -> None:
    x = np.array([[0.1 + 0.2, 3e17], [0.3, 3e17], [0.3, np.nextafter(3e17, np.inf)]])
    z = Scaling.of("standard", x).apply(x, np.float64)
    assert np.abs(z).max() < 1e-12


def test_an_unknown_kind_and_an_overflow_are_refused() -> None:
    with pytest.raises(InputError, match=r"unit, standard, none; got 'log'"):
        Scaling.of("log", X)
    with pytest.raises(InputError, match="too large"):
        Scaling.of("unit", np.array([[1e308], [-1e308]]))


@pytest.mark.parametrize("size", [1e-300, 1e-150, 1e60, 1e200, 1e308])
def test_a_standard_scaling_does_not_depend_on_the_unit(size: float) -> None:
    x = np.array([[0.25], [-0.75], [1.0]])
    scaled = Scaling.of("standard", size * x).apply(size * x, np.float64)
    expected = Scaling.of("standard", x).apply(x, np.float64)
    np.testing.assert_allclose(scaled, expected, rtol=1e-12)
