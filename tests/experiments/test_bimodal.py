"""Two clusters on the line: the backward equation, the density, and what the results say."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments.bimodal import problem as bimodal
from autoencodes.experiments.bimodal.pictures import pictures
from autoencodes.experiments.bimodal.problem import BimodalSettings, ScaledTanh
from autoencodes.experiments.bimodal.result import BimodalResult
from autoencodes.experiments.convergence import orders
from autoencodes.experiments.experiment import Results
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.flow.adjoint import derivative, value_function
from autoencodes.plot import style

TINY = BimodalSettings(particles=60, fresh=80, layers=4, degrees=(1, 3), spacings=(0.2, 0.1, 0.05))


def flow(field: ac.fields.ControlledField, layers: int = 4) -> ac.Flow:
    return ac.Flow(ac.WidthSchedule.constant(1, layers, 1.0), field)


def test_the_value_function_of_a_translation_is_the_shifted_cost() -> None:
    """ψ_t(x) = (x + (T − t) c − y)², which splines of degree 3 hold exactly."""
    still = flow(ac.fields.Translation())
    control = jax.tree.map(lambda a: jnp.full_like(a, 0.7), still.init(jax.random.key(0), 0.0))
    grid = np.linspace(-3, 3, 31)
    psi = value_function(still, control, lambda x: (x - 2) ** 2, grid)
    x = np.linspace(-2, 2, 9)
    for left, found in zip((1.0, 0.75, 0.5, 0.25, 0.0), psi, strict=True):
        np.testing.assert_allclose(found(x), (x + 0.7 * left - 2) ** 2, atol=1e-11)
        np.testing.assert_allclose(derivative(found)(x), 2 * (x + 0.7 * left - 2), atol=1e-10)


@pytest.mark.parametrize("degree", [1, 3])
def test_the_slope_converges_to_the_costate_with_the_order_of_the_grid(degree: int) -> None:
    moving = flow(ac.fields.Perceptron())
    control = moving.init(jax.random.key(3), scale=2.0)
    problem = ac.ControlProblem(moving, tikhonov=0.1)
    x = np.random.default_rng(0).uniform(-1, 1, (200, 1))
    measure = ac.EmpiricalMeasure(x, np.full_like(x, 0.5))
    costates = np.asarray(problem.costate(control, measure))[..., 0]
    paths = np.asarray(moving.trajectory(control, x))[..., 0]
    errors = []
    for h in (0.08, 0.04, 0.02, 0.01):
        grid = np.linspace(-4, 4, round(8 / h) + 1)
        psi = value_function(moving, control, lambda x: (x - 0.5) ** 2, grid, degree)
        slopes = [derivative(p)(at) for p, at in zip(psi, paths, strict=True)]
        errors.append(float(np.sqrt(np.mean((np.stack(slopes) - costates) ** 2))))
    assert orders((0.08, 0.04, 0.02, 0.01), errors)[-1] == pytest.approx(degree, abs=0.2)


def test_several_targets_are_solved_at_once() -> None:
    moving = flow(ScaledTanh())
    control = moving.init(jax.random.key(0), scale=1.0)
    grid = np.linspace(-4, 4, 41)
    both = value_function(moving, control, bimodal._terminal, grid)[0](grid)
    alone = value_function(moving, control, lambda x: (x - 2) ** 2, grid)[0](grid)
    np.testing.assert_allclose(both[:, 1], alone)


@pytest.mark.parametrize("degree", [2, 0, 99])
def test_degrees_that_cannot_be_are_refused(degree: int) -> None:
    moving = flow(ScaledTanh())
    control = moving.init(jax.random.key(0), scale=1.0)
    with pytest.raises(ac.InputError, match="degree must be odd"):
        value_function(moving, control, np.square, np.linspace(-1, 1, 9), degree)


def test_only_the_line_has_this_grid() -> None:
    plane = ac.Flow(ac.WidthSchedule.constant(2, 2, 1.0))
    control = plane.init(jax.random.key(0))
    with pytest.raises(ac.InputError, match="dimension 1, got 2"):
        value_function(plane, control, np.square, np.linspace(-1, 1, 9))


def test_the_density_keeps_its_mass_and_agrees_with_the_particles() -> None:
    moving = flow(ScaledTanh())
    control = jax.tree.map(jnp.ones_like, moving.init(jax.random.key(0), 1.0))
    x, density = bimodal.nodes()
    places, moved = bimodal.moved_density(moving, control, x, density.sum(axis=0))
    assert (np.diff(places, axis=1) > 0).all()
    masses = np.trapezoid(moved, places, axis=1)
    np.testing.assert_allclose(masses, 1, atol=1e-3)
    particles = bimodal._measure(BimodalSettings(particles=40_000)).x
    ends = np.asarray(moving.push(control, particles))[:, 0]
    second = np.trapezoid(moved[-1] * places[-1] ** 2, places[-1])
    assert np.mean(ends**2) == pytest.approx(second, rel=0.01)


@pytest.mark.slow
def test_an_even_sample_needs_no_bias() -> None:
    """To the particles −x with the targets −y belongs the control (w, −b): b = 0, w the same."""
    x = np.array([[0.8], [1.1], [1.3]])
    measure = ac.EmpiricalMeasure(np.concatenate([x, -x]), np.sign(np.concatenate([x, -x])) * 2)
    found = {}
    for name, field in bimodal.FIELDS.items():
        problem = ac.ControlProblem(flow(field), tikhonov=0.1)
        start = problem.flow.init(jax.random.key(0), 0.0)
        result = ac.fit(problem, start, measure, steps=60, tolerance=1e-8)
        found[name] = [np.ravel(result.control[0][key]) for key in sorted(result.control[0])]
    (without,), (slope, bias) = found.values()
    np.testing.assert_allclose(bias, 0, atol=1e-7)
    np.testing.assert_allclose(slope, without, atol=1e-6)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results[BimodalResult]:
    notebook = Notebook(Path(tmp_path_factory.mktemp("notebook")))
    with pytest.MonkeyPatch.context() as patch:
        # Certificates have tests of their own, and take as long as all the rest.
        patch.setattr(bimodal, "certified", lambda *_: Part(facts={"lines": ["a line"]}))
        return bimodal.run(TINY, notebook)


@pytest.mark.slow
def test_results_state_what_was_measured(results: Results[BimodalResult]) -> None:
    rows = results.tables["agreement"].rows
    assert len(rows) == 2 * 2 * 3
    for row in rows:
        if row[4] is not None and row[1] == 3:
            assert row[4] == pytest.approx(3, abs=0.5)
    assert f"{rows[-1][4]:.2f}" in results.sentence
    assert all(row[4] < 1e-9 for row in results.tables["trainings"].rows)
    assert all(np.isfinite(array).all() for array in results.measured.stored().arrays.values())
    assert [motion.states.shape for motion in results.motions] == [(5, 80, 1)] * 2


def test_what_is_stored_reads_back(results: Results[BimodalResult]) -> None:
    result = results.measured
    again = BimodalResult.restored(result.stored())
    assert again.fields == result.fields == tuple(bimodal.FIELDS)
    np.testing.assert_array_equal(again.errors[3, 1], result.errors[3, 1])
    np.testing.assert_array_equal(again.solutions[1].density, result.solutions[1].density)


def test_the_pictures_are_drawn(results: Results[BimodalResult]) -> None:
    pytest.importorskip("matplotlib")
    with style.context():
        drawn = pictures(results, TINY)
        assert len({picture.name for picture in drawn}) == len(drawn) == 7
        for picture in drawn:
            assert len(style.png(picture.figure)) > 5000
            assert picture.caption.endswith(".")
