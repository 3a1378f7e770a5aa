"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import bimodal, classification, depth_limit, parabola
from autoencodes.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        classification.NATURAL,
        classification.UNNATURAL,
        bimodal.EXPERIMENT,
        depth_limit.EXPERIMENT,
        parabola.EXPERIMENT,
    )
}
"""In the order in which they are listed."""
