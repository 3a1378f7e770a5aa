"""The inverse of one step: which state does a one-step method move to a given one?

# notation: x the state sought, y the state after the step, Δt ``step``, Φ increment, r residual.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from autoencodes.checks import short
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.flow.schedule import WidthSchedule

Increment = Callable[[Float[Array, " width"]], Float[Array, " width"]]
"""x ↦ Φ(t_l, x, θ_l), of one particle."""

_ENTRIES = 2**22
"""Entries of the Jacobians that are held at a time: as many particles pass together."""

_EXACT, _ROUNDED = 4, 1000
"""Units of rounding of the residual at which the search ends, and at which it has succeeded."""

_ROUNDS, _SHORTEST = 60, 2.0**-10


class _Guess(NamedTuple):
    x: Float[Array, " width"]
    residual: Float[Array, " width"]
    size: Float[Array, ""]
    pace: Float[Array, ""]
    """The share of the correction that is taken; too small, the search ends."""
    rounds: Int[Array, ""]


def check_invertible(schedule: WidthSchedule) -> None:
    """InputError unless the flow is a homeomorphism of R^d."""
    if not schedule.invertible:
        raise InputError(
            f"only under memory hold, or with all {schedule.dim} components active throughout, is "
            "the flow a homeomorphism, with an inverse and densities; got memory "
            f"{schedule.memory} and widths {short(schedule.widths)}"
        )


def preimages(
    increment: Increment, step: float, y: Float[Array, "particle width"]
) -> tuple[Float[Array, "particle width"], Float[Array, " particle"]]:
    """x with x + Δt Φ(x) = y for every particle, and the size of what is left.

    The sizes are relative, max |r| / (max |x| + max |y|) with r = x + Δt Φ(x) − y; ``succeeded``
    says whether they are those of rounding. Particles pass so many at a time that their
    Jacobians fit.
    """
    together = max(1, _ENTRIES // y.shape[1] ** 2)
    solve = partial(_preimage, increment, step)
    if y.shape[0] <= together:
        return jax.vmap(solve)(y)
    return jax.lax.map(solve, y, batch_size=together)


def succeeded(sizes: Any) -> Bool[np.ndarray, "..."]:  # noqa: UP037
    """Whether what was left of an equation is no more than rounding; a NaN is not."""
    sizes = np.asarray(sizes)
    return np.asarray(sizes <= _ROUNDED * np.finfo(sizes.dtype).eps)


def check_preimages(sizes: Float[Array, "step particle"], step: float) -> None:
    """NumericalFailure, with the step of the control, unless every equation was solved.

    Inside a compiled function nothing is known yet, and nothing checked.
    """
    if isinstance(sizes, jax.core.Tracer) or (solved := succeeded(sizes)).all():
        return
    last = int(np.flatnonzero(~solved.all(axis=1))[-1])  # the first that failed, going back
    raise NumericalFailure(
        f"the inverse found no state that step {last} of the control (Δt = {step:.4g}) moves to "
        f"where {int((~solved[last]).sum())} of {solved.shape[1]} particles are: a step has one "
        "for sure only where Δt Lip(F) < 1; refine the control (autoencodes.refine), or go back "
        "in continuous time (ContinuousFlow.inverse)"
    )


def _preimage(
    increment: Increment, step: float, y: Float[Array, " width"]
) -> tuple[Float[Array, " width"], Float[Array, ""]]:
    """x with x + Δt Φ(x) = y, by the fixed point x ← x − r as long as that halves r, then by
    Newton's method, x ← x − s (1 + Δt ∂Φ)⁻¹ r with a pace s that halves where r would grow.
    """

    def at(x: Float[Array, " width"], pace: Float[Array, ""], rounds: Int[Array, ""]) -> _Guess:
        residual = x + step * increment(x) - y
        scale = jnp.abs(x).max() + jnp.abs(y).max() + float(np.finfo(y.dtype).tiny)
        return _Guess(x, residual, jnp.abs(residual).max() / scale, pace, rounds)

    def goes_on(guess: _Guess) -> Bool[Array, ""]:
        inexact = guess.size > _EXACT * float(np.finfo(y.dtype).eps)
        return inexact & (guess.pace >= _SHORTEST) & (guess.rounds < _ROUNDS)

    def better(guess: _Guess, trial: _Guess, pace: Float[Array, ""]) -> _Guess:
        closer = trial.size < guess.size
        kept = jax.tree.map(lambda a, b: jnp.where(closer, a, b), trial, guess)
        return kept._replace(pace=pace, rounds=guess.rounds + 1)

    def contract(guess: _Guess) -> _Guess:
        trial = at(guess.x - guess.residual, guess.pace, guess.rounds)
        return better(guess, trial, jnp.where(trial.size < guess.size / 2, guess.pace, 0))

    def correct(guess: _Guess) -> _Guess:
        width = guess.x.shape[0]
        slopes = jnp.eye(width, dtype=y.dtype) + step * jax.jacfwd(increment)(guess.x)
        correction = jnp.linalg.solve(slopes, guess.residual)
        trial = at(guess.x - guess.pace * correction, guess.pace, guess.rounds)
        closer = trial.size < guess.size
        return better(
            guess, trial, jnp.where(closer, jnp.minimum(1, 2 * guess.pace), guess.pace / 2)
        )

    one, none = jnp.ones((), y.dtype), jnp.zeros((), int)
    guess = jax.lax.while_loop(goes_on, contract, at(y, one, none))
    guess = jax.lax.while_loop(goes_on, correct, guess._replace(pace=one, rounds=none))
    return guess.x, guess.size
