"""How far rounding along the flow moves the Hessian's products.

# notation: H Hessian as computed in float64, H' in float32, u uniform on the unit sphere of R^m.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Key

from autoencodes.control import Control
from autoencodes.errors import NumericalFailure
from autoencodes.fields.field import ControlledField, StepControl
from autoencodes.flow.flow import Flow
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

    Where tanh is flat float32 rounds it to 1 and errs less than its unit: the slope 1 − y² is then
    exactly 0, while in float64 it is lost to rounding, and is multiplied all the same. So another
    product is made in float64 with slopes that err by float32's unit everywhere: of the field
    F + ε F', F' the same with sin in the place of tanh.
    """
    random = np.random.default_rng([seed, 4])
    unit = float(np.finfo(np.float64).eps) / float(np.finfo(np.float32).eps)
    worst, linear, rough = 0.0, True, _roughened(problem)
    for _ in range(_SAMPLES):
        drawn = random.standard_normal(hessian.size)
        # Of float32 numbers, so that the two products are those of one vector.
        vector = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        wide = np.asarray(hessian(vector.astype(np.float64)), float)
        others = [_product(problem, control, measure, vector, batch_size, np.float32)]
        if rough is not None:
            others.append(_product(rough, control, measure, vector, batch_size, np.float64))
        for other in others:
            difference = float(np.linalg.norm(wide - other))
            linear = linear and difference <= _LINEAR * float(np.linalg.norm(wide))
            worst = max(worst, difference) if math.isfinite(difference) else worst
    return _FACTOR * math.sqrt(hessian.size) * worst * unit, linear


class _Sum(ControlledField):
    """F + ε F'."""

    one: ControlledField
    other: ControlledField

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        small = float(np.finfo(np.float32).eps)
        return self.one.velocity(t, x, theta) + small * self.other.velocity(t, x, theta)

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        return self.one.init(key, width, scale, seen)


def _roughened(problem: ControlProblem) -> ControlProblem | None:
    """The problem of F + ε F'; None where no field has an activation that saturates."""
    flow = problem.flow
    given = flow.field if isinstance(flow.field, tuple) else (flow.field,)
    waving = [_waving(field) for field in given]
    if all(other is None for other in waving):
        return None
    rough = tuple(
        one if other is None else _Sum(one, other) for one, other in zip(given, waving, strict=True)
    )
    field = rough if isinstance(flow.field, tuple) else rough[0]
    return ControlProblem(
        Flow(flow.schedule, field, flow.scheme), problem.cost, problem.tikhonov, problem.checkpoint
    )


def _waving(field: Any) -> ControlledField | None:
    """A field with sin in the place of tanh, in it or in a field within it."""
    if getattr(field, "activation", None) == "tanh":
        return replace(field, activation="sin")
    inner = getattr(field, "field", None)
    other = _waving(inner) if isinstance(inner, ControlledField) else None
    return None if other is None else replace(field, field=other)


def _product(
    problem: ControlProblem,
    control: Control,
    measure: EmpiricalMeasure,
    vector: np.ndarray,
    batch_size: int,
    dtype: Any,
) -> np.ndarray:
    """H' u, as float64 numbers; NaN where it is not finite."""
    with precision(dtype):
        cast = jax.tree.map(lambda a: np.asarray(a, dtype), control)
        direction = ravel_pytree(cast)[1](jax.numpy.asarray(vector, dtype))
        part = measure.astype(dtype)
        try:
            product = problem.hvp(cast, part, direction, batch_size)
        except NumericalFailure:
            return np.full(vector.size, np.nan)
        return np.asarray(ravel_pytree(product)[0], np.float64)
