"""Schedules as results hold them."""

from __future__ import annotations

from typing import Any

from autoencodes.flow.schedule import Block, WidthSchedule


def schedule(written: dict[str, Any]) -> WidthSchedule:
    """The schedule whose ``asdict`` was written as JSON."""
    blocks = [Block(tuple(block["active"]), block["steps"]) for block in written["blocks"]]
    return WidthSchedule(**{**written, "blocks": blocks})
