"""Arrays that lie on several devices, of this process or of others too.

JAX computes with them wherever they lie; NumPy sees those alone that this process has whole. What
must be known of the others is asked of JAX, by every process in the same order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from autoencodes.errors import InputError


def apart(array: object) -> bool:
    """Whether an array is JAX's own, known, and lies on several devices."""
    jax = sys.modules.get("jax")  # without JAX there are none of its arrays
    sharding = None if jax is None else getattr(array, "sharding", None)
    # Asked of every argument of every program: the commonest answer first.
    if jax is None or sharding is None or type(sharding) is jax.sharding.SingleDeviceSharding:
        return False
    known = isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer)
    return known and len(sharding.device_set) > 1


def implicit(array: Any) -> Any:
    """The same array on a mesh whose axes JAX's partitioner sees to.

    ``jax.make_mesh`` gives axes that the types of arrays name; then every sum over particles would
    have to say where its result lies. Nothing is moved.

    Raises
    ------
    InputError
        Where ``jax.set_mesh`` has such a mesh in use: then JAX knows no other.
    """
    import jax
    from jax.sharding import AxisType, Mesh, NamedSharding

    if AxisType.Explicit in jax.sharding.get_abstract_mesh().axis_types:
        raise InputError(
            "particles on several devices are computed with where jax.set_mesh has no explicit "
            "mesh in use: leave its context, or make the mesh with axis_types=(AxisType.Auto,)"
        )
    sharding = array.sharding
    if not isinstance(sharding, NamedSharding) or all(
        kind is AxisType.Auto for kind in sharding.mesh.axis_types
    ):
        return array
    mesh = Mesh(sharding.mesh.devices, sharding.mesh.axis_names)
    parts = [shard.data for shard in array.addressable_shards]
    named = NamedSharding(mesh, sharding.spec)
    return jax.make_array_from_single_device_arrays(array.shape, named, parts)


def together(arrays: Sequence[Any]) -> list[Any]:
    """Arrays for one program: where one lies on several devices, none on a device of its own.

    An array that was put on one device would be refused beside it; it is put on all of them.
    """
    import jax
    from jax.sharding import NamedSharding, PartitionSpec

    spread = [apart(array) for array in arrays]
    if not any(spread):
        return list(arrays)
    placed = [implicit(a) if far else a for a, far in zip(arrays, spread, strict=True)]
    sharding = next(a.sharding for a, far in zip(placed, spread, strict=True) if far)
    if not isinstance(sharding, NamedSharding):
        return placed
    whole = NamedSharding(sharding.mesh, PartitionSpec())

    def everywhere(array: Any) -> Any:
        known = isinstance(array, jax.Array) and not isinstance(array, jax.core.Tracer)
        if known and array.committed and not apart(array):
            return jax.make_array_from_process_local_data(whole, array)
        return array

    return [everywhere(array) for array in placed]


def first_where(wrong: Callable[[Any], Any], array: Any) -> tuple[tuple[int, ...], Any] | None:
    """The first entry of an array of which something holds: its place and its value, or None.

    ``wrong`` takes an array to one of truths, NumPy's or JAX's, and is a function of a module, for
    which a program is compiled once. Of an array that lies apart every
    process learns the same, and none fetches more than this entry.
    """
    import numpy as np

    if not apart(array):
        found = np.asarray(wrong(np.asarray(array)))
        if not found.any():
            return None
        index = tuple(int(k) for k in np.argwhere(found)[0])
        return index, np.asarray(array)[index]
    any_, row, column, value = _looking(wrong)(implicit(array))
    if not bool(any_):
        return None
    place = np.unravel_index(int(column), array.shape[1:]) if array.ndim > 1 else ()
    return (int(row), *(int(k) for k in place)), np.asarray(value)[()]


@lru_cache(maxsize=16)
def _looking(wrong: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Compiled: whether there is such an entry, its row, its place in the row, its value."""
    import jax
    import jax.numpy as jnp

    def look(array: Any) -> tuple[Any, Any, Any, Any]:
        found = wrong(array).reshape(len(array), -1)
        rows = found.any(axis=1)
        row = jnp.argmax(rows)
        here = (jnp.arange(len(array)) == row)[:, None]
        column = jnp.argmax((found & here).any(axis=0))
        chosen = here & (jnp.arange(found.shape[1]) == column)
        # Chosen, not multiplied: the value may be a NaN, and others too.
        value = jnp.where(chosen, array.reshape(len(array), -1), 0).sum()
        return rows.any(), row, column, value

    return jax.jit(look)
