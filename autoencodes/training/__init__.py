"""Training: methods that improve a control, and the one loop that runs them."""

from autoencodes.training.adam import Adam as Adam
from autoencodes.training.adamw import AdamW as AdamW
from autoencodes.training.exact_msa import ExactMSA as ExactMSA
from autoencodes.training.fit import fit as fit
from autoencodes.training.lbfgs import LBFGS as LBFGS
from autoencodes.training.method import Method as Method
from autoencodes.training.metric import MetricMovement as MetricMovement
from autoencodes.training.movement import MinimizingMovement as MinimizingMovement
from autoencodes.training.msa import ExtendedMSA as ExtendedMSA
from autoencodes.training.result import Progress as Progress
from autoencodes.training.result import Result as Result
from autoencodes.training.result import Resumption as Resumption
from autoencodes.training.sgd import SGD as SGD
from autoencodes.training.solvers import Anderson as Anderson
from autoencodes.training.solvers import Contraction as Contraction
from autoencodes.training.solvers import GaussNewton as GaussNewton
from autoencodes.training.solvers import InnerSolver as InnerSolver
from autoencodes.training.solvers import NewtonCG as NewtonCG
from autoencodes.training.solvers import QuasiNewton as QuasiNewton

__all__ = [
    "LBFGS",
    "SGD",
    "Adam",
    "AdamW",
    "Anderson",
    "Contraction",
    "ExactMSA",
    "ExtendedMSA",
    "GaussNewton",
    "InnerSolver",
    "Method",
    "MetricMovement",
    "MinimizingMovement",
    "NewtonCG",
    "Progress",
    "QuasiNewton",
    "Result",
    "Resumption",
    "fit",
]
