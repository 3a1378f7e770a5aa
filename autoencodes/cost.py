"""Terminal costs, and the L² geometry of controls."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.errors import InputError

Control = tuple[Mapping[str, Float[Array, "..."] | Float[np.ndarray, "..."]], ...]
"""One dict for each block; every array has the block's steps as its first axis."""


class TerminalCost(eqx.Module):
    """The cost ℓ(x, y) of one particle at the final time."""

    @abc.abstractmethod
    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        """ℓ(x, y) for the final state x and the target y; differentiable in x."""

    @abc.abstractmethod
    def target_dim(self, dim: int) -> int:
        """The number of components that y must have for a state of dimension ``dim``."""


class SquaredError(TerminalCost):
    """ℓ(x, y) = |x − y|², summed over the components. Source: MATH 3."""

    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jnp.sum((x - y) ** 2)

    def target_dim(self, dim: int) -> int:
        return dim


COSTS: MappingProxyType[str, type[TerminalCost]] = MappingProxyType({"squared": SquaredError})


def terminal_cost(cost: str | TerminalCost) -> TerminalCost:
    """The cost of the given name, or the given cost itself."""
    if isinstance(cost, TerminalCost):
        return cost
    if cost not in COSTS:
        raise InputError(f"cost must be one of {', '.join(COSTS)}, or a TerminalCost; got {cost!r}")
    return COSTS[cost]()


def inner(control: Control, other: Control, step_size: float) -> Float[Array, ""]:
    """<θ, η> = Δt Σ_l θ_l·η_l, the L² inner product of two controls (MATH 1)."""
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
    Source: MATH 1.
    """
    if factor < 1:
        raise InputError(
            f"the factor of a refinement must be an integer, at least 1; got {factor!r}"
        )

    def repeated(values: Any) -> Any:  # NumPy's own stays: JAX might round it to float32
        repeat = np.repeat if isinstance(values, np.ndarray) else jnp.repeat
        return repeat(values, factor, axis=0)

    return jax.tree.map(repeated, control)
