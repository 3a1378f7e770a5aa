"""What is seen of MNIST's flow, and of the models beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule

Images = Float[np.ndarray, "image pixel"]
Layers = Float[np.ndarray, " layer"]
Classes = Float[np.ndarray, "layer class"]


@dataclass(frozen=True, eq=False)
class MnistResult(Plain):
    """Images of every digit, what models make of them, latent values, and layers' statistics."""

    originals: Images
    reconstructions: Images
    plain: Images
    """The fully connected autoencoder's reconstructions."""
    pca: Images
    latent: Float[np.ndarray, "row latent"]
    latent_labels: Int[np.ndarray, " row"]
    between: Float[np.ndarray, "pair step pixel"]
    """From one digit to another, for each of ``pairs``."""
    mean: Classes
    deviation: Classes
    entropy: Layers
    dimensions: Layers
    widths: Int[np.ndarray, " layer"]
    strip: Float[np.ndarray, "epoch image pixel"]
    """Reconstructions over the training, at ``strip_epochs``."""
    strip_epochs: Num[np.ndarray, " epoch"]
    schedule: WidthSchedule
    pairs: tuple[tuple[int, int] | list[int], ...]
    errors: dict[str, float]
