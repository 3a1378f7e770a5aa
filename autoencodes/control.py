"""Controls, and their L² geometry.

# notation: θ, η controls, θ_l their value in step l, Δt step size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.checks import positive_integer

Control = tuple[Mapping[str, Float[Array, "..."] | Float[np.ndarray, "..."]], ...]
"""One dict for each block; every array has the block's steps as its first axis."""


def inner(control: Control, other: Control, step_size: float) -> Float[Array, ""]:
    """<θ, η> = Δt Σ_l θ_l·η_l, the L² inner product of two controls (theory, section 1)."""
    products = jax.tree.map(lambda a, b: jnp.vdot(a, b), control, other)
    return jnp.asarray(step_size * sum(jax.tree.leaves(products)))


def norm(control: Control, step_size: float) -> Float[Array, ""]:
    """‖θ‖ = <θ, θ>^(1/2)."""
    return jnp.sqrt(inner(control, control, step_size))


def refine(control: Control, factor: int) -> Control:
    """The same control on the ``factor`` times finer grid: θ'_(l factor + k) = θ_l, k < factor.

    It is the same function of time, so ‖θ'‖ = ‖θ‖ with Δt' = Δt / factor; it belongs to
    ``Flow.refined(factor)``.

    Parameters
    ----------
    control : tuple of one dict for each block
    factor : int, at least 1

    Raises
    ------
    InputError
        If ``factor`` is no such number.

    Notes
    -----
    Source: docs/theory.md, section 1.
    """
    factor = positive_integer(factor, "the factor of a refinement")

    def repeated(values: Any) -> Any:  # NumPy's own stays: JAX might round it to float32
        repeat = np.repeat if isinstance(values, np.ndarray) else jnp.repeat
        return repeat(values, factor, axis=0)

    return jax.tree.map(repeated, control)
