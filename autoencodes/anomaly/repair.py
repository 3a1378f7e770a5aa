"""The smallest change of few columns that makes a row ordinary, in people's own units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from autoencodes.anomaly.explain import columns, explain
from autoencodes.anomaly.neighbours import Features
from autoencodes.anomaly.score import Detector, Entered, unseen_levels
from autoencodes.datasets import Column, texts
from autoencodes.model.encoding import features_of
from autoencodes.model.model import Model, Rows

_MOST_COLUMNS = 3
_HALVINGS = 6
_NEIGHBOURS = 5


@dataclass(frozen=True, eq=False)
class Repair:
    """What to change in one row.

    Parameters
    ----------
    changes : dict of str to (value, value)
        By column, what stands there and about what would be ordinary; none if the row is ordinary
        as it is.
    score : float
        That of the row with these changes.
    enough : bool
        Whether it is ordinary then.
    """

    changes: dict[str, tuple[Any, Any]]
    score: float
    enough: bool

    def __str__(self) -> str:
        parts = [
            f"{name} {shown(old)} -> about {shown(new)}"
            for name, (old, new) in self.changes.items()
        ]
        return "; ".join(parts) + ("" if self.enough or not parts else " (not enough)")


def repair(detector: Detector, x: Rows, limit: float, most: int = _MOST_COLUMNS) -> list[Repair]:
    """For every row the smallest change of few columns that brings its score to the limit.

    One column after the other is freed, the one with the largest share first. The freed columns
    get the values of their rows' neighbours (of the 5 nearest ordinary rows by all other columns,
    the one with the least score); then as much of the change is taken back, in halves, as keeps
    the score at the limit. A category changes to a level or does not. Every change is one that
    people can make: integers are whole, dates as exact as they are written, and the score is that
    of the row with just the values that are told.

    Parameters
    ----------
    detector : Detector
    x : rows, as ``Model.features`` takes them
    limit : float
        The largest ordinary score, as a quantile of the calibration scores.
    most : int
        Columns changed at most.

    Returns
    -------
    list of Repair, one for every row
    """
    rows = Entered.of(detector.model, x)
    names, owner = columns(detector.model)
    shares, scores = explain(detector, x).shares, detector.of_entered(rows)
    best, best_scores = rows.z.copy(), scores.copy()
    freed: list[list[int]] = [[] for _ in scores]
    order = np.argsort(-shares, axis=1, kind="stable")
    for step in range(min(most, len(names))):
        for row in np.flatnonzero(best_scores > limit):
            freed[row].append(int(order[row, step]))
            own = rows.taken(slice(row, row + 1))
            if own.changed is not None:  # a constant has one value to go back to
                kept = np.isin(np.arange(len(names)), freed[row], invert=True)
                own = replace(own, changed=own.changed & kept)
            free = np.isin(owner, freed[row])
            best[row], best_scores[row] = _closest(detector, own, free, limit, best[row])
    return _described(detector, rows, best, best_scores, freed, limit)


def _closest(
    detector: Detector, row: Entered, free: np.ndarray, limit: float, before: np.ndarray
) -> tuple[np.ndarray, float]:
    """A row with its free features changed as little as reaches the limit, or the best found."""
    seen = np.ones(row.z.shape, bool) if row.seen is None else row.seen
    others = seen & ~free
    known = others if others.any() else seen
    near = detector.neighbours.nearest(row.z / detector.units, known, _NEIGHBOURS, None)[0]
    tries = np.repeat(row.z, len(near) + 1, axis=0)
    tries[: len(near), free] = (detector.neighbours.rows[near] * detector.units)[:, free]
    tries[len(near)] = before
    tries = _told(detector.model, row.z, tries)
    scores = detector.of_entered(_like(row, tries))
    at = int(np.argmin(scores))
    found, score = tries[at], float(scores[at])
    if score > limit:
        return found, score
    model = detector.model
    groups = () if model.encoding is None else model.encoding.groups
    moving = free & (row.z[0] != found)
    for start, width in groups:
        moving[start : start + width] = False
    low, high, whole = 0.0, 1.0, found
    for _ in range(_HALVINGS if moving.any() else 0):
        middle = (low + high) / 2
        tried = whole.copy()
        tried[moving] = row.z[0][moving] + middle * (whole - row.z[0])[moving]
        tried = _told(model, row.z, tried[None])[0]
        now = float(detector.of_entered(_like(row, tried[None]))[0])
        if now <= limit:
            high, found, score = middle, tried, now
        else:
            low = middle
    return found, score


def _told(model: Model, before: Float[np.ndarray, "1 feature"], z: Features) -> Features:
    """Scaled rows as they are once the values that people are told of them are entered.

    Columns that are as in ``before`` (1, k) stay so: what was a value that no category has, too.
    """
    encoding = model.encoding
    if encoding is None:
        return z
    numbers = model.table_of(model.scaling.undo(z, np.float64))
    for k, column in enumerate(encoding.columns):
        if column.kind in ("number", "log"):
            numbers[:, k] = column.numbers(column.values(numbers[:, k]))
        elif column.moments:
            numbers[:, k] = _seconds(column, numbers[:, k])
    entered = model.scaling.apply(features_of(numbers, encoding.columns), np.float64)
    owner = np.asarray(encoding.owner)
    changed = np.zeros((len(z), len(encoding.columns)), bool)
    np.logical_or.at(changed.T, owner, (z != before).T)
    return np.where(changed[:, owner], entered, z)


def _seconds(column: Column, x: Float[np.ndarray, " particle"]) -> Float[np.ndarray, " particle"]:
    """Seconds since 1970 of dates as they are written."""
    dates = column.values(x)
    if dates.dtype.kind == "M":
        return np.asarray(
            np.where(np.isnan(x), np.nan, dates.astype("M8[us]").astype(np.int64) / 1e6)
        )
    return texts.seconds(dates, ~np.isnan(x), column.dtype)


def _like(row: Entered, z: Features) -> Entered:
    """Rows with the missing values of one, and its constants."""
    parts = (row.seen, row.changed)
    return Entered(z, *(None if part is None else part.repeat(len(z), axis=0) for part in parts))


def _described(
    detector: Detector,
    rows: Entered,
    best: Features,
    scores: Float[np.ndarray, " particle"],
    freed: list[list[int]],
    limit: float,
) -> list[Repair]:
    """Changes in people's own values."""
    model = detector.model
    old, new = (
        model.columns(model.table_of(model.scaling.undo(z, np.float64))) for z in (rows.z, best)
    )
    names, owner = columns(model)
    for first, lost in unseen_levels(model, rows.z):
        name = names[owner[first]]
        old[name] = np.where(lost, "a new value", old[name].astype(object))
    if rows.changed is not None:
        for k in np.flatnonzero(rows.changed.any(axis=0)).tolist():
            own = old[names[k]].astype(object)
            old[names[k]] = np.where(rows.changed[:, k], "a new value", own)
    repairs = []
    for row, (places, score) in enumerate(zip(freed, scores.tolist(), strict=True)):
        changes = {
            names[k]: (old[names[k]][row], new[names[k]][row])
            for k in places
            if not np.array_equal(old[names[k]][row], new[names[k]][row])
        }
        repairs.append(Repair(changes, score, score <= limit))
    return repairs


def shown(value: Any) -> str:
    """A value as people write it, numbers to three or four digits."""
    if isinstance(value, float | np.floating):
        number = float(value)
        digits = f"{number:.4g}"
        return f"{float(digits):,.0f}" if abs(number) >= 1000 else digits
    return f"{value:,}" if isinstance(value, int | np.integer) else str(value)
