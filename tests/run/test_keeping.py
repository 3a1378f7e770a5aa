"""A training loses nothing: to a full disk, a moved folder, an edited or a damaged file."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoencodes.errors import InputError, Notice
from autoencodes.model.storage import read_tensors, write_tensors
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, resume, train
from autoencodes.run import folder as run_folder

SETTINGS = Settings(data="parabola", method="adam", batch_size=0, epochs=600, steps_per_block=2)
LINES = 600


class At:
    """A watcher that does something once, after the first round that ends behind a step."""

    def __init__(self, action: Callable[[], object], step: int = 0) -> None:
        self._action: Callable[[], object] | None = action
        self._step = step

    def begin(self, job: Any) -> None: ...

    def advance(self, progress: Any) -> None:
        if progress.step > self._step and (action := self._action) is not None:
            self._action = None
            action()


class Killed(BaseException):
    """Stands for SIGKILL: nothing that is written after it counts."""


def kill() -> None:
    raise Killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing happens to."""
    return train(SETTINGS, tmp_path_factory.mktemp("whole") / "run").folder.path


@pytest.fixture(scope="module")
def _cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cut") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["autoencodes.run.train"], "_CHECKPOINT_SECONDS", 0.0)
        with pytest.raises(Killed):
            train(SETTINGS, path, At(kill, 10))
    return path


@pytest.fixture
def cut(_cut: Path, tmp_path: Path) -> Path:
    """A training that was killed after some rounds."""
    shutil.copytree(_cut, tmp_path / "run")
    return tmp_path / "run"


def steps(path: Path) -> list[int]:
    return [record["step"] for record in RunFolder.open(path).history]


def assert_same(one: Path, other: Path) -> None:
    for file in ("model.safetensors", "config.toml", "data.json"):
        assert (one / file).read_bytes() == (other / file).read_bytes()


def test_a_training_is_kept_from_its_first_round_on(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(SETTINGS, tmp_path / "run", At(kill))
    checkpoint = RunFolder.open(tmp_path / "run").checkpoint
    assert checkpoint is not None
    assert checkpoint.step > 0


def test_a_training_that_was_killed_goes_on_to_the_same_end(cut: Path, whole: Path) -> None:
    (cut / ".autoencodes-00000000-1-01234567.tmp").touch()
    os.utime(cut / ".autoencodes-00000000-1-01234567.tmp", (0, 0))
    assert resume(cut).folder.finished
    assert_same(cut, whole)
    assert steps(cut) == list(range(1, LINES + 1))
    assert not [p.name for p in cut.rglob(".*")]


def test_while_a_training_goes_on_there_is_no_other(tmp_path: Path) -> None:
    def others() -> None:
        for other in (lambda: train(SETTINGS, tmp_path / "run"), lambda: resume(tmp_path / "run")):
            with pytest.raises(InputError, match="being written by another process"):
                other()
        raise Killed

    with pytest.raises(Killed):
        train(SETTINGS, tmp_path / "run", At(others))


def test_a_disk_that_is_full_for_a_while_costs_nothing(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = run_folder._write_whole, []

    def full(handle: int, data: bytes) -> None:
        calls.append(1)
        if len(calls) == 1:
            write(handle, data[:5])
            raise OSError(28, "No space left on device")
        write(handle, data)

    monkeypatch.setattr(run_folder, "_write_whole", full)
    with pytest.warns(Notice, match=r"run/history\.jsonl: No space left.* the training goes on"):
        outcome = train(SETTINGS, tmp_path / "run")
    assert outcome.folder.finished
    assert_same(tmp_path / "run", whole)
    assert steps(tmp_path / "run") == list(range(1, LINES + 1))


def test_a_disk_that_stays_full_leaves_what_can_go_on(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill() -> None:
        def full(handle: int, *data: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        monkeypatch.setattr(os, "write", full)

    out = tmp_path / "run"
    text = r"run/history\.jsonl: No space left"
    with pytest.raises(OSError, match="--resume") as error, pytest.warns(Notice, match=text):
        train(SETTINGS, out, At(fill))
    assert str(out) in str(error.value.filename)
    monkeypatch.undo()
    assert not RunFolder.open(out).finished
    assert not [p.name for p in out.rglob(".*")]
    resume(out)
    assert_same(out, whole)
    assert steps(out) == list(range(1, LINES + 1))


@pytest.mark.parametrize("left", [True, False], ids=["renamed", "removed"])
def test_the_results_of_a_folder_that_is_gone_are_written_anew(
    tmp_path: Path, whole: Path, left: bool
) -> None:
    out = tmp_path / "run"

    def move() -> None:
        out.rename(tmp_path / "moved")
        if not left:
            shutil.rmtree(tmp_path / "moved")

    with pytest.warns(Notice, match="moved or removed"):
        outcome = train(SETTINGS, out, At(move))
    assert outcome.folder.path == out
    assert outcome.folder.finished
    assert_same(out, whole)
    assert steps(out) == list(range(1, LINES + 1))


def test_where_another_run_took_the_name_the_results_have_the_next(
    tmp_path: Path, whole: Path
) -> None:
    out = tmp_path / "run"

    def replace() -> None:
        out.rename(tmp_path / "moved")
        shutil.copytree(whole, out)

    before = {p: p.stat().st_mtime_ns for p in whole.iterdir()}
    with pytest.warns(Notice) as warned:
        outcome = train(SETTINGS, out, At(replace))
    assert "its results are in" in str(warned[-1].message)
    assert outcome.folder.path == tmp_path / "run-2"
    assert before == {p: p.stat().st_mtime_ns for p in whole.iterdir()}
    assert_same(tmp_path / "run-2", whole)


def test_an_edited_configuration_is_refused(cut: Path) -> None:
    config = cut / "config.toml"
    config.write_text(config.read_text().replace("epochs = 600", "epochs = 700"))
    with pytest.raises(InputError, match=r"epochs is 700, .* was begun with 600; put that back"):
        resume(cut)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:2] + lines[4:], "no line of 2 of .* epochs, from 3 to 4"),
        (lambda lines: [lines[0], b"\xff{", *lines[2:]], "1 damaged lines .* first is line 2"),
        (lambda lines: [lines[0], b'{"step": "2"}', *lines[2:]], "1 damaged lines .* is line 2"),
        (lambda lines: [], "no line of .* epochs, from 1 to"),
    ],
    ids=["hole", "no text", "no number", "empty"],
)
def test_a_history_that_lost_lines_says_so_and_the_training_goes_on(
    cut: Path, whole: Path, damage: Any, message: str
) -> None:
    history = cut / "history.jsonl"
    before = history.read_bytes().split(b"\n")
    history.write_bytes(b"\n".join(damage(before)))
    damaged = history.read_bytes()
    with pytest.warns(Notice) as warned:
        resume(cut)
    assert re.search(message, str(warned[0].message))
    assert_same(cut, whole)
    assert "no line of" in str(warned[-1].message)
    kept = cut / "history-damaged.jsonl"
    assert not kept.exists() or kept.read_bytes() == damaged
    assert steps(cut)[-1] == LINES


def test_a_checkpoint_of_another_training_is_refused(cut: Path) -> None:
    folder = RunFolder.open(cut)
    checkpoint = folder.checkpoint
    assert checkpoint is not None
    folder.write_checkpoint(type(checkpoint)(checkpoint.state, 10**6))
    with pytest.raises(InputError, match="step 1000000, beyond the 600"):
        resume(cut)
    path = cut / "checkpoint" / "state.safetensors"
    facts, arrays = read_tensors(path, "facts", "a checkpoint")
    for name, value in (("pending", ["x"]), ("plan", 7), ("step", "1"), ("seconds", None)):
        write_tensors(path, arrays, {**facts, name: value})
        with pytest.raises(InputError, match="expected a checkpoint"):
            resume(cut)
    write_tensors(path, {}, facts)
    with pytest.raises(InputError, match=r"beyond|another control"):
        resume(cut)
