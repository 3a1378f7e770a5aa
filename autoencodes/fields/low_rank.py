"""Neurons fewer than components: a velocity in few directions, for wide states."""

from __future__ import annotations

import math
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.checks import positive_integer
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl


@FIELDS.register("low-rank", "U s(Vx+b)", rank=2, settings=("rank",), example={"rank": 2})
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
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> theta = ac.fields.LowRank(rank=1).init(jax.random.key(0), width=2, scale=1.0)
    >>> {name: array.shape for name, array in theta.items()}
    {'U': (2, 1), 'V': (1, 2), 'b': (1,)}
    """

    rank: int = eqx.field(static=True, converter=partial(positive_integer, name="rank"))
    activation: str = eqx.field(static=True, default="tanh", converter=activation)

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
