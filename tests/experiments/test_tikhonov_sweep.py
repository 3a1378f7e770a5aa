"""The sweep over λ: the theory's bounds bound, known answers come out, pictures are drawn."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from problems import draw

import autoencodes as ac
from autoencodes.experiments import Results
from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.starts import distinct
from autoencodes.experiments.tikhonov_sweep import problem as tikhonov_sweep
from autoencodes.experiments.tikhonov_sweep.problem import (
    TikhonovSweepSettings,
    problem_of,
)
from autoencodes.experiments.tikhonov_sweep.result import (
    Minimisers,
    TikhonovSweepResult,
    WeightRow,
    thresholds,
)
from autoencodes.experiments.tikhonov_sweep.shooting_bound import ShootingBound
from autoencodes.experiments.tikhonov_sweep.stationary import (
    ends_of_curvature,
    levels,
    newton,
    shots,
)
from autoencodes.second_order.hessian import Hessian

TINY = TikhonovSweepSettings(
    seeds=(0, 1),
    laws=("bimodal-1d",),
    tikhonov=(0.5, 4.0),
    particles=20,
    starts=3,
    further=1,
    scales=(1.0,),
    steps=60,
    shots=300,
    balls=3,
)
LAWS = ("bimodal-1d", "parabola")


@cache
def tiny() -> Results[TikhonovSweepResult]:
    with TemporaryDirectory() as folder:
        return tikhonov_sweep.run(TINY, Notebook(Path(folder)))


def translation(weight: float) -> tuple[ac.ControlProblem, ac.EmpiricalMeasure, float]:
    """Theory, section 9, T = 2: the problem with λ = 0, its particles, the minimiser's value."""
    x = np.array([[0.0], [1.0], [3.0]])
    y = np.array([[2.0], [1.0], [7.0]])
    flow = ac.Flow(ac.WidthSchedule.constant(1, 4, 2.0), ac.fields.Translation())
    theta = float(np.mean(y - x)) / (2.0 + weight)
    return ac.ControlProblem(flow, tikhonov=0.0), ac.EmpiricalMeasure(x, y), theta


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("radius", [0.05, 0.5, 2.0])
def test_the_bounds_hold_on_the_ball(law: str, radius: float) -> None:
    free, measure = problem_of(law, TINY, 0)
    most_slope, most_curved = ShootingBound(free, measure).slopes(radius)
    step = free.flow.schedule.step_size
    points = []
    for seed in range(4):
        control = draw(free.flow, seed)
        shrunk = radius / float(ac.norm(control, step))
        control = jax.tree.map(lambda a, s=shrunk: s * a, control)
        points.append(ravel_pytree(control)[0])
        assert float(ac.norm(free.gradient(control, measure), step)) <= most_slope
    curved = ends_of_curvature(free, measure, jnp.stack(points))
    assert float(jnp.abs(curved).max()) <= most_curved


@pytest.mark.parametrize("law", LAWS)
def test_one_weight_parts_what_is_bounded_from_what_is_not(law: str) -> None:
    bound = ShootingBound(*problem_of(law, TINY, 0))
    weight = bound.threshold()
    assert bound.factor(1.001 * weight) < 1 <= bound.factor(0.999 * weight)
    radii = [bound.radius(w) for w in (0.01, 0.1, 1.0, 10.0)]
    assert radii == sorted(radii, reverse=True)
    assert radii[0] <= np.sqrt(bound.at_zero / 0.01)


def test_the_error_of_the_zero_control_counts_what_the_switch_drops() -> None:
    free, measure = problem_of("parabola", TINY, 0)
    dropped = np.mean(np.asarray(measure.x)[:, 1] ** 2)
    assert ShootingBound(free, measure).at_zero == pytest.approx(dropped)


def test_newton_reaches_the_known_minimiser_and_spectrum() -> None:
    free, measure, theta = translation(0.3)
    starts = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)))
    found = newton(free, measure, jnp.asarray(0.3), starts)
    np.testing.assert_allclose(found.flats, theta, rtol=1e-12)
    np.testing.assert_allclose(found.lambda_min, 0.6, rtol=1e-12)
    np.testing.assert_allclose(found.lambda_max, 0.6 + 4.0, rtol=1e-12)
    assert np.asarray(found.residual).max() < 1e-13
    np.testing.assert_allclose(ends_of_curvature(free, measure, starts)[1], 4.0, rtol=1e-12)


def test_shooting_contracts_by_the_known_factor() -> None:
    # q = T/λ: 0.8 above the horizon, 1.25 below it.
    for weight, factor in ((2.5, 0.8), (1.6, 1.25)):
        free, measure, theta = translation(weight)
        flats, moves = shots(free, measure, jnp.asarray(weight), jnp.ones((1, 4)), 20)
        ratios = np.asarray(moves)[1:] / np.asarray(moves)[:-1]
        np.testing.assert_allclose(ratios, factor, rtol=1e-9)
        away = np.abs(np.asarray(flats) - theta).max()
        assert (away < 0.02) == (factor < 1)


def test_points_are_grouped_and_levels_counted() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1e-6], [1.0, 1e-3]])
    assert distinct(points, 1e-4) == [[0, 2], [1], [3]]
    assert levels(np.array([1.0, 2.0, 1.0 + 1e-12])) == 2
    assert levels(np.zeros(0)) == 0


def test_thresholds_are_read_off_the_grid() -> None:
    def row(weight: float, found: int, q: float | None, arrived: int) -> WeightRow:
        counts = {"distinct": found, "arrived": arrived, "arrived_at": 1, "starts": 4}
        entries = {**dict.fromkeys(f.name for f in fields(WeightRow)), **counts, "converged": 4}
        numbers = dict.fromkeys(("radius", "sampled", "least"), 0.0)
        zeros = dict.fromkeys(("saddles", "levels"), 0) | numbers
        return WeightRow(**{**entries, **zeros, "tikhonov": weight, "q": q})

    rows = [row(0.1, 3, 40.0, 0), row(1.0, 1, 4.0, 0), row(10.0, 1, 0.25, 4)]
    rows[1] = replace(rows[1], least=-1.5, lambda_min=0.2)
    known = thresholds(rows)
    assert known["several"] == 0.1
    assert known["nonconvex"] == 1.0
    assert known["unique"] == 1.0
    assert known["shooting"] == 10.0
    assert known["contracting"] == pytest.approx(10**0.5)
    assert set(thresholds([row(1.0, 0, None, 0)]).values()) == {None}


@pytest.mark.slow
def test_the_sweep_states_what_it_measured() -> None:
    results = tiny()
    sweep, other = results.measured.sweeps
    assert (sweep.seed, other.seed) == (0, 1)
    rows = sweep.rows
    assert [row.distinct for row in rows] == [1, 1]
    assert rows[0].q > 1 > rows[1].q
    assert rows[0].arrived == 0
    for row in rows[1:]:
        assert row.arrived == 3
        assert row.ratio == pytest.approx(row.q, rel=1e-3)
    for row in rows:
        assert row.norm <= row.radius
        assert row.q <= row.sampled * (1 + 1e-9) <= row.bound
        assert row.least <= row.lambda_min / (2 * row.tikhonov) - 1
    assert 0.5 < sweep.contracting < 4 < sweep.bound
    assert len(results.sentence.split()) <= 25
    assert "seeds 0 to 1" in results.sentence
    assert any(f"{sweep.contracting:.3g}" in note for note in results.notes)
    assert results.notes[0].startswith("Uniqueness: holds for 2 of 2")
    assert [row[1] for row in results.tables["uniqueness"].rows] == [0, 1]
    assert results.tables["bimodal-1d"].columns[0] == "λ"


def test_the_minimisers_are_minimisers() -> None:
    found = Minimisers(*tiny().measured.minimisers[0].T)
    assert len(found.norm) == 2
    free, measure = problem_of("bimodal-1d", TINY, 0)
    problem = ac.ControlProblem(free.flow, tikhonov=4.0)
    begin = draw(free.flow, 0, 0.1)
    control = ac.fit(problem, begin, measure, method=ac.LBFGS(), steps=100).control
    objective = float(problem.objective(control, measure))
    assert found.objective[-1] == pytest.approx(objective, rel=1e-9)
    curved = np.linalg.eigvalsh(Hessian(problem, control, measure).dense())
    assert [found.lambda_min[-1], found.lambda_max[-1]] == pytest.approx(curved[[0, -1]], rel=1e-4)
    q = np.abs(curved - 8).max() / 8
    assert found.factors[-1] == pytest.approx(q, rel=1e-3)
    assert ravel_pytree(control)[0].size == 20


def test_starts_that_do_not_converge_are_reported_and_not_counted() -> None:
    hard = {"tikhonov": (1e-4,), "steps": 1, "scales": (4.0,), "seeds": (0,)}
    settings = TINY.model_copy(update=hard)
    with TemporaryDirectory() as folder:
        results = tikhonov_sweep.run(settings, Notebook(Path(folder)))
    (row,) = results.measured.sweeps[0].rows
    assert row.converged < row.starts
    assert "are not counted" in results.notes[-1]
    assert len(results.measured.minimisers[0]) == row.distinct


def test_what_is_stored_reads_back() -> None:
    result = tiny().measured
    again = TikhonovSweepResult.restored(result.stored())
    assert again.sweeps == result.sweeps
    for place, values in result.minimisers.items():
        np.testing.assert_array_equal(again.minimisers[place], values)


def test_pictures_are_drawn_from_the_results() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.tikhonov_sweep.pictures import pictures
    from autoencodes.plot import style

    with style.context():
        (picture,) = pictures(tiny(), TINY)
        assert style.png(picture.figure).startswith(b"\x89PNG")
    assert picture.name == "minimisers-bimodal-1d"
    sweep = tiny().measured.sweeps[0]
    assert f"{sweep.bound:.3g}" in picture.alt
