"""What the parabola's reconstruction measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule


@dataclass(frozen=True)
class Trained:
    """One network trained from one seed."""

    activation: str
    steps: str
    layers: int
    seed: int
    fresh_cost: float
    objective: float
    norm: float
    reach: float
    """The largest |component| of a fresh particle on its way."""
    residual: float
    lambda_min: float
    convex: bool
    """Whether λ_min(H) > 0 within its bounds."""
    starts: int

    @property
    def network(self) -> str:
        """In words."""
        return f"{self.activation}, {self.steps}"


@dataclass(frozen=True, eq=False)
class ParabolaResult(Plain):
    """Places s on the parabola, their latent values, and what each decoder makes of these."""

    s: Float[np.ndarray, " place"]
    latent: Float[np.ndarray, " place"]
    decoded: Float[np.ndarray, "decoder place 2"]
    decoders: tuple[str, ...]
    """Names, the encoder's own first."""
    schedule: WidthSchedule
    networks: tuple[Trained, ...]
    """All trainings, those of the first network first."""
