"""Which columns make a row abnormal: shares that add up to its score.

# notation: s score, π how likely a column is wrong, f squared distance of the latent value, γ path
# from the typical row x₀ to the row x, p costate: the gradient of f along the path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from autoencodes.anomaly.neighbours import Features
from autoencodes.anomaly.score import Detector, Entered
from autoencodes.flow import sweep
from autoencodes.measure.streaming import map_rows, strips
from autoencodes.model.model import Model, Rows
from autoencodes.precision import precision

_POINTS = 16
_ROWS = 64
_SUSPECTS = 3
"""Columns of which each is asked whether it alone is wrong."""


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

    First: of a row that is wrong in a single column, which one is it? A residual cannot tell, as it
    points across the surface whatever was changed. Column j is it with the probability

    π_j ∝ p(z without column j) g_j,   p the density of ordinary rows, g_j a broad law

    (``density.Density.suspects``). With what should stand in column j the row z^j has the score
    s(z^j). So a single column explains the part e of what the score is above m, the median of
    ordinary rows, and

    share_j = s(z) (e π_j + (1 − e) a_j),   e = Σ_j π_j (s(z) − s(z^j))₊ / (s(z) − m), at most 1,

    over the 3 likeliest columns. What no single column explains goes by a_j, the parts of the
    score: each is a sum over features, q = Σ_j q_j, and has the share −log S(q) q_j / q of the
    surprise:

    - the residual: (r_j / s_j)²;
    - the latent value, f(x) = |Wᵀ (h(x) − m)|²: integrated gradients
      (x_j − x₀_j) ∫₀¹ ∂f/∂x_j (x₀ + t (x − x₀)) dt from a typical row x₀, which are costates of f
      along the path. They add up to f(x) − f(x₀); f(x₀), the least of all ordinary rows, and the
      error of the quadrature go to the features by the size of their part;
    - the neighbours: the mean of (x_j − n_j)² over them, scaled to the distance that counts;
    - the density: c_j (C⁻¹ c)_j of the windows, as likely as they are;
    - the Mahalanobis distance: (x − μ)_j (Σ⁻¹ (x − μ))_j, its integrated gradients from μ.

    The shares of a category's levels, and of a date's cycles, are added up. Where several columns
    could each be changed so that the row is ordinary, nothing can tell which one is wrong: on a
    plane with normal n, a change of column i repairs what δ in column j has done, by δ n_j / n_i.

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
    changed = detector.changed_parts(rows)  # of one column each, and of no feature
    rows, rest = replace(rows, changed=None), scores
    if changed is not None:
        rest = scores - changed.sum(axis=1)
    for part in strips(len(scores)):
        shares[part] = _column_shares(detector, rows.taken(part), rest[part], owner, len(names))
    shares += 0.0 if changed is None else changed
    return Explanation(names, shares, scores)


def _column_shares(
    detector: Detector,
    rows: Entered,
    scores: Float[np.ndarray, " particle"],
    owner: Int[np.ndarray, " feature"],
    count: int,
) -> Float[np.ndarray, "particle column"]:
    """The shares of columns in the score of some rows."""
    parts = np.zeros((len(scores), count))
    np.add.at(parts.T, owner, feature_shares(detector, rows).T)
    parts /= np.maximum(scores, 1e-300)[:, None]
    encoding = detector.model.encoding
    free = np.ones(count, bool)
    for first, _ in () if encoding is None else encoding.groups:
        free[owner[first]] = False
    chances, values = detector.density.suspects(detector.whole(rows), owner, free)
    if rows.seen is not None:  # what is missing is not wrong
        known = np.zeros(chances.shape, bool)
        np.logical_or.at(known.T, owner, rows.seen.T)
        chances = np.where(known, chances, 0.0)
    likely = np.argsort(-chances, axis=1, kind="stable")[:, :_SUSPECTS]
    chances = np.take_along_axis(chances, likely, 1)
    total = chances.sum(axis=1, keepdims=True)
    chances = np.where(total > 0, chances / np.where(total > 0, total, 1), 1 / chances.shape[1])
    explained = np.zeros(len(scores))
    for column, chance in zip(likely.T, chances.T, strict=True):
        changed = np.where(owner == column[:, None], values * detector.units, rows.z)
        after = detector.of_entered(Entered(changed, rows.seen))
        explained += chance * np.maximum(scores - after, 0.0)
    excess = scores - detector.usual
    part = np.clip(explained / np.where(excess > 0, excess, 1.0), 0.0, 1.0) * (excess > 0)
    shares = ((1 - part) * scores)[:, None] * parts
    blamed = np.take_along_axis(shares, likely, 1) + chances * (part * scores)[:, None]
    np.put_along_axis(shares, likely, blamed, 1)
    return shares


def columns(model: Model) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of a model's columns, and the column of every feature."""
    if model.encoding is not None:
        return model.encoding.names, np.asarray(model.encoding.owner)
    count = model.coordinates.features
    return tuple(f"x_{k}" for k in range(count)), np.arange(count)


def feature_shares(detector: Detector, rows: Entered) -> Features:
    """The shares (N, k) of features in the score."""
    parts = [
        detector.residual_squares(rows) + _latent_parts(detector, rows),
        detector.density.parts(detector.whole(rows)) * (1 if rows.seen is None else rows.seen),
    ]
    if detector.places:
        near = detector.nearest(rows)
        parts += [detector.distance_parts(rows, near[:, :place]) for place in detector.places]
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
