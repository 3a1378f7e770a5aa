"""A velocity that is a linear combination of fixed ones, with the control as its coefficients."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl


@FIELDS.register("linear-in-control", "Ax+B s(x)+c", rank=3)
class LinearInControl(ControlledField):
    """F(t, x; A, B, c) = A x + B σ(x) + c = Σ_k θ_k f_k(x).

    The f_k are e_i x_j, e_i σ(x_j) and e_i. The control of a step is ``{"A": (width, width),
    "B": (width, width), "c": (width,)}``; ``init`` draws A_ij, B_ij ~ N(0, scale²/width) and sets
    c = 0. With stored values in sight x is (x, m), A and B are (width, width + seen), their
    variance scale²/(width + seen). The Hamiltonian is a concave quadratic in the control, so
    that its maximiser is known (``ExactMSA``); σ bends the flow, since the features of a step are
    those of the state that the steps before it have made. As A x grows with the state, so can
    the flow, exponentially in time: begin with a smaller scale than the perceptron's where the
    horizon is long.

    Parameters
    ----------
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, as for ``Perceptron``.

    Raises
    ------
    InputError
        If the activation is none of these.

    Notes
    -----
    Source: docs/explanation/theory.md, sections 1 and 4; Scagliotti, Deep learning approximation of
    diffeomorphisms via linear-control systems, Math. Control Relat. Fields 13 (2023).

    Examples
    --------
    >>> theta = ac.fields.LinearInControl().init(jax.random.key(0), width=2, scale=1.0)
    >>> {name: array.shape for name, array in theta.items()}
    {'A': (2, 2), 'B': (2, 2), 'c': (2,)}
    """

    activation: str = eqx.field(static=True, default="tanh", converter=activation)

    @property
    def linear_in_control(self) -> bool:
        return True

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        return theta["A"] @ x + theta["B"] @ ACTIVATIONS[self.activation](x) + theta["c"]

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        shape = (width, width + seen)
        spread = scale / math.sqrt(width + seen)
        plain, bent = jax.random.split(key)
        return {
            "A": spread * jax.random.normal(plain, shape),
            "B": spread * jax.random.normal(bent, shape),
            "c": jnp.zeros(width),
        }
