"""Where particles lie: in shards over devices, of this process or of several.

The mathematics says what is summed over particles (``EmpiricalMeasure.integrate``); here stands how
that is done where they lie apart. Every device integrates over its own particles, and one
all-reduce of the result makes the sum: of a gradient that is as many numbers as the control has,
however many particles there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Int

from autoencodes.devices import apart, implicit
from autoencodes.errors import InputError
from autoencodes.precision import compiled, native, precision

Tree = TypeVar("Tree")
_AXIS = "particle"


@dataclass(frozen=True)
class Placement:
    """Particles in equal shards of consecutive rows, one shard on each device of a line.

    The last shard is filled up with copies of the first particle, of weight 0. What is not of
    particles, as a control, is whole on every device.

    Parameters
    ----------
    mesh : a mesh of one axis
    """

    mesh: Mesh

    @classmethod
    def over(cls, devices: Sequence[jax.Device] | None = None) -> Placement:
        """On the given devices; by default on all, of all processes."""
        if devices is None:
            devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
        if not devices:
            raise InputError("devices must be at least one, as jax.devices() has them; got none")
        return cls(Mesh(np.array(list(devices)), (_AXIS,)))

    @classmethod
    def of(cls, *arrays: Any) -> Placement | None:
        """Where arrays lie that lie on several devices already; None for all others."""
        found = next((array for array in arrays if apart(array)), None)
        if found is None:
            return None
        sharding = found.sharding
        if isinstance(sharding, NamedSharding):
            return cls.over(sharding.mesh.devices.ravel().tolist())
        return cls.over(sorted(sharding.device_set, key=lambda device: device.id))

    @property
    def shards(self) -> int:
        """The number of devices."""
        return int(self.mesh.devices.size)

    @property
    def devices(self) -> list[jax.Device]:
        """The devices, in the order of the shards."""
        found: list[jax.Device] = self.mesh.devices.ravel().tolist()
        return found

    def rows(self, count: int) -> slice:
        """Which of ``count`` particles lie on the devices of this process."""
        own, each = jax.process_index(), -(-count // self.shards)
        places = [k for k, d in enumerate(self.mesh.devices.flat) if d.process_index == own]
        if not places:
            return slice(0, 0)
        if places[-1] - places[0] + 1 != len(places):
            raise InputError("the devices of a process must stand next to each other in the mesh")
        return slice(*(min(k * each, count) for k in (places[0], places[-1] + 1)))

    def laid(self, array: Any, value: float | None = None) -> Array:
        """An array (N, ...) in shards, filled up with its first row, or with ``value``.

        Of a NumPy array every process needs its own rows alone; what it has of others is not read.
        """
        whole = -(-len(array) // self.shards) * self.shards
        shape, sharding = (whole, *array.shape[1:]), self._sharding(_AXIS)
        if apart(array):
            array = implicit(array)
            if array.sharding.is_equivalent_to(sharding, array.ndim):
                return array

            @partial(jax.jit, out_shardings=sharding)
            def laid(array: Array) -> Array:
                last = array[:1] if value is None else jnp.full_like(array[:1], value)
                rest = jnp.broadcast_to(last, (whole - len(array), *shape[1:]))
                return jnp.concatenate([array, rest])

            return laid(array)
        rows = native(np.asarray(array))

        def shard(index: Any) -> np.ndarray:
            first, last, _ = index[0].indices(whole)
            own = rows[first : min(last, len(rows))]
            fill = rows[:1] if value is None else np.full_like(rows[:1], value)
            return np.concatenate([own, np.repeat(fill, last - first - len(own), axis=0)])

        with precision(np.float64 if rows.dtype.itemsize == 8 else np.float32):
            return jax.make_array_from_callback(shape, sharding, shard)

    def everywhere(self, tree: Tree) -> Tree:
        """A tree of arrays, whole on every device: for use inside compiled code."""
        whole = self._sharding()
        return jax.tree.map(lambda a: jax.lax.with_sharding_constraint(a, whole), tree)

    def total(self, integral: Callable[..., Tree], particles: Any, known: Any) -> Tree:
        """The sum over all devices of an integral over the particles that each has."""
        arrays, rest = eqx.partition(known, eqx.is_array)

        def own(arrays: Any, shard: Any) -> Tree:
            # One vector: every all-reduce waits for the slowest, however little it carries.
            numbers, shaped = ravel_pytree(integral(shard, *eqx.combine(arrays, rest)))
            summed: Tree = shaped(jax.lax.psum(numbers, _AXIS))
            return summed

        specs = PartitionSpec(), PartitionSpec(_AXIS)
        return self.mapped(own, specs, PartitionSpec())(arrays, particles)

    def taken(self, tree: Tree, rows: Int[Array, " batch"]) -> Tree:
        """Rows of arrays, from wherever they lie, in shards; as many as fill these.

        Every device offers what it has of them, and 0 of the others: the sum is exact.
        """

        def own(shard: Tree, rows: Int[Array, " batch"]) -> Tree:
            def one(array: Array) -> Array:
                at = rows - jax.lax.axis_index(_AXIS) * len(array)
                has = (at >= 0) & (at < len(array))
                got = array[jnp.clip(at, 0, len(array) - 1)]
                offered = jnp.where(has.reshape(-1, *[1] * (got.ndim - 1)), got, 0)
                return jax.lax.psum_scatter(offered, _AXIS, tiled=True)

            return jax.tree.map(one, shard)

        specs = PartitionSpec(_AXIS), PartitionSpec()
        return self.mapped(own, specs, PartitionSpec(_AXIS))(tree, rows)

    def strips(self, tree: Tree, count: int, most: int) -> Iterator[tuple[Tree, Any]]:
        """Arrays of ``count`` rows a few at a time, from all devices alike, at most ``most`` each.

        With each strip stands which of its rows have not been seen before.
        """
        size = -(-count // -(-count // most))
        for first in range(0, count, size):
            yield _strip(self, tree, jnp.asarray(first), count, size)

    def highest(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """The largest of what the processes have, number by number: all go on alike."""
        return tuple(int(n) for n in self.gathered(np.asarray(numbers, np.int32)).max(axis=0))

    def gathered(self, numbers: np.ndarray) -> np.ndarray:
        """What every process has, one after the other: arrays of one shape."""
        processes = [device.process_index for device in self.devices]
        firsts = [processes.index(process) for process in dict.fromkeys(processes)]
        with precision(np.float64):
            return self.whole(self._offered(numbers))[firsts]

    def first(self, numbers: np.ndarray) -> np.ndarray:
        """What the first process has, in every process; others give zeros of its shape."""
        with precision(np.float64):
            largest = jax.jit(lambda every: every.max(axis=0), out_shardings=self._sharding())
            return np.asarray(largest(self._offered(numbers)))

    def _offered(self, numbers: np.ndarray) -> Array:
        """What every process has, once for each of its devices."""
        shape = (self.shards, *numbers.shape)
        return jax.make_array_from_callback(shape, self._sharding(_AXIS), lambda _: numbers[None])

    def whole(self, array: Any) -> np.ndarray:
        """All of an array that lies in shards, in this process: all processes ask for it."""
        return np.asarray(jax.device_put(array, self._sharding()))

    def mapped(self, function: Callable[..., Any], entering: Any, leaving: Any) -> Any:
        """A function of a shard as one of all."""
        mapped = jax.shard_map(
            function, mesh=self.mesh, in_specs=entering, out_specs=leaving, check_vma=False
        )

        def call(*arguments: Any) -> Any:
            # Whatever mesh a caller has set (jax.set_mesh): particles lie on this one.
            with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
                return mapped(*arguments)

        return call

    def _sharding(self, *axes: str) -> NamedSharding:
        return NamedSharding(self.mesh, PartitionSpec(*axes))


@compiled
def _strip(
    placement: Placement, tree: Any, first: Int[Array, ""], count: int, size: int
) -> tuple[Any, Array]:
    """Rows of every shard from ``first`` on, and which of them no earlier strip had."""

    def own(shard: Any, first: Int[Array, ""]) -> tuple[Any, Array]:
        begin = jnp.minimum(first, count - size)
        cut = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, begin, size), shard)
        return cut, begin + jnp.arange(size) >= first

    specs = PartitionSpec(_AXIS), PartitionSpec()
    return placement.mapped(own, specs, PartitionSpec(_AXIS))(tree, first)
