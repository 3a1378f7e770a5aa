"""Toy laws: small distributions with known answers, drawn in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import numpy as np

from autoencodes.datasets.dataset import Classes, Dataset, Rows, Targets, require_seed
from autoencodes.errors import InputError

Sample = tuple[Rows, Targets | None, Classes | None]

_NOISE = 0.05
_TRAIN_ROWS = 2_000
_PARABOLA_TRAIN_ROWS = 200
_TEST_ROWS = 5_000


def gaussian_sign(size: int, rng: np.random.Generator) -> Sample:
    """x ~ N(0, I_2), y = (sign(x_1), 0), label sign(x_1) ∈ {-1, 1}: a map with a jump."""
    x = rng.standard_normal((size, 2))
    sign = np.where(x[:, 0] < 0, -1, 1)
    return x, np.stack([sign, np.zeros(size)], axis=1), sign


def parabola(size: int, rng: np.random.Generator) -> Sample:
    """x = (s, s²), s ~ U(-1, 1), reconstructed: a curve, hence of latent dimension 1."""
    s = rng.uniform(-1.0, 1.0, size)
    return np.stack([s, s**2], axis=1), None, None


def bimodal(size: int, rng: np.random.Generator) -> Sample:
    """x = c + 0.2 ξ, c ~ U{-1, 1}, ξ ~ N(0, 1), y = 2c, label c: two clusters pushed apart."""
    cluster = rng.choice([-1, 1], size)
    x = cluster + 0.2 * rng.standard_normal(size)
    return x[:, None], 2.0 * cluster[:, None], cluster


def moons(size: int, rng: np.random.Generator) -> Sample:
    """Two interleaved half circles, reconstructed, t ~ U(0, π), label c ~ U{0, 1}.

    x = (cos t, sin t) + 0.05 ξ if c = 0, (1 - cos t, 1/2 - sin t) + 0.05 ξ if c = 1,
    ξ ~ N(0, I_2).
    """
    moon = rng.integers(0, 2, size)
    t = rng.uniform(0.0, np.pi, size)
    arc = np.stack([np.cos(t), np.sin(t)], axis=1)
    x = np.where(moon[:, None] == 0, arc, np.array([1.0, 0.5]) - arc)
    return x + _NOISE * rng.standard_normal((size, 2)), None, moon


def circles(size: int, rng: np.random.Generator) -> Sample:
    """Two concentric circles, reconstructed: x = r_c (cos t, sin t) + 0.05 ξ.

    t ~ U(0, 2π), label c ~ U{0, 1}, r_0 = 1, r_1 = 1/2, ξ ~ N(0, I_2).
    """
    circle = rng.integers(0, 2, size)
    t = rng.uniform(0.0, 2.0 * np.pi, size)
    radius = np.where(circle == 0, 1.0, 0.5)[:, None]
    x = radius * np.stack([np.cos(t), np.sin(t)], axis=1)
    return x + _NOISE * rng.standard_normal((size, 2)), None, circle


LAWS: dict[str, Callable[[int, np.random.Generator], Sample]] = {
    "gaussian-sign": gaussian_sign,
    "parabola": parabola,
    "bimodal-1d": bimodal,
    "moons": moons,
    "circles": circles,
}


def sample(law: str, size: int, seed: int) -> Sample:
    """Draws `size` independent particles of a law.

    Parameters
    ----------
    law : str
        A name in `LAWS`.
    size : int
        The number N ≥ 1 of particles.
    seed : int
        At least 0; the training rows of `load(law, seed=seed)` are the sample of the
        same seed (the parabola's excepted, which are a grid), its test rows are not.

    Returns
    -------
    (x, y, labels)
        Particles (N, d), targets (N, d) or None (reconstruction), classes (N,) or None.

    Raises
    ------
    InputError
        If there is no such law, or size or seed is out of range.
    """
    if law not in LAWS:
        near = get_close_matches(str(law), LAWS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"expected a law among {', '.join(LAWS)}; got {law!r}{hint}")
    if size < 1:
        raise InputError(f"size must be an integer of at least 1; got {size!r}")
    require_seed(seed)
    return LAWS[law](size, np.random.default_rng(seed))


def dataset(law: str, seed: int) -> Dataset:
    """The data set of a law: 2,000 rows to train on (the parabola's 200), 5,000 to test on."""
    train = _parabola_grid() if law == "parabola" else sample(law, _TRAIN_ROWS, seed)
    # A spawned stream: seed + 1 would make one seed's test rows another's training rows.
    stream = np.random.SeedSequence(seed, spawn_key=(1,))
    test = LAWS[law](_TEST_ROWS, np.random.default_rng(stream))
    x, y, labels = (
        None if first is None or second is None else np.concatenate([first, second])
        for first, second in zip(train, test, strict=True)
    )
    assert x is not None
    is_test = np.arange(x.shape[0]) >= train[0].shape[0]
    return Dataset(law, x, y, labels, is_test, law=True)


def _parabola_grid() -> Sample:
    """(s, s²) with s evenly spaced: the training curve of the paper has no sampling noise."""
    s = np.linspace(-1.0, 1.0, _PARABOLA_TRAIN_ROWS)
    return np.stack([s, s**2], axis=1), None, None
