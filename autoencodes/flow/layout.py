"""The state of the particles within a block, and how its coordinates are rearranged at a switch.

# notation: a layout lists which coordinate stands where in a row.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.errors import InputError, NumericalFailure

Layout = tuple[Hashable, ...]


class Latent(NamedTuple):
    """What ``Flow.encode(..., held=True)`` returns: the latent components, and the values of
    ``WidthSchedule.stored`` at the bottleneck, which go around it."""

    latent: Float[Array, "particle latent"] | Float[np.ndarray, "particle latent"]
    held: Float[Array, "particle held"] | Float[np.ndarray, "particle held"]


class State(NamedTuple):
    """Particles within a block: what the field sees and moves, and what it leaves alone.

    What is stored are the values of ``WidthSchedule.seen`` (the field sees them and does not move
    them) and then those of ``WidthSchedule.stored``.
    """

    active: Float[Array, "particle width"]
    stored: Float[Array, "particle stored"]


def rearrange(
    row: Float[Array, "particle row"], source: Layout, target: Layout
) -> Float[Array, "particle other"]:
    """Each component of ``target`` from where it stands in ``source``, or 0 if it does not.

    Where one layout begins with the other this is a slice or a pad, which nested
    schedules reduce to; else a gather. Its adjoint is the same with the layouts swapped.
    """
    if source[: len(target)] == target:
        return row[:, : len(target)]
    if target[: len(source)] == source:
        return jnp.pad(row, ((0, 0), (0, len(target) - len(source))))
    place = {component: k for k, component in enumerate(source)}
    indices = np.array([place.get(component, len(source)) for component in target])
    return jnp.take(jnp.pad(row, ((0, 0), (0, 1))), indices, axis=1)


def beside(
    x: Float[Array, "particle width"], seen: Float[Array, "particle seen"]
) -> Float[Array, "particle input"]:
    """What the field sees: the active components, and after them the stored values in sight."""
    return jnp.concatenate([x, seen], axis=1) if seen.shape[1] else x


def finite(values: Float[Array, ...], name: str) -> Float[Array, ...]:
    """The values, once they are known to be finite; inside a compiled function, unchecked."""
    if not isinstance(values, jax.core.Tracer) and not bool(jnp.isfinite(values).all()):
        raise NumericalFailure(
            f"{name} left the finite numbers of {values.dtype}: the states grow too fast along "
            "the flow; take a bounded activation (tanh), a smaller control or a shorter horizon"
        )
    return values


def rows(values: Any, width: int, name: str) -> Any:
    """The values as an array (N, width), or an error that says what came instead."""
    values = values if isinstance(values, jax.Array) else np.asarray(values)
    if np.ndim(values) != 2 or np.shape(values)[1] != width:
        raise InputError(
            f"{name} must be an array (N, {width}), one a row; got shape {np.shape(values)}"
        )
    return values
