"""What is measured for every latent dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Plain


@dataclass(frozen=True, eq=False)
class LatentResult(Plain):
    """Shares of the variance, (seed, k = 1, 2, ..., d) for every law."""

    error: dict[str, Float[np.ndarray, "seed latent"]]
    """The held-out squared error."""
    objective: dict[str, Float[np.ndarray, "seed latent"]]
    """J, the weight of the control included, on the rows learned from."""
    gain: dict[str, Float[np.ndarray, "seed latent"]]
    """How fast J would fall if the decoder were given what the bottleneck drops."""
    pca: dict[str, Float[np.ndarray, "seed latent"]]
    """The held-out squared error of PCA."""
    truth: dict[str, int]
