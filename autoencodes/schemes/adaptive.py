"""Solvers that choose their own steps, from Diffrax.

# notation: z(s) the state at time t + s, within one step Δt of the control.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from autoencodes.checks import between, choice, optional, positive, positive_integer
from autoencodes.errors import InputError, MissingExtra
from autoencodes.schemes.scheme import Scheme, Velocity

DIFFRAX: MappingProxyType[str, str] = MappingProxyType(
    {
        "dopri8": "Dopri8",
        "dopri5": "Dopri5",
        "tsit5": "Tsit5",
        "bosh3": "Bosh3",
        "heun": "Heun",
        "kvaerno5": "Kvaerno5",
    }
)
"""The solvers by name, and what Diffrax calls them."""

_FINEST = 32
"""The least relative tolerance that may be asked for, in units of rounding."""

_LEAST = 8
"""The least that the solver is given, in units of rounding: below, every step looks wrong."""


class Solution(NamedTuple):
    """What a solver made of one step of the control."""

    state: Float[Array, " width"]
    reason: Int[Array, ""]
    """0: it came to the end; 1: so many steps were not enough; 2: no step was short enough."""


class Adaptive(Scheme):
    """φ = (z(h) − x) / h with z' = F(t + s, z), z(0) = x, solved within a tolerance.

    Every particle is solved for by itself, with steps of its own. The local error of every
    component is kept below (atol + rtol |z|) ``share``, where ``share`` is what falls to one step
    of the control of an error allowed in all. Where the solver fails the increment is NaN.

    Parameters
    ----------
    substeps : int
        Parts of a step that are solved apart; 1 serves.
    solver : {"dopri8", "dopri5", "tsit5", "bosh3", "heun", "kvaerno5"}
        Explicit ones of order 8, 5, 5, 3 and 2; for stiff fields an implicit one of order 5.
    rtol, atol : float, optional
        By default 1e-8 and 1e-10, in float32 1e-5 and 1e-7.
    share : float
        In (0, 1].
    max_steps : int
        The most steps of the solver within one step of the control.

    Raises
    ------
    InputError
        For another solver, or tolerances that are not positive or finer than the precision.
    MissingExtra
        If Diffrax is not installed.

    Notes
    -----
    Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I (1993), II.4;
    Kidger, On Neural Differential Equations (2021), for Diffrax.
    """

    solver: str = eqx.field(
        static=True, default="dopri8", converter=partial(choice, name="solver", choices=DIFFRAX)
    )
    rtol: float | None = eqx.field(
        static=True, default=None, converter=partial(optional, positive, name="rtol")
    )
    atol: float | None = eqx.field(
        static=True, default=None, converter=partial(optional, positive, name="atol")
    )
    share: float = eqx.field(
        static=True,
        default=1.0,
        converter=partial(between, name="share", low=0, high=1, with_low=False),
    )
    max_steps: int = eqx.field(
        static=True, default=4096, converter=partial(positive_integer, name="max_steps")
    )
    unrolled: ClassVar[int] = 1

    def __check_init__(self) -> None:
        if find_spec("diffrax") is None:
            raise MissingExtra("diffrax", "ode", "solving in continuous time")

    def slope(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Float[Array, " width"]:
        end, reason = self.solve(velocity, t, x, step)
        return jnp.where(reason == 0, (end - x) / step, jnp.nan)

    def solve(
        self, velocity: Velocity, t: Float[Array, ""], x: Float[Array, " width"], step: float
    ) -> Solution:
        """z(h), and why the solver ended; h is ``step``."""
        import diffrax

        rtol, atol = self.tolerances(x.dtype)
        unit = float(np.finfo(x.dtype).eps)
        controller = diffrax.PIDController(
            rtol=max(rtol * self.share, _LEAST * unit),
            atol=atol * self.share,
            norm=_largest,
            dtmin=_LEAST * unit * step,
            force_dtmin=False,
        )
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda s, z, _: velocity(t + s, z)),
            getattr(diffrax, DIFFRAX[self.solver])(),
            t0=jnp.zeros((), x.dtype),
            t1=jnp.asarray(step, x.dtype),
            dt0=jnp.asarray(step, x.dtype),
            y0=jnp.where(jnp.isfinite(x), x, 0),  # of what has failed before nothing is asked
            stepsize_controller=controller,
            max_steps=self.max_steps,
            throw=False,
        )
        end = found.ys[-1]
        short = found.result == diffrax.RESULTS.max_steps_reached
        ended = (found.result == diffrax.RESULTS.successful) & jnp.isfinite(end + x).all()
        return Solution(end, jnp.where(ended, 0, jnp.where(short, 1, 2)))

    def tolerances(self, dtype: Any) -> tuple[float, float]:
        """(rtol, atol) in a precision; InputError if it is not fine enough for them."""
        single = jnp.dtype(dtype).itemsize < 8
        rtol = (1e-5 if single else 1e-8) if self.rtol is None else self.rtol
        atol = (1e-7 if single else 1e-10) if self.atol is None else self.atol
        if rtol < (least := _FINEST * float(np.finfo(dtype).eps)):
            raise InputError(
                f"rtol must be at least {least:.1g} in {jnp.dtype(dtype)}; got {rtol:g}: "
                "allow more, or take a control of float64"
            )
        return rtol, atol


def _largest(values: Any) -> Any:
    """The largest component, so that the tolerance holds for every one."""
    return jnp.max(jnp.abs(values))
