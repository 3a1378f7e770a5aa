"""The default field: one layer of neurons."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl


@FIELDS.register("perceptron", "s(Wx+b)", rank=0)
class Perceptron(ControlledField):
    """F(t, x; W, b) = σ(W x + b).

    The control of a step is ``{"W": (width, width), "b": (width,)}``; ``init`` draws
    W_ij ~ N(0, scale²/width) and sets b = 0. With stored values in sight W is
    (width, width + seen), its variance scale²/(width + seen).

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
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> field = ac.fields.Perceptron("relu")
    >>> theta = {"W": jnp.eye(2), "b": jnp.array([0.0, -3.0])}
    >>> field.velocity(jnp.array(0.0), jnp.array([1.0, 2.0]), theta).tolist()
    [1.0, 0.0]
    """

    activation: str = eqx.field(static=True, default="tanh", converter=activation)

    @property
    def linear_in_control(self) -> bool:
        return self.activation == "identity"

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        return ACTIVATIONS[self.activation](theta["W"] @ x + theta["b"])

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        shape = (width, width + seen)
        spread = scale / math.sqrt(width + seen)
        return {"W": spread * jax.random.normal(key, shape), "b": jnp.zeros(width)}
