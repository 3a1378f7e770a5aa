"""Particles along a flow, and the volume about each: what becomes of a density.

# notation: a = ∫ div F dt along a trajectory, the log-volume; s = ±1 the direction of time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, Num

from autoencodes.checks import choice, positive_integer
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.flow.flow import Flow
from autoencodes.flow.sweep import check_control, fields, inputs, retrace, times
from autoencodes.precision import compiled

DIVERGENCES = ("auto", "exact", "hutchinson")

Probes = tuple[Float[Array, "step particle probe width"] | None, ...]
"""Of every block; None: its divergence is exact."""

_LOW = 16
"""Components up to which the divergence is exact where nothing else is asked for."""


Motion = Callable[[Float[Array, " width"]], Float[Array, " width"]]
"""x ↦ F(x)."""


def divergence(
    motion: Motion, x: Float[Array, " width"], probes: Float[Array, "probe width"] | None = None
) -> Float[Array, ""]:
    """div F(x) = Σ_i ∂_i F_i(x) = tr ∂F(x), exact or estimated.

    Parameters
    ----------
    motion : function
        F.
    x : array (width,)
    probes : array (probes, width), optional
        Without them the divergence is exact, by one derivative for each component. With them it
        is the mean of v · ∂F(x) v over the probes v, by one derivative for each: over random ones
        with E[v vᵀ] = 1 its expectation is div F(x).

    Returns
    -------
    scalar

    Notes
    -----
    Source: Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian
    smoothing splines, Comm. Statist. Simulation Comput. 18 (1989).
    """
    if probes is None:
        return jnp.trace(jax.jacfwd(motion)(x))
    _, differential = jax.linearize(motion, x)
    return jnp.mean(jax.vmap(lambda v: v @ differential(v))(probes))


def draw_probes(
    flow: Flow, control: Control, kind: str, key: Key[Array, ""] | None, probes: int, particles: int
) -> Probes:
    """The probes of an estimate of div F, for every particle and step of the control.

    Their entries are 1 and −1: of independent ones with mean 0 and variance 1 these give the
    least variance of v · ∂F v.
    """
    schedule = flow.schedule
    kind, probes = choice(kind, "divergence", DIVERGENCES), positive_integer(probes, "probes")
    if kind == "exact" or (kind == "auto" and max(schedule.widths) <= _LOW):
        return (None,) * len(schedule.blocks)
    if key is None:
        raise InputError(
            "estimating the divergence needs a key; got no key: give key=jax.random.key(seed), "
            "or divergence='exact'"
        )
    dtype = check_control(flow, control)
    return tuple(
        jax.random.rademacher(k, (block.steps, particles, probes, block.width), dtype)
        for k, block in zip(
            jax.random.split(key, len(schedule.blocks)), schedule.blocks, strict=True
        )
    )


@compiled
def retraced(
    flow: Flow, control: Control, y: Num[Array, "particle dim"], probes: Probes | None = None
) -> tuple[Float[Array, "particle dim"], Float[Array, " particle"]]:
    """Where particles that end at y began, and their log-volumes a; without probes these are 0."""
    measured = probes is not None
    along = tuple(zip(control, probes or (None,) * len(control), strict=True))

    def undo(block: int, t: Float[Array, ""], along: Any, x: Float[Array, "particle width"]) -> Any:
        return _carried(flow, block, t, along, x, -1, measured)

    x, volumes = retrace(flow, along, y.astype(check_control(flow, control)), undo)
    return x, volumes.sum(axis=0)


@compiled
def log_volume(
    flow: Flow, control: Control, x: Num[Array, "particle dim"], probes: Probes
) -> Float[Array, "time particle"]:
    """a at t_0, ..., t_L, of particles that begin at x."""
    x = x.astype(check_control(flow, control))
    grown = [jnp.zeros((1, x.shape[0]), x.dtype)]
    for j, rows in enumerate(inputs(flow, control, x)):

        def grow(_: None, at: Any, j: int = j) -> tuple[None, Float[Array, " particle"]]:
            t, along, x = at
            return None, _carried(flow, j, t, along, x, 1, True)[1]

        steps = (times(flow, j, x.dtype), (control[j], probes[j]), rows)
        grown.append(jax.lax.scan(grow, None, steps)[1])
    return jnp.cumsum(jnp.concatenate(grown), axis=0)


def _carried(
    flow: Flow,
    block: int,
    t: Float[Array, ""],
    along: tuple[Any, Float[Array, "particle probe width"] | None],
    x: Float[Array, "particle width"],
    direction: int,
    measured: bool,
) -> tuple[Float[Array, "particle width"], Float[Array, " particle"]]:
    """Particles after one step of the control, forward or backward, and how a grew in it.

    One ODE for (x, a): x' = s F, a' = s div F, so that the tolerance holds for both.
    """
    theta, probes = along
    width, step = x.shape[1], flow.schedule.step_size
    begin = t if direction > 0 else t + step

    def one(row: Float[Array, " entry"], probes: Any) -> Float[Array, " entry"]:
        def velocity(s: Float[Array, ""], z: Float[Array, " entry"]) -> Float[Array, " entry"]:
            def motion(x: Float[Array, " width"]) -> Float[Array, " width"]:
                when = begin + direction * s
                return direction * fields(flow)[block].velocity(when, x, theta)

            moved = motion(z[:width])
            if not measured:
                return moved
            return jnp.append(moved, divergence(motion, z[:width], probes))

        return row + step * flow.scheme.increment(velocity, jnp.zeros_like(t), row, step)

    row = jnp.pad(x, ((0, 0), (0, int(measured))))
    row = jax.vmap(one, (0, None if probes is None else 0))(row, probes)
    return row[:, :width], direction * row[:, width:].sum(axis=1)
