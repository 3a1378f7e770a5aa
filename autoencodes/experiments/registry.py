"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import classification
from autoencodes.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment for experiment in (classification.NATURAL, classification.UNNATURAL)
}
"""In the order in which they are listed."""
