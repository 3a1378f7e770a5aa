"""Table 1: which epochs, that λ_min is the spectrum's, and what is said of the seeds that ran."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.experiments import Results
from autoencodes.experiments.classification.problem import (
    ClassificationSettings,
    Network,
    control_problem,
    particles,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table_one import problem as table_one
from autoencodes.experiments.table_one.problem import TableOneSettings
from autoencodes.experiments.table_one.result import (
    Course,
    TableOneResult,
    case_table,
    notes,
    sentence,
)
from autoencodes.second_order.hessian import Hessian

TINY = TableOneSettings(
    seeds=(0, 2),
    orders=(0,),
    blocks=(1, 1, 1),
    epochs=("shooting",),
    tikhonov=(1e-2,),
    particles=40,
    last=6,
    every=3,
)


@cache
def tiny() -> tuple[Results[TableOneResult], ac.control.Control]:
    """The results, and the control of the last seed's random start."""
    with TemporaryDirectory() as folder:
        results = table_one.run(TINY, Notebook(Path(folder)))
        name = f"{TINY.readings[0][0].name}, seed 2"
        part = Notebook(Path(folder)).part(name, pytest.fail)
    kept = {name: a for name, a in part.arrays.items() if name.startswith("control.")}
    return results, Part(kept).control


def test_the_table_is_the_papers() -> None:
    settings = TableOneSettings()
    epochs = list(range(0, settings.last + 1, settings.every))
    assert epochs == [0, 80, 160, 240, 320, 400, 480, 560, 640, 720]
    assert settings.blocks == (7, 7, 7)
    assert {case.order for case, _ in settings.readings} == {"natural", "unnatural"}


def test_what_is_measured_is_the_spectrum_of_the_controls() -> None:
    results, control = tiny()
    course = results.measured.courses[1]
    setting = ClassificationSettings(particles=40, tikhonov=1e-2)
    problem = control_problem(setting, Network(0, (1, 1, 1), "paper"))
    measure, _ = particles(setting, 2)
    smallest = np.linalg.eigvalsh(Hessian(problem, control, measure).dense())[0]
    assert course.epoch.tolist() == [0, 3, 6]
    assert course.lower[-1] <= smallest <= course.upper[-1]
    assert course.objective[-1] == pytest.approx(float(problem.objective(control, measure)))
    assert (np.diff(course.objective) <= 0).all()


def test_tables_hold_a_row_for_every_epoch_reading_and_training() -> None:
    results, _ = tiny()
    assert list(results.tables) == ["unnatural-random", "unnatural-zero", "readings", "trainings"]
    by_epoch = results.tables["unnatural-random"]
    assert [row[0] for row in by_epoch.rows] == [0, 3, 6]
    assert by_epoch.rows[0][1] == -1.7e-2
    assert len(results.tables["readings"].rows) == 2
    assert len(results.tables["trainings"].rows) == 4


def test_the_text_counts_the_seeds_that_ran() -> None:
    result = tiny()[0].measured
    turned = [replace(result.trainings[0], convex_from=6)]
    turned += [replace(training, convex_from=None) for training in result.trainings[1:]]
    some = TableOneResult(result.courses, tuple(turned))
    text = sentence(some, "seeds 0, 2")
    assert "in 1 of 4 trainings (2 readings, seeds 0, 2)" in text
    assert len(text.split()) <= 25
    table = case_table(some, "seeds 0, 2")
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["seeds with λ_min > 0"], row["of"], row["from epoch, earliest"]) == (1, 2, 6)
    assert "recalled, not read" in notes(some, 40, 1.0)[0]


def test_what_is_stored_reads_back() -> None:
    result = tiny()[0].measured
    again = TableOneResult.restored(result.stored())
    assert again.trainings == result.trainings
    assert isinstance(again.courses[0], Course)
    np.testing.assert_array_equal(again.courses[3].upper, result.courses[3].upper)


def test_the_picture_is_drawn_from_the_results() -> None:
    pytest.importorskip("matplotlib")
    from autoencodes.experiments.table_one.pictures import pictures
    from autoencodes.plot import style

    with style.context():
        (picture,) = pictures(tiny()[0], TINY)
        assert style.png(picture.figure).startswith(b"\x89PNG")
    assert len(picture.caption.split()) <= 25
    assert "unnatural, θ = 0 start, shooting, λ = 0.01" in picture.alt
