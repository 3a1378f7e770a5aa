"""Whether training on mini-batches has broken down.

# notation: J_B objective on the mini-batch B; u = log J_B; ū, s² running mean and variance of u.
"""

from __future__ import annotations

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

_BROKEN, _UNLIKELY = math.log(2), 4.0
"""How far above its running mean log J_B may rise, whatever its deviation; and deviations above
the mean that no batch reaches by chance."""

_SETTLED, _LAG = 200, 50
"""The step from which a training is judged, and the steps over which the running means reach
back; plain means at first."""


class BatchObjectives(eqx.Module):
    """What the objectives of the batches so far say about the next one.

    Training has broken down where J_B is not finite, or
      log J_B > ū + max(log 2, 4 s).
    Logarithms, since few rows may make up all of a cost, as a cross-entropy's that is nearly
    learned: such batches differ by factors, and one that is ten times the mean means nothing. Where
    they agree, as those of a squared cost do, twice the mean is a break-down.
    """

    level: Float[Array, ""]
    """ū; its exponential is the objectives' geometric mean."""
    variance: Float[Array, ""]
    """s²."""

    @staticmethod
    def start(dtype: np.dtype) -> BatchObjectives:
        return BatchObjectives(jnp.zeros((), dtype), jnp.zeros((), dtype))

    def broken(self, objective: Float[Array, ""], count: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether ``objective``, that of the step number ``count``, is one of a break-down."""
        rise = jnp.maximum(_BROKEN, _UNLIKELY * jnp.sqrt(self.variance))
        return ~(_log(objective) <= self.level + rise) & (count >= _SETTLED)

    def seen(self, objective: Float[Array, ""], count: Int[Array, ""]) -> BatchObjectives:
        """The running means with one objective more; unchanged by one that is not finite."""
        share = 1 / jnp.minimum(count + 1, _LAG)
        off = jnp.where(jnp.isfinite(objective), _log(objective) - self.level, 0)
        variance = (1 - share) * (self.variance + share * off**2)
        return BatchObjectives(
            (self.level + share * off).astype(self.level.dtype),
            variance.astype(self.variance.dtype),
        )


def _log(objective: Float[Array, ""]) -> Float[Array, ""]:
    """log J_B; a cost of one's own that is 0 or below is taken as the least number there is."""
    return jnp.log(jnp.maximum(objective, float(np.finfo(objective.dtype).tiny)))
