"""Files are whole or absent, whatever the disk does."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autoencodes import atomic
from autoencodes.errors import InputError


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    for content in (b"one", b"two", "thr\u00e9\u00e9"):
        atomic.write(tmp_path / "f", content)
        expected = content if isinstance(content, bytes) else content.encode()
        assert (tmp_path / "f").read_bytes() == expected
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    atomic.write(tmp_path / "f", b"before")

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match=rf"No space left.*{tmp_path / 'f'}"):
        atomic.write(tmp_path / "f", b"after")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"before"


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    atomic.write(tmp_path / "f", b"")
    (tmp_path / "g").touch()
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode


def test_a_file_that_is_replaced_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"before")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link").symlink_to(tmp_path / "secret")
    atomic.write(tmp_path / "sub" / "link", b"after")
    assert (tmp_path / "sub" / "link").is_symlink()
    assert (tmp_path / "secret").read_bytes() == b"after"
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    (tmp_path / "dangling").symlink_to("new")
    atomic.write(tmp_path / "dangling", b"new")
    assert (tmp_path / "new").read_bytes() == b"new"
    atomic.write(os.devnull, b"nothing")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_a_file_that_is_write_protected_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atomic.write(tmp_path / "f", b"before")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match="write-protected"):
        atomic.write(tmp_path / "f", b"after")
    assert (tmp_path / "f").read_bytes() == b"before"


def test_a_name_may_be_as_long_as_the_system_allows_and_of_any_bytes(tmp_path: Path) -> None:
    for name in ("n" * 255, os.fsdecode(b"caf\xe9")):
        try:
            (tmp_path / name).touch()
        except OSError:
            continue  # this file system has other names
        atomic.write(tmp_path / name, b"content")
        assert (tmp_path / name).read_bytes() == b"content"


def test_what_killed_processes_left_is_swept_and_what_lives_is_not(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], **_TEXT)
    here, machine = str(os.getppid()), atomic._machine()
    names = {
        f".autoencodes-{machine}-{ended.stdout.strip()}-01234567.tmp": False,
        f".autoencodes-{machine}-{os.getpid()}-01234567.tmp": False,  # none that is being written
        f".autoencodes-{machine}-{here}-01234567.tmp": True,
        f".autoencodes-00000000-{ended.stdout.strip()}-01234567.tmp": True,  # elsewhere
        ".autoencodes-notes.tmp": True,
    }
    for name in names:
        (tmp_path / name).touch()
    assert atomic.sweep(tmp_path) == 2
    assert {p.name for p in tmp_path.iterdir()} == {name for name, stays in names.items() if stays}
    assert atomic.sweep(tmp_path / "absent") == 0


_TEXT: dict[str, Any] = {"capture_output": True, "text": True, "check": True}


def test_only_a_file_of_some_size_is_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert atomic.read(tmp_path / "f", 5) == b"12345"
    with pytest.raises(InputError, match="at most 4 bytes"):
        atomic.read(tmp_path / "f", 4)
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero"):
        with pytest.raises(InputError, match="expected a file, got a"):
            atomic.read(path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "NaN", "[1e999]", "-Infinity", "9" * 5000, b"\xff", "", '{"a": 1']
)
def test_what_is_no_value_of_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        atomic.parsed(text)
