"""Controls on ever finer grids: their distance, and what the results say."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments.convergence import orders
from autoencodes.experiments.depth_limit import problem as depth_limit
from autoencodes.experiments.depth_limit.pictures import pictures
from autoencodes.experiments.depth_limit.problem import DepthLimitSettings, difference
from autoencodes.experiments.depth_limit.result import DepthLimitResult
from autoencodes.experiments.experiment import Results
from autoencodes.experiments.notebook import Notebook
from autoencodes.plot import style

TINY = DepthLimitSettings(
    particles=40, line_factors=(1, 2, 4), plane_steps=1, plane_factors=(1, 2), tolerance=1e-8
)


def sampled(steps: int) -> tuple[dict[str, np.ndarray], ...]:
    """θ(t) = t on [0, 2], at the middle of each step."""
    return ({"b": (np.arange(steps) + 0.5)[:, None] * 2 / steps},)


def test_the_distance_of_functions_and_of_their_means() -> None:
    """Of θ = t: two steps in one of size h lie h/4 to either side of its mean, which is equal."""
    distance, means = difference(sampled(4), sampled(8), 2.0)
    assert distance == pytest.approx(np.sqrt(2.0) * 0.5 / 4)
    assert means == pytest.approx(0, abs=1e-15)


def test_the_distance_of_constants_is_that_of_l2() -> None:
    coarse, fine = ({"b": np.full((3, 1), 1.0)},), ({"b": np.full((12, 1), 4.0)},)
    assert difference(coarse, fine, 5.0) == pytest.approx((3 * np.sqrt(5), 3 * np.sqrt(5)))


def test_orders_of_powers() -> None:
    assert orders([1.0, 0.5, 0.25], [8.0, 4.0, 1.0]) == pytest.approx([1.0, 2.0])
    assert orders([1.0, 0.5, 0.25], [1.0, 0.0, 0.0]) == [None, None]


@pytest.mark.parametrize("name", depth_limit.TITLES)
def test_every_grid_begins_from_the_same_function_of_time(name: str) -> None:
    coarse, fine = (depth_limit.start(TINY, name, factor) for factor in (1, 4))
    horizon = depth_limit._problem(TINY, name, 1).flow.schedule.horizon
    assert difference(coarse, fine, horizon) == pytest.approx((0, 0), abs=1e-15)
    assert max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(coarse)) > 0.01


def test_the_second_component_is_off_in_the_middle() -> None:
    schedule = depth_limit._problem(DepthLimitSettings(), "plane", 4).flow.schedule
    assert [block.active for block in schedule.blocks] == [(0, 1), (0,), (0, 1)]
    assert schedule.horizon == DepthLimitSettings().plane_horizon


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results[DepthLimitResult]:
    notebook = Notebook(Path(tmp_path_factory.mktemp("notebook")))
    with pytest.MonkeyPatch.context() as patch:
        # Any method comes to the minimum; this one is compiled faster, for every grid.
        patch.setattr(depth_limit, "MinimizingMovement", lambda **_: ac.LBFGS())
        return depth_limit.run(TINY, notebook)


@pytest.mark.slow
def test_controls_converge_with_order_one(results: Results[DepthLimitResult]) -> None:
    rows = results.tables["convergence"].rows
    assert [row[1] for row in rows] == [5, 10, 20, 3, 6]
    for row in rows:
        assert row[4] < 1e-7
        assert row[5] is None or row[5] > 0
    assert rows[1][7] == pytest.approx(1, abs=0.15)
    assert f"order {rows[1][7]:.2f}" in results.notes[0]
    assert f"line, 5 to 20 steps, {rows[1][7]:.2f}" in results.sentence
    assert len(results.sentence.split()) <= 25


@pytest.mark.slow
def test_entries_are_named_by_the_components_that_they_belong_to(
    results: Results[DepthLimitResult],
) -> None:
    wide = ("W₁₁", "W₁₂", "W₂₁", "W₂₂", "b₁", "b₂")
    stored = results.measured.stored()
    for problems in (results.measured.problems, DepthLimitResult.restored(stored).problems):
        assert problems["plane"].entries == (wide, ("W₁₁", "b₁"), wide)
        assert problems["line"].entries == (("W", "b"),)
        assert problems["plane"].controls[6][0].shape == (2, 6)
        assert problems["line"].rows[0].steps == 5


@pytest.mark.slow
def test_the_pictures_are_drawn(results: Results[DepthLimitResult]) -> None:
    pytest.importorskip("matplotlib")
    with style.context():
        drawn = pictures(results, TINY)
        assert [picture.name for picture in drawn] == ["controls-line", "controls-plane", "order"]
        assert all(len(style.png(picture.figure)) > 5000 for picture in drawn)
