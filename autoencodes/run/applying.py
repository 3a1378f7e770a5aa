"""What a model makes of rows that are read a block at a time: written and counted as they come."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from autoencodes.anomaly import Outside, conformal, explain
from autoencodes.checks import between
from autoencodes.datasets import Dataset
from autoencodes.datasets.parts import Known
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import NumericalFailure
from autoencodes.run.anomalies import Judged, detector, promised
from autoencodes.run.folder import RunFolder
from autoencodes.run.growing import growing

_WIDTH, _LOW, _HIGH = 1e-4, -300.0, 300.0
"""Of a bin of ``Percentiles``, in natural logarithms, and the ends of all of them."""


def written(
    path: Path,
    rows: Streamed,
    made: Callable[[Dataset], Mapping[str, np.ndarray]],
    *,
    identified: bool = True,
) -> int:
    """Writes what is made of rows, block by block, with the columns that name them; their count."""
    count = 0
    with growing(path, rows.size) as add:
        for block in rows.datasets():
            beside = {} if block.table is None or not identified else block.table.identifiers
            columns = _made(made, block)
            if str(path).lower().endswith(".npy"):
                beside = {}
            add({**beside, **columns})
            count += block.size
    return count


def _made(made: Callable[[Dataset], Any], block: Dataset) -> Any:
    try:
        return made(block)
    except NumericalFailure as failure:
        raise failure.after(int(block.numbers[0])) from None


class Percentiles:
    """Percentiles of positive numbers that come in blocks, to four digits, in bounded memory.

    Numbers are counted in bins of equal width of their logarithm.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(int((_HIGH - _LOW) / _WIDTH) + 1, np.int64)
        self._least, self._most = np.inf, -np.inf

    def add(self, values: Float[np.ndarray, " particle"]) -> None:
        """Takes numbers in."""
        tiny = float(np.exp(_LOW))
        places = (np.log(np.maximum(values, tiny)) - _LOW) / _WIDTH
        self._counts += np.bincount(places.astype(np.int64), minlength=len(self._counts))
        self._least = min(self._least, float(values.min(initial=np.inf)))
        self._most = max(self._most, float(values.max(initial=-np.inf)))

    def at(self, share: float) -> float:
        """The percentile of a share in [0, 100]."""
        reached = np.cumsum(self._counts)
        place = int(np.searchsorted(reached, share / 100 * (reached[-1] - 1), side="right"))
        middle = float(np.exp(_LOW + (min(place, len(reached) - 1) + 0.5) * _WIDTH))
        return self._most if share >= 100 else float(np.clip(middle, self._least, self._most))


@dataclass(eq=False)
class Errors:
    """The errors of rows in sum, by part and by column.

    Parameters
    ----------
    percentiles : Percentiles
        Of the rows' errors.
    """

    percentiles: Percentiles = field(default_factory=Percentiles)
    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)
    columns: dict[str, float] = field(default_factory=dict)

    def mean(self, part: str) -> float:
        """The mean over the rows of a part, or over "all"."""
        return self.totals[part] / max(self.counts[part], 1)

    def add(self, block: Dataset, errors: Float[np.ndarray, " particle"], model: Any) -> None:
        """Takes the errors of a block in."""
        self.percentiles.add(errors)
        parts = ["all", *(n for n in ("train", "validation", "test") if block.has(n))]
        right = None
        if model.readout.target == "classes":
            assert block.labels is not None
            given = block.x if block.table is None else block.table
            right = model.predict(given).astype(str) == block.labels.astype(str)
        for part in parts:
            own = block.rows(part)
            self.totals[part] = self.totals.get(part, 0.0) + float(errors[own].sum())
            self.counts[part] = self.counts.get(part, 0) + len(errors[own])
            if right is not None:
                self.right[part] = self.right.get(part, 0.0) + float(right[own].sum())


def scored(model: Any, rows: Streamed, path: Path | None, per_column: bool) -> Errors:
    """The errors of all rows; written by row where there is a path."""
    found = Errors()

    def made(block: Dataset) -> dict[str, np.ndarray]:
        given = block.x if block.table is None else block.table
        targets = block.y if model.readout.target == "rows" else block.labels
        errors = model.errors(given, targets)
        found.add(block, errors, model)
        columns = model.column_errors(given) if per_column else {}
        for name, own in columns.items():
            found.columns[name] = found.columns.get(name, 0.0) + float(own.sum())
        name = "error" if "error" not in columns else "error of the row"
        return {name: errors, **columns}

    if path is None:
        for block in rows.datasets():
            _made(made, block)
    else:
        written(path, rows, made)
    return found


class Worst(NamedTuple):
    """A row with one of the largest scores: its number, what names it, and what is said of it."""

    number: int
    identifiers: dict[str, Any]
    judged: Judged


@dataclass(frozen=True)
class Called:
    """What was said of rows, in numbers, and of the worst of them more.

    Parameters
    ----------
    anomalies : int, optional
        None where no p-values are known.
    beyond : int
        How many rows score above every row that was set apart.
    worst : list of Worst
    statement : list of str
    """

    anomalies: int | None
    beyond: int
    worst: list[Worst]
    statement: list[str]


def called(
    folder: RunFolder, rows: Streamed, path: Path | None, *, alpha: float, reasons: bool, most: int
) -> Called:
    """What a run says of rows, as ``anomalies.judge`` does, in two passes and a block's memory.

    In the first the rows are scored, and their p-values counted: these take at most one more value
    than there are rows set apart, so that Benjamini and Hochberg's rule is exact. In the second the
    results are written. Repairs are looked for in rows that are loaded whole alone.
    """
    alpha = between(alpha, "alpha", 0.0, 1.0, with_low=False, with_high=False)
    found = detector(folder)
    size = 0 if found.calibration is None else len(found.calibration)
    counts, trained, beyond = np.zeros(size + 2, np.int64), 0, Outside(found)
    worst: list[tuple[float, int, Dataset]] = []
    with tempfile.TemporaryFile() as scratch:
        for block in rows.datasets():
            scores = _made(lambda own: found.score(_given(own)), block)
            scratch.write(np.asarray(scores, np.float64).tobytes())
            trained += block.count("train") if same(rows) else 0
            beyond.add(block.x if block.table is None else block.table.x)
            if found.calibration is not None:
                p = conformal.p_values(scores, found.calibration)
                counts += np.bincount(_places(p, size), minlength=size + 2)
            first = np.argsort(-scores, kind="stable")[:most]
            some = block.taken(first, None)
            at = zip(scores[first].tolist(), range(len(first)), strict=True)
            worst += [(score, int(some.numbers[k]), _one(some, k)) for score, k in at]
            worst = sorted(worst, key=lambda row: (-row[0], row[1]))[:most]
        limit = threshold(counts, alpha)

        def judged(own: Dataset, scores: np.ndarray) -> Judged:
            p, anomalies = None, None
            if found.calibration is not None:
                p = conformal.p_values(scores, found.calibration)
                anomalies = _places(p, size) <= limit
            explanation = explain(found, _given(own)) if reasons else None
            return Judged(scores, p, anomalies, explanation)

        def columns(block: Dataset) -> dict[str, np.ndarray]:
            scores = np.frombuffer(scratch.read(8 * block.size))
            made = {**judged(block, scores).columns, "row": block.numbers}
            made.pop("repair", None)
            names = {} if block.table is None else block.table.identifiers
            named = {(f"{n} of the data" if n in made else n): v for n, v in names.items()}
            return {**named, **made}

        if path is not None:
            scratch.seek(0)
            written(path, rows, columns, identified=False)
        lines = [
            Worst(
                number,
                {} if one.table is None else {n: v[0] for n, v in one.table.identifiers.items()},
                judged(one, np.array([score])),
            )
            for score, number, one in worst
        ]
    count = None if found.calibration is None else int(counts[: limit + 1].sum())
    odder = int(counts[1]) if found.calibration is not None else 0
    said = promised(found, rows.size, trained, alpha, bool(count), None)
    return Called(count, odder, lines, [*beyond.sentences(found.model.named.names), *said])


def same(rows: Streamed) -> bool:
    """Whether the rows are those of a run, in its parts."""
    return isinstance(rows.split, Known) or rows.split.test > 0 or bool(rows.split.role)


def _places(p: Float[np.ndarray, " particle"], size: int) -> Int[np.ndarray, " particle"]:
    """k of p = k / (n + 1)."""
    return np.round(p * (size + 1)).astype(np.int64)


def threshold(counts: Int[np.ndarray, " place"], alpha: float) -> int:
    """The largest k whose p = k / (n + 1) is called, from how many rows have each; −1 if none."""
    reached = np.cumsum(counts)
    p = np.arange(len(counts)) / (len(counts) - 1)
    passed = np.flatnonzero(
        (counts > 0) & (p <= conformal.levels(reached, int(reached[-1]), alpha))
    )
    return int(passed[-1]) if passed.size else -1


def _given(block: Dataset) -> Any:
    return block.x if block.table is None else block.table


def _one(block: Dataset, row: int) -> Dataset:
    return block.taken(np.array([row]), None)
