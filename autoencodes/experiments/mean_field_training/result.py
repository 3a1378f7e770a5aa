"""What is measured of particles and grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain

Values = Float[np.ndarray, "..."]


class Course(NamedTuple):
    """What the figures show of one field, for the first seed."""

    ours: Float[np.ndarray, "iteration step dim entry"]
    """θ by movement, on the particles."""
    shooting: Float[np.ndarray, "iteration step dim entry"]
    """θ by shooting, with the particles' own costates."""
    grid: Float[np.ndarray, "iteration step dim entry"]
    """θ by shooting, on the grid."""
    paths: Float[np.ndarray, "layer particle dim"]
    targets: Float[np.ndarray, "particle dim"]
    costates: Float[np.ndarray, "layer particle dim"]
    psi: Float[np.ndarray, "layer target ..."]
    """On the nodes, at the particles' minimiser."""
    density: Float[np.ndarray, "layer ..."]
    """On the nodes, by differences."""
    places: Values
    exact: Values
    """The density at ``places`` by change of variables, in one dimension: (layer, node)."""


@dataclass(frozen=True, eq=False)
class MeanFieldResult(Plain):
    """Both fields' courses, and the grid."""

    fields: tuple[str, ...]
    courses: tuple[Course, ...]
    nodes: Float[np.ndarray, " node"]
    times: Float[np.ndarray, " layer"]
