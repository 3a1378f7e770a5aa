"""A U-net as a flow: reconstructions and cleaned images, by memory."""

from __future__ import annotations

from autoencodes.experiments import Results
from autoencodes.experiments.unet.problem import UnetSettings
from autoencodes.experiments.unet.result import UnetResult
from autoencodes.plot.images import grid
from autoencodes.plot.picture import Picture
from autoencodes.plot.words import number

_FATES = {
    "reset": "forgotten (reset)",
    "skip": "stored for the decoder to see (skip)",
    "hold": "kept (hold)",
}


def pictures(results: Results[UnetResult], settings: UnetSettings) -> list[Picture]:
    """Reconstructions, and images cleaned of noise."""
    result = results.measured
    side = round(result.original.shape[1] ** 0.5)
    plain, cleaned = [("original", result.original)], [("original", result.original)]
    cleaned.append((f"noisy\ntest MSE {number(result.noisy_error)}", result.noisy))
    for name, memory in result.memories.items():
        plain.append((f"{name}\ntest MSE {number(memory.error)}", memory.reconstructed))
        cleaned.append((f"{name}\ntest MSE {number(memory.cleaning_error)}", memory.cleaned))
    foot = f"{settings.latent} components in the bottleneck; MSE per pixel over all test images."
    fates = ", ".join(_FATES[name] for name in result.memories)
    return [
        Picture(
            "reconstructions",
            grid(plain, (side, side), foot=foot),
            "Test images and their reconstructions, by what happens to a value that is switched "
            f"off: {fates}.",
            "Images of every digit, and below them a row for each memory.",
        ),
        Picture(
            "cleaned",
            grid(cleaned, (side, side), foot=foot),
            "Noisy test images, and what the flows trained to remove the noise make of them.",
            "Images of every digit, noisy ones, and below them a cleaned row for each memory.",
        ),
    ]
