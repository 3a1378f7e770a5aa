"""Terminal costs, and the L² geometry of controls."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from types import MappingProxyType

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
