"""The layout of a block's state: what stands where in a row, and how rows change.

# notation: A_j active components of block j; d dimension of the ambient space.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.devices import apart
from autoencodes.errors import NumericalFailure
from autoencodes.flow.schedule import WidthSchedule

Coordinate = tuple[int, int]
"""A component, and how often it has entered again.

Under ``skip`` it does where it returns, and what it left with remains, in the field's sight, as a
coordinate of its own. Under ``reset`` and ``hold`` it is the same coordinate throughout."""


_FEW = 2**20
"""Numbers that are looked at by NumPy."""


class Latent(NamedTuple):
    """What ``Flow.encode(..., held=True)`` returns: the latent components, and the values that are
    stored at the bottleneck, which go around it.

    Examples
    --------
    >>> hold = ac.WidthSchedule.autoencoder(2, (2, 1), 1, 3.0, memory="hold")
    >>> latent, held = ac.Flow(hold, flow.field).encode(theta, rows.x, held=True)
    >>> latent.shape, held.shape
    ((3, 1), (3, 1))
    """

    latent: Float[Array, "particle latent"] | Float[np.ndarray, "particle latent"]
    held: Float[Array, "particle held"] | Float[np.ndarray, "particle held"]


class State(NamedTuple):
    """Particles within a block: what the field sees and moves, and what it leaves alone.

    ``stored`` are the values that the field sees and does not move, and then those that it does
    not see: ``Layout.seen`` and ``Layout.stored``.
    """

    active: Float[Array, "particle width"]
    stored: Float[Array, "particle stored"]


@dataclass(frozen=True)
class Layout:
    """What stands where in a row of a block's state: active, seen, stored."""

    dim: int
    """d."""
    active: tuple[int, ...]
    """A_j: the components that the field moves."""
    seen: tuple[int, ...]
    """The components whose stored values the field sees: none but under ``skip``, where they are
    those that were off until the block begins, and are active in it."""
    stored: tuple[int, ...]
    """The components off in the block whose values are kept: under ``reset`` none, under ``hold``
    all, under ``skip`` those that return later."""
    shown: tuple[int, ...]
    """The ambient components that a row begins with; the others are 0 in the ambient space."""
    coordinates: tuple[Coordinate, ...]
    """The whole row."""

    def split(self, row: Float[Array, "particle row"]) -> State:
        """A row as the state that it is."""
        width = len(self.active)
        return State(row[:, :width], row[:, width:])

    def enter(self, x: Float[Array, "particle dim"]) -> State:
        """The state of the first block that the particles begin with."""
        return self.split(rearrange(x, self._beginning, self.coordinates))

    def leave(self, costate: State) -> Float[Array, "particle dim"]:
        """The adjoint of ``enter``."""
        return rearrange(jnp.concatenate(costate, axis=-1), self.coordinates, self._beginning)

    @property
    def _beginning(self) -> tuple[Coordinate, ...]:
        """The coordinates of the particles at time 0, in the order of the ambient components."""
        return tuple((i, 0) for i in range(self.dim))

    def lift(self, state: State) -> Float[Array, "particle dim"]:
        """The state in the ambient space, absent components at 0."""
        row = jnp.concatenate(state, axis=-1)[:, : len(self.shown)]
        return rearrange(row, self.shown, tuple(range(self.dim)))

    def restrict(self, x: Float[Array, "particle dim"]) -> State:
        """The adjoint of ``lift``."""
        row = rearrange(x, tuple(range(self.dim)), self.shown)
        return self.split(jnp.pad(row, ((0, 0), (0, len(self.coordinates) - row.shape[1]))))

    def switch(self, state: State, target: Layout) -> State:
        """The state, restricted and lifted to the components of another block.

        From block j to j + 1 this is the flow's map at the switch; from j + 1 to j it is
        that map's adjoint, since the map only moves, drops and zeroes components.
        """
        row = jnp.concatenate(state, axis=-1)
        return target.split(rearrange(row, self.coordinates, target.coordinates))

    def sight(self, state: State) -> Float[Array, "particle seen"]:
        """The stored values that the field sees."""
        return state.stored[:, : len(self.seen)]


@lru_cache(maxsize=256)
def layouts(schedule: WidthSchedule) -> tuple[Layout, ...]:
    """The layout of every block.

    Stored values stand in the order of the first block, then of the index: along a nested schedule
    every switch is then a shift of the border between active and stored.
    """
    dim, blocks, memory = schedule.dim, schedule.blocks, schedule.memory
    first = blocks[0].active
    ordered = (*first, *sorted(set(range(dim)) - set(first)))
    entered, result = [0] * dim, []
    for j, block in enumerate(blocks):
        active = set(block.active)
        seen: tuple[int, ...] = ()
        stored: tuple[int, ...] = ()
        off = tuple(i for i in ordered if i not in active)
        if memory == "hold":
            stored = off
        elif memory == "skip":
            before = set(blocks[max(j - 1, 0)].active)
            seen = tuple(i for i in block.active if i not in before)
            later = {i for b in blocks[j + 1 :] for i in b.active}
            stored = tuple(i for i in off if i in later)
        for i in seen:
            entered[i] += 1
        coordinates = (
            *((i, entered[i]) for i in block.active),
            *((i, entered[i] - 1) for i in seen),
            *((i, entered[i]) for i in stored),
        )
        shown = block.active + (stored if memory == "hold" else ())
        result.append(Layout(dim, block.active, seen, stored, shown, coordinates))
    return tuple(result)


def rearrange(
    row: Float[Array, "particle row"], source: tuple[Any, ...], target: tuple[Any, ...]
) -> Float[Array, "particle other"]:
    """Each coordinate of ``target`` from where it stands in ``source``, or 0 if it does not.

    Where one begins with the other this is a slice or a pad, which nested schedules reduce to;
    else a gather. Its adjoint is the same with source and target swapped.
    """
    if source[: len(target)] == target:
        return row[:, : len(target)]
    if target[: len(source)] == source:
        return jnp.pad(row, ((0, 0), (0, len(target) - len(source))))
    place = {coordinate: k for k, coordinate in enumerate(source)}
    indices = np.array([place.get(coordinate, len(source)) for coordinate in target])
    return jnp.take(jnp.pad(row, ((0, 0), (0, 1))), indices, axis=1)


def beside(
    x: Float[Array, "particle width"], seen: Float[Array, "particle seen"]
) -> Float[Array, "particle input"]:
    """What the field sees: the active components, and after them the stored values in sight."""
    return jnp.concatenate([x, seen], axis=1) if seen.shape[1] else x


def finite(
    values: Float[Array, "..."],  # noqa: UP037  (the lowest jaxtyping knows no bare dots)
    name: str,
    rows: int | None = None,
) -> Float[Array, "..."]:  # noqa: UP037
    """The values, once they are known to be finite; inside a compiled function, unchecked.

    ``rows`` is the axis of the particles, if there is one: the first that is not finite is named.
    """
    if not isinstance(values, jax.core.Tracer) and not _all_finite(values):
        first = None
        if rows is not None:
            others = tuple(axis for axis in range(values.ndim) if axis != rows)
            first = int(jnp.argmin(jnp.isfinite(values).all(axis=others)))
        raise NumericalFailure(
            f"{name} left the finite numbers of {values.dtype}: the states grow too fast along "
            "the flow; take a bounded activation (tanh), a smaller control or a shorter horizon",
            first,
        )
    return values


def _all_finite(values: Any) -> bool:
    """Whether all are finite; of few, without an operation of JAX, which takes longer."""
    if values.size <= _FEW and not apart(values):
        return bool(np.isfinite(np.asarray(values)).all())
    return bool(jnp.isfinite(values).all())
