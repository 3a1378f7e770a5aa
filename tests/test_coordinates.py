"""Coordinates: how rows lie in a flow's space."""

from __future__ import annotations

import jaxtyping
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.model.pca import Pca

ROWS = np.random.default_rng(0).normal(size=(50, 4)) @ np.diag([3.0, 1.0, 0.3, 2.0]) + 1


@pytest.mark.parametrize("kind", ["none", "pca", "random"])
@pytest.mark.parametrize("dim", [4, 7])
def test_rows_come_back(kind: str, dim: int) -> None:
    coordinates = ac.Coordinates.of(kind, ROWS, dim, seed=3)
    x = coordinates.enter(ROWS, np.float64)
    assert x.shape == (50, dim)
    assert not x[:, 4:].any()
    np.testing.assert_allclose(coordinates.leave(x, np.float64), ROWS, atol=1e-13)


@pytest.mark.parametrize("kind", ["pca", "random"])
def test_a_rotation_keeps_distances_and_takes_out_the_mean(kind: str) -> None:
    x = ac.Coordinates.of(kind, ROWS, 4).enter(ROWS, np.float64)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-13)
    gaps = np.linalg.norm(ROWS[:, None] - ROWS, axis=2)
    np.testing.assert_allclose(np.linalg.norm(x[:, None] - x, axis=2), gaps, atol=1e-12)


def test_principal_coordinates_are_uncorrelated_the_most_varied_first() -> None:
    covariance = np.cov(ac.Coordinates.of("pca", ROWS, 4).enter(ROWS, np.float64).T)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-12)
    assert (np.diff(np.diag(covariance)) < 0).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ac.InputError, match="4 features do not fit into 3 dimensions"):
        ac.Coordinates(3, 4)
    with pytest.raises(ac.InputError, match=r"orthogonal matrix \(2, 2\).*not orthogonal"):
        ac.Coordinates(2, 2, [[1.0, 1.0], [0.0, 1.0]])
    with pytest.raises(ac.InputError, match="rotation must be one of none, pca, random; got 'ica'"):
        ac.Coordinates.of("ica", ROWS, 4)


@pytest.mark.parametrize("number", [2.5, True, "4", None, 0])
def test_what_is_no_dimension_is_refused(number: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as a user calls
    for make in (
        lambda: ac.Coordinates(number, 1),  # type: ignore[arg-type]
        lambda: ac.Coordinates(4, number),  # type: ignore[arg-type]
        lambda: ac.order.by_index(number),  # type: ignore[arg-type]
        lambda: ac.order.at_random(number, 0),  # type: ignore[arg-type]
        lambda: Pca.fit(ROWS, number),  # type: ignore[arg-type]
    ):
        with pytest.raises(ac.InputError, match="must be an integer, at least 1; got"):
            make()
    assert ac.Coordinates(np.int64(4), np.int64(4)).plain  # type: ignore[arg-type]
    if number != 0:
        for draw in (
            lambda: ac.Coordinates.of("random", ROWS, 4, number),  # type: ignore[arg-type]
            lambda: ac.order.at_random(4, number),  # type: ignore[arg-type]
        ):
            with pytest.raises(ac.InputError, match="seed must be an integer, at least 0; got"):
                draw()
