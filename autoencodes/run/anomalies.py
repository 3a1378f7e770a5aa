"""The anomalies among rows, judged by a finished run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from autoencodes.anomaly import (
    Detector,
    Explanation,
    Outside,
    conformal,
    discoveries,
    explain,
    of_rows,
    repair,
    steps,
)
from autoencodes.checks import between
from autoencodes.datasets import Dataset, Table
from autoencodes.datasets.parts import TRAIN
from autoencodes.datasets.streamed import Streamed
from autoencodes.datasets.windows import Windows
from autoencodes.errors import InputError
from autoencodes.model.model import Model
from autoencodes.run import source
from autoencodes.run.folder import RunFolder

FILE = "anomaly.safetensors"
_REPAIRED = 200
"""Rows at most for which a repair is looked for: those with the largest scores."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What is said of rows (N,), in their order.

    Parameters
    ----------
    scores : array (N,)
        The larger, the more abnormal.
    p_values : array (N,), or None
        None where the run has set no rows apart.
    anomalies : array of bool (N,), or None
    explanation : Explanation, or None
    repairs : dict of int to str
        By row, what would make it ordinary.
    statement : tuple of str
        What is promised, and what is not, in sentences.
    series : bool
        Whether rows are those of series, judged by their windows: without repairs, and NaN where a
        row is in no window.
    beyond : int
        How many score above every row that was set apart.
    """

    scores: Float[np.ndarray, " particle"]
    p_values: Float[np.ndarray, " particle"] | None
    anomalies: Bool[np.ndarray, " particle"] | None
    explanation: Explanation | None = None
    repairs: dict[int, str] = field(default_factory=dict)
    statement: tuple[str, ...] = ()
    series: bool = False
    beyond: int = 0

    @property
    def columns(self) -> dict[str, Shaped[np.ndarray, " particle"]]:
        """The columns of a table: row, score, p_value, anomaly, then the shares and repairs."""
        count = len(self.scores)
        columns: dict[str, Any] = {"row": np.arange(count), "score": self.scores}
        columns["p_value"] = np.full(count, np.nan) if self.p_values is None else self.p_values
        called = np.full(count, None, object)
        if self.anomalies is not None:
            known = ~np.isnan(self.scores)
            called[known] = self.anomalies[known]
            called = self.anomalies if known.all() else called
        columns["anomaly"] = called
        if self.explanation is not None:
            for k, name in enumerate(self.explanation.names):
                columns[f"share of {name}"] = self.explanation.shares[:, k]
            if not self.series:
                repairs = [self.repairs.get(row) for row in range(count)]
                columns["repair"] = np.array(repairs, object)
        return columns


def detector(folder: RunFolder) -> Detector:
    """The detector of a run: read from its folder, or made from the run's own rows and kept there.

    It is fitted to the rows that the model was trained on; p-values are calibrated on the
    validation rows, or where there are none on the test rows.

    Raises
    ------
    InputError
        If the run predicts labels, or its rows are not there any more.
    """
    model, path = folder.model, folder.path / FILE
    if model.readout.target != "rows":
        raise InputError(
            f"{folder.path} predicts {model.readout.target}; anomalies are found by a run that "
            "reconstructs rows: train one without --target"
        )
    if path.exists():
        try:
            return Detector.load(path, model)
        except InputError:  # of an older control, or damaged: it is made anew
            pass
    made = fitted(model, learned(folder))
    made.save(path)
    return made


def fitted(model: Model, data: Dataset) -> Detector:
    """The detector of a model, from the rows that it was trained on."""
    made = Detector.fit(model, _part(data, "train"))
    apart = next((name for name in ("validation", "test") if data.has(name)), None)
    if apart is not None and data.windows is None:
        made = made.calibrated(_part(data, apart))
    elif apart is not None and data.windows is not None:
        windows = data.windows.taken(data.rows(apart))
        made = replace(made, calibration=steps.calibration(made, _part(data, apart), windows))
    return made


def learned(folder: RunFolder) -> Dataset:
    """The rows that a run was trained on, in their parts."""
    record, told = folder.record, folder.config.data
    places = [told, *([] if record is None or record.path is None else [record.path])]
    there = [p for p in places if record is None or record.path is None or os.path.exists(p)]
    if not there:
        raise InputError(
            f"anomalies need the rows that {folder.path} was trained on, which are not there any "
            f"more: looked for {' and '.join(dict.fromkeys(places))}; put them back once, and "
            f"what is needed of them is kept in {FILE}"
        )
    if record is not None and record.split is not None:  # of rows that do not fit, a sample
        rows = source.read_again(folder, there[0], folder.config, None)
        assert isinstance(rows, Streamed)
        return rows.sample
    data = source.apply_to(folder, there[0], as_new=False)
    changes = None if record is None else record.changes(data.record)
    if changes:
        raise InputError(
            f"{there[0]} is not what {folder.path} was trained on: {changes}; anomalies need the "
            "rows as they were: put them back once, or train anew"
        )
    return data


def judge(
    folder: RunFolder, rows: Dataset, *, alpha: float = 0.05, reasons: bool = False
) -> Judged:
    """What a run says of rows.

    Parameters
    ----------
    folder : RunFolder
    rows : Dataset
        As ``source.apply_to`` gives them.
    alpha : float
        In (0, 1): the share of ordinary rows among those called anomalies, at most, in expectation.
    reasons : bool
        Whether to find the columns' shares, and repairs of the rows with p ≤ alpha, of 200 at most.

    Raises
    ------
    InputError
        If the run predicts labels, or rows do not fit it.
    """
    alpha = between(alpha, "alpha", 0.0, 1.0, with_low=False, with_high=False)
    found = detector(folder)
    if rows.windows is not None:
        return _judged_by_windows(found, rows, rows.windows, alpha, reasons)
    x = rows.x if rows.table is None else rows.table
    scores = found.score(x)
    p, called, statement, beyond = None, None, [_UNCALIBRATED], 0
    if found.calibration is not None:
        p = conformal.p_values(scores, found.calibration)
        called, beyond = discoveries(p, alpha), conformal.beyond(p, len(found.calibration))
        statement = _statement(found, rows, alpha, bool(called.any()))
    statement = [*outside(found, rows), *statement]
    if not reasons:
        return Judged(scores, p, called, statement=tuple(statement), beyond=beyond)
    explanation = explain(found, x)
    repairs: dict[int, str] = {}
    if found.calibration is not None and p is not None and (p <= alpha).any():
        limit = conformal.largest_ordinary(found.calibration, alpha)
        worst = np.flatnonzero(p <= alpha)
        worst = np.sort(worst[np.argsort(-scores[worst], kind="stable")][:_REPAIRED])
        for row, one in zip(worst, repair(found, _taken(rows, worst), limit), strict=True):
            repairs[int(row)] = str(one)
    return Judged(scores, p, called, explanation, repairs, tuple(statement), beyond=beyond)


def _judged_by_windows(
    found: Detector, rows: Dataset, windows: Windows, alpha: float, reasons: bool
) -> Judged:
    """What is said of the rows of series; of one that is in no window, nothing."""
    assert rows.table is not None
    explanation = of_rows(found, rows.table, windows)
    scores = explanation.scores
    known = ~np.isnan(scores)
    p, called, statement, beyond = None, None, [_UNCALIBRATED], 0
    if found.calibration is not None:
        p, called = np.full(len(scores), np.nan), np.zeros(len(scores), bool)
        p[known] = conformal.p_values(scores[known], found.calibration)
        beyond = conformal.beyond(p[known], len(found.calibration))
        called[known] = discoveries(p[known], alpha)
        statement = _statement(found, rows, alpha, bool(called.any()))
    statement = [*outside(found, rows), *statement]
    reason = explanation if reasons else None
    return Judged(scores, p, called, reason, {}, tuple(statement), series=True, beyond=beyond)


_UNCALIBRATED = (
    "the run has neither test nor validation rows: scores have an order, but there are no "
    "p-values, and nothing is promised"
)


def outside(found: Detector, rows: Dataset) -> list[str]:
    """Which columns of rows lie outside what is ordinary."""
    windows = rows.windows
    counts = Outside(found, 1 if windows is None else windows.length)
    table = rows.table if windows is None else windows.rows
    counts.add(rows.x if table is None else table.x)
    return counts.sentences(found.model.named.names if table is None else table.names)


def _statement(found: Detector, rows: Dataset, alpha: float, any_called: bool) -> list[str]:
    """What is promised of these rows."""
    windows, size, trained = rows.windows, rows.size, rows.count("train")
    if windows is not None:
        size, trained = len(windows.part) - windows.uncovered, int((windows.part == TRAIN).sum())
    length = None if windows is None else windows.length
    own = trained if rows.is_test.any() else 0
    return promised(found, size, own, alpha, any_called, length)


def promised(
    found: Detector, size: int, trained: int, alpha: float, any_called: bool, window: int | None
) -> list[str]:
    """What is promised of so many rows, some of which the run was trained on."""
    if found.calibration is None:
        return [_UNCALIBRATED]
    count, bound = len(found.calibration), "at most" if window is None else "about"
    promise = conformal.promise(count) if window is None else steps.promise(count, window)
    said = [
        f"promised: {promise}; of the rows called anomalies {bound} {alpha:.0%} are ordinary, on "
        "average; anomalies among the rows set apart make fewer alarms, not more; it does not "
        "hold where new rows come from another source (drift)"
    ]
    if trained:
        said.append(
            f"{trained:,} of the {size:,} rows are those that the run was trained on: nothing "
            "is promised of them, and their p-values are rather too large"
        )
    least = conformal.fewest(size, count, alpha)
    if not any_called and least > 1:
        then = f"only {least:,} or more of {size:,} rows, as odd as can be, could be called"
        then = then if least <= size else f"none of {size:,} rows could be called, however odd"
        said.append(
            f"no p-value can be below {1 / (count + 1):.2g} with {count:,} rows set apart, and at "
            f"alpha {alpha:g} {then}: that none is called says little here. Go by score and "
            "p_value, or set more rows apart (--validation-fraction)"
        )
    return said


def _part(data: Dataset, name: str) -> Any:
    """The rows of a part, as a model takes them."""
    return _taken(data, np.arange(data.size)[data.rows(name)])


def _taken(data: Dataset, rows: np.ndarray) -> Table | np.ndarray:
    return data.x[rows] if data.table is None else data.table.taken(rows)
