"""A layer of hidden neurons, and a linear read-out."""

from __future__ import annotations

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.checks import optional, positive_integer
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl

_BENT = 4.0
"""By how much the inner weights begin larger, and the outer ones smaller, than ``scale`` says."""


@FIELDS.register(
    "two-layer", "W2 s(W1 x+b1)+b2", rank=1, settings=("hidden",), example={"hidden": 3}
)
class TwoLayer(ControlledField):
    """F(t, x; W1, b1, W2, b2) = W2 σ(W1 x + b1) + b2.

    With h hidden neurons the control of a step is ``{"W1": (h, width), "b1": (h,),
    "W2": (width, h), "b2": (width,)}``; ``init`` draws W1_ij ~ N(0, (4 scale)²/width) and
    W2_ij ~ N(0, (scale/4)²/h), and sets b1 = b2 = 0: neurons bend from the start, and the flow
    begins near the identity (docs/explanation/architectures.md has what that gains). With many
    hidden neurons one step comes close to any continuous velocity on a bounded set; unlike the
    perceptron's, it has no bound of its own.
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
    Source: docs/explanation/theory.md, section 1, with F as in Cybenko, Approximation by
    superpositions of a sigmoidal function, Math. Control Signals Systems 2 (1989).

    Examples
    --------
    >>> theta = ac.fields.TwoLayer(hidden=3).init(jax.random.key(0), width=2, scale=1.0)
    >>> {name: array.shape for name, array in theta.items()}
    {'W1': (3, 2), 'b1': (3,), 'W2': (2, 3), 'b2': (2,)}
    """

    hidden: int | None = eqx.field(
        static=True, default=None, converter=partial(optional, positive_integer, name="hidden")
    )
    activation: str = eqx.field(static=True, default="tanh", converter=activation)

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
