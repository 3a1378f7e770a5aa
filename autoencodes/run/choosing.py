"""The choice among a table's candidates: trained at once on folds, compared on what they left out.

All of the training is in the folds: scaling, rotation and the flow see nothing of the rows that
compare, and neither validation nor test rows are touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from autoencodes.control import Control
from autoencodes.datasets import Dataset
from autoencodes.datasets.parts import moments
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.model.order import by_index
from autoencodes.plan import build, tables
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.plan.tables import Choice, Fold
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import precision
from autoencodes.run.hiding import with_holes
from autoencodes.run.measures import measures
from autoencodes.training.together import Candidates, costs_together, fit_together

_MOST_ROWS = 10_000
"""The rows that folds are made of: of more, so many at random."""
UPDATES = 1800
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
    left_out, how = _left_out(data, own, count)
    folds = [_fold(plan, data, own[left_out != k], own[left_out == k]) for k in range(count)]
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
            steps=min(UPDATES, plan.epochs * batches),
            batch_size=plan.batch_size,
            seed=plan.seed,
            advanced=shown,
        )
        costs = costs_together(problems, control, judges)
        still = jax.tree.map(lambda a: np.zeros_like(a[:, :1]), control)
        pca = costs_together(problems, still, judges)
    of = "" if data.count("train") == len(own) else f" at random of {data.count('train'):,}"
    by = f"{count} folds of {len(own):,} training rows{of}{how}"
    folded = [
        Fold(own, rest[0], np.asarray(f.judging.weights, np.float64) * f.weight)
        for own, rest, f in zip(costs, pca, folds, strict=True)
    ]
    return tables.chosen(plan, tried, folded, by)


def _left_out(
    data: Dataset, rows: Int[np.ndarray, " particle"], count: int
) -> tuple[Int[np.ndarray, " particle"], str]:
    """Which fold leaves each of the rows out, which come in random order; and how, in words.

    As test rows are: a group is left out as a whole, and of times one piece, for a row is told by
    those of its group, or next to it in time. At random where that leaves a fold without rows.
    """
    roles = {} if data.table is None else data.table.roles
    timed = "time" in roles and "split" not in roles
    if timed or "group" in roles:
        own = moments(roles["time"], data.name) if timed else roles["group"].astype(str)
        _, first, number, sizes = np.unique(
            own[rows], return_index=True, return_inverse=True, return_counts=True
        )
        order = np.arange(len(sizes)) if timed else np.argsort(first)
        before = np.cumsum(sizes[order]) - sizes[order] / 2
        fold = np.empty(len(order), np.int64)
        fold[order] = count * before / len(rows)
        if len(np.unique(fold)) == count:
            return fold[number], ", pieces of time" if timed else ", of whole groups"
    return np.arange(len(rows)) % count, ""


def _fold(
    plan: Plan,
    data: Dataset,
    learning: Int[np.ndarray, " learning"],
    judging: Int[np.ndarray, " judging"],
) -> _Fold:
    """The training on some rows that others judge."""
    learning = np.sort(learning)
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
