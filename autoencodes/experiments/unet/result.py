"""What the U-net's trainings measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Measured, Stored

Images = Float[np.ndarray, "image pixel"]


class Memory(NamedTuple):
    """One memory: what its flows make of the images and of the noisy ones; errors per pixel."""

    reconstructed: Images
    cleaned: Images
    error: float
    cleaning_error: float


@dataclass(frozen=True, eq=False)
class UnetResult(Measured):
    """An image of every class, without and with noise, and what each memory makes of them."""

    original: Images
    noisy: Images
    noisy_error: float
    memories: dict[str, Memory]

    def stored(self) -> Stored:
        arrays = {"original": self.original, "noisy": self.noisy}
        for name, memory in self.memories.items():
            arrays[f"{name}, reconstruct"] = memory.reconstructed
            arrays[f"{name}, clean"] = memory.cleaned
        errors = {name: [m.error, m.cleaning_error] for name, m in self.memories.items()}
        return Stored(arrays, {"noisy_error": self.noisy_error, "errors": errors})

    @classmethod
    def restored(cls, stored: Stored) -> UnetResult:
        arrays, facts = stored
        memories = {
            name: Memory(arrays[f"{name}, reconstruct"], arrays[f"{name}, clean"], *errors)
            for name, errors in facts["errors"].items()
        }
        return cls(arrays["original"], arrays["noisy"], facts["noisy_error"], memories)
