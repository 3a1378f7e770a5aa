"""Up to what error new rows may be entrusted to a model, in the terms of who uses it.

# notation: n test rows, e_i the error of the i-th, q the share that is asked for.

If n + 1 errors are exchangeable (as when all rows are independent ones of one law, and the model
was trained on none of them), the last is at most the k-th smallest of the others, k = ⌈(n + 1) q⌉,
with a probability of at least q. Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman,
Distribution-free predictive inference for regression, JASA 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy.typing import ArrayLike

from autoencodes.certificate.generalisation import LEVEL, Gap, Mean, gap, mean_cost
from autoencodes.datasets import Column, Table
from autoencodes.datasets.spelling import Spelling
from autoencodes.model.model import Model

SHARE = 0.9
_MOST_ROWS = 20_000
"""Of training rows: a random part of them tells as much of a guess."""
_NAMED = 5
"""Columns named in a sentence."""
_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds"))

_PIXEL = "a pixel (root mean square over the image)"

_Rows = Table | np.ndarray


@dataclass(frozen=True)
class ColumnError:
    """How well a column of new rows comes back, by test rows in which it had a value.

    Parameters
    ----------
    name : str
    rows : int
        Test rows that it is known from.
    within, guess : str, optional
        Of a column of numbers: a new row's comes back within this of its value in at least 9 of 10
        cases, in the column's own unit; and the same of the guess that is best without the row,
        the training rows' median. None where test rows are too few.
    right, guessed_right : float, optional
        Of a category: the share of test rows that come back with their own level; and the same of
        the level that most training rows have.
    """

    name: str
    rows: int
    within: str | None = None
    guess: str | None = None
    right: float | None = None
    guessed_right: float | None = None

    @property
    def words(self) -> str:
        """The column, and what may be said of it."""
        if self.right is not None:
            return f"{self.name} right in {self.right:.0%} (guessed: {self.guessed_right:.0%})"
        return f"{self.name} within {self.within} (guessed: {self.guess})"


@dataclass(frozen=True)
class NewRows:
    """What new rows may expect of a model, by the rows that it was tested on.

    Parameters
    ----------
    target : {"rows", "classes", "numbers"}
    rows : int
        Test rows.
    error : Mean
        The mean squared error per entry of a target, in the units trained in.
    guess : Mean
        The same of the training rows' mean, the best guess that knows nothing of a row.
    better : Mean
        By how much the model's is smaller, row by row.
    gap : Gap
        The error of test rows minus that of training rows.
    right : (float, float), optional
        Of classes: the share of new rows that are classified right lies between, with 95 %.
    guessed_right : float, optional
        The share of test rows that have the class most training rows have.
    columns : tuple of ColumnError
        Of a table's columns; of numbers to predict one, of that number.
    dependent : bool
        Whether rows depend on each other, so that shares and intervals hold approximately.
    """

    target: str
    rows: int
    error: Mean
    guess: Mean
    better: Mean
    gap: Gap
    right: tuple[float, float] | None = None
    guessed_right: float | None = None
    columns: tuple[ColumnError, ...] = ()
    dependent: bool = False

    @property
    def words(self) -> str:
        """One line for who uses the model: may new rows be entrusted to it, up to what error."""
        return f"{self._verdict} {self._errors}"

    @property
    def _verdict(self) -> str:
        source = f"if they come from where its {self.rows:,} test rows came from"
        if self.dependent:
            source += " (rows overlap and depend on each other: what follows is approximate)"
        may = "new rows may be entrusted to this model"
        if not self.better.lower > 0:
            how = "no" if self.better.value <= 0 else "not surely"
            return (
                f"new rows should not be entrusted to this model: on its {self.rows:,} test rows "
                f"it is {how} better than a guess that knows nothing of a row."
            )
        if self.gap.p_value <= 1 - LEVEL and self.gap.value > 0:
            before = self.error.value - self.gap.value
            more = f" by {self.gap.value / before:.0%}" if before > 0 else ""
            return (
                f"{may} with care: their error is larger{more} than that of rows that it learned "
                f"from, beyond chance; what follows holds {source}."
            )
        return f"{may}, {source}."

    @property
    def _errors(self) -> str:
        low, high = max(self.error.lower, 0.0), self.error.upper
        known = f"{low:.3g} to {high:.3g} ({100 * LEVEL:g} %)"
        if not math.isfinite(high):
            return "A single test row tells nothing of the error of others: give more of them."
        if self.target == "classes" and self.right is not None:
            low, high = self.right
            said = f"Of 100 new rows {100 * low:.3g} to {100 * high:.3g} are classified right"
            return (
                f"{said} ({100 * LEVEL:g} %); the commonest class is in {self.guessed_right:.0%}."
            )
        kept = ""
        if self.guess.value > 0:
            least, most = (1 - e / self.guess.value for e in (high, low))
            kept = f"It keeps {_share(least)} to {_share(most)} of their variance: "
        entry = " per feature" if self.target == "rows" else ""
        said = f"mean squared error{entry} {known}, guessed {self.guess.value:.3g}"
        said = f"{kept}{said}, in the units trained in."
        return said if kept else said[0].upper() + said[1:]

    @property
    def by_column(self) -> str:
        """One line of what comes back how well, column by column; none where nothing is known."""
        known = [c for c in self.columns if c.within is not None or c.right is not None]
        if not known:
            return ""
        numbers = [c for c in known if c.within is not None]
        said, more = "", ""
        if numbers:
            each = "each in" if len(numbers) > 1 else "in"
            said = f"{_joined(numbers)}; {each} at least 9 of 10 new rows. "
        if levels := [c for c in known if c.right is not None]:
            more = f"Categories: {_joined(levels)}."
        return f"By column: {said}{more}".rstrip()


def new_rows(
    model: Model,
    train: _Rows,
    test: _Rows,
    labels: tuple[ArrayLike | None, ArrayLike | None] = (None, None),
    *,
    seed: int = 0,
    dependent: bool = False,
) -> NewRows:
    """What new rows may expect of a model.

    Parameters
    ----------
    model : Model
    train, test : rows, as ``Model.features`` takes them
        Those that were trained on, and others.
    labels : pair of arrays
        Of either, where classes or numbers are predicted; else targets, None: the rows themselves.
    seed : int
        Of the random part of many training rows, and of permutations.
    dependent : bool
        Whether rows depend on each other.
    """
    count = _size(train)
    if count > _MOST_ROWS:
        some = np.sort(np.random.default_rng([seed, 9]).permutation(count)[:_MOST_ROWS])
        train = _taken(train, some)
        labels = None if labels[0] is None else np.asarray(labels[0])[some], labels[1]
    errors = [model.errors(x, y) for x, y in zip((train, test), labels, strict=True)]
    weights = [np.full(len(e), 1 / max(len(e), 1)) for e in errors]
    guessed = _guessed(model, train, test, labels)
    right, commonest = None, None
    columns: tuple[ColumnError, ...] = ()
    if model.readout.target == "classes":
        own = np.asarray(labels[1]).astype(str)
        hits = int((model.predict(test).astype(str) == own).sum())
        right = _proportion(hits, len(own))
        names, counts = np.unique(np.asarray(labels[0]).astype(str), return_counts=True)
        commonest = float((own == names[np.argmax(counts)]).mean())
    elif model.readout.target == "numbers":
        label = "the number" if model.record is None else model.record.label or "the number"
        made, own, known = (
            np.asarray(values, np.float64) for values in (model.predict(test), labels[1], labels[0])
        )
        columns = (_number(Column(label), made, own, known),)
    elif model.encoding is not None and labels[1] is None and not dependent:
        columns = _columns(model, train, test)
    elif model.image_shape is not None and np.ptp(model.scaling.scale) == 0:
        made, guess = (np.sqrt(e) * model.scaling.scale[0] for e in (errors[1], guessed))
        columns = (_within(_PIXEL, made, guess, _plain),)
    return NewRows(
        model.readout.target,
        len(errors[1]),
        mean_cost(errors[1], weights[1]),
        mean_cost(guessed, weights[1]),
        mean_cost(guessed - errors[1], weights[1]),
        gap((errors[0], weights[0]), (errors[1], weights[1]), seed),
        right,
        commonest,
        columns,
        dependent,
    )


def _guessed(
    model: Model,
    train: _Rows,
    test: _Rows,
    labels: tuple[ArrayLike | None, ArrayLike | None],
) -> Float[np.ndarray, " particle"]:
    """Every test row's error of the mean of the training rows' targets."""
    if model.readout.target != "rows":
        ours, theirs = (model.readout.targets(y, np.float64) for y in labels)
        return np.asarray(((theirs - ours.mean(axis=0)) ** 2).mean(axis=1))
    parts = []
    for x, y in zip((train, test), labels, strict=True):
        features, seen = model.features(x)
        wanted = model.scaling.apply(features if y is None else model.features(y)[0], np.float64)
        parts.append((wanted, np.ones(wanted.shape, bool) if seen is None else seen))
    (ours, known), (theirs, seen) = parts
    mean = (ours * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    squares = (theirs - mean) ** 2 * seen
    return np.asarray(squares.sum(axis=1) / np.maximum(seen.sum(axis=1), 1))


def _columns(model: Model, train: _Rows, test: _Rows) -> tuple[ColumnError, ...]:
    """Of every column of a table that is a feature."""
    assert model.encoding is not None
    known, own = (_numbers(model, x) for x in (train, test))
    made = np.asarray(model.reconstruct(test if isinstance(test, Table) else Table(own)).x)
    found = []
    for k, column in enumerate(model.encoding.columns):
        there: Bool[np.ndarray, " row"] = ~np.isnan(own[:, k])
        before = known[~np.isnan(known[:, k]), k]
        if column.kind == "constant" or not there.any() or not len(before):
            continue
        values = made[there, k].astype(np.float64), own[there, k], before
        found.append((_levels if column.levelled else _number)(column, *values))
    return tuple(found)


def _levels(
    column: Column,
    made: Float[np.ndarray, " row"],
    own: Float[np.ndarray, " row"],
    known: Float[np.ndarray, " other"],
) -> ColumnError:
    levels, counts = np.unique(known, return_counts=True)
    right, guessed = (float((own == v).mean()) for v in (np.round(made), levels[counts.argmax()]))
    return ColumnError(column.name, len(own), right=right, guessed_right=guessed)


def _number(
    column: Column,
    made: Float[np.ndarray, " row"],
    own: Float[np.ndarray, " row"],
    known: Float[np.ndarray, " other"],
) -> ColumnError:
    made = np.round(made) if column.whole else made
    unit = _duration if column.moments else _plain
    if column.form:
        unit = Spelling.read(column.form).text
    return _within(column.name, np.abs(made - own), np.abs(np.median(known) - own), unit)


def _within(
    name: str,
    errors: Float[np.ndarray, " row"],
    guessed: Float[np.ndarray, " row"],
    unit: Callable[[float], str],
) -> ColumnError:
    """What errors of at least ``SHARE`` of new rows do not exceed."""
    place = math.ceil((len(errors) + 1) * SHARE - 1e-9)
    if place > len(errors):
        return ColumnError(name, len(errors))
    within, guess = (unit(float(np.sort(each)[place - 1])) for each in (errors, guessed))
    return ColumnError(name, len(errors), within, guess)


def _duration(seconds: float) -> str:
    """Seconds, in the largest unit of which there is one."""
    size, name = next((u for u in _UNITS if seconds >= u[0]), _UNITS[-1])
    return f"{seconds / size:.3g} {name}"


def _plain(value: float) -> str:
    text = f"{value:.3g}"
    return f"{float(text):,.0f}" if value >= 1000 else text


def _share(value: float) -> str:
    return f"{100 * max(value, 0.0):.3g} %"


def _joined(columns: list[ColumnError]) -> str:
    said = ", ".join(column.words for column in columns[:_NAMED])
    left = len(columns) - _NAMED
    return said + (f" and {left} more" if left > 0 else "")


def _proportion(hits: int, count: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, at ``LEVEL``: it holds for every n."""
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = float(betaincinv(hits, count - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, count - hits, 1 - tail)) if hits < count else 1.0
    return low, high


def _numbers(model: Model, x: _Rows) -> Shaped[np.ndarray, "particle column"]:
    values: Any = x.x if isinstance(x, Table) else x
    return np.asarray(values, np.float64)


def _size(x: _Rows) -> int:
    return len(x.x) if isinstance(x, Table) else len(x)


def _taken(x: _Rows, rows: np.ndarray) -> _Rows:
    return x.taken(rows) if isinstance(x, Table) else x[rows]
