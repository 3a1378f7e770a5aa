"""Training: methods that improve a control, and the one loop that runs them.

Those that optax makes are imported from their own files, for optax takes a while to import.
"""

from autoencodes.training.exact_msa import ExactMSA
from autoencodes.training.fit import fit
from autoencodes.training.method import Method
from autoencodes.training.metric import MetricMovement
from autoencodes.training.movement import MinimizingMovement
from autoencodes.training.msa import ExtendedMSA
from autoencodes.training.result import Progress, Result, Resumption
from autoencodes.training.solvers import (
    Anderson,
    Contraction,
    GaussNewton,
    InnerSolver,
    NewtonCG,
    QuasiNewton,
)

__all__ = [
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
