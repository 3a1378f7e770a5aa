"""Neurons fewer than components: a velocity in few directions, for wide states."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.errors import InputError
from autoencodes.fields.activation import ACTIVATIONS, check_activation
from autoencodes.fields.field import ControlledField, StepControl


class LowRank(ControlledField):
    """F(t, x; U, V, b) = U σ(V x + b).

    With r = min(rank, width) neurons the control of a step is ``{"U": (width, r),
    "V": (r, width), "b": (r,)}``; ``init`` draws V_ij ~ N(0, scale²/width) and
    U_ij ~ N(0, scale²/r), and sets b = 0. In each step the particles move within an
    r-dimensional space, and a step costs 2 r width in place of width². With stored values in
    sight V is (r, width + seen).

    Parameters
    ----------
    rank : int
        The most neurons of a step, at least 1.
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, as for ``Perceptron``.

    Raises
    ------
    InputError
        If the activation is none of these, or ``rank`` is not a positive integer.

    Notes
    -----
    Source: docs/theory.md, section 1.
    """

    rank: int = eqx.field(static=True)
    activation: str = eqx.field(static=True, default="tanh")

    def __check_init__(self) -> None:
        check_activation(self.activation)
        if not (isinstance(self.rank, int) and self.rank >= 1):
            raise InputError(f"rank must be an integer, at least 1; got {self.rank!r}")

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        return theta["U"] @ ACTIVATIONS[self.activation](theta["V"] @ x + theta["b"])

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        rank, inputs = min(self.rank, width), width + seen
        outer, inner = jax.random.split(key)
        return {
            "U": scale / math.sqrt(rank) * jax.random.normal(outer, (width, rank)),
            "V": scale / math.sqrt(inputs) * jax.random.normal(inner, (rank, inputs)),
            "b": jnp.zeros(rank),
        }
