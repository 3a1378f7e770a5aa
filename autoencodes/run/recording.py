"""What is recorded along a training on request: curvature, residual, size of the control.

# notation: λ_min, λ_max ends of the spectrum of J's Hessian in L², θ control.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from autoencodes.control import Control, norm
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian

_PARTICLES = 2000
_PRODUCTS = 60
_DIGITS = 2
_GROWTH = 1.15
"""Steps from one measurement to the next, as a ratio: as many early in a training as late."""


class Course:
    """Measures a training's control now and then, on at most 2,000 of its particles.

    An entry of the history then has ``lambda_min`` and ``lambda_max`` with their
    ``lambda_min_error`` and ``lambda_max_error`` (an eigenvalue lies within it; two digits,
    or 60 products), ``residual``, the PMP residual, and ``control_norm``, ‖θ‖. Steps between
    two measurements grow by 15 %.
    """

    def __init__(self, problem: ControlProblem, measure: EmpiricalMeasure) -> None:
        measure = measure.gathered()
        rows = np.arange(measure.size)
        if measure.size > _PARTICLES:
            rows = np.sort(np.random.default_rng(0).permutation(rows)[:_PARTICLES])
        self._problem = problem
        self._measure = EmpiricalMeasure(
            np.asarray(measure.x)[rows],
            None if measure.reconstructs else np.asarray(measure.y)[rows],
            np.asarray(measure.weights)[rows],
        )
        self._next = 0

    def measured(self, step: int, control: Control) -> dict[str, Any]:
        """The entries for a step's record; none where it is not yet time."""
        if step < self._next:
            return {}
        self._next = max(step + 1, int(step * _GROWTH))
        try:
            return self._measured(control)
        except (ArithmeticError, np.linalg.LinAlgError):  # numbers that overflow: no measurement
            return {}

    def _measured(self, control: Control) -> dict[str, Any]:
        dtype = jnp.result_type(*[leaf for block in control for leaf in block.values()])
        part = self._measure.astype(dtype)
        spectrum = curvature(
            Hessian(self._problem, control, part),
            digits=_DIGITS,
            stop=lambda search: search.products >= _PRODUCTS,
        )
        return {
            "lambda_min": spectrum.smallest.value,
            "lambda_min_error": spectrum.smallest.error,
            "lambda_max": spectrum.largest.value,
            "lambda_max_error": spectrum.largest.error,
            "residual": float(self._problem.pmp_residual(control, part)),
            "control_norm": float(norm(control, self._problem.flow.schedule.step_size)),
        }
