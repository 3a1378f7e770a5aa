"""Inner solvers: how the strongly convex problem of one movement is solved."""

from autoencodes.training.solvers.anderson import Anderson
from autoencodes.training.solvers.choice import choose
from autoencodes.training.solvers.contraction import Contraction
from autoencodes.training.solvers.gauss_newton import GaussNewton
from autoencodes.training.solvers.newton_cg import NewtonCG
from autoencodes.training.solvers.quasi_newton import QuasiNewton
from autoencodes.training.solvers.solver import Inner, InnerSolver

__all__ = [
    "Anderson",
    "Contraction",
    "GaussNewton",
    "Inner",
    "InnerSolver",
    "NewtonCG",
    "QuasiNewton",
    "choose",
]
