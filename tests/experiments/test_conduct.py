"""Experiments as folders: kept part by part, gone on with, and refused where they do not belong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.experiments import (
    EXPERIMENTS,
    Experiment,
    ExperimentFolder,
    ExperimentSettings,
    Measured,
    Plain,
    Results,
    ResultTable,
    conduct,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.plot.motion import Motion, switched_on

COMPUTED: list[str] = []
SCHEDULE = ac.WidthSchedule.autoencoder(2, (2, 1), 1, 3.0)


class Sums(ExperimentSettings):
    """How many numbers are summed."""

    size: int = 3

    @property
    def sizes(self) -> str:
        return f"{self.size} numbers"


@dataclass(frozen=True, eq=False)
class SumsResult(Plain):
    """Arrays, a schedule, and JSON values."""

    x: np.ndarray
    schedule: ac.WidthSchedule
    k: tuple[int | None, ...]


def motion() -> Motion:
    flow = ac.Flow(SCHEDULE, ac.fields.Translation())
    control = ({"a": np.ones((1, 2))}, {"a": np.ones((1, 1))}, {"a": np.ones((1, 2))})
    control = tuple({"theta": next(iter(block.values()))} for block in control)
    x = np.array([[0.0, 1.0], [2.0, 3.0]])
    return Motion.of("moved", flow, control, x, labels=["b", "a"], targets=x)


def run(settings: Sums, notebook: Notebook) -> Results[SumsResult]:
    notebook.expect(2)
    total = 0.0
    for name in ("first", "second/part"):

        def compute(name: str = name) -> Part:
            if name == "second/part" and settings.size == 99 and "stop" in COMPUTED:
                raise KeyboardInterrupt
            COMPUTED.append(name)
            return Part({"numbers": np.arange(settings.size)}, {"sum": 3.5})

        total += notebook.part(name, compute).facts["sum"]
    table = ResultTable("sums", ("a",), ((total,),))
    result = SumsResult(np.arange(4.0), SCHEDULE, (1, None))
    return Results("7 came out.", {"sums": table}, result, (motion(),), {"c": ["fine"]})


SUMS = Experiment(Sums(), Sums(size=2), run, SumsResult, __name__)
STOPS = Experiment(Sums(size=99), Sums(size=99), run, SumsResult, __name__)


@pytest.fixture(autouse=True)
def only_sums() -> Iterator[None]:
    COMPUTED.clear()
    members = {"sums": SUMS, "stops": STOPS}
    for name, member in members.items():
        EXPERIMENTS.register(name, name, full="1 s", quick="1 s")(member)
    yield
    for name in members:
        EXPERIMENTS.remove(name)


class Reader:
    """Notes what it receives."""

    def __init__(self) -> None:
        self.received: list[Any] = []

    def part(self, name: str, number: int, total: int, known: bool) -> None:
        self.received.append((name, number, total, known))

    def advance(self, text: str, share: float | None) -> None:
        pass


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    folder = conduct("sums", tmp_path / "run")
    found, seconds = folder.read()
    expected = run(Sums(), Notebook(tmp_path / "other"))
    assert (found.sentence, found.tables) == (expected.sentence, expected.tables)
    assert found.measured.k == (1, None)
    assert found.measured.schedule == SCHEDULE
    assert found.certificates == expected.certificates
    assert seconds > 0
    np.testing.assert_array_equal(found.measured.x, expected.measured.x)
    for name, array in expected.motions[0].arrays.items():
        np.testing.assert_array_equal(found.motions[0].arrays[name], array)
    assert found.motions[0].components == ("x₁", "x₂")
    assert (folder.path / "tables" / "sums.csv").read_text() == "a\n7.0\n"
    assert {path.suffix for path in (folder.path / "tables").iterdir()} == {".txt", ".csv", ".tex"}


def test_an_interrupted_experiment_goes_on_where_it_was(tmp_path: Path) -> None:
    COMPUTED.append("stop")
    with pytest.raises(KeyboardInterrupt):
        conduct("stops", tmp_path / "run")
    assert COMPUTED == ["stop", "first"]
    with pytest.raises(InputError, match=r"no results yet; go on with: autoencodes experiment"):
        ExperimentFolder(tmp_path / "run").read()
    COMPUTED.clear()
    reader = Reader()
    conduct("stops", tmp_path / "run", reader=reader)
    assert COMPUTED == ["second/part"]
    assert reader.received == [("first", 1, 2, True), ("second/part", 2, 2, False)]
    COMPUTED.clear()
    conduct("stops", tmp_path / "run")
    assert COMPUTED == []


def test_a_number_that_is_not_finite_is_a_failure_with_its_name(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path)
    with pytest.raises(NumericalFailure, match=r"p\.safetensors was not written: x holds numbers"):
        notebook.part("p", lambda: Part({"x": np.array([1.0, np.nan])}))
    with pytest.raises(NumericalFailure, match="a number beside the arrays"):
        notebook.part("p", lambda: Part(facts={"k": float("inf")}))
    assert not list(tmp_path.glob("*.safetensors"))


def test_parts_of_another_version_or_setting_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = conduct("sums", tmp_path / "run")
    other = replace(SUMS, full=Sums(size=7))
    monkeypatch.setitem(EXPERIMENTS._members, "sums", other)
    with pytest.raises(InputError, match=r"started with other settings \(size\)"):
        conduct("sums", tmp_path / "run")
    monkeypatch.undo()
    text = (folder.path / "experiment.json").read_text()
    (folder.path / "experiment.json").write_text(text.replace(ac.__version__, "0.0.1"))
    with pytest.raises(InputError, match=rf"version 0\.0\.1, not {ac.__version__}"):
        conduct("sums", tmp_path / "run")


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    from autoencodes.model.storage import write_tensors

    folder = conduct("sums", tmp_path / "run")
    write_tensors(folder.path / "results.safetensors", {"x": np.ones(1)}, {"sentence": "?"})
    with pytest.raises(InputError, match="is of another, or damaged"):
        folder.read()
    (tmp_path / "run" / "parts" / "first.safetensors").write_bytes(b"no")
    (folder.path / "results.safetensors").unlink()
    with pytest.raises(InputError, match="remove it, and it is computed again"):
        conduct("sums", tmp_path / "run")


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    conduct("sums", tmp_path / "run")
    with pytest.raises(InputError, match="started with quick False, not True"):
        conduct("sums", tmp_path / "run", quick=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file; expected the name of a folder"):
        conduct("sums", tmp_path / "file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="not empty"):
        conduct("sums", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]


def test_data_that_are_not_there_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a folder that can be read"):
        conduct("mnist", tmp_path / "run", quick=True, data_dir=tmp_path / "absent")
    assert not list(tmp_path.iterdir())


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    folder = conduct("sums", tmp_path / "run")
    (folder.path / "experiment.json").write_text("{")
    with pytest.raises(InputError, match=r"experiment\.json: expected the configuration"):
        conduct("sums", tmp_path / "run")


def test_a_name_that_is_none_is_refused_with_a_near_one() -> None:
    with pytest.raises(InputError, match="did you mean classification-natural"):
        conduct("classification-naturel")


@pytest.mark.slow
def test_the_notebook_shows_a_training_and_ends_with_it(tmp_path: Path) -> None:
    from problems import BY_NAME

    case = BY_NAME["permuted, weights, targets, reset"]
    notebook = Notebook(tmp_path)

    def stop(progress: Any) -> bool:
        return True

    result = notebook.fit(case.problem, case.control, case.measure, steps=2)
    assert result.resumption.step == 2
    stopped = notebook.fit(case.problem, case.control, case.measure, steps=9, callbacks=[stop])
    assert stopped.resumption.step < 9


def test_a_part_holds_a_control(tmp_path: Path) -> None:
    from problems import BY_NAME, flat

    control = BY_NAME["permuted, weights, targets, reset"].control
    held = Part.holding(control, sum=1)
    held.arrays["loss.0"] = np.ones(3)
    part = Notebook(tmp_path).part("p", lambda: held)
    np.testing.assert_array_equal(flat(part.control), flat(control))
    assert part.facts == {"sum": 1}


def test_what_is_on_is_what_the_trajectory_does_not_put_to_zero() -> None:
    schedule = ac.WidthSchedule.autoencoder(3, (3, 2, 1), 2, 5.0, order=(2, 0, 1))
    flow = ac.Flow(schedule, ac.fields.Perceptron())
    import jax

    control = flow.init(jax.random.key(0), scale=1.0)
    states = np.asarray(flow.trajectory(control, np.ones((2, 3))))
    np.testing.assert_array_equal((states != 0).all(axis=1), switched_on(schedule))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_is_registered_whole(name: str) -> None:
    experiment, entry = EXPERIMENTS[name], EXPERIMENTS.entries[name]
    assert find_spec(experiment.pictures)
    assert issubclass(experiment.result, Measured)
    for settings in (experiment.full, experiment.quick):
        assert settings.sizes
        assert not settings.sizes.endswith(".")
    assert entry.help
    assert "\n" not in entry.help
    assert entry.facts.keys() >= {"full", "quick"}
    assert type(experiment.full) is type(experiment.quick)
    assert experiment.full != experiment.quick
    assert type(experiment.full).model_config["frozen"]
