"""Controls, and their L² geometry.

# notation: θ, η controls, θ_l their value in step l, Δt step size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.checks import positive_integer
from autoencodes.precision import native
from autoencodes.summary import Summarised

Control = tuple[Mapping[str, Float[Array, "..."] | Float[np.ndarray, "..."]], ...]
"""One dict for each block; every array has the block's steps as its first axis."""

_SHOWN = 6
"""Blocks whose arrays a representation lists."""


class ControlTuple(Summarised, tuple[Any, ...]):
    """A control as flows make it: a tuple like any other, whose representation is a summary.

    Whoever computes with a control returns one of the same type (``like``), so that plain tuples of
    dicts do as well. To JAX it is a sequence: its arrays have the paths of a tuple's.
    """

    def _summary(self) -> dict[str, str]:
        arrays = [leaf for leaf in jax.tree.leaves(tuple(self)) if hasattr(leaf, "shape")]
        precision = ", ".join(sorted({str(a.dtype) for a in arrays}))
        entries = sum(math.prod(a.shape) for a in arrays)
        lines = {"entries": f"{entries:,} in {len(self)} blocks, {precision}"}
        for j, block in enumerate(self[:_SHOWN]):
            shapes = {n: getattr(a, "shape", a) for n, a in block.items()} if block else {}
            lines[f"block {j}"] = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        if len(self) > _SHOWN:
            lines["..."] = f"and {len(self) - _SHOWN} blocks more"
        return lines


jax.tree_util.register_pytree_with_keys(
    ControlTuple,
    lambda control: ([(jax.tree_util.SequenceKey(j), b) for j, b in enumerate(control)], None),
    lambda _, blocks: ControlTuple(blocks),
    lambda control: (tuple(control), None),
)


def like(control: Control, blocks: Iterable[Any]) -> Control:
    """The blocks as a control of the same type as another."""
    made: Control = (ControlTuple if isinstance(control, ControlTuple) else tuple)(blocks)
    return made


def inner(control: Control, other: Control, step_size: float) -> Float[Array, ""]:
    """<θ, η> = Δt Σ_l θ_l·η_l, the L² inner product of two controls (theory, section 1).

    Parameters
    ----------
    control, other : controls of one flow
        θ and η, a tuple of one dict of arrays for each block.
    step_size : float
        Δt.

    Examples
    --------
    >>> twice = jax.tree.map(lambda a: 2 * a, theta)
    >>> float(ac.inner(twice, theta, 1.0) / ac.inner(theta, theta, 1.0))
    2.0
    """
    pair = native((tuple(control), tuple(other)))
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(pair))
    # Outside compiled code NumPy has it at once; JAX would compile a product for every shape.
    products = jax.tree.map(jnp.vdot if traced else np.vdot, *pair)
    return jnp.asarray(step_size * sum(jax.tree.leaves(products)))


def norm(control: Control, step_size: float) -> Float[Array, ""]:
    """‖θ‖ = <θ, θ>^(1/2).

    Parameters
    ----------
    control : control of a flow
    step_size : float
        Δt.

    Examples
    --------
    >>> ones = jax.tree.map(np.ones_like, theta)  # 14 entries
    >>> round(float(ac.norm(ones, 1.0)) ** 2, 4)
    14.0
    """
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
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> fine = ac.refine(theta, 2)
    >>> theta[0]["W"].shape, fine[0]["W"].shape
    ((1, 2, 2), (2, 2, 2))
    >>> bool(np.isclose(ac.norm(fine, 0.5), ac.norm(theta, 1.0)))  # the same function of time
    True
    """
    factor = positive_integer(factor, "the factor of a refinement")

    def repeated(values: Any) -> Any:  # NumPy's own stays: JAX might round it to float32
        repeat = np.repeat if isinstance(values, np.ndarray) else jnp.repeat
        return repeat(values, factor, axis=0)

    return jax.tree.map(repeated, native(control))
