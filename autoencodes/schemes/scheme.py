"""The contract of a one-step method.

# notation: x state of one particle, Δt step of the control, m sub-steps, h = Δt / m, φ increment.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from autoencodes.catalogue import SCHEMES
from autoencodes.checks import choice, positive_integer
from autoencodes.errors import InputError

Velocity = Callable[[Float[Array, ""], Float[Array, " width"]], Float[Array, " width"]]
"""(s, x) ↦ F(s, x, θ_l): the field under the control of one step."""


class Scheme(eqx.Module):
    """An explicit one-step method, x_(l+1) = x_l + Δt Φ(t_l, x_l, θ_l).

    The control is θ_l over the whole step, so no stage ever sees across a jump of the control or a
    switch of the width. With m = ``substeps``, h = Δt / m and φ the method's increment function,
      x_(l,0) = x_l,   x_(l,k+1) = x_(l,k) + h φ(t_l + k h, x_(l,k), θ_l),   x_(l+1) = x_(l,m):
    one control is shared by m steps of the method. Φ is the mean of the m increments. Costates,
    Hamiltonian, gradients and Hessians are those of the discrete flow: exact, with Φ in place of F.

    Parameters
    ----------
    substeps : int
        m, at least 1.

    Notes
    -----
    Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I (1993), II.3.

    Examples
    --------
    >>> ac.Flow(schedule, ac.fields.Perceptron(), ac.Heun(substeps=2)).scheme
    Heun(substeps=2)
    """

    substeps: int = eqx.field(
        static=True, default=1, converter=partial(positive_integer, name="substeps")
    )
    unrolled: ClassVar[int] = 4
    """Steps of a block up to which its loop is unrolled: beyond, compilation costs more than
    the loop's overhead saves (benchmarks/gradient.py measures it)."""

    @abc.abstractmethod
    def slope(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        """φ(t, x; h): what moves one particle over one sub-step, x + h φ; h is ``step``.

        Parameters
        ----------
        velocity : callable
            (s, x) ↦ F(s, x, θ_l), one particle's.
        t : scalar
        x : array (width,)
        step : float
            h.
        """

    def increment(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        """Φ(t, x; Δt) over one step of the control, of a ``velocity`` as for ``slope``; Δt is
        ``step``.
        """
        if self.substeps == 1:
            return self.slope(velocity, t, x, step)
        short = step / self.substeps

        def substep(moved: Float[Array, " width"], k: Float[Array, ""]) -> tuple[Array, None]:
            slope = self.slope(velocity, t + k * short, x + short * moved, short)
            return moved + slope, None

        numbers = jnp.arange(self.substeps, dtype=x.dtype)
        unroll = self.substeps if self.substeps <= self.unrolled else 1
        total, _ = jax.lax.scan(substep, jnp.zeros_like(x), numbers, unroll=unroll)
        return total / self.substeps


def scheme(name: str, substeps: int = 1) -> Scheme:
    """The method of the given name; InputError, with the list of what there is, for another."""
    return SCHEMES[choice(name, "scheme", SCHEMES.choices)](substeps)


def name_of(scheme: Scheme) -> str:
    """The name by which ``scheme`` gives the method again."""
    name = SCHEMES.name_of(type(scheme))
    if name is None:
        raise InputError(
            f"the scheme {type(scheme).__name__} is not built in ({', '.join(SCHEMES)}), so that a "
            "file cannot name it"
        )
    return name
