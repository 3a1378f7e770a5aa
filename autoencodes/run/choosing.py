"""The choice among a table's candidates: trained at once on folds, compared on what they left out.

All of the training is in the folds: scaling, rotation and the flow see nothing of the rows that
compare, and neither validation nor test rows are touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from autoencodes.control import Control
from autoencodes.datasets import Dataset
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.order import by_index
from autoencodes.plan import build, tables
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.plan.tables import Choice
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run.hiding import with_holes
from autoencodes.run.measures import measures
from autoencodes.training.together import Candidates, costs_together, fit_together

_MOST_ROWS = 10_000
"""The rows that folds are made of: of more, so many at random."""
_UPDATES = 1800
"""The most updates of a candidate."""

Shown = Callable[[int, int], object]
"""Called with the steps that are made and all."""


class _Fold(NamedTuple):
    """One of the trainings that compare: without some rows, which judge it."""

    problem: ControlProblem
    control: Control
    learned: EmpiricalMeasure
    judging: EmpiricalMeasure
    weight: float


def choose(
    settings: Settings, plan: Plan, data: Dataset, facts: Facts, shown: Shown | None = None
) -> tuple[Plan, Choice]:
    """The plan with the candidate that the folds chose, and why.

    ``data`` are as they were read: each fold scales and rotates its own rows. Splits and draws
    follow from the plan's seed.
    """
    tried = tables.candidates(settings, plan, facts)
    if not tried:
        return tables.without(plan, facts)
    count = tables.EFFORTS[plan.effort or "default"].folds
    own = np.arange(data.size)[data.rows("train")]
    mixed = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(4,)))
    own = mixed.permutation(own)[:_MOST_ROWS]
    folds = [_fold(plan, data, own, k, count) for k in range(count)]
    with precision(plan.precision):
        candidates = Candidates(
            jax.tree.map(lambda a: np.repeat(a[None], len(tried), 0), folds[0].control),
            np.array([c.tikhonov for c in tried]),
            np.array([c.noise for c in tried]),
        )
        problems, judges = [f.problem for f in folds], [f.judging for f in folds]
        batches = max(1, min(f.learned.size for f in folds) // plan.batch_size)
        control = fit_together(
            problems,
            [candidates] * count,
            [f.learned for f in folds],
            method=build.method(plan, facts.learned or facts.rows),
            steps=min(_UPDATES, plan.epochs * batches),
            batch_size=plan.batch_size,
            seed=plan.seed,
            advanced=shown,
        )
        assert control is not None
        costs = costs_together(problems, control, judges)
        still = jax.tree.map(lambda a: np.zeros_like(a[:, :1]), control)
        pca = costs_together(problems, still, judges)[:, 0]
    sizes = np.array([f.weight for f in folds], np.float64)
    of = "" if data.count("train") == len(own) else f" at random of {data.count('train'):,}"
    by = f"{count} folds of {len(own):,} training rows{of}"
    return tables.chosen(plan, tried, costs, pca, sizes, by)


def _fold(plan: Plan, data: Dataset, rows: np.ndarray, number: int, count: int) -> _Fold:
    """The training that leaves out every ``count``-th of the rows, from ``number`` on."""
    judging = rows[number::count]
    learning = np.setdiff1d(rows, judging)
    places = np.concatenate([learning, judging])
    taken = data.taken(places, None if data.weights is None else data.weights[places])
    part = taken.divided(np.arange(len(places)) >= len(learning))
    settings = Settings(**plan.entries)
    encoded = Encoded.of(settings, part)
    # Principal components come by variance. In a fold of few rows many have none, and an order
    # of what rounding left would be another one in every fold.
    model = build.model(plan, encoded, None, by_index(encoded.x.shape[1]))
    parts = measures(model, encoded.data, encoded.x)
    learned = with_holes(model, encoded.data, parts["train"], plan.seed)
    weight = len(judging) if data.weights is None else float(data.weights[judging].sum())
    return _Fold(model.problem(plan.tikhonov), model.control, learned, parts["test"], weight)
