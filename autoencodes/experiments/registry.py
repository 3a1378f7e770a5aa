"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import classification, hessian_table, tikhonov_sweep
from autoencodes.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        classification.NATURAL,
        classification.UNNATURAL,
        hessian_table.TABLE,
        tikhonov_sweep.SWEEP,
    )
}
"""In the order in which they are listed."""
