"""Toy laws: small distributions with known answers, drawn in NumPy.

A law is registered as a function (size, rng) -> (x, y, labels), with ``law=True``: unless its
``defaults`` say otherwise it is trained as the plane laws of the paper are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autoencodes.catalogue import DATASETS
from autoencodes.checks import choice, integer, positive_integer
from autoencodes.datasets.dataset import Dataset, Targets
from autoencodes.datasets.table import Classes, Rows

Sample = tuple[Rows, Targets | None, Classes | None]

_NOISE = 0.05
_TRAIN_ROWS = 2_000
_PARABOLA_TRAIN_ROWS = 200
_TEST_ROWS = 5_000


@DATASETS.register("gaussian-sign", "a map with a jump in the plane", rank=2, law=True)
def gaussian_sign(size: int, rng: np.random.Generator) -> Sample:
    """x ~ N(0, I_2), y = (sign(x_1), 0), label sign(x_1) ∈ {-1, 1}: a map with a jump."""
    x = rng.standard_normal((size, 2))
    sign = np.where(x[:, 0] < 0, -1, 1)
    return x, np.stack([sign, np.zeros(size)], axis=1), sign


@DATASETS.register("parabola", "a curve in the plane", rank=3, law=True)
def parabola(size: int, rng: np.random.Generator) -> Sample:
    """x = (s, s²), s ~ U(-1, 1), reconstructed: a curve, hence of latent dimension 1."""
    s = rng.uniform(-1.0, 1.0, size)
    return np.stack([s, s**2], axis=1), None, None


@DATASETS.register(
    "bimodal-1d",
    "two clusters on the line, to be pushed apart",
    rank=4,
    law=True,
    defaults={
        "widths": (1,),
        "steps_per_block": 10,
        "horizon": 1.0,
        "tikhonov": 0.1,
        "epochs": 200,
    },
)
def bimodal(size: int, rng: np.random.Generator) -> Sample:
    """x = c + 0.2 ξ, c ~ U{-1, 1}, ξ ~ N(0, 1), y = 2c, label c: two clusters pushed apart."""
    cluster = rng.choice([-1, 1], size)
    x = cluster + 0.2 * rng.standard_normal(size)
    return x[:, None], 2.0 * cluster[:, None], cluster


@DATASETS.register("moons", "two interleaved half circles in the plane", rank=5, law=True)
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


@DATASETS.register("circles", "two concentric circles in the plane", rank=6, law=True)
def circles(size: int, rng: np.random.Generator) -> Sample:
    """Two concentric circles, reconstructed: x = r_c (cos t, sin t) + 0.05 ξ.

    t ~ U(0, 2π), label c ~ U{0, 1}, r_0 = 1, r_1 = 1/2, ξ ~ N(0, I_2).
    """
    circle = rng.integers(0, 2, size)
    t = rng.uniform(0.0, 2.0 * np.pi, size)
    radius = np.where(circle == 0, 1.0, 0.5)[:, None]
    x = radius * np.stack([np.cos(t), np.sin(t)], axis=1)
    return x + _NOISE * rng.standard_normal((size, 2)), None, circle


def laws() -> dict[str, Callable[[int, np.random.Generator], Sample]]:
    """The laws by name, those registered while the program runs too."""
    return {e.name: DATASETS[e.name] for e in DATASETS.entries.values() if e.facts.get("law")}


def sample(law: str, size: int, seed: int) -> Sample:
    """Draws `size` independent particles of a law.

    Parameters
    ----------
    law : str
        A name in `datasets.LAWS`.
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

    Examples
    --------
    >>> x, y, labels = ac.datasets.sample("bimodal-1d", size=4, seed=0)
    >>> x.shape, y is None, labels is None
    ((4, 1), False, False)
    """
    draw = laws()[choice(law, "law", laws())]
    seed = integer(seed, "seed", at_least=0)
    return draw(positive_integer(size, "size"), np.random.default_rng(seed))


def dataset(law: str, seed: int) -> Dataset:
    """The data set of a law: 2,000 rows to train on (the parabola's 200), 5,000 to test on."""
    train = _parabola_grid() if law == "parabola" else sample(law, _TRAIN_ROWS, seed)
    # A spawned stream: seed + 1 would make one seed's test rows another's training rows.
    stream = np.random.SeedSequence(seed, spawn_key=(1,))
    test = DATASETS[law](_TEST_ROWS, np.random.default_rng(stream))
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
