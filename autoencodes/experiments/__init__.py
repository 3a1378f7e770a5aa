"""The paper's experiments and the mean-field theory's: a folder for each, and what they share.

In a folder: ``problem``, its settings and ``run(settings, notebook)``, which never draws;
``result``, what was measured, as types, and how it is stored; ``pictures``, what it looks like.
"""

from autoencodes.catalogue import EXPERIMENTS as EXPERIMENTS
from autoencodes.experiments.conduct import conduct as conduct
from autoencodes.experiments.conduct import place as place
from autoencodes.experiments.experiment import Experiment as Experiment
from autoencodes.experiments.experiment import ExperimentSettings as ExperimentSettings
from autoencodes.experiments.experiment import Results as Results
from autoencodes.experiments.folder import ExperimentFolder as ExperimentFolder
from autoencodes.experiments.storing import Measured as Measured
from autoencodes.experiments.storing import Plain as Plain
from autoencodes.experiments.storing import Stored as Stored
from autoencodes.experiments.table import ResultTable as ResultTable

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
