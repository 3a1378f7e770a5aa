"""Gaussians restricted to small balls: particles, targets, density."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

RADIUS = 0.2


def law(
    clusters: int, dim: int, count: int, seed: int
) -> tuple[Float[np.ndarray, "particle dim"], Float[np.ndarray, "particle dim"]]:
    """2 ``count`` particles, and their targets.

    N(0, I) is drawn until it lies within the radius, about every centre.
    """
    draw = np.random.default_rng(seed)
    kept = np.empty((0, dim))
    while len(kept) < 2 * count:
        tried = draw.standard_normal((4096, dim))
        kept = np.concatenate([kept, tried[np.linalg.norm(tried, axis=1) <= RADIUS]])
    x = kept[: 2 * count]
    if clusters == 1:
        return x, np.where(x[:, :1] > 0, 1.0, -1.0) * np.ones(dim)
    side = np.repeat([-1.0, 1.0], count)[:, None] * np.ones(dim)
    return x + side, 2 * side


def centres(clusters: int) -> tuple[float, ...]:
    """Of every component."""
    return (-1.0, 1.0) if clusters == 2 else (0.0,)


def height(clusters: int, x: Float[np.ndarray, "... dim"]) -> Float[np.ndarray, ...]:
    """The law's density, with the Gaussian's mass within the ball taken as 1."""
    if x.shape[-1] == 1:
        r = np.linspace(-RADIUS, RADIUS, 2001)
        mass = float(np.trapezoid(np.exp(-(r**2) / 2), r))
    else:
        mass = float(2 * np.pi * (1 - np.exp(-(RADIUS**2) / 2)))
    total = np.zeros(x.shape[:-1])
    for centre in centres(clusters):
        squares = np.sum((x - centre) ** 2, axis=-1)
        inside = np.where(squares <= RADIUS**2 + 1e-12, np.exp(-squares / 2), 0.0)
        total += inside / mass / len(centres(clusters))
    return total


def cells(
    clusters: int, mesh: Float[np.ndarray, "... dim"], spacing: float
) -> Float[np.ndarray, ...]:
    """The law's mean density in the cell about every node; its mass is 1."""
    dim = mesh.shape[-1]
    within = (np.arange(8) + 0.5) / 8 - 0.5
    offsets = np.stack(np.meshgrid(*[within * spacing] * dim), -1)
    means = np.mean([height(clusters, mesh + o) for o in offsets.reshape(-1, dim)], axis=0)
    return np.asarray(means / (means.sum() * spacing**dim))
