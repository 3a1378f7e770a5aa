"""The default field: one layer of neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.errors import InputError
from autoencodes.fields.field import ControlledField, StepControl

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


class Perceptron(ControlledField):
    """F(t, x; W, b) = σ(W x + b).

    The control of a step is ``{"W": (width, width), "b": (width,)}``; ``init`` draws
    W_ij ~ N(0, scale²/width) and sets b = 0.

    Parameters
    ----------
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, entry by entry: gelu(a) = a P(Z ≤ a) with Z standard normal,
        softplus(a) = log(1 + exp a). With tanh and sin the velocity is bounded by 1 in
        every component; with the others it can grow with the state.

    Raises
    ------
    InputError
        If the activation is none of these.

    Notes
    -----
    Source: MATH 1.
    """

    activation: str = eqx.field(static=True, default="tanh")

    def __check_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise InputError(
                f"activation must be one of {', '.join(ACTIVATIONS)}; got {self.activation!r}"
            )

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " width"], theta: StepControl
    ) -> Float[Array, " width"]:
        return ACTIVATIONS[self.activation](theta["W"] @ x + theta["b"])

    def init(self, key: Key[Array, ""], width: int, scale: float) -> StepControl:
        spread = scale / math.sqrt(width)
        return {"W": spread * jax.random.normal(key, (width, width)), "b": jnp.zeros(width)}
