"""Files are whole or absent, whatever the disk does."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from autoencodes import atomic


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
    with pytest.raises(OSError, match="No space left"):
        atomic.write(tmp_path / "f", b"after")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"before"


def test_permissions_are_those_of_an_ordinary_file(tmp_path: Path) -> None:
    atomic.write(tmp_path / "f", b"")
    (tmp_path / "g").touch()
    assert (tmp_path / "f").stat().st_mode == (tmp_path / "g").stat().st_mode
