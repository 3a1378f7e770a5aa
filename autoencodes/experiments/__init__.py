"""The paper's experiments and the mean-field theory's: a folder for each, and what they share.

In a folder: ``problem``, its settings and ``run(settings, notebook)``, which never draws;
``result``, what was measured, as types, and how it is stored; ``pictures``, what it looks like.
"""

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.experiments.conduct import conduct, place
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results
from autoencodes.experiments.folder import ExperimentFolder
from autoencodes.experiments.storing import Measured, Plain, Stored
from autoencodes.experiments.table import ResultTable

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "ExperimentFolder",
    "ExperimentSettings",
    "Measured",
    "Plain",
    "ResultTable",
    "Results",
    "Stored",
    "conduct",
    "place",
]
