"""Every public constructor and entry point takes every kind of right number, and no wrong one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOMS = (
    "certificate", "control", "cost", "datasets", "fields", "flow", "measure", "model",
    "pontryagin", "schemes", "training",
)  # fmt: skip


@pytest.fixture(scope="module")
def faults() -> list[tuple[str, str]]:
    """What the walk has to say, as (room, fault)."""
    walk = [sys.executable, "-W", "error", str(Path(__file__).with_name("walk.py"))]
    done = subprocess.run(walk, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [tuple(fault) for fault in json.loads(done.stdout)]


@pytest.mark.parametrize("room", ROOMS)
def test_wrong_numbers_are_refused_by_name_and_right_ones_taken(
    room: str, faults: list[tuple[str, str]]
) -> None:
    assert [fault for where, fault in faults if where == room] == []


def test_every_room_is_walked(faults: list[tuple[str, str]]) -> None:
    assert {room for room, _ in faults} <= set(ROOMS)
