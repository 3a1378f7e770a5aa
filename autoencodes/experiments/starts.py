"""Random starts, one after the other, until one arrives; laws' fresh particles; distinct ends.

A training from a random control may end at a saddle or at a poor minimum. Its loss on the
particles trained on shows that; it is reported, and another start is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from autoencodes.control import Control
from autoencodes.datasets.laws import sample
from autoencodes.experiments.notebook import Notebook
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.training import MinimizingMovement

_FRESH = 10_000
"""Added to a seed for particles that no training has seen."""


def fresh_sample(law: str, size: int, seed: int) -> tuple[EmpiricalMeasure, Any]:
    """Particles of a law for a seed's tests, beside ``sample(law, size, seed)``; their labels."""
    x, y, labels = sample(law, size, _FRESH + seed)
    return EmpiricalMeasure(x, y), labels


@dataclass(frozen=True)
class Arrival:
    """The best of the starts that were made."""

    control: Control
    starts: int
    """How many were made."""
    failures: list[str]
    """A sentence for each that did not arrive."""


def first_to_arrive(
    problem: ControlProblem,
    measure: EmpiricalMeasure,
    notebook: Notebook,
    *,
    seed: int,
    scale: float,
    steps: int,
    starts: int,
    loss: Callable[[Control], float],
    enough: float,
    described: Callable[[float], str],
) -> Arrival:
    """Trains from up to ``starts`` random controls, until ``loss`` is at most ``enough``.

    ``described`` says in words what a loss means. Where none arrives, that of least loss is kept.
    """
    arrivals: list[tuple[float, Control]] = []
    failures: list[str] = []
    for start in range(starts):
        key = jax.random.fold_in(jax.random.key(seed), start)
        initial = problem.flow.init(key, scale=scale)
        method = MinimizingMovement()
        result = notebook.fit(problem, initial, measure, method=method, steps=steps)
        value = np.inf if result.failed else loss(result.control)
        arrivals.append((float(value), result.control))
        if value <= enough:
            break
        how = "failed" if result.failed else f"ended with {described(value)}"
        remaining = start + 1 < starts
        failures.append(
            f"start {start + 1} {how} ({result.reason}); "
            + ("restarted from another" if remaining else "no start remains, the best one is kept")
        )
    _, control = min(arrivals, key=lambda pair: pair[0])
    return Arrival(control, len(arrivals), failures)


def distinct(points: Float[np.ndarray, "point entry"], apart: float) -> list[list[int]]:
    """Groups of points in the given order: a point joins the first group whose first point is
    within ``apart`` of it.
    """
    groups: list[list[int]] = []
    for k, point in enumerate(points):
        near = [g for g in groups if np.linalg.norm(points[g[0]] - point) <= apart]
        if near:
            near[0].append(k)
        else:
            groups.append([k])
    return groups
