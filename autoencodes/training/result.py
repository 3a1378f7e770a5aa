"""What a training reports while it runs, and its result."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from autoencodes.control import Control

Record = dict[str, Any]
"""A line of the history: numbers by name."""


@dataclass(frozen=True, repr=False)
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
    """The steps of an epoch that is not complete; at its end they become a record."""

    def __repr__(self) -> str:
        arrays = len(jax.tree.leaves(self.state))
        return f"Resumption(step {self.step}, {self.seconds:.1f} s, a state of {arrays} arrays)"


@dataclass(frozen=True, repr=False)
class Progress:
    """What a callback sees after every round of steps.

    Parameters
    ----------
    step, steps : int
        Steps made, and steps to make.
    batches : int
        Steps in an epoch.
    seconds : float
        Since the training began.
    control : Control
        As it is now.
    records : tuple of dict
        The history's new lines.
    resumption : Resumption
        What ``fit(..., resume=...)`` goes on from.

    Examples
    --------
    >>> seen = []
    >>> watch = lambda now: seen.append(now.step)
    >>> _ = ac.fit(problem, theta, rows, method=ac.Adam(0.1), steps=3, callback=watch)
    >>> seen[-1]
    3
    """

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

    def __repr__(self) -> str:
        objective = f"J {self.records[-1]['objective']:.6g}, " if self.records else ""
        return (
            f"Progress(step {self.step} of {self.steps}, {self.seconds:.1f} s, {objective}"
            f"control of {_size(self.control)})"
        )


@dataclass(frozen=True, repr=False)
class Result:
    """The result of a training.

    ``converged`` says whether the PMP residual fell to the tolerance, ``reason`` why the
    training ended, in words. ``control`` is finite in any case; where a method failed and lost
    its own, it is the best one that is known: on mini-batches that of the epoch's beginning with
    the least objective seen. ``resumption`` lets a later ``fit`` go on from here.

    Parameters
    ----------
    control : Control
    history : list of dict
        One an epoch, of numbers by name: see ``fit``.
    converged, interrupted, failed : bool
        Why it ended; none of them where all steps were made.
    reason : str
    resumption : Resumption

    Examples
    --------
    >>> result = ac.fit(problem, theta, rows, method=ac.Adam(0.1), steps=3)
    >>> result.reason
    'budget spent: all 3 steps were made'
    >>> result.converged, result.interrupted, result.failed
    (False, False, False)
    """

    control: Control
    history: list[Record]
    converged: bool
    interrupted: bool
    failed: bool
    reason: str
    resumption: Resumption

    def __repr__(self) -> str:
        lines = [f"  {name:<10} {value}" for name, value in self._rows()]
        return "\n".join([*textwrap.wrap(f"Result: {self.reason}", 98), *lines])

    def _repr_html_(self) -> str:
        cells = [
            f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in (("reason", self.reason), *self._rows())
        ]
        return f"<table>{''.join(cells)}</table>"

    def _rows(self) -> list[tuple[str, str]]:
        """What a reader of the result wants to know, line by line."""
        at = self.resumption
        work = f"{at.gradient_evaluations} gradient evaluations, {at.seconds:.1f} s"
        rows = [("steps", f"{at.step}, {work}"), ("control", _size(self.control))]
        for name in ("residual", "terminal_cost", "objective"):
            if self.history and name in self.history[-1]:
                rows.insert(1, (name.split("_")[-1], f"{self.history[-1][name]:.6g}"))
        return rows


def _size(control: Control) -> str:
    """How large a control is, in words."""
    leaves = jax.tree.leaves(control)
    kind = np.dtype(leaves[0].dtype).name
    return f"{sum(np.size(a) for a in leaves):,} entries in {len(control)} blocks, {kind}"


Callback = Callable[[Progress], bool | None]
