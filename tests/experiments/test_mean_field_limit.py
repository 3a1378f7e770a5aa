"""The laws of the mean-field limit: exact distances, rates, and a run that shows them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments import EXPERIMENTS, Results
from autoencodes.experiments.mean_field_limit.expansion import expansion
from autoencodes.experiments.mean_field_limit.problem import (
    LimitSettings,
    distance_to_uniform,
    filled,
    quadrature,
    run,
    target,
)
from autoencodes.experiments.mean_field_limit.result import (
    DISTANCE,
    TRANSPORT,
    Fit,
    LimitResult,
    Power,
    fitted,
    measured,
    notes,
    rate,
)
from autoencodes.experiments.notebook import Notebook
from autoencodes.measure.wasserstein import wasserstein

TINY = LimitSettings(
    dims=(1,),
    exponents=(5, 6, 7),
    samples=(3,),
    nodes=(16,),
    programs=(2**7,),
    layers=4,
    steps=200,
    tolerance=1e-6,
    starts=6,
    valleys=2,
    tries=1,
    seekers=3,
    searched=(5, 6, 7),
)


@cache
def results() -> Results[LimitResult]:
    with TemporaryDirectory() as folder:
        return run(TINY, Notebook(Path(folder)))


def test_distance_to_the_uniform_law_is_known_for_one_particle_and_for_quantiles() -> None:
    """E |x − a| = (1 + a²)/2; midpoints of N cells have the distance 1/(2 N)."""
    for a in (-1.0, -0.3, 0.0, 0.8):
        assert distance_to_uniform(np.array([a])) == pytest.approx((1 + a**2) / 2, rel=1e-14)
    for n in (2, 5, 64):
        middles = -1 + (2 * np.arange(n) + 1) / n
        assert distance_to_uniform(middles[::-1]) == pytest.approx(1 / (2 * n), rel=1e-12)


def test_distance_to_the_uniform_law_is_the_limit_of_distances_to_grids() -> None:
    x = np.random.default_rng(0).uniform(-1, 1, 50)
    n = 20_000
    grid = -1 + (2 * np.arange(n) + 1) / n
    found = wasserstein(x[:, None], grid[:, None])
    assert distance_to_uniform(x) == pytest.approx(found, abs=1 / n)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_quadrature_is_the_law(dim: int) -> None:
    """Moments of U[−1, 1]^d, and E y·x = d (2/3 + 1/(2π²)) for the target."""
    law = quadrature(dim, 20)
    weights = np.asarray(law.weights)
    x, y = np.asarray(law.x), np.asarray(law.y)
    assert x.shape == (20**dim, dim)
    assert weights.sum() == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(weights @ x, 0, atol=1e-15)
    np.testing.assert_allclose((weights[:, None] * x).T @ x, np.eye(dim) / 3, atol=1e-14)
    product = float(weights @ np.sum(x * y, axis=1))
    assert product == pytest.approx(dim * (2 / 3 + 1 / (2 * np.pi**2)), rel=1e-12)


def test_target_is_an_odd_increasing_staircase() -> None:
    x = np.linspace(-1, 1, 1001)[:, None]
    y = target(x)
    np.testing.assert_allclose(y, -y[::-1], atol=1e-14)
    slopes = np.diff(y[:, 0]) / np.diff(x[:, 0])
    assert (slopes > 0).all()
    assert slopes.max() == pytest.approx(4, rel=1e-4)


def test_weightless_particles_change_no_integral() -> None:
    law = quadrature(1, 5)
    more = filled(law, (4, 8, 16))
    assert more.size == 8
    assert filled(law, (4,)).size == 5
    for moment in range(1, 6):
        integral = [float(m.weights @ np.asarray(m.x)[:, 0] ** moment) for m in (law, more)]
        assert integral[0] == pytest.approx(integral[1], abs=1e-16)


def test_a_power_law_has_its_fitted_exponent() -> None:
    counts = 2 ** np.arange(5, 12)
    power = Power.fitted(counts, 3 * counts**-0.37)
    assert power.slope == pytest.approx(-0.37, rel=1e-10)
    assert np.exp(power.logarithm) == pytest.approx(3, rel=1e-10)
    assert power.high - power.low < 1e-10
    np.testing.assert_allclose(power.at(counts), 3 * counts**-0.37, rtol=1e-10)


def test_intervals_of_slopes_hold_the_true_one_as_often_as_they_say() -> None:
    random = np.random.default_rng(0)
    counts = 2 ** np.arange(5, 11)
    hits = 0
    for _ in range(2000):
        power = Power.fitted(counts, counts**-0.5 * np.exp(0.2 * random.standard_normal(6)))
        hits += power.low <= -0.5 <= power.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_rates_have_the_theorys_slopes() -> None:
    counts = 2 ** np.arange(5, 15)
    for dim, slope in ((1, -1 / 2), (3, -1 / 3), (4, -1 / 4)):
        assert Power.fitted(counts, rate(dim, counts)).slope == pytest.approx(slope, rel=1e-10)
    assert -0.5 < Power.fitted(counts, rate(2, counts)).slope < -0.4


@pytest.mark.slow
def test_the_experiment_shows_the_rates_and_the_saddle() -> None:
    """Tiny: λ_min > 0 at one λ and the controls approach; λ_min < 0 at the other, they do not."""
    found = results()
    lines = dict(enumerate(found.tables["curvatures"].rows))
    assert lines[0][3] > 0 > lines[1][3]
    assert all(np.isfinite(array).all() for array in found.measured.stored().arrays.values())
    first, second = (found.measured.samples[1, place] for place in (0, 1))
    assert first.gap.shape == (3, 3)
    near, far = (measured(samples)[DISTANCE] for samples in (first, second))
    assert near[-1] < near[0]
    assert far.min() > 10 * near.max()
    assert (first.excess >= -1e-12).all()
    assert (second.excess < 0).all()
    assert first.converged.all()
    assert any("saddle" in note for note in found.notes)


def test_the_larger_half_has_a_slope_of_its_own() -> None:
    counts = 2 ** np.arange(5, 13)
    values = np.where(counts < 2**9, counts**-1.0, 2.0 ** (-9 / 2) * counts**-0.5)
    fit = Fit.of(3, 0, DISTANCE, counts, values)
    assert fit.late == pytest.approx(-0.5, rel=1e-10)
    assert -1 < fit.power.slope < -0.5
    assert fit.theory == pytest.approx(-1 / 3, rel=1e-10)


def test_what_is_promised_is_what_lambda_min_allows() -> None:
    fits = fitted(results().measured)
    promised = {(fit.quantity, fit.weight): fit.theory for fit in fits}
    assert promised[TRANSPORT, None] == pytest.approx(-0.5)
    assert promised[DISTANCE, 0] == pytest.approx(-0.5)
    assert promised[DISTANCE, 1] is None
    assert len(results().tables["slopes"].rows) == len(fits) == 1 + 8 + 4
    assert len(results().tables["means"].rows) == 6


def test_notes_say_which_slopes_leave_the_theorys_out() -> None:
    def fit(low: float, high: float) -> Fit:
        return Fit(1, None, TRANSPORT, Power((low + high) / 2, low, high, 0.0), -0.5, -0.5)

    nothing = LimitResult(2 ** np.arange(3), {}, {}, {}, ())
    for low, high, word in ((-0.9, -0.6, "Faster"), (-0.4, -0.2, "Slower")):
        assert any(note.startswith(word) for note in notes([fit(low, high)], {}, nothing, ()))
    both = notes([fit(-0.6, -0.4)], {}, nothing, ())
    assert not any(note.startswith(("Faster", "Slower")) for note in both)


def test_what_is_stored_reads_back() -> None:
    result = results().measured
    again = LimitResult.restored(result.stored())
    assert again.samples.keys() == result.samples.keys()
    np.testing.assert_array_equal(again.samples[1, 1].excess, result.samples[1, 1].excess)
    np.testing.assert_array_equal(again.transport[1], result.transport[1])


def test_the_quick_run_is_a_smaller_one() -> None:
    experiment = EXPERIMENTS["mean-field-limit"]
    assert set(experiment.quick.dims) < set(experiment.full.dims)
    assert experiment.quick.tikhonov == experiment.full.tikhonov
    assert set(experiment.quick.exponents) < set(experiment.full.exponents)


def test_pictures_are_drawn_from_tiny_results() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.mean_field_limit.pictures import pictures
    from autoencodes.plot import style

    with style.context():
        drawn = pictures(results(), TINY)
        assert [picture.name for picture in drawn] == ["rates", "distances", "slopes"]
        for picture in drawn:
            assert style.png(picture.figure).startswith(b"\x89PNG")
            assert picture.caption.endswith(".")
            assert picture.figure.get_figwidth() in (style.COLUMN, style.PAGE)


def test_the_constants_of_the_expansion_are_those_of_the_translation() -> None:
    """Theory, section 9: with c = y − x, T and λ, tr(H⁻¹Σ) = 2T Var c/(T + λ) and tr(H⁻¹ΣH⁻¹) =
    T Var c/(T + λ)², for ∇ℓ_i = 2(s − c_i) in every step and H = 2λ + 2T on constants.
    """
    horizon, weight = 2.0, 0.3
    flow = ac.Flow(ac.WidthSchedule.constant(1, 4, horizon), ac.fields.Translation())
    problem = ac.ControlProblem(flow, tikhonov=weight)
    x, y = np.array([[0.0], [1.0], [3.0]]), np.array([[2.0], [1.0], [7.0]])
    weights = np.array([0.5, 0.25, 0.25])
    c = (y - x)[:, 0]
    mean = weights @ c
    variance = weights @ (c - mean) ** 2
    control = ({"theta": np.full((4, 1), mean / (horizon + weight))},)
    found = expansion(problem, control, ac.EmpiricalMeasure(x, y, weights), True)
    assert found.optimism == pytest.approx(2 * horizon * variance / (horizon + weight), rel=1e-9)
    assert found.reach == pytest.approx(horizon * variance / (horizon + weight) ** 2, rel=1e-9)
    costs = (horizon * mean / (horizon + weight) - c) ** 2
    assert found.deviation == pytest.approx(np.sqrt(weights @ (costs - weights @ costs) ** 2))
