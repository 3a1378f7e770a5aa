"""The activations of neurons: σ, entry by entry."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from autoencodes.catalogue import ACTIVATIONS
from autoencodes.checks import choice

ACTIVATIONS.register("tanh", "tanh a", rank=0)(jnp.tanh)
ACTIVATIONS.register("relu", "max(a, 0)", rank=1)(jax.nn.relu)
ACTIVATIONS.register("softplus", "log(1 + exp a)", rank=3)(jax.nn.softplus)
ACTIVATIONS.register("sin", "sin a", rank=5)(jnp.sin)


@ACTIVATIONS.register("gelu", "a P(Z <= a), Z standard normal", rank=2)
def gelu(a: Float[Array, "..."]) -> Float[Array, "..."]:  # noqa: UP037
    """a P(Z ≤ a) with Z standard normal."""
    return jax.nn.gelu(a, approximate=False)


@ACTIVATIONS.register("identity", "a", rank=4)
def identity(a: Float[Array, "..."]) -> Float[Array, "..."]:  # noqa: UP037
    """a."""
    return a


def activation(name: object) -> str:
    """The name of an activation; InputError, with the names there are, for anything else."""
    return choice(name, "activation", ACTIVATIONS.names)
