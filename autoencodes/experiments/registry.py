"""The experiments, by name."""

from __future__ import annotations

from autoencodes.experiments import (
    bimodal,
    classification,
    depth_limit,
    hessian_table,
    mean_field_limit,
    mnist,
    parabola,
    tikhonov_sweep,
    unet,
)
from autoencodes.experiments.experiment import Experiment

_ALL = (
    classification.NATURAL,
    classification.UNNATURAL,
    parabola.EXPERIMENT,
    hessian_table.EXPERIMENT,
    mnist.EXPERIMENT,
    mean_field_limit.EXPERIMENT,
    tikhonov_sweep.EXPERIMENT,
    bimodal.EXPERIMENT,
    depth_limit.EXPERIMENT,
    unet.EXPERIMENT,
)

EXPERIMENTS: dict[str, Experiment] = {experiment.name: experiment for experiment in _ALL}
"""In the order in which they are listed."""
