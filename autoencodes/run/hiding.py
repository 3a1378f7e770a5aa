"""What a training that knows of missing values learns from: rows, and copies with more hidden.

A flow that sees all that its cost counts learns to copy it, and nothing of how one column follows
from the others. So every training row stands with copies from which some of its observed values
are hidden as missing ones are; the cost counts them all the same:

    μ = 1/(1 + R) Σ_r (1/N) Σ_i δ_(x_i with holes h_ir, (y_i, m_i)),   h_i0 = nothing.

Half of the copies have the holes of an incomplete row that is drawn at random, so that what is
missing together is hidden together; the others lose each value with probability 1/5.

Source: the idea of denoising autoencoders (Vincent et al., ICML 2008), with holes as the noise.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

from autoencodes.datasets import Dataset
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.model import Model
from autoencodes.plan.facts import COPIES

_SHARE = 0.2


def with_holes(model: Model, data: Dataset, train: EmpiricalMeasure, seed: int) -> EmpiricalMeasure:
    """The measure that is learned from: that of the training rows, where nothing can be missing.

    ``data`` are features.
    """
    encoding = model.encoding
    if encoding is None or not model.readout.cost.masked or data.observed is None:
        return train
    rows = data.rows("train")
    features, observed = data.x[rows], data.observed[rows]
    particles = [np.asarray(train.x)]
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    first = np.searchsorted(encoding.owner, np.arange(len(encoding.columns)))
    there = first < encoding.size  # a constant has no feature
    there &= np.isin(np.arange(len(encoding.columns)), encoding.owner)
    seen = np.ones((len(features), len(encoding.columns)), bool)
    seen[:, there] = observed[:, first[there]]
    for copy in range(COPIES):
        hidden = _holes(seen, random, copied=copy % 2 == 0)[:, encoding.owner]
        particles.append(model.enter(np.where(hidden, encoding.fill, features)))
    targets = np.tile(np.asarray(train.y), (1 + COPIES, 1))
    weights = data.part_weights("train")
    weights = None if weights is None else np.tile(weights, 1 + COPIES)
    return EmpiricalMeasure(np.concatenate(particles), targets, weights)


def _holes(
    seen: Bool[np.ndarray, "particle column"], random: np.random.Generator, *, copied: bool
) -> Bool[np.ndarray, "particle column"]:
    """What more is hidden of every row; never all of it."""
    incomplete = np.flatnonzero(~seen.all(axis=1))
    if copied and incomplete.size:
        holes = ~seen[random.choice(incomplete, len(seen))]
    else:
        holes = random.random(seen.shape) < _SHARE
    holes[~(seen & ~holes).any(axis=1)] = False
    return holes
