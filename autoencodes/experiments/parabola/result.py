"""What the parabola's reconstruction measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule


@dataclass(frozen=True, eq=False)
class ParabolaResult(Plain):
    """Places s on the parabola, their latent values, and what each decoder makes of these."""

    s: Float[np.ndarray, " place"]
    latent: Float[np.ndarray, " place"]
    decoded: Float[np.ndarray, "decoder place 2"]
    decoders: tuple[str, ...]
    """Names, the encoder's own first."""
    schedule: WidthSchedule
