"""Which inner solver serves which problem."""

from __future__ import annotations

import math

import jax

from autoencodes.catalogue import SOLVERS
from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.solvers.gauss_newton import GaussNewton
from autoencodes.training.solvers.quasi_newton import QuasiNewton
from autoencodes.training.solvers.solver import InnerSolver

_FEW_CONTROLS = 600
_FEW_OUTPUTS = 8


def choose(inner: str | InnerSolver, problem: ControlProblem, control: Control) -> InnerSolver:
    """The solver of a name, the given one itself, or for ``auto`` the one that fits the size.

    Gauss-Newton's model costs d backward sweeps and an m × m matrix a movement, and pays with
    movements that are few: it is taken for m ≤ 600 entries of the control and d ≤ 8 components.
    Beyond, the quasi-Newton model costs one sweep and 40 vectors.
    """
    if isinstance(inner, InnerSolver):
        return inner
    if inner != "auto":
        solver: InnerSolver = SOLVERS[inner]()
        return solver
    entries = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(control))
    few = entries <= _FEW_CONTROLS and problem.flow.schedule.dim <= _FEW_OUTPUTS
    return GaussNewton() if few else QuasiNewton()
