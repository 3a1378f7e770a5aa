"""Train and test cost, and how far the test sample lies from the training sample.

# notation: ℓ terminal cost, w_i weight of particle i, W_1 Wasserstein distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.control import Control
from autoencodes.measure.empirical import EmpiricalMeasure, pieces
from autoencodes.measure.wasserstein import sampled, wasserstein
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled

ROWS = 1000
"""Rows of a sample of which an optimal assignment is computed within a second."""
_REPEATS = 5


@dataclass(frozen=True)
class Mean:
    """A mean and its standard error, (Σ w_i² (ℓ_i − mean)²)^(1/2)."""

    value: float
    error: float


@dataclass(frozen=True)
class Transport:
    """W_1 between train and test rows, beside W_1 between train rows and other train rows.

    ``whole`` is the distance of the whole samples, where it could be computed. The other
    three are means over ``repeats`` draws of ``rows`` rows each, without common rows, with
    ``spread`` the standard deviation of the differences test − train over the draws. A sampled
    distance is biased upwards, both alike, so that only their difference says something.
    """

    whole: float | None
    to_test: float
    within_train: float
    spread: float
    rows: int
    repeats: int


def mean_cost(
    problem: ControlProblem,
    control: Control,
    measure: EmpiricalMeasure,
    batch_size: int | None = None,
) -> Mean:
    """∫ ℓ dμ_T and its standard error as an estimate of the cost under the law of the rows."""
    parts = [np.asarray(_costs(problem, control, p)) for p in pieces(measure, batch_size)]
    costs = np.concatenate(parts).astype(float)[: measure.size]
    weights = np.asarray(measure.weights, float)
    weights = weights / weights.sum()
    mean = float(weights @ costs)
    return Mean(mean, float(np.sqrt(np.sum((weights * (costs - mean)) ** 2))))


def transport(train: EmpiricalMeasure, test: EmpiricalMeasure, seed: int) -> Transport | None:
    """W_1 between the samples and its yardstick; None for a single training row.

    Rows are the pairs (x, y); x alone where the targets are the particles themselves.
    """
    ours, theirs = _rows(train), _rows(test)
    rows = min(ROWS, train.size // 2, test.size)
    if rows < 1:
        return None
    random = np.random.default_rng(seed)
    weights = np.asarray(train.weights, float), np.asarray(test.weights, float)
    pairs = np.empty((_REPEATS, 2))
    for k in range(_REPEATS):
        one, other = np.split(sampled(random, weights[0], 2 * rows), 2)
        out = sampled(random, weights[1], rows)
        pairs[k] = wasserstein(ours[one], theirs[out]), wasserstein(ours[one], ours[other])
    to_test, within = pairs.mean(axis=0)
    spread = float(np.std(pairs[:, 0] - pairs[:, 1], ddof=1))
    whole = None
    if ours.shape[1] == 1 or max(train.size, test.size) <= ROWS:
        whole = wasserstein(ours, theirs, *weights)
    return Transport(whole, float(to_test), float(within), spread, rows, _REPEATS)


def _rows(measure: EmpiricalMeasure) -> Float[np.ndarray, "particle row"]:
    x = np.asarray(measure.x, float)
    return x if measure.reconstructs else np.hstack([x, np.asarray(measure.y, float)])


@compiled
def _costs(
    problem: ControlProblem, control: Control, part: EmpiricalMeasure
) -> Float[Array, " particle"]:
    return jax.vmap(problem.cost)(problem.flow.push(control, part.x), jnp.asarray(part.y))
