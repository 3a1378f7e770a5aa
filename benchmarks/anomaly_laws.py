"""Curved laws with anomalies off the manifold but inside the covariance's ellipsoid.

# notation: d columns, k dimension of the manifold, s deviation of the noise around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Draw = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Law:
    """Points on a manifold of dimension k, and the deviation of noise around it."""

    draw: Draw
    k: int
    noise: float

    def rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Ordinary rows (count, d)."""
        x = self.draw(count, rng)
        return np.asarray(x + self.noise * rng.normal(size=x.shape))

    def odd(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Anomalies: of the law's own mean and covariance (shrunk to 0.64), inside the ellipsoid
        that holds 90 % of ordinary rows, and off the manifold by half as much again as 99.9 % of
        them.
        """
        from scipy.spatial import cKDTree

        points = self.draw(20_000, rng)
        rows = points + self.noise * rng.normal(size=points.shape)
        mean, covariance = rows.mean(0), np.cov(rows.T)
        inverse = np.linalg.pinv(covariance)
        limit = np.quantile(_mahalanobis(rows, mean, inverse), 0.9)
        tree = cKDTree(points)
        far = 1.5 * np.quantile(tree.query(rows[:2000])[0], 0.999)
        values, axes = np.linalg.eigh(covariance)
        root = axes * np.sqrt(np.maximum(values, 0))
        found = np.zeros((0, len(mean)))
        while len(found) < count:
            x = mean + 0.8 * rng.normal(size=(4 * count, len(mean))) @ root.T
            inside = _mahalanobis(x, mean, inverse) < limit
            found = np.vstack([found, x[inside & (tree.query(x)[0] > far)]])
        return found[:count]


def _mahalanobis(x: np.ndarray, mean: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("nd,nd->n", (x - mean) @ inverse, x - mean))


def _fixed(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def _swiss(n: int, rng: np.random.Generator) -> np.ndarray:
    t = 1.5 * np.pi * (1 + 2 * rng.random(n))
    return np.c_[t * np.cos(t), 21 * rng.random(n), t * np.sin(t)]


def _s_curve(n: int, rng: np.random.Generator) -> np.ndarray:
    t = 3 * np.pi * (rng.random(n) - 0.5)
    return np.c_[np.sin(t), 2 * rng.random(n), np.sign(t) * (np.cos(t) - 1)]


def _helix(n: int, rng: np.random.Generator) -> np.ndarray:
    t = 4 * np.pi * rng.random(n)
    return np.c_[np.cos(t), np.sin(t), t / 6]


def _torus(n: int, rng: np.random.Generator) -> np.ndarray:
    a, b = 2 * np.pi * rng.random((2, n))
    return np.c_[(2 + np.cos(b)) * np.cos(a), (2 + np.cos(b)) * np.sin(a), np.sin(b)]


def _sphere(n: int, rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=(n, 4))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _circle(n: int, rng: np.random.Generator) -> np.ndarray:
    t = 2 * np.pi * rng.random(n)
    waves = [f(j * t) / np.sqrt(j) for j in range(1, 4) for f in (np.cos, np.sin)]
    return np.asarray(np.stack(waves, axis=1) @ _fixed(5, 6, 20))


def _quadratic(n: int, rng: np.random.Generator) -> np.ndarray:
    u = rng.normal(size=(n, 3))
    return np.c_[u, np.einsum("ni,kij,nj->nk", u, _fixed(6, 7, 3, 3), u) / 3]


def _saddle(n: int, rng: np.random.Generator) -> np.ndarray:
    u = rng.uniform(-1, 1, (n, 2))
    curved = np.c_[u, 2 * u[:, 0] * u[:, 1], u[:, 0] ** 2 - u[:, 1] ** 2]
    return np.c_[curved, np.zeros((n, 4))]


def _circles(n: int, rng: np.random.Generator) -> np.ndarray:
    a, b = 2 * np.pi * rng.random((2, n))
    return np.asarray(np.c_[np.cos(a), np.sin(a), np.cos(b), np.sin(b)] @ _fixed(7, 4, 12))


def _sensors(n: int, rng: np.random.Generator) -> np.ndarray:
    u = rng.uniform(-1, 1, (n, 3))
    return np.asarray(np.tanh(1.5 * u @ _fixed(8, 3, 20) + 0.5 * _fixed(9, 20)))


LAWS = {
    "swiss roll": Law(_swiss, 2, 0.3),
    "S-curve": Law(_s_curve, 2, 0.05),
    "helix": Law(_helix, 1, 0.05),
    "torus": Law(_torus, 2, 0.05),
    "sphere in 4": Law(_sphere, 3, 0.03),
    "circle in 20": Law(_circle, 1, 0.15),
    "quadratic in 10": Law(_quadratic, 3, 0.1),
    "saddle in 8": Law(_saddle, 2, 0.05),
    "circles in 12": Law(_circles, 2, 0.1),
    "sensors in 20": Law(_sensors, 3, 0.05),
}


if __name__ == "__main__":
    for name, law in LAWS.items():
        x = law.rows(500, np.random.default_rng(0))
        print(f"{name}: {x.shape[1]} columns on a surface of dimension {law.k}")
