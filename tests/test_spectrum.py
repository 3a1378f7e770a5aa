"""Lanczos: both ends of a spectrum, and bounds that hold.

# notation: A symmetric matrix, λ its eigenvalues ascending, m its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autoencodes.second_order import lanczos
from autoencodes.second_order.lanczos import CONFIDENCE, Ends, ends


def matrix(values: Any, seed: int = 0) -> np.ndarray:
    """A symmetric matrix with the given eigenvalues and random eigenvectors."""
    random = np.random.default_rng(seed)
    basis = np.linalg.qr(random.normal(size=(len(values),) * 2))[0]
    return basis * np.asarray(values, float) @ basis.T


SPECTRA = {
    "one number": [-2.0],
    "zero": np.zeros(5),
    "a multiple of the identity": np.full(30, 3.0),
    "two multiple eigenvalues": np.repeat([-1.0, 4.0], [7, 20]),
    "spread": np.linspace(-3, 8, 120),
    "random": np.random.default_rng(1).normal(size=150),
    "isolated ends": np.r_[-5.0, np.linspace(-0.1, 0.1, 200), 40.0],
    "positive": np.r_[0.02, np.linspace(1, 50, 80)],
}


def solve(a: np.ndarray, **options: Any) -> Ends:
    given = {"seed": 3, "digits": 10, **options}
    return ends(lambda v: a @ v, len(a), np.float64, **given)


@pytest.mark.parametrize("most_vectors", [None, 24])
@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_lie_within_their_bounds(name: str, most_vectors: int | None) -> None:
    a = matrix(SPECTRA[name])
    values = np.linalg.eigvalsh(a)
    found = solve(a, most_vectors=most_vectors)
    assert found.converged
    for end, expected in ((found.smallest, values[0]), (found.largest, values[-1])):
        error = abs(end.value - expected)
        assert error <= 1e-8 * abs(expected) + found.rounding
        assert error <= end.residual + found.rounding
    assert found.smallest.beyond - found.rounding <= values[0]
    assert values[-1] <= found.largest.beyond + found.rounding
    # A Rayleigh quotient never lies outside of the spectrum.
    assert found.smallest.value >= values[0] - found.rounding
    assert found.largest.value <= values[-1] + found.rounding


def test_the_vectors_are_eigenvectors() -> None:
    a = matrix(SPECTRA["isolated ends"])
    found = solve(a)
    for vector, end in zip(found.vectors, (found.smallest, found.largest), strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert np.linalg.norm(a @ vector - end.value * vector) <= end.residual + found.rounding


def test_as_many_products_as_distinct_eigenvalues_suffice() -> None:
    assert solve(matrix(SPECTRA["two multiple eigenvalues"])).products == 2
    assert solve(matrix(SPECTRA["a multiple of the identity"])).products == 1
    assert solve(matrix(SPECTRA["zero"])).products == 1


@pytest.mark.slow
@pytest.mark.parametrize("products", [3, 10])
@pytest.mark.parametrize("pushed", [False, True])
def test_what_lies_beyond_is_rarely_missed(products: int, pushed: bool) -> None:
    """Over 100 starts the bounds fail no more often than they may, by any start's help."""
    values = np.r_[np.linspace(-1, 1, 60), 1.3]
    improved = None
    if pushed:  # towards where the end is not
        improved = np.zeros(61)
        improved[30] = 8.0
    missed = 0
    for seed in range(100):
        found = ends(
            lambda v: values * v,
            61,
            np.float64,
            seed=seed,
            improved=improved,
            stop=lambda found: found.products >= products,
        )
        missed += found.largest.beyond < 1.3 or found.smallest.beyond > -1
    assert missed <= 100 * (1 - CONFIDENCE) + 3


def test_searches_that_share_the_risk_claim_less() -> None:
    a = matrix(SPECTRA["spread"])
    alone, shared = (solve(a, stop=lambda s: s.products >= 9, searches=n) for n in (1, 2))
    assert shared.smallest.beyond < alone.smallest.beyond < -3
    assert shared.smallest.value == alone.smallest.value


def test_an_improved_start_saves_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanczos, "_LOOKS", 10**9)  # every product is looked at, and counts
    a = matrix(np.r_[-1.0, np.linspace(-0.9, 30, 400)])
    _, vectors = np.linalg.eigh(a + 1e-3 * matrix(np.linspace(-1, 1, 401), 7))
    plain = solve(a, digits=4)
    helped = solve(a, digits=4, improved=np.sqrt(401) * vectors[:, 0])
    assert helped.products < plain.products
    assert helped.smallest.value == pytest.approx(-1, rel=1e-4)
    assert helped.smallest.beyond <= -1


def test_single_precision_knows_its_rounding() -> None:
    a = matrix(np.r_[-1e-3, np.linspace(0.01, 100, 200)])
    exact = np.linalg.eigvalsh(a)
    single = a.astype(np.float32)
    found = ends(lambda v: single @ v, len(a), np.float32, seed=0, digits=6)
    assert 1e-6 < found.rounding < 1e-2
    assert abs(found.smallest.value - exact[0]) <= found.smallest.residual + found.rounding
    assert found.vectors.dtype == np.float32


def test_a_budget_ends_the_search_with_wider_bounds() -> None:
    a = matrix(SPECTRA["spread"])
    few, more = (solve(a, stop=lambda s, n=n: s.products >= n) for n in (8, 25))
    assert (few.products, more.products) == (8, 25)
    assert not few.converged
    assert few.smallest.residual > more.smallest.residual
    assert few.smallest.beyond < more.smallest.beyond <= -3


def test_products_that_overflow_end_the_search() -> None:
    with pytest.raises(ArithmeticError, match="first product"):
        ends(lambda v: np.nan * v, 4, np.float64, seed=0)
    a, calls = matrix(SPECTRA["spread"]), []

    def product(v: np.ndarray) -> np.ndarray:
        calls.append(1)
        return a @ v if len(calls) < 6 else np.inf * v

    found = ends(product, len(a), np.float64, seed=0)
    assert found.products == 5
    assert not found.converged
    assert np.isfinite([found.smallest.value, found.smallest.beyond]).all()


def test_the_stated_risk_is_the_share_of_starts_that_are_deceived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where all but one eigenvalue are alike the bound is sharp: v_2 is the other's vector.

    After one product |p_1(λ)| |<e, v_1>| = |<e, v_2>| is nearly 1, so that λ lies beyond in nearly
    as many starts as are stated, on that side, and in no more.
    """
    monkeypatch.setattr(lanczos, "CONFIDENCE", 0.5)
    values = np.r_[-1.0, np.full(399, 2.0)]
    starts, risk, beyond = 200, 0.25, 0
    for seed in range(starts):
        found = ends(
            lambda v: values * v, 400, np.float64, seed=seed, stop=lambda s: s.products >= 1
        )
        beyond += found.smallest.beyond - found.rounding > -1
    assert abs(beyond / starts - risk) <= 3 * (risk * (1 - risk) / starts) ** 0.5 + 0.01
