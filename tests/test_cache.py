"""What is kept between runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autoencodes import cache

_COMPILING = """
from autoencodes.cache import keep_programs
keep_programs()
import jax, os
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
made = []
def noted(event, **about):
    if event == "/jax/compilation_cache/cache_hits":
        made.append(event)
jax.monitoring.register_event_listener(noted)
print(float(jax.jit(lambda x: (x * x + 1).sum())(jax.numpy.arange(3.0))), len(made) > 0)
"""


def compiled(**variables: str) -> tuple[str, str]:
    """What a process that compiles prints, and says on standard error."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", cache.PROGRAMS))}
    result = subprocess.run(
        [sys.executable, "-c", _COMPILING],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.strip(), result.stderr


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*-cache"))


@pytest.mark.slow
def test_a_later_process_takes_what_an_earlier_one_compiled(tmp_path: Path) -> None:
    assert compiled(XDG_CACHE_HOME=str(tmp_path)) == ("8.0 False", "")
    programs = tmp_path / "autoencodes" / "programs"
    assert entries(programs)
    assert compiled(XDG_CACHE_HOME=str(tmp_path)) == ("8.0 True", "")
    for entry in entries(programs):  # damaged: compiled anew, without a word
        entry.write_bytes(entry.read_bytes()[:40])
    assert compiled(XDG_CACHE_HOME=str(tmp_path)) == ("8.0 False", "")


def test_nothing_is_kept_where_it_is_unwanted_or_cannot_be(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert compiled(XDG_CACHE_HOME=home, AUTOENCODES_CACHE="off") == ("8.0 False", "")
    (tmp_path / "file").touch()
    broken = compiled(XDG_CACHE_HOME=home, AUTOENCODES_CACHE=str(tmp_path / "file"))
    assert broken == ("8.0 False", "")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder("mnist") == tmp_path / "autoencodes" / "mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.folder("mnist") == tmp_path / ".cache" / "autoencodes" / "mnist"
