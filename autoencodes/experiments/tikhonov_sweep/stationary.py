"""Stationary controls of one small problem with every λ: many at a time, compiled once.

λ enters as a number, not as the problem's own: g, and H = 2λ I + H_ℓ, are those of λ = 0 but for
what is added here. Controls are the flat entries of ``ravel_pytree``.

# notation: θ control, λ Tikhonov weight, g gradient of ∫ ℓ dμ_T in L², H Hessian of J in L²,
# Λ(θ) = −g(θ)/(2λ) pure shooting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled

_NEWTON = 12
"""Newton steps after a training: near a minimiser five reach rounding."""

Flats = Float[Array, "start entry"]


def unravel(problem: ControlProblem) -> Callable[[Float[Array, " entry"]], Control]:
    """Flat entries to a control."""
    return ravel_pytree(problem.flow.init(jax.random.key(0), scale=1.0))[1]


def _swept(
    problem: ControlProblem, measure: EmpiricalMeasure, flat: Float[Array, " entry"]
) -> tuple[Array, Array]:
    """(∫ ℓ dμ_T, g) at flat entries."""
    cost, g = problem.sweep(unravel(problem)(flat), measure)
    return cost, ravel_pytree(g)[0]


class Stationary(NamedTuple):
    """Controls, one for each start, and what is known there."""

    flats: Flats
    terminal_cost: Float[Array, " start"]
    residual: Float[Array, " start"]
    """The PMP residual."""
    lambda_min: Float[Array, " start"]
    lambda_max: Float[Array, " start"]


@compiled
def newton(
    free: ControlProblem, measure: EmpiricalMeasure, weight: Float[Array, ""], flats: Flats
) -> Stationary:
    """Where Newton's steps θ ← θ − H⁻¹∇J lead from controls that are nearly stationary."""

    def slope(flat: Float[Array, " entry"]) -> Float[Array, " entry"]:
        return 2 * weight * flat + _swept(free, measure, flat)[1]

    def one(flat: Float[Array, " entry"]) -> Stationary:
        def step(_: Any, flat: Float[Array, " entry"]) -> Float[Array, " entry"]:
            return flat - jnp.linalg.solve(jax.jacfwd(slope)(flat), slope(flat))

        flat = jax.lax.fori_loop(0, _NEWTON, step, flat)
        cost, g = _swept(free, measure, flat)
        sizes = 2 * weight * jnp.linalg.norm(flat) + jnp.linalg.norm(g)
        residual = jnp.linalg.norm(2 * weight * flat + g) / sizes
        return Stationary(flat, cost, residual, *_ends(jax.jacfwd(slope)(flat)))

    return jax.lax.map(one, flats)


@compiled
def shots(
    free: ControlProblem,
    measure: EmpiricalMeasure,
    weight: Float[Array, ""],
    flats: Flats,
    count: int,
) -> tuple[Flats, Float[Array, "shot start"]]:
    """θ ← −g(θ)/(2λ), ``count`` times from every start: the last controls, and ‖Λ(θ) − θ‖."""
    size = jnp.sqrt(free.flow.schedule.step_size)

    def shot(flats: Flats, _: None) -> tuple[Flats, Float[Array, " start"]]:
        after = -jax.vmap(lambda flat: _swept(free, measure, flat)[1])(flats) / (2 * weight)
        return after, size * jnp.linalg.norm(after - flats, axis=1)

    return jax.lax.scan(shot, flats, length=count)


@compiled
def ends_of_curvature(
    free: ControlProblem, measure: EmpiricalMeasure, flats: Flats
) -> Float[Array, "end start"]:
    """The least and the largest eigenvalue of H_ℓ, at each control."""

    def one(flat: Float[Array, " entry"]) -> Float[Array, " end"]:
        bend = jax.jacfwd(lambda at: _swept(free, measure, at)[1])(flat)
        return jnp.stack(_ends(bend))

    return jax.lax.map(one, flats).T


def _ends(matrix: Float[Array, "entry entry"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The least and the largest eigenvalue of a matrix that is symmetric up to rounding."""
    values = jnp.linalg.eigvalsh((matrix + matrix.T) / 2)
    return values[0], values[-1]


def lengths(flats: Float[np.ndarray, "point entry"], step: float) -> Float[np.ndarray, " point"]:
    """‖θ‖ in L²."""
    return np.sqrt(step) * np.linalg.norm(flats, axis=1)


def levels(objectives: Float[np.ndarray, " point"]) -> int:
    """How many objectives differ by more than 1e-9 of themselves: symmetric controls share one."""
    gaps = np.diff(np.sort(objectives))
    return int(objectives.size and 1 + np.sum(gaps > 1e-9 * np.abs(objectives).max()))
