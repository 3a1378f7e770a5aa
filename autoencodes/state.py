"""The state of the particles within a block, and how its coordinates are rearranged at a switch.

# notation: a layout lists which coordinate stands where in a row.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Layout = tuple[Hashable, ...]


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
