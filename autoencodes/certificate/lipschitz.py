"""Lipschitz estimates: how much encoder and decoder enlarge small differences, at the particles.

# notation: E: x ↦ z encoder, D: z ↦ x decoder, σ_1 largest singular value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.flow.flow import Flow
from autoencodes.measure.streaming import blocks
from autoencodes.precision import compiled

_JACOBIAN_NUMBERS = 2**21


@dataclass(frozen=True)
class Lipschitz:
    """σ_1 of the Jacobian at ``particles`` of the data: its maximum and quantiles.

    These are local constants at those particles. Every Lipschitz constant of the map on a set
    that contains them in its interior is at least the maximum; none is bounded by it.
    """

    maximum: float
    median: float
    quantile_90: float
    quantile_99: float
    particles: int


def lipschitz(
    flow: Flow,
    control: Control,
    x: Float[Array, "particle dim"] | Float[np.ndarray, "particle dim"],
    advance: Callable[[float], bool] = lambda _: True,
) -> tuple[Lipschitz, Lipschitz] | None:
    """σ_1 of the encoder's and of the decoder's Jacobian at every particle.

    The encoder is x ↦ latent components, the decoder latent ↦ x at the latent values of the
    particle; under ``hold`` and ``skip``, at the held or stored values that its encoding left.
    Each Jacobian is computed through the bottleneck: as many pullbacks (encoder) or pushforwards
    (decoder) as there are latent components, a few particles at a time.

    Parameters
    ----------
    flow, control : the trained flow
    x : particles (N, d)
    advance : called with the share that is done; returns False to stop at what there is

    Returns
    -------
    encoder's and decoder's; None if it was stopped before the first particles.
    """
    schedule = flow.schedule
    size = int(np.clip(_JACOBIAN_NUMBERS // (schedule.latent * schedule.dim), 1, len(x)))
    parts: list[np.ndarray] = []
    for rows in blocks(len(x), size):
        parts.append(np.asarray(_largest(flow, control, jnp.asarray(x)[rows]), float))
        if not advance(min(1.0, len(parts) * size / len(x))):
            break
    values = np.concatenate(parts, axis=1)[:, : len(x)]
    values = values[:, np.isfinite(values).all(axis=0)]
    if not values.size:
        return None
    estimates = []
    for own in values:
        median, nine, most = np.percentile(own, (50, 90, 99)).tolist()
        estimates.append(Lipschitz(float(own.max()), median, nine, most, len(own)))
    return estimates[0], estimates[1]


@compiled
def _largest(
    flow: Flow, control: Control, x: Float[Array, "particle dim"]
) -> Float[Array, "2 particle"]:
    def encode(row: Float[Array, " dim"]) -> Float[Array, " latent"]:
        return flow.encode(control, row[None])[0]

    def decode(z: Float[Array, " latent"], held: Float[Array, " held"]) -> Float[Array, " dim"]:
        return flow.decode(control, z[None], held[None])[0]

    codes = flow.encode(control, x, held=True)
    encoders = jax.vmap(jax.jacrev(encode))(x)
    decoders = jax.vmap(jax.jacfwd(decode))(codes.latent, codes.held)
    grams = (
        jnp.einsum("pid,pjd->pij", encoders, encoders),
        jnp.einsum("pdi,pdj->pij", decoders, decoders),
    )
    # The square of σ_1 is the largest eigenvalue of the small Gram matrix, to full precision.
    return jnp.stack([jnp.sqrt(jnp.maximum(jnp.linalg.eigvalsh(g)[:, -1], 0)) for g in grams])
