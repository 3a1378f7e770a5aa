"""Every component moved by one function of itself.

# notation: m hidden neurons; u, b, v, c their control.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.checks import positive_integer
from autoencodes.errors import InputError
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl


@FIELDS.register(
    "pointwise", "c+sum_k v_k s(u_k x_i+b_k)", rank=5, selectable=False, example={"hidden": 3}
)
class Pointwise(ControlledField):
    """F_i(t, x; u, b, v, c) = c + Σ_k v_k σ(u_k x_i + b_k), the same function of x_i for every i.

    With m = ``hidden`` the control of a step is ``{"u": (m,), "b": (m,), "v": (m,), "c": (1,)}``;
    ``init`` draws u_k ~ N(0, scale²) and v_k ~ N(0, scale²/m), and sets b = c = 0. It mixes
    nothing: in a last block it shapes the values, as where pixels are either black or white. A
    step costs 2 m width. It is the convolution whose kernel is one pixel, on one channel.

    Parameters
    ----------
    hidden : int
        m, at least 1.
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, as for ``Perceptron``.

    Raises
    ------
    InputError
        If the activation is none of these, ``hidden`` is not a positive integer, or stored values
        are in sight, which it could not use.

    Notes
    -----
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> theta = ac.fields.Pointwise(hidden=3).init(jax.random.key(0), width=100, scale=1.0)
    >>> sum(array.size for array in theta.values())  # however many components there are
    10
    """

    hidden: int = eqx.field(
        static=True, default=4, converter=partial(positive_integer, name="hidden")
    )
    activation: str = eqx.field(static=True, default="tanh", converter=activation)

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        sums = theta["u"][:, None] * x + theta["b"][:, None]
        return theta["v"] @ ACTIVATIONS[self.activation](sums) + theta["c"]

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        if seen:
            raise InputError(
                f"the pointwise field moves a component by itself and sees no stored values; "
                f"got {seen}: give it a block in which no component returns"
            )
        slope, weight = jax.random.split(key)
        return {
            "u": scale * jax.random.normal(slope, (self.hidden,)),
            "b": jnp.zeros(self.hidden),
            "v": scale / math.sqrt(self.hidden) * jax.random.normal(weight, (self.hidden,)),
            "c": jnp.zeros(1),
        }

    def check_block(self, active: Sequence[int], seen: Sequence[int]) -> None:
        """InputError where stored values are in sight (``seen``) of the ``active`` ones."""
        if seen:
            raise InputError(
                f"the pointwise field sees no stored values; got {len(seen)} in sight: give it a "
                "block in which no component returns"
            )
