"""Measures that are read a block at a time: the same sums, and trainings that go on bit for bit."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from problems import BY_NAME

import autoencodes as ac
from autoencodes.errors import InputError
from autoencodes.measure.streamed import Blocks, StreamedMeasure

CASE = BY_NAME["constant, relu"]
KEY = jax.random.key(0)
NEAR = {"rtol": 1e-12, "atol": 1e-14}


class Rows(Blocks):
    """Blocks of 3, 0, 20, 11 and 7 particles."""

    def __init__(self, own: bool = False, broken: bool = False) -> None:
        super().__init__()
        self.counts = np.array([3, 0, 20, 11, 7])
        self.dim, self.target = CASE.measure.dim, CASE.measure.dim if own else None
        self.dtype = np.dtype(np.float64)
        random = np.random.default_rng(0)
        self.x = random.normal(size=(41, self.dim))
        self.y = random.normal(size=(41, self.dim))
        self.broken = broken

    def read(self, block: int) -> ac.EmpiricalMeasure:
        if self.broken and block == 3:
            raise InputError("the file has changed")
        ends = np.cumsum(self.counts)
        rows = slice(int(ends[block] - self.counts[block]), int(ends[block]))
        return ac.EmpiricalMeasure(self.x[rows], None if self.target is None else self.y[rows])


def pair(own: bool = False) -> tuple[StreamedMeasure, ac.EmpiricalMeasure]:
    rows = Rows(own)
    return StreamedMeasure(rows), ac.EmpiricalMeasure(rows.x, rows.y if own else None)


@pytest.mark.parametrize("size", [None, 7])
def test_sums_are_those_over_all_particles(size: int | None) -> None:
    measures, problem, control = pair(own=True), CASE.problem, CASE.control
    np.testing.assert_allclose(*(problem.objective(control, m, size) for m in measures), **NEAR)
    np.testing.assert_allclose(*(problem.pmp_residual(control, m, size) for m in measures), **NEAR)
    slopes = [problem.gradient(control, m, size) for m in measures]
    curved = [problem.hvp(control, m, slopes[1], size) for m in measures]
    for one, other in (slopes, curved):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **NEAR), one, other)


@pytest.mark.parametrize("method", [None, ac.Adam(learning_rate=0.05)])
def test_whole_measure_methods_run_over_blocks(method: Any) -> None:
    results = [ac.fit(CASE.problem, CASE.control, m, steps=4, method=method) for m in pair()]
    ends = [result.history[-1]["objective"] for result in results]
    np.testing.assert_allclose(*ends, rtol=1e-10)


def mixed(measure: Any, **options: Any) -> ac.Result:
    options = {"steps": 27, "batch_size": 4, "buffer_size": 22, "key": KEY, "noise": 0.1, **options}
    return ac.fit(CASE.problem, CASE.control, measure, **options)


@pytest.mark.parametrize("step", [1, 6, 10, 13])
def test_a_training_on_buffers_goes_on_bit_for_bit(step: int) -> None:
    whole = mixed(pair()[0])
    assert whole.resumption.step == 27
    part = mixed(pair()[0], every=1, callback=lambda progress: progress.step == step)
    assert part.resumption.step == step
    rest = mixed(pair()[0], resume=part.resumption)
    for one, other in zip(
        jax.tree.leaves(rest.control), jax.tree.leaves(whole.control), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_an_epoch_visits_every_particle_at_most_once_and_all_but_a_rest() -> None:
    from autoencodes.training.feed import Buffered

    measure = pair()[0]
    feed = Buffered(measure, KEY, 4, 22, np.float64)
    assert feed.batches == 10
    orders = []
    for epoch in range(2):
        seen = []
        for step in range(feed.batches):
            held = feed.held(epoch, step)
            at = 4 * (step - held.first)
            rows = np.asarray(held.order)[at : at + 4]
            seen.append(np.asarray(held.measure.x)[rows])
        visited = np.concatenate(seen)
        assert len(np.unique(visited, axis=0)) == 40
        assert np.isin(visited[:, 0], measure.source.x[:, 0]).all()  # type: ignore[attr-defined]
        orders.append(visited)
    assert not np.array_equal(*orders)


def test_an_error_of_reading_is_told_as_it_is() -> None:
    broken = StreamedMeasure(Rows(broken=True))
    with pytest.raises(InputError, match="has changed"):
        mixed(broken)
    with pytest.raises(InputError, match="has changed"), broken.source.telling():
        CASE.problem.objective(CASE.control, broken)
