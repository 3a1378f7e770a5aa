"""What is measured of the two clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Measured, Stored, gathered, numbered

Values = Float[np.ndarray, "..."]


class Solution(NamedTuple):
    """What the figures show of one field, at all layers or (last three) at ``steps``."""

    x: Float[np.ndarray, " node"]
    psi: Float[np.ndarray, "layer node target"]
    slope: Float[np.ndarray, "layer node target"]
    paths: Float[np.ndarray, "layer particle"]
    costates: Float[np.ndarray, "layer particle"]
    targets: Float[np.ndarray, " particle"]
    control: Float[np.ndarray, "entry step"]
    places: Float[np.ndarray, "shown node"]
    density: Float[np.ndarray, "shown node"]
    """At ``places``."""
    states: Float[np.ndarray, "shown fresh"]


@dataclass(frozen=True, eq=False)
class BimodalResult(Measured):
    """Both fields' solutions, and the errors of ∂_x ψ over the grids by the splines' degree."""

    fields: tuple[str, ...]
    solutions: tuple[Solution, ...]
    errors: tuple[dict[int, Float[np.ndarray, " grid"]], ...]
    steps: tuple[int, ...]

    def stored(self) -> Stored:
        errors = {
            f"errors.{degree}.{k}": values
            for k, by_degree in enumerate(self.errors)
            for degree, values in by_degree.items()
        }
        arrays = numbered(dict(enumerate(self.solutions))) | errors
        return Stored(arrays, {"fields": self.fields, "steps": self.steps})

    @classmethod
    def restored(cls, stored: Stored) -> BimodalResult:
        arrays, facts = stored
        solutions = gathered(Solution, arrays)
        errors: list[dict[int, Values]] = [{} for _ in facts["fields"]]
        for name in arrays:
            if name.startswith("errors."):
                _, degree, k = name.split(".")
                errors[int(k)][int(degree)] = arrays[name]
        return cls(
            tuple(facts["fields"]),
            tuple(solutions[str(k)] for k in range(len(errors))),
            tuple(errors),
            tuple(facts["steps"]),
        )
