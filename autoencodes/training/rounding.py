"""What rounding hides: how small a change of a control, or of an objective, means nothing."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.control import Control, norm
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streamed import Measure
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Point

ROUNDING = 64
"""How many single rounding errors a sum over particles and steps may show."""


def extent(measure: Measure) -> Float[Array, ""]:
    """The root mean square of the particles: what their rounding errors are relative to."""

    def squared(part: EmpiricalMeasure) -> Float[Array, ""]:
        return jnp.vdot(part.weights, jnp.sum(jnp.asarray(part.x) ** 2, axis=1))

    return jnp.sqrt(measure.integrate(squared))


def resolution(
    problem: ControlProblem, control: Control, extent: Float[Array, ""]
) -> Float[Array, ""]:
    """The size of changes of a control that rounding hides.

    Relative to the control, ε ‖θ‖; and whatever the control, a change that moves particles
    by less than ε |x|: one of L² norm ε |x| / √T for F = θ.
    """
    schedule = problem.flow.schedule
    least = extent / schedule.horizon**0.5
    epsilon = np.finfo(extent.dtype).eps
    return epsilon * jnp.maximum(norm(control, schedule.step_size), least)


def slack(start: Point, extent: Float[Array, ""]) -> Float[Array, ""]:
    """How far rounding may move the objective.

    Relative to J itself, and by errors δx = ε |x| of the final states in a cost that is
    quadratic near its minimum: δℓ = 2 √ℓ δx + δx².
    """
    epsilon = np.finfo(extent.dtype).eps
    moved = epsilon * extent
    return ROUNDING * (
        epsilon * jnp.abs(start.objective)
        + moved * jnp.sqrt(jnp.abs(start.terminal_cost))
        + moved**2
    )
