"""A random control for the steps of a block."""

from __future__ import annotations

import inspect

import jax
from jaxtyping import Array, Key

from autoencodes.errors import InputError
from autoencodes.fields.field import ControlledField, StepControl


def draw(
    field: ControlledField, key: Key[Array, ""], steps: int, width: int, scale: float, seen: int
) -> StepControl:
    """What ``field.init`` draws for each of the steps, stacked: every array (steps, ...).

    Raises
    ------
    InputError
        If the block's field sees stored values, and this one's ``init`` does not take them.
    """
    more = (seen,) if seen else ()
    try:
        inspect.signature(field.init).bind(key, width, scale, *more)
    except TypeError as error:
        raise InputError(
            f"the field {type(field).__name__} is not made for memory skip: give its init "
            "a fourth argument, the number of stored values that the velocity sees beside the "
            "active components, or take memory reset or hold"
        ) from error
    keys = jax.random.split(key, steps)
    return jax.vmap(lambda own: field.init(own, width, scale, *more))(keys)
