"""The activations of neurons, by name."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp

from autoencodes.errors import InputError

ACTIVATIONS: MappingProxyType[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
        "gelu": lambda a: jax.nn.gelu(a, approximate=False),
        "softplus": jax.nn.softplus,
        "identity": lambda a: a,
        "sin": jnp.sin,
    }
)
"""σ, entry by entry: gelu(a) = a P(Z ≤ a) with Z standard normal, softplus(a) = log(1 + exp a)."""


def check_activation(name: str) -> None:
    """InputError, with the list of what there is, for an unknown name."""
    if name not in ACTIVATIONS:
        raise InputError(f"activation must be one of {', '.join(ACTIVATIONS)}; got {name!r}")
