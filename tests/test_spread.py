"""Particles in shards over devices and processes give what they give on one device."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from problems import CASES

HERE = Path(__file__).parent
FIRST = next(case.name for case in CASES if case.weighted and case.supervised)
SHARED = next(case.name for case in CASES if case.name.startswith("shared over a block, own"))
"""A field whose derivative knows the control from outside (a pitfall of maps over devices)."""
_SECONDS = 200


def started(*arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs ``spread.py``."""
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.Popen(
        [sys.executable, str(HERE / "spread.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def found(process: subprocess.Popen[str]) -> dict[str, float]:
    """What it printed: how far results are from those on one device; nothing from process 1."""
    try:
        out, err = process.communicate(timeout=_SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, err
    lines = [line for line in out.splitlines() if line.startswith("{")]  # Gloo prints others
    distances: dict[str, float] = json.loads(lines[-1]) if lines else {}
    return distances


def too_far(distances: dict[str, float]) -> dict[str, float]:
    """Beyond rounding: of one sum, and of trainings, in which it has grown."""
    trained = ("movements", "mini-batches")
    limits = {name: 1e-10 if any(t in name for t in trained) else 1e-12 for name in distances}
    return {name: far for name, far in distances.items() if not far <= limits[name]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.slow
def test_shards_are_as_the_whole() -> None:
    distances = found(started("devices", FIRST, SHARED))
    assert len(distances) > 15
    assert too_far(distances) == {}


@pytest.mark.slow
def test_two_processes_are_as_one() -> None:
    port = str(free_port())
    pair = [started("process", str(number), port) for number in range(2)]
    try:
        results = [found(process) for process in pair]
    finally:
        for process in pair:
            process.kill()
    assert results[1] == {}
    assert {name.split(": ")[1] for name in results[0]} >= {"gradient", "hvp", "λ_min"}
    assert too_far(results[0]) == {}
