"""One writer per run folder, whatever becomes of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from autoencodes.errors import InputError
from autoencodes.plan.facts import Facts
from autoencodes.plan.resolve import resolve
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, lock
from autoencodes.run.keeping import begun
from autoencodes.run.lock import Lock

PLAN = resolve(Settings(data="parabola"), Facts(2, 90, 1.0))


def test_the_second_writer_is_told_who_is_the_first(tmp_path: Path) -> None:
    with Lock(tmp_path) as first:
        assert first.held
        with pytest.raises(InputError, match=r"being written by another process \(process \d+ on"):
            Lock(tmp_path)
        assert "process" in str(lock.holder(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert lock.holder(tmp_path) is None
    with Lock(tmp_path):
        pass


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    program = (
        "import fcntl, sys, time\n"
        "file = open(sys.argv[1], 'w')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('taken', flush=True)\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / lock.NAME)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(InputError, match="it does not say which"):
            Lock(tmp_path)
        process.kill()
    with Lock(tmp_path) as taken:
        assert taken.held


def test_where_the_system_has_no_locks_the_file_itself_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_locked", lambda handle: None)
    with Lock(tmp_path) as first:
        assert first.held
        with pytest.raises(InputError, match=r"if that process is gone, remove .*\.lock-held"):
            Lock(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_moved_is_no_longer_held(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with Lock(tmp_path / "run") as taken:
        (tmp_path / "run" / lock.NAME).unlink()
        assert taken.held  # it is taken again
        assert (tmp_path / "run" / lock.NAME).exists()
        (tmp_path / "run").rename(tmp_path / "moved")
        assert not taken.held
        (tmp_path / "run").mkdir()
        with Lock(tmp_path / "run"):
            assert not taken.held
        taken.move(tmp_path / "run")
        assert taken.held
        assert Lock(tmp_path / "moved").held  # which nobody writes now


def test_of_many_that_begin_at_once_one_has_the_folder(tmp_path: Path) -> None:
    owners: list[str] = []
    barrier = threading.Barrier(8)

    def start(path: Path | None) -> None:
        barrier.wait()
        try:
            with begun(path, str(tmp_path / "numbered"), PLAN) as keeper:
                owners.append(str(keeper.folder.path))
                barrier.wait()
        except InputError:
            barrier.wait()

    for existing in (False, True):
        path = tmp_path / f"run-{existing}"
        if existing:
            path.mkdir()
        for target, expected in ((path, 1), (None, 8)):
            owners.clear()
            threads = [threading.Thread(target=start, args=(target,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(set(owners)) == len(owners) == expected


def test_what_a_kill_before_the_beginning_leaves_counts_as_nothing(tmp_path: Path) -> None:
    for name in (lock.NAME, f".autoencodes-{1:08x}-99-01234567.tmp"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="train into it without --resume"):
        RunFolder.open(tmp_path)
    with begun(tmp_path, "", PLAN) as keeper:
        assert keeper.folder.holds_run
        with pytest.raises(InputError, match="being written by another process"):
            keeper.folder.require_vacant()
    with pytest.raises(InputError, match="already holds a run"), begun(tmp_path, "", PLAN):
        pass


def test_what_cannot_be_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: object, path: Path, plan: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "create", classmethod(full))
    with pytest.raises(OSError, match="No space"), begun(tmp_path / "run", "", PLAN):
        pass
    assert list(tmp_path.iterdir()) == []
