"""What is kept between runs, in the user's cache folder."""

from __future__ import annotations

import os
import platform
import sys
import warnings
import zlib
from importlib.metadata import version
from pathlib import Path

PROGRAMS = "AUTOENCODES_CACHE"
"""The environment variable that says where compiled programs are kept: a folder, or ``off``."""

_LARGEST = 512 * 2**20
"""Bytes of programs that are kept; beyond, those go that were not used for longest."""


def folder(name: str) -> Path:
    """A folder within that of this package: in $XDG_CACHE_HOME, by default in ~/.cache."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(root) / "autoencodes" / name


def keep_programs() -> None:
    """Lets JAX, which must not be loaded yet, keep what it compiles for later processes.

    Compilation is most of a short command's time. Programs are kept apart by the machine's
    instructions, since one of another machine that shares the folder might use instructions that
    this one lacks. Where JAX's own variable says otherwise, where $AUTOENCODES_CACHE is ``off``,
    and where the folder cannot be written, all is as without it; an entry that cannot be read is
    compiled anew.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or "jax" in sys.modules:
        return
    given = os.environ.get(PROGRAMS, "")
    if given.strip().lower() in ("off", "0", "no", "false"):
        return
    kept = Path(given).expanduser() if given else folder("programs")
    kept = kept / f"jaxlib-{version('jaxlib')}-{zlib.crc32(_machine().encode()):08x}"
    try:
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(kept, os.W_OK | os.X_OK):
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(kept)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    os.environ.setdefault("JAX_COMPILATION_CACHE_MAX_SIZE", str(_LARGEST))
    # It compiles instead, and there is nothing that its user could do.
    warnings.filterwarnings("ignore", message=".*persistent compilation cache.*")


def _machine() -> str:
    """The processor, by what it can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"
    told = ("flags", "Features", "model name")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(told)))
