"""What each experiment looks like: a file for each, named as in ``autoencodes.experiments``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autoencodes.experiments import Results
from autoencodes.report.experiments import classification, mean_field_limit, mnist, unet
from autoencodes.report.picture import Picture

PICTURES: dict[str, Callable[[Results, dict[str, Any]], list[Picture]]] = {
    "classification-natural": classification.pictures,
    "classification-unnatural": classification.pictures,
    "mnist": mnist.pictures,
    "u-net": unet.pictures,
    "mean-field-limit": mean_field_limit.pictures,
}
"""By the experiment's name: results and settings to pictures, within ``style.context()``."""
