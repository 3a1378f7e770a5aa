"""Laws of rows and of anomalies: ten curved ones with anomalies off the manifold but inside the
covariance's ellipsoid, and ten as tables have them with anomalies far from the middle.

# notation: d columns, k dimension of the manifold, s deviation of the noise around it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Draw = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Law:
    """Points on a manifold of dimension k, and the deviation of noise around it.

    Of a law that is not ``curved``, noise and dimension are only those that a model is given.
    """

    draw: Draw
    k: int
    noise: float
    curved: bool = True

    def rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Ordinary rows (count, d)."""
        x = self.draw(count, rng)
        return np.asarray(x + self.noise * rng.normal(size=x.shape))

    def odd(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Anomalies: of the law's own mean and covariance (shrunk to 0.64), inside the ellipsoid
        that holds 90 % of ordinary rows, and off the manifold by half as much again as 99.9 % of
        them. Of other laws normal ones, four times as far from the mean as rows are.
        """
        if not self.curved:
            rows = self.rows(20_000, rng)
            wide = 16 * np.cov(rows.T)
            return np.asarray(rng.multivariate_normal(rows.mean(0), wide, count))
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


def _normal(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.normal(size=(n, 10)) @ _fixed(10, 10, 10))


def _plane(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(rng.normal(size=(n, 2)) @ _fixed(11, 2, 6))


def _factors(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(np.exp(0.5 * rng.normal(size=(n, 3)) @ _fixed(12, 3, 8)))


def _clusters(count: int, width: int) -> Draw:
    centres = 4 * _fixed(13 + count, count, width)
    return lambda n, rng: centres[rng.integers(count, size=n)] + rng.normal(size=(n, width))


def _mixed(n: int, rng: np.random.Generator) -> np.ndarray:
    u, flag = rng.normal(size=(n, 2)), rng.random((n, 2)) < 0.3
    return np.c_[u, u[:, 0] * flag[:, 0], np.round(2 * u[:, 1]), flag]


def _walk(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(np.cumsum(rng.normal(size=(n, 12)), axis=1))


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

FLAT = {
    "normal in 10": Law(_normal, 3, 0.1, False),
    "plane in 6": Law(_plane, 2, 0.1, False),
    "two clusters in 4": Law(_clusters(2, 4), 1, 0.0, False),
    "five clusters in 8": Law(_clusters(5, 8), 2, 0.0, False),
    "t with 3 degrees in 5": Law(lambda n, rng: rng.standard_t(3, (n, 5)), 2, 0.0, False),
    "log-normal factors in 8": Law(_factors, 3, 0.0, False),
    "cube in 4": Law(lambda n, rng: rng.random((n, 4)), 1, 0.0, False),
    "counts in 6": Law(lambda n, rng: rng.poisson(3.0, (n, 6)).astype(float), 2, 0.0, False),
    "mixed in 6": Law(_mixed, 2, 0.0, False),
    "walks in 12": Law(_walk, 3, 0.0, False),
}


if __name__ == "__main__":
    for name, law in (LAWS | FLAT).items():
        x = law.rows(500, np.random.default_rng(0))
        print(f"{name}: {x.shape[1]} columns on a surface of dimension {law.k}")
