"""Subprocesses: what they print, how long they take, and how much memory they take at most."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_OWN = ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
"""Variables of the process that measures which would decide what is kept of compiled programs."""


@dataclass(frozen=True)
class Ran:
    """What became of a subprocess; ``peak`` is its resident memory's maximum, in bytes."""

    seconds: float
    peak: int
    out: str


def run(arguments: Sequence[str], *, env: Mapping[str, str] | None = None) -> Ran:
    """Runs Python with these arguments; a failure is an error that says why."""
    here = {name: value for name, value in os.environ.items() if name not in _OWN}
    path = os.pathsep.join([str(ROOT), *filter(None, [here.get("PYTHONPATH")])])
    here |= {"PYTHONPATH": path, "AUTOENCODES_CACHE": "off", **(env or {})}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as wrong:
        began, largest = time.perf_counter(), 0
        process = subprocess.Popen([sys.executable, *arguments], env=here, stdout=out, stderr=wrong)
        try:
            while process.poll() is None:
                largest = max(largest, peak(process.pid))
                time.sleep(0.02)
        except BaseException:
            process.kill()
            raise
        seconds = time.perf_counter() - began
        texts = []
        for file in (out, wrong):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    if process.returncode:
        last = "\n".join(texts[1].splitlines()[-5:])
        raise RuntimeError(f"{' '.join(arguments)[:120]}: status {process.returncode}\n{last}")
    return Ran(seconds, largest, texts[0])


def peak(process: int | str = "self") -> int:
    """The most bytes that a process has had resident so far; 0 where Linux does not say.

    Not ``ru_maxrss``: that of a subprocess is at least what its parent had when it began.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def command(*arguments: str, env: Mapping[str, str] | None = None) -> Ran:
    """Runs the command line."""
    return run(["-m", "autoencodes", *arguments], env=env)


def call(
    function: str, *values: Any, env: Mapping[str, str] | None = None, cores: int | None = None
) -> tuple[Any, Ran]:
    """What ``module:function`` of this folder returns in a subprocess, on so many cores."""
    given = json.dumps([cores, function, values])
    ran = run(["-m", "benchmarks.speed.child", given], env=env)
    return json.loads(ran.out.splitlines()[-1]), ran


if __name__ == "__main__":
    cores, function, values = json.loads(sys.argv[1])
    if cores is not None:  # before anything asks how many there are
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:cores]))
    module, name = function.split(":")
    print(json.dumps(getattr(import_module(f"benchmarks.speed.{module}"), name)(*values)))
