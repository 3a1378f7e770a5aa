"""A U-net as a flow: reconstructions and cleaned images, by memory."""

from __future__ import annotations

from typing import Any

from autoencodes.experiments import Results
from autoencodes.plot.images import grid
from autoencodes.plot.picture import Picture
from autoencodes.plot.words import number


def pictures(results: Results, settings: dict[str, Any]) -> list[Picture]:
    """Reconstructions, and images cleaned of noise."""
    arrays, facts = results.arrays, results.facts
    side = round(arrays["original"].shape[1] ** 0.5)
    plain, cleaned = [("original", arrays["original"])], [("original", arrays["original"])]
    cleaned.append((f"noisy\ntest MSE {number(facts['noisy_error'])}", arrays["noisy"]))
    for memory, (error, from_noisy) in facts["errors"].items():
        plain.append((f"{memory}\ntest MSE {number(error)}", arrays[f"{memory}, reconstruct"]))
        cleaned.append((f"{memory}\ntest MSE {number(from_noisy)}", arrays[f"{memory}, clean"]))
    foot = f"{settings['latent']} components in the bottleneck; MSE per pixel over all test images."
    return [
        Picture(
            "reconstructions",
            grid(plain, (side, side), foot=foot),
            "Test images and their reconstructions, by what happens to a value that is switched "
            "off: forgotten (reset), stored for the decoder to see (skip), kept (hold).",
            "Images of every digit, and below them a row for each memory.",
        ),
        Picture(
            "cleaned",
            grid(cleaned, (side, side), foot=foot),
            "Noisy test images, and what the flows trained to remove the noise make of them.",
            "Images of every digit, noisy ones, and below them a cleaned row for each memory.",
        ),
    ]
