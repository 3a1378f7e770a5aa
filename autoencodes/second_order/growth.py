"""How far rounding along the flow moves the Hessian's products.

# notation: H Hessian as computed in float64, H' in float32, u uniform on the unit sphere of R^m.
"""

from __future__ import annotations

import math

import jax
import numpy as np
from jax.flatten_util import ravel_pytree

from autoencodes.control import Control
from autoencodes.errors import NumericalFailure
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.second_order.hessian import Hessian

_FACTOR = 10.0
_SAMPLES = 2
RISK = 0.01
"""That the products show less than a tenth of the rounding errors: 0.7 %, rounded up."""
_LINEAR = 0.1
"""The relative difference of the two products up to which errors still grow with the unit of
rounding."""


def growth(
    problem: ControlProblem,
    control: Control,
    measure: EmpiricalMeasure,
    hessian: Hessian,
    batch_size: int,
    seed: int,
) -> tuple[float, bool]:
    """What rounding may move an eigenvalue of H by, and whether that is known.

    A rounding error of one step is carried on by all that follow: an expanding flow multiplies it,
    and no count of operations tells by how much. So the same products are made in float32, whose
    errors are 2^29 times larger and grow alike. For E = H − H' and u drawn uniformly,
    |Eu| ≥ ‖E‖ |<f, u>| with f its leading right singular vector, and √m <f, u> is about N(0, 1):
    √m |Eu| < ‖E‖/10 has the probability 0.08, and for two independent u
      ‖E‖ ≤ 10 √m max |Eu|
    but for a risk of 0.7 %. That float64's errors are 2^-29 times these is an extrapolation, good
    while they are small: where the products differ by a tenth, nothing is known.
    """
    random = np.random.default_rng([seed, 4])
    unit = float(np.finfo(np.float64).eps) / float(np.finfo(np.float32).eps)
    worst, linear = 0.0, True
    for _ in range(_SAMPLES):
        drawn = random.standard_normal(hessian.size)
        # Of float32 numbers, so that the two products are those of one vector.
        vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        wide = np.asarray(hessian(vector.astype(np.float64)), float)
        narrow = _single(problem, control, measure, vector, batch_size)
        difference = float(np.linalg.norm(wide - narrow))
        linear = linear and difference <= _LINEAR * float(np.linalg.norm(wide))
        worst = max(worst, difference) if math.isfinite(difference) else worst
    return _FACTOR * math.sqrt(hessian.size) * worst * unit, linear


def _single(
    problem: ControlProblem,
    control: Control,
    measure: EmpiricalMeasure,
    vector: np.ndarray,
    batch_size: int,
) -> np.ndarray:
    """H' u, as float64 numbers; NaN where it is not finite."""
    with precision(np.float32):
        cast = jax.tree.map(lambda a: np.asarray(a, np.float32), control)
        direction = ravel_pytree(cast)[1](jax.numpy.asarray(vector))
        part = measure.astype(np.float32)
        try:
            product = problem.hvp(cast, part, direction, batch_size)
        except NumericalFailure:
            return np.full(vector.size, np.nan)
        return np.asarray(ravel_pytree(product)[0], np.float64)
