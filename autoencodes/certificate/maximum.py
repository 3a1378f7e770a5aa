"""The maximum principle in full: whether each θ_l maximises its Hamiltonian, as far as was tried.

# notation: H_l Hamiltonian of step l, η its candidate control, L number of steps.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled

_STARTS = 3
_ITERATIONS = 60


@dataclass(frozen=True)
class Maximality:
    """Steps whose Hamiltonian is larger at another control than at θ_l, of ``steps``.

    ``exceeded`` is their number, ``gain`` the largest H_l(η) − H_l(θ_l) that was seen; ``starts``
    ascents were made for every step, over ``particles``. That none was seen does not prove that
    there is none.
    """

    exceeded: int
    steps: int
    gain: float
    starts: int
    particles: int


def maximality(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure, seed: int
) -> Maximality:
    """Ascends every Hamiltonian by L-BFGS, from θ_l and from random controls of its size.

    States and costates stay those of the control, so that the steps' Hamiltonians are independent
    of each other: the ascents of all are one, that of their sum.
    """
    optimize: Any = importlib.import_module("scipy.optimize")

    here = np.asarray(problem.hamiltonian(control, measure), float)
    flat, unravel = ravel_pytree(control)
    start = np.asarray(flat, float)
    size = float(np.sqrt(np.mean(start**2))) or 1.0
    random = np.random.default_rng([seed, 6])
    best = here.copy()

    def downhill(entries: np.ndarray) -> tuple[float, np.ndarray]:
        values, slope = _ascent(problem, control, measure, unravel(jnp.asarray(entries)))
        found = np.asarray(values, float)
        np.fmax(best, found, out=best)
        return -float(found.sum()), -np.asarray(ravel_pytree(slope)[0], float)

    for k in range(_STARTS):
        begin = start + 2 * k * size * random.standard_normal(start.size)
        optimize.minimize(
            downhill, begin, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
        )
    gains = best - here
    noise = 1e-9 * np.maximum(np.abs(here), np.abs(best))
    exceeded = int(np.sum(gains > noise))
    return Maximality(exceeded, len(here), float(gains.max()), _STARTS, measure.size)


@compiled
def _ascent(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure, candidate: Control
) -> tuple[Float[Array, " step"], Any]:
    """All H_l(η_l), and the slope of their sum."""

    def total(eta: Control) -> tuple[Any, Any]:
        values = problem.hamiltonian(control, measure, eta)
        return jnp.sum(values), values

    (_, values), slope = jax.value_and_grad(total, has_aux=True)(candidate)
    return values, slope
