"""The backward equation on a grid of the line: what the costates are the slopes of.

# notation: ψ_l value function after l steps, ℓ terminal cost, F_l velocity of step l, p_l costate,
# Δt step size, h spacing of the grid, k degree of the splines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import BSpline, make_interp_spline

from autoencodes.checks import finite_numbers, integer
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.flow import sweep
from autoencodes.flow.flow import Flow
from autoencodes.flow.layout import finite
from autoencodes.precision import compiled

Terminal = Callable[[Float[np.ndarray, " node"]], Float[np.ndarray, "node ..."]]


def value_function(
    flow: Flow,
    control: Control,
    terminal: Terminal,
    grid: Float[np.ndarray, " node"],
    degree: int = 3,
) -> tuple[BSpline, ...]:
    """ψ_l for l = 0..L: the solution of ∂_t ψ + F ∂_x ψ = 0, ψ_T = ℓ, in one dimension.

    Semi-Lagrangian: ψ is constant along the flow, so that with S the spline that interpolates
    the values at the grid's nodes,
      ψ_L = S ℓ,   ψ_l = S (ψ_(l+1) ∘ (id + Δt F_l)).
    The feet of the characteristics are those of the flow's own scheme: without S this would be
    ψ_l = ℓ ∘ Φ_(l,L), whose slope at x_l is the discrete costate p_l, exactly. What is left is the
    error of interpolation, O(h^(k+1)) in ψ_l and O(h^k) in its slope.

    Parameters
    ----------
    flow : Flow
        Of one component that is on throughout.
    control : control of the flow
    terminal : callable
        The nodes (n,) to the values of ℓ there, (n,) or (n, m) for m targets at once.
    grid : array (n,)
        The nodes, increasing, more than ``degree``. They are to hold the paths of interest and some
        cells on both sides; where a foot lies beyond, the outermost polynomial is continued.
    degree : int
        k, odd.

    Returns
    -------
    tuple of scipy.interpolate.BSpline
        L + 1 functions of x; ``derivative(ψ_l)`` is ∂_x ψ_l.

    Raises
    ------
    InputError
        If the flow has more than one component, or the degree is even or too high.
    NumericalFailure
        If a velocity is not finite.

    Notes
    -----
    Source: docs/explanation/theory.md, section 4.
    """
    if flow.schedule.dim != 1:
        raise InputError(
            f"the grid is one of the line: expected a flow of dimension 1, got {flow.schedule.dim}"
        )
    degree = integer(degree, "degree")
    if degree % 2 == 0 or not 0 < degree < len(grid):
        raise InputError(
            f"degree must be odd, positive and below the number of nodes; got {degree} with "
            f"{len(grid)} nodes"
        )
    grid = np.asarray(finite_numbers(grid, "grid"), np.float64)
    psi = [make_interp_spline(grid, terminal(grid), k=degree)]
    velocities = finite(_velocities(flow, control, jnp.asarray(grid)[:, None]), "the field")
    feet = grid + flow.schedule.step_size * np.asarray(velocities)  # where a step takes each node
    for foot in feet[::-1]:
        psi.append(make_interp_spline(grid, psi[-1](foot), k=degree))
    return tuple(reversed(psi))


def derivative(psi: BSpline) -> BSpline:
    """∂_x of a spline, whose degree is one less."""
    return psi.derivative()  # type: ignore[no-untyped-call]


@compiled
def _velocities(
    flow: Flow, control: Control, x: Float[Array, "node 1"]
) -> Float[Array, "step node"]:
    sweep.check_control(flow, control)
    step_controls: Any = control
    velocities = []
    for j in range(len(flow.schedule.blocks)):
        increment = jax.vmap(partial(sweep.increment, flow, j), (0, 0, None))
        velocities.append(increment(sweep.times(flow, j, x.dtype), step_controls[j], x))
    return jnp.concatenate(velocities)[..., 0]
