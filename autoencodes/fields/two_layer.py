"""A layer of hidden neurons, and a linear read-out."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.errors import InputError
from autoencodes.fields.activation import ACTIVATIONS, check_activation
from autoencodes.fields.field import ControlledField, StepControl

_BENT = 4.0
"""By how much the inner weights begin larger, and the outer ones smaller, than ``scale`` says."""


class TwoLayer(ControlledField):
    """F(t, x; W1, b1, W2, b2) = W2 σ(W1 x + b1) + b2.

    With h hidden neurons the control of a step is ``{"W1": (h, width), "b1": (h,),
    "W2": (width, h), "b2": (width,)}``; ``init`` draws W1_ij ~ N(0, (4 scale)²/width) and
    W2_ij ~ N(0, (scale/4)²/h), and sets b1 = b2 = 0: neurons bend from the start, and the flow
    begins near the identity (docs/architectures.md has what that gains). With many hidden neurons
    one step comes close to any continuous velocity on a bounded set; unlike the perceptron's, it
    has no bound of its own.
    With stored values in sight W1 is (h, width + seen).

    Parameters
    ----------
    hidden : int, optional
        h, the same in every block; by default the block's own width.
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, as for ``Perceptron``.

    Raises
    ------
    InputError
        If the activation is none of these, or ``hidden`` is not a positive integer.

    Notes
    -----
    Source: docs/theory.md, section 1, with F as in Cybenko, Approximation by superpositions of
    a sigmoidal function, Math. Control Signals Systems 2 (1989).
    """

    hidden: int | None = eqx.field(static=True, default=None)
    activation: str = eqx.field(static=True, default="tanh")

    def __check_init__(self) -> None:
        check_activation(self.activation)
        if self.hidden is not None and not (isinstance(self.hidden, int) and self.hidden >= 1):
            raise InputError(f"hidden must be an integer, at least 1, or None; got {self.hidden!r}")

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        neurons = ACTIVATIONS[self.activation](theta["W1"] @ x + theta["b1"])
        return theta["W2"] @ neurons + theta["b2"]

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        hidden, inputs = self.hidden or width, width + seen
        first, second = jax.random.split(key)
        return {
            "W1": _BENT * scale / math.sqrt(inputs) * jax.random.normal(first, (hidden, inputs)),
            "b1": jnp.zeros(hidden),
            "W2": scale / _BENT / math.sqrt(hidden) * jax.random.normal(second, (width, hidden)),
            "b2": jnp.zeros(width),
        }
