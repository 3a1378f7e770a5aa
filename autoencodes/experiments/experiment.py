"""What an experiment is: a frozen configuration, a computation in parts, and its results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from autoencodes.experiments.motion import Motion
from autoencodes.experiments.notebook import Notebook
from autoencodes.experiments.table import Table


class Settings(BaseModel):
    """An experiment's configuration: frozen, typed, unknown entries refused.

    Each experiment derives its own, whose defaults are the full run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Results:
    """What came out, all that a report needs.

    Parameters
    ----------
    sentence : str
        The result, with its main figures.
    tables : dict
        The first is the one that the report opens with.
    arrays : dict
        What the figures are drawn from; finite numbers.
    facts : dict
        JSON values, beside the arrays.
    motions : tuple of Motion
        Flows to be looked at.
    certificates : dict
        ``Certificate.lines()`` by the name of the control that is certified.
    notes : tuple of str
        What a reader has to know: starts that failed, what was left out, and why.
    """

    sentence: str
    tables: dict[str, Table]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    motions: tuple[Motion, ...] = ()
    certificates: dict[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """A result of the paper or of the theory, as a computation that anyone can repeat.

    Parameters
    ----------
    name : str
    shows : str
        One line.
    full, quick : Settings
        The configurations of the two runs; quick ends within a minute on two cores.
    takes : tuple of str
        How long the two take, on two cores.
    run : callable
        Settings and a notebook to Results. It never draws.
    precision : str
        "float64" or "float32": that of everything within ``run``.
    """

    name: str
    shows: str
    full: Settings
    quick: Settings
    takes: tuple[str, str]
    run: Callable[[Any, Notebook], Results]
    precision: str = "float64"
