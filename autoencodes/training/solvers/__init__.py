"""Inner solvers: how the strongly convex problem of one movement is solved."""

from autoencodes.training.solvers.anderson import Anderson as Anderson
from autoencodes.training.solvers.choice import choose as choose
from autoencodes.training.solvers.contraction import Contraction as Contraction
from autoencodes.training.solvers.gauss_newton import GaussNewton as GaussNewton
from autoencodes.training.solvers.newton_cg import NewtonCG as NewtonCG
from autoencodes.training.solvers.quasi_newton import QuasiNewton as QuasiNewton
from autoencodes.training.solvers.solver import Inner as Inner
from autoencodes.training.solvers.solver import InnerSolver as InnerSolver

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
