"""What is measured of PolyNODE's tasks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain


@dataclass(frozen=True, eq=False)
class PolyNodeResult(Plain):
    """By task: of every seed the errors, of the first its fresh rows and their reconstructions."""

    errors: dict[str, Float[np.ndarray, "seed measure"]]
    """Mean and largest Euclidean error over the diameter; share out of order; seconds."""
    rows: dict[str, Float[np.ndarray, "row dim"]]
    reconstructed: dict[str, Float[np.ndarray, "row dim"]]
