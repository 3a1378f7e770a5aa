"""A way down that a certificate has seen: along the lowest eigenvector, or across a kink.

# notation: θ control, η direction of L² norm 1, s length, J objective.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float

from autoencodes.control import Control
from autoencodes.errors import NumericalFailure

_LENGTHS = 10.0 ** np.arange(-4.0, 0.5, 0.5)
_SHORT = 1e-6
_RANDOM = 8
_NOISE = 1e-9
"""The relative change of J below which it is taken for rounding."""

Entries = Float[np.ndarray, " entry"]


@dataclass(frozen=True)
class Descent:
    """What J does along a direction η of L² norm 1 from the control, as far as it was tried.

    ``slope`` is (J(θ + sη) − J(θ))/s at a small s > 0, ``bend`` the second difference
    (J(θ + sη) − 2 J(θ) + J(θ − sη))/s² that proves J not convex where it is negative beyond
    rounding (else None); ``decrease`` the most by which J was seen to fall, at ``length`` = s;
    ``control`` is the control there. ``directions`` were tried, of both signs.
    """

    slope: float
    bend: float | None
    decrease: float
    length: float
    directions: int
    control: Control | None = field(default=None, repr=False, compare=False)


def descent(
    objective: Callable[[Control], float],
    control: Control,
    step_size: float,
    vector: Entries | None,
    others: bool,
    seed: int,
) -> Descent:
    """Tries J along a vector and, if asked, random ones.

    ``objective`` is J, ``vector`` the eigenvector of λ_min in the control's flat entries, if known.
    """
    flat, unravel = ravel_pytree(jax.tree.map(lambda a: np.asarray(a, np.float64), control))
    entries = np.asarray(flat)
    size = max(1.0, float(np.linalg.norm(entries)) * step_size**0.5)
    random = np.random.default_rng([seed, 5])
    directions = [] if vector is None else [np.asarray(vector, np.float64)]
    if others or not directions:
        directions += list(random.standard_normal((_RANDOM, entries.size)))
    units = [v / (np.linalg.norm(v) * step_size**0.5) for v in directions]

    def at(unit: Entries, length: float) -> float:
        try:
            value = float(objective(unravel(jax.numpy.asarray(entries + length * unit))))
        except NumericalFailure:
            return np.inf
        return value if np.isfinite(value) else np.inf

    here = float(objective(control))
    noise = _NOISE * abs(here)
    short = _SHORT * size
    slopes = [(at(sign * u, short) - here) / short for u in units for sign in (1.0, -1.0)]
    best = int(np.argmin(slopes)) if others else 0
    steepest = (-1.0) ** (best % 2) * units[best // 2]
    ahead = np.array([at(steepest, s * size) for s in _LENGTHS])
    back = np.array([at(-steepest, s * size) for s in _LENGTHS])
    bends = ahead + back - 2 * here
    negative = np.flatnonzero(bends < -4 * noise)
    bend = None
    if len(negative):
        bend = float(bends[negative[0]] / (_LENGTHS[negative[0]] * size) ** 2)
    both = np.stack([ahead, back])
    sign, place = np.unravel_index(int(np.argmin(both)), both.shape)
    decrease = float(here - both[sign, place])
    if decrease <= 4 * noise:
        return Descent(float(min(slopes)), bend, 0.0, 0.0, len(units))
    length = float(_LENGTHS[place] * size)
    lower = unravel(jax.numpy.asarray(entries + (1 - 2 * sign) * length * steepest))
    return Descent(float(min(slopes)), bend, decrease, length, len(units), lower)
