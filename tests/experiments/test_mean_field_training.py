"""Particles and the grid method: two ways to one control."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autoencodes.experiments.experiment import Results
from autoencodes.experiments.mean_field_training import problem as sibling
from autoencodes.experiments.mean_field_training.grid import GridMethod, velocity
from autoencodes.experiments.mean_field_training.law import law
from autoencodes.experiments.mean_field_training.pictures import pictures
from autoencodes.experiments.mean_field_training.result import MeanFieldResult
from autoencodes.experiments.mean_field_training.settings import MeanFieldSettings
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.plot import style

TINY = MeanFieldSettings(
    seeds=(0,), particles=6, layers=3, horizon=0.3, nodes=71, iterations=2, refinements=(1,),
    other_horizons=(),
)  # fmt: skip


def method(dim: int, nodes: int = 61) -> GridMethod:
    x, y = law(2, dim, 5, 0)
    penalty = np.full((dim, dim + 1), 0.1)
    return GridMethod(np.linspace(-3, 3, nodes), 0.1, x, y, penalty)


@pytest.mark.parametrize(("clusters", "dim"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_the_law_lies_in_its_balls_and_its_targets_beyond(clusters: int, dim: int) -> None:
    x, y = law(clusters, dim, 100, 3)
    assert x.shape == y.shape == (200, dim)
    centre = y / 2 if clusters == 2 else np.zeros_like(y)
    assert (np.linalg.norm(x - centre, axis=1) <= 0.2).all()
    assert set(np.unique(y)) == {-2.0, 2.0} if clusters == 2 else {-1.0, 1.0}
    if clusters == 1:
        np.testing.assert_array_equal(y[:, 0] > 0, x[:, 0] > 0)
    # Within so small a ball the density is almost even: the variance is r²/3, r²/4 an axis.
    assert np.var(x - centre, axis=0) == pytest.approx(0.04 / (dim + 2), rel=0.25)


@pytest.mark.parametrize("dim", [1, 2])
def test_density_keeps_its_mass_and_the_value_function_is_the_transported_cost(dim: int) -> None:
    grid = method(dim)
    theta = np.full((4, dim, dim + 1), 0.3)
    rho = np.exp(-8 * np.sum(grid.mesh**2, axis=-1))
    masses = grid.density(theta, rho).sum(axis=tuple(range(1, dim + 1)))
    np.testing.assert_allclose(masses, masses[0], rtol=1e-13)
    errors = []
    for nodes in (61, 121, 241) if dim == 1 else (31, 61):
        fine = method(dim, nodes)
        psi, end = fine.backward(theta)[0, 1], fine.mesh
        for own in theta:
            for _ in range(fine.parts):
                end = end + fine.step / fine.parts * velocity(end, own)
        inner = (np.abs(fine.mesh) < 1).all(axis=-1)
        errors.append(np.abs(psi - ((end - fine.targets[1]) ** 2).sum(axis=-1))[inner].max())
    assert errors[-1] < 0.65 * errors[-2]


def test_the_control_of_largest_hamiltonian_is_stationary_in_it() -> None:
    grid = method(1)
    theta = np.ones((3, 1, 2))
    paths = grid.forward(theta)
    costates = grid.costates(theta, paths)
    best = grid.maximised(theta, paths, costates)
    for own, x, p in zip(best, paths, costates, strict=False):
        slope = p[:, 0] * (1 - velocity(x, own)[:, 0] ** 2)
        found = 0.2 * own[0] + np.array([np.mean(slope * x[:, 0]), np.mean(slope)])
        np.testing.assert_allclose(found, 0, atol=1e-7)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results[MeanFieldResult]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sibling, "certified", lambda *_: Part(facts={"lines": ["a line"]}))
        yield sibling.run(TINY, Notebook(Path(tmp_path_factory.mktemp("notebook"))))


@pytest.mark.slow
def test_particles_and_grid_agree(results: Results[MeanFieldResult]) -> None:
    rows = results.tables["agreement"].rows
    assert len(rows) == 2
    for row in rows:
        assert row[6] < 0.05  # h = 0.2 here, twice the experiment's
        assert row[7] is True
    assert len(results.sentence.split()) <= 25
    again = MeanFieldResult.restored(results.measured.stored())
    np.testing.assert_array_equal(again.courses[1].grid, results.measured.courses[1].grid)


@pytest.mark.slow
def test_the_pictures_are_drawn(results: Results[MeanFieldResult]) -> None:
    pytest.importorskip("matplotlib")
    with style.context():
        drawn = pictures(results, TINY)
        assert len({picture.name for picture in drawn}) == len(drawn) == 8
        for picture in drawn:
            assert len(style.png(picture.figure)) > 4000
