"""Which columns make a row abnormal: shares that add up to its score.

# notation: f squared distance of the latent value, γ path from the typical row x₀ to the row x,
# p costate: the gradient of f along the path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from autoencodes.anomaly.neighbours import Features
from autoencodes.anomaly.score import Detector, Entered
from autoencodes.flow import sweep
from autoencodes.measure.streaming import map_rows, strips
from autoencodes.model.model import Model, Rows
from autoencodes.precision import precision

_POINTS = 16
_ROWS = 64


@dataclass(frozen=True, eq=False)
class Explanation:
    """Shares of rows' scores by column: score = Σ_j shares_j.

    Parameters
    ----------
    names : tuple of str
        The columns.
    shares : array (N, column)
        The larger, the more the column is to blame; a negative one speaks for the row.
    scores : array (N,)
    """

    names: tuple[str, ...]
    shares: Float[np.ndarray, "particle column"]
    scores: Float[np.ndarray, " particle"]


def explain(detector: Detector, x: Rows) -> Explanation:
    """The share of every column in the scores (N,) of rows.

    Every part of the score is a sum over features, q = Σ_j q_j, and has the share
    −log S(q) q_j / q of the surprise:

    - the residual: (r_j / s_j)²;
    - the latent value, f(x) = |Wᵀ (h(x) − m)|²: integrated gradients
      (x_j − x₀_j) ∫₀¹ ∂f/∂x_j (x₀ + t (x − x₀)) dt from a typical row x₀, which are costates of f
      along the path. They add up to f(x) − f(x₀); f(x₀), the least of all ordinary rows, and the
      error of the quadrature go to the features by the size of their part;
    - the neighbours: the mean of (x_j − n_j)² over them, scaled to the distance that counts;
    - the Mahalanobis distance: (x − μ)_j (Σ⁻¹ (x − μ))_j, its integrated gradients from μ.

    The shares of a category's levels, and of a date's cycles, are added up.

    Parameters
    ----------
    detector : Detector
    x : rows, as ``Model.features`` takes them

    Notes
    -----
    Source: Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, ICML 2017.
    """
    rows = Entered.of(detector.model, x)
    scores = detector.of_entered(rows)
    names, owner = columns(detector.model)
    shares = np.zeros((len(scores), len(names)))
    for part in strips(len(scores)):
        np.add.at(shares[part].T, owner, feature_shares(detector, rows.taken(part)).T)
    return Explanation(names, shares, scores)


def columns(model: Model) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of a model's columns, and the column of every feature."""
    if model.encoding is not None:
        return model.encoding.names, np.asarray(model.encoding.owner)
    count = model.coordinates.features
    return tuple(f"x_{k}" for k in range(count)), np.arange(count)


def feature_shares(detector: Detector, rows: Entered) -> Features:
    """The shares (N, k) of features in the score."""
    near = detector.nearest(rows)
    parts = [detector.residual_squares(rows) + _latent_parts(detector, rows)]
    for place in detector.places:
        parts.append(detector.distance_parts(rows, near[:, :place]))
    if detector.precision is not None:
        parts.append(detector.linear_parts(rows))
    surprises = detector.surprises(detector.numbers(rows))
    total = np.zeros(rows.z.shape)
    for part, surprise in zip(parts, surprises, strict=True):
        total += surprise[:, None] * _normalised(part)
    return total


def _normalised(parts: Features) -> Features:
    """Parts divided by their sum; where that is nothing, equal ones."""
    total = parts.sum(axis=1, keepdims=True)
    size = np.abs(parts).sum(axis=1, keepdims=True)
    nothing = np.abs(total) <= 1e-9 * np.maximum(size, 1e-300)
    even = np.full(parts.shape, 1 / parts.shape[1])
    return np.asarray(np.where(nothing, even, parts / np.where(nothing, 1.0, total)))


def _latent_parts(detector: Detector, rows: Entered) -> Features:
    """Integrated gradients of the latent value's squared distance, in all its sum."""
    model, middle = detector.model, detector.middle
    latent = detector.latents(rows.z)
    wanted = np.sum(((latent - detector.centre) @ detector.whitening) ** 2, axis=1)
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    nodes, weights = (nodes + 1) / 2, weights / 2
    with precision(model.dtype):
        gradient = jax.jit(jax.grad(_distance(detector)))

        def integrated(block: Any) -> Any:
            total = np.zeros((len(block), model.flow.schedule.dim))
            start = np.asarray(model.coordinates.enter(middle[None], model.dtype))
            for node, weight in zip(nodes, weights, strict=True):
                total += weight * np.asarray(
                    gradient((start + node * (block - start)).astype(model.dtype)), np.float64
                )
            return total

        particles = np.asarray(model.coordinates.enter(rows.z, model.dtype))
        costates = map_rows(integrated, particles, size=_ROWS, filled=True, dtype=np.float64)
    costates = costates[:, : model.coordinates.features]
    if model.coordinates.rotation is not None:
        costates = costates @ model.coordinates.rotation.T
    parts = (rows.z - middle) * costates
    if rows.seen is not None:
        parts = np.where(rows.seen, parts, 0.0)
    size = np.abs(parts).sum(axis=1)
    spread = np.where(
        (size > 0)[:, None],
        np.abs(parts) / np.where(size > 0, size, 1.0)[:, None],
        1 / parts.shape[1],
    )
    return np.asarray(parts + (wanted - parts.sum(axis=1))[:, None] * spread)


def _distance(detector: Detector) -> Any:
    """particles ↦ Σ over them of |Wᵀ (h − m)|²."""
    model = detector.model
    centre, whitening = jnp.asarray(detector.centre), jnp.asarray(detector.whitening)

    def total(particles: Any) -> Any:
        latent = sweep.encode(model.flow, model.control, particles).active
        return jnp.sum(((latent - centre) @ whitening) ** 2)

    return total
