"""Davidson's iteration: the lower end of a spectrum, with rough inverses good and bad.

# notation: A symmetric matrix, λ its eigenvalues ascending, M what is known of A, m its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_spectrum import SPECTRA, matrix

from autoencodes.second_order.davidson import Lowest, lowest
from autoencodes.second_order.lanczos import ends


def solve(a: np.ndarray, known: np.ndarray | None = None, **options: Any) -> Lowest:
    """The lowest eigenvalue, by (M − θ I + 0.1 I)⁻¹ or, where nothing is known, by r itself."""
    dtype = options.pop("dtype", np.float64)
    start = np.random.default_rng(3).standard_normal(len(a)).astype(dtype)

    def correct(rest: np.ndarray, value: float) -> np.ndarray:
        if known is None:
            return rest
        shift = 0.1 + max(0.0, -value)
        return np.linalg.solve(known + shift * np.eye(len(a)), rest)

    single = a.astype(dtype)
    return lowest(lambda v: single @ v, correct, start, **{"digits": 10, **options})


@pytest.mark.parametrize("most_vectors", [None, 12])
@pytest.mark.parametrize("name", SPECTRA)
def test_the_lowest_end_needs_no_rough_inverse(name: str, most_vectors: int | None) -> None:
    a = matrix(SPECTRA[name])
    expected = np.linalg.eigvalsh(a)[0]
    found = solve(a, most_vectors=most_vectors)
    scale = float(np.abs(SPECTRA[name]).max())
    assert found.value == pytest.approx(expected, rel=1e-8, abs=1e-12 * scale)
    assert found.value >= expected - 1e-12 * scale
    assert found.value - expected <= found.residual + 1e-12 * scale
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    rest = a @ found.vector - found.value * found.vector
    assert np.linalg.norm(rest) == pytest.approx(found.residual, abs=1e-10 * (1 + scale))


def wide(size: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """A = M + S: M wide and positive semi-definite, S small, of both signs and dense at its end."""
    random = np.random.default_rng(1)
    known = matrix(np.r_[np.zeros(size // 2), np.geomspace(0.1, 1e4, size - size // 2)], 2)
    noise = random.normal(size=(size, size))
    return known + (noise + noise.T) / np.sqrt(8 * size), known


def test_what_makes_the_spectrum_wide_need_be_known_roughly_only() -> None:
    a, known = wide()
    expected = np.linalg.eigvalsh(a)[0]
    perturbed = known + 0.3 * known @ matrix(np.linspace(0, 1, 400), 5) @ known / 1e4
    found = solve(a, (perturbed + perturbed.T) / 2, digits=4)
    plain = ends(
        lambda v: a @ v, 400, np.float64, seed=0, stop=lambda s: s.products >= found.products
    )
    assert found.converged
    assert found.value == pytest.approx(expected, rel=1e-4)
    # Lanczos has seen next to nothing of the lower end after as many products.
    assert plain.smallest.value - expected > 100 * (found.value - expected)


@pytest.mark.parametrize("most_vectors", [16, 36])
def test_the_estimate_holds_at_a_dense_end(most_vectors: int) -> None:
    a, known = wide()
    expected = np.linalg.eigvalsh(a)[0]
    seen: list[Lowest] = []
    solve(a, known, digits=6, most_vectors=most_vectors, stop=lambda low: bool(seen.append(low)))
    values = [low.value for low in seen]
    assert values == sorted(values, reverse=True)  # θ falls from step to step
    errors = np.array([low.value - expected for low in seen])
    estimates = np.array([low.estimate for low in seen])
    meaningful = errors > 1e-12
    assert np.mean(errors[meaningful] <= estimates[meaningful]) > 0.8
    assert (errors[meaningful] <= 5 * estimates[meaningful]).all()


def test_single_precision_ends_at_its_rounding() -> None:
    a, known = wide()
    expected = np.linalg.eigvalsh(a)[0]
    found = solve(a, known, dtype=np.float32, digits=3, rounding=1e4 * 1e-6)
    assert found.vector.dtype == np.float32
    assert found.value == pytest.approx(expected, abs=2e-2)


@pytest.mark.parametrize("wrong", [0.0, np.nan, np.inf])
def test_a_correction_that_is_worth_nothing_is_replaced(wrong: float) -> None:
    a = matrix(SPECTRA["spread"])
    start = np.random.default_rng(0).standard_normal(len(a))
    found = lowest(lambda v: a @ v, lambda r, _: wrong * r, start, digits=8)
    assert found.value == pytest.approx(-3, rel=1e-8)


def test_a_budget_ends_the_search() -> None:
    a, known = wide()
    found = solve(a, known, stop=lambda low: low.products >= 7)
    assert found.products == 7
    assert not found.converged


def test_products_that_overflow_end_the_search() -> None:
    start, a, calls = np.ones(120), matrix(SPECTRA["spread"]), []
    with pytest.raises(ArithmeticError, match="first product"):
        lowest(lambda v: np.nan * v, lambda r, _: r, start)

    def product(v: np.ndarray) -> np.ndarray:
        calls.append(1)
        return a @ v if len(calls) < 6 else np.inf * v

    found = lowest(product, lambda r, _: r, start, digits=10)
    assert found.products == 5
    assert not found.converged
    assert np.isfinite([found.value, found.residual]).all()
