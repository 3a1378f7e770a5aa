"""What is measured of the two clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain

Values = Float[np.ndarray, "..."]


class FieldSolution(NamedTuple):
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
class BimodalResult(Plain):
    """Both fields' solutions, and the errors of ∂_x ψ over the grids by the splines' degree."""

    fields: tuple[str, ...]
    solutions: tuple[FieldSolution, ...]
    errors: dict[tuple[int, int], Float[np.ndarray, " grid"]]
    """By degree and place of the field."""
    steps: tuple[int, ...]
