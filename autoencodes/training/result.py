"""What a training tells while it runs, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autoencodes.control import Control

Record = dict[str, Any]
"""A line of the history: numbers by name."""


@dataclass(frozen=True)
class Resumption:
    """Where a training stands: what ``fit(..., resume=...)`` goes on from, bit for bit.

    Of ``state`` only the arrays matter, in the order of ``jax.tree.leaves``: a list of
    them, as a file may hold it, does as well.
    """

    state: Any
    step: int = 0
    gradient_evaluations: int = 0
    seconds: float = 0.0
    pending: tuple[Record, ...] = ()
    """The steps of an epoch that has begun, until it ends and becomes a record."""


@dataclass(frozen=True)
class Progress:
    """What a callback sees after every round of steps."""

    step: int
    steps: int
    batches: int
    """Steps in an epoch."""
    seconds: float
    control: Control
    records: tuple[Record, ...]
    """The history's new records; a callback may add entries to the last one, which belongs to
    ``control`` (Adam's own numbers were taken before its last update)."""
    resumption: Resumption


@dataclass(frozen=True)
class Result:
    """What a training came to.

    ``converged`` tells whether the PMP residual fell to the tolerance, ``reason`` why the
    training ended, in words. ``control`` is finite in any case; where a method failed on
    mini-batches and lost its own, it is that of the last epoch's beginning whose objective was
    seen to be finite. ``resumption`` lets a later
    ``fit`` go on from here.
    """

    control: Control
    history: list[Record]
    converged: bool
    interrupted: bool
    failed: bool
    reason: str
    resumption: Resumption


Callback = Callable[[Progress], bool | None]
