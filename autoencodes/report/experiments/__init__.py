"""What each experiment looks like: a file for each, named as in ``autoencodes.experiments``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autoencodes.experiments import Results
from autoencodes.report.experiments import (
    bimodal,
    classification,
    depth_limit,
    mnist,
    parabola,
    unet,
)
from autoencodes.report.picture import Picture

PICTURES: dict[str, Callable[[Results, dict[str, Any]], list[Picture]]] = {
    "classification-natural": classification.pictures,
    "classification-unnatural": classification.pictures,
    "bimodal-1d": bimodal.pictures,
    "depth-limit": depth_limit.pictures,
    "parabola": parabola.pictures,
    "mnist": mnist.pictures,
    "u-net": unet.pictures,
}
"""By the experiment's name: results and settings to pictures, within ``style.context()``."""
