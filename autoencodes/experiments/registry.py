"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import classification, mean_field_limit, mnist, unet
from autoencodes.experiments.experiment import Experiment

_ALL = (
    classification.NATURAL,
    classification.UNNATURAL,
    mnist.EXPERIMENT,
    unet.EXPERIMENT,
    mean_field_limit.EXPERIMENT,
)

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""In the order in which they are listed."""
