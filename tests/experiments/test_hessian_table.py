"""The table of λ_min: which epochs, known spectra, what is reported of a training, its picture."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments import Results
from autoencodes.experiments.hessian_table import problem as hessian_table
from autoencodes.experiments.hessian_table.problem import HessianTableSettings, measured_epochs
from autoencodes.experiments.hessian_table.result import (
    HessianTableResult,
    Measurements,
    convex_from,
    exponent,
    reconstructs_from,
    table_epochs,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.second_order.hessian import Hessian

TINY = HessianTableSettings(
    others=(3,), tikhonov=(0.5, 1e-3), steps_per_block=1, horizon=3.0, epochs=40, growth=3.0
)


@cache
def tiny() -> tuple[Results[HessianTableResult], dict[float, Any]]:
    """The results, and the controls by their weights."""
    with TemporaryDirectory() as folder:
        results = hessian_table.run(TINY, Notebook(Path(folder)))
        again = Notebook(Path(folder))
        controls = {}
        for weight in TINY.tikhonov:
            part = again.part(f"λ = {weight:g}", pytest.fail)
            kept = {name: a for name, a in part.arrays.items() if name.startswith("control.")}
            controls[weight] = Part(kept).control
    return results, controls


def test_epochs_are_a_geometric_choice() -> None:
    assert table_epochs(30) == [0, 1, 2, 5, 10, 20, 30]
    chosen = measured_epochs(1000, 1.5)
    assert set(table_epochs(1000)) <= set(chosen)
    assert chosen == sorted(set(chosen))
    gaps = [b / a for a, b in pairwise(chosen[4:])]
    assert max(gaps) < 1.5 * 1.1


def test_convexity_counts_once_it_stays() -> None:
    epochs = np.array([0, 1, 2, 5])
    assert convex_from(epochs, np.array([-1.0, 1.0, -1.0, 1.0])) == 5
    assert convex_from(epochs, np.array([-1.0, 1.0, 1.0, 1.0])) == 1
    assert convex_from(epochs, np.array([1.0, 1.0, 1.0, -1.0])) is None
    assert convex_from(epochs, np.ones(4)) == 0


@pytest.mark.slow
def test_the_trend_is_a_power_of_the_weight() -> None:
    some = tiny()[0].measured.ends[0]
    ends = [replace(some, tikhonov=w, convex_from=round(10 / w)) for w in (0.1, 0.01, 0.001)]
    assert exponent(ends) == pytest.approx(1)
    assert exponent([*ends[:2], replace(some, tikhonov=1e-3, convex_from=None)]) is None


def test_an_error_is_reached_at_the_first_epoch_that_has_it() -> None:
    errors = np.array([1.0, 0.1, 0.3, 0.05])
    course = Measurements(np.array([0, 1, 2, 5]), errors, errors, errors, errors)
    assert reconstructs_from(course, 0.2) == 1
    assert reconstructs_from(course, 0.01) is None


def test_reported_ends_are_those_of_the_controls() -> None:
    results, controls = tiny()
    measure, fresh = hessian_table._measures(TINY)
    assert measure.size == 200
    for k, weight in enumerate(TINY.tikhonov):
        problem = ac.ControlProblem(hessian_table._flow(TINY), tikhonov=weight)
        control, end = controls[weight], results.measured.ends[k]
        course = results.measured.courses[k]
        curved = np.linalg.eigvalsh(Hessian(problem, control, measure).dense())
        assert course.lambda_min[-1] == pytest.approx(curved[0], abs=1e-9)
        assert course.lambda_max[-1] == pytest.approx(curved[-1])
        assert end.objective == pytest.approx(float(problem.objective(control, measure)))
        assert end.fresh_error == pytest.approx(float(problem.terminal_cost(control, fresh)))
        assert end.residual == pytest.approx(float(problem.pmp_residual(control, measure)))
        assert course.norm[-1] == pytest.approx(float(ac.norm(control, 1.0)))


def test_all_trainings_begin_at_one_control_and_strong_weights_collapse() -> None:
    results, _ = tiny()
    courses = results.measured.courses
    first = [c.lambda_min[0] - 2 * w for c, w in zip(courses, TINY.tikhonov, strict=True)]
    assert first[0] == pytest.approx(first[1], abs=1e-9)
    strong, weak = results.measured.ends
    assert strong.converged
    assert courses[0].norm[-1] < courses[1].norm[-1]
    assert strong.convex_from is not None
    assert strong.error > weak.error
    assert "did not converge" in results.notes[-1] or weak.converged


def test_segments_are_one_training() -> None:
    results, controls = tiny()
    measure, _ = hessian_table._measures(TINY)
    flow = hessian_table._flow(TINY)
    whole = ac.fit(
        ac.ControlProblem(flow, tikhonov=1e-3),
        flow.init(jax.random.key(0), scale=TINY.scale),
        measure,
        method=ac.MinimizingMovement(tau=1.0, first_tau=1.0),
        steps=TINY.epochs,
        tolerance=TINY.tolerance,
    )
    for ours, its in zip(
        jax.tree.leaves(controls[1e-3]), jax.tree.leaves(whole.control), strict=True
    ):
        np.testing.assert_array_equal(ours, its)
    assert results.measured.ends[1].epochs == len(whole.history)


def test_the_references_are_those_of_the_law() -> None:
    result = tiny()[0].measured
    # On (s, s²), s uniform on [−1, 1]: E s⁴ = 1/5 and Var s² = 4/45, the grid's up to 1/N.
    assert result.error_at_zero == pytest.approx(1 / 5, rel=0.03)
    assert result.error_of_a_line == pytest.approx(4 / 45, rel=0.03)


def test_table_and_sentence_hold_the_figures() -> None:
    results, _ = tiny()
    table, ends = results.tables["lambda-min"], results.tables["ends"]
    assert table.columns == ("epoch", "λ = 0.5", "λ = 0.001")
    assert [row[0] for row in table.rows][:4] == [0, 1, 2, 5]
    assert table.rows[0][1] == results.measured.courses[0].lambda_min[0]
    assert table.rows[-1][1] is None or results.measured.ends[0].epochs == TINY.epochs
    assert len(ends.rows) == 2
    assert f"{results.measured.ends[0].error:.3g}" in results.notes[1]
    assert "seed 0" in results.sentence
    (other,) = results.measured.others
    assert other.seed == 3
    assert results.notes[2].startswith("With λ = 0.5, from seeds 0, 3: ")
    assert " of 2 controls end with" in results.notes[2]
    assert len(results.sentence.split()) <= 25


def test_what_is_stored_reads_back() -> None:
    result = tiny()[0].measured
    again = HessianTableResult.restored(result.stored())
    assert again.ends == result.ends
    assert again.others == result.others
    np.testing.assert_array_equal(again.courses[1].error, result.courses[1].error)


def test_the_picture_is_drawn_from_the_results() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.hessian_table.pictures import pictures
    from autoencodes.plot import style

    with style.context():
        (picture,) = pictures(tiny()[0], TINY)
        assert style.png(picture.figure).startswith(b"\x89PNG")
    assert picture.name == "lambda-min"
    assert "λ = 0.5" in picture.alt
