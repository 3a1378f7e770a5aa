"""The divergence of a velocity at one particle."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Motion = Callable[[Float[Array, " width"]], Float[Array, " width"]]
"""x ↦ F(x)."""


def of(
    motion: Motion, x: Float[Array, " width"], probes: Float[Array, "probe width"] | None = None
) -> Float[Array, ""]:
    """div F(x) = Σ_i ∂_i F_i(x) = tr ∂F(x), exact or estimated.

    Parameters
    ----------
    motion : function
        F.
    x : array (width,)
    probes : array (probes, width), optional
        Without them the divergence is exact, by one derivative for each component. With them it
        is the mean of v · ∂F(x) v over the probes v, by one derivative for each: over random ones
        with E[v vᵀ] = 1 its expectation is div F(x).

    Returns
    -------
    scalar

    Notes
    -----
    Source: Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian
    smoothing splines, Comm. Statist. Simulation Comput. 18 (1989).
    """
    if probes is None:
        return jnp.trace(jax.jacfwd(motion)(x))
    _, differential = jax.linearize(motion, x)
    return jnp.mean(jax.vmap(lambda v: v @ differential(v))(probes))
