"""The paper's experiments and the mean-field theory's: one file for each, which never draws.

A frozen configuration, and ``run(settings, notebook)``, which gives Results; what they look like is
the business of ``report``.
"""

from autoencodes.experiments.conduct import conduct as conduct
from autoencodes.experiments.conduct import find as find
from autoencodes.experiments.conduct import place as place
from autoencodes.experiments.experiment import Experiment as Experiment
from autoencodes.experiments.experiment import Results as Results
from autoencodes.experiments.experiment import Settings as Settings
from autoencodes.experiments.folder import ExperimentFolder as ExperimentFolder
from autoencodes.experiments.motion import Motion as Motion
from autoencodes.experiments.registry import EXPERIMENTS as EXPERIMENTS
from autoencodes.experiments.table import Table as Table

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "ExperimentFolder",
    "Motion",
    "Results",
    "Settings",
    "Table",
    "conduct",
    "find",
    "place",
]
