"""The explicit Runge-Kutta methods of order 1, 2 and 4.

# notation: s_1, s_2, ... stages; h sub-step.
"""

from __future__ import annotations

from jaxtyping import Array, Float

from autoencodes.catalogue import SCHEMES
from autoencodes.schemes.scheme import Scheme, Velocity


@SCHEMES.register("euler", "order 1", order=1, rank=0)
class Euler(Scheme):
    """φ = F(t, x): order 1; with one sub-step a residual network with a layer a step.

    Examples
    --------
    >>> ac.Euler().slope(lambda t, x: -x, jnp.array(0.0), jnp.ones(1), 0.5).tolist()  # φ = F
    [-1.0]
    """

    def slope(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        return velocity(t, x)


@SCHEMES.register("heun", "order 2", order=2, rank=1)
class Heun(Scheme):
    """φ = (s_1 + s_2) / 2,   s_1 = F(t, x),   s_2 = F(t + h, x + h s_1): order 2.

    Examples
    --------
    >>> slope = ac.Heun().slope(lambda t, x: -x, jnp.array(0.0), jnp.ones(1), 0.5)
    >>> (1 + 0.5 * slope).tolist()  # exp(-0.5) = 0.6065
    [0.625]
    """

    def slope(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        first = velocity(t, x)
        return (first + velocity(t + step, x + step * first)) / 2


@SCHEMES.register("rk4", "order 4", order=4, rank=2)
class RungeKutta4(Scheme):
    """φ = (s_1 + 2 s_2 + 2 s_3 + s_4) / 6, the classical method: order 4.

    s_1 = F(t, x),   s_2 = F(t + h/2, x + h/2 s_1),   s_3 = F(t + h/2, x + h/2 s_2),
    s_4 = F(t + h, x + h s_3).

    Examples
    --------
    >>> slope = ac.RungeKutta4().slope(lambda t, x: -x, jnp.array(0.0), jnp.ones(1), 0.5)
    >>> round(float(1 + 0.5 * slope[0]), 4)  # exp(-0.5) = 0.6065
    0.6068
    """

    def slope(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        half = step / 2
        first = velocity(t, x)
        second = velocity(t + half, x + half * first)
        third = velocity(t + half, x + half * second)
        fourth = velocity(t + step, x + step * third)
        return (first + 2 * second + 2 * third + fourth) / 6
