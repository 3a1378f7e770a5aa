"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import bimodal, classification, depth_limit, mnist, parabola, unet
from autoencodes.experiments.experiment import Experiment

_ALL = (
    classification.NATURAL,
    classification.UNNATURAL,
    parabola.EXPERIMENT,
    bimodal.EXPERIMENT,
    depth_limit.EXPERIMENT,
    mnist.EXPERIMENT,
    unet.EXPERIMENT,
)

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""In the order in which they are listed."""
