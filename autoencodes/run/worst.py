"""The rows of a run's own table that belong there least, kept in its folder for the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from autoencodes import atomic
from autoencodes.anomaly import Detector, Explanation, explain, of_rows, p_values, repair
from autoencodes.anomaly.repair import shown
from autoencodes.anomaly.score import fingerprint
from autoencodes.datasets import Dataset, Table
from autoencodes.datasets.parts import PARTS
from autoencodes.errors import InputError
from autoencodes.run import anomalies
from autoencodes.run.anomalies import Judged
from autoencodes.run.folder import RunFolder

FILE, NEW = "anomalies.json", "anomalies-new.json"
"""Of the table that a run was trained on, and of the rows that were judged last."""
_FORMAT = "autoencodes-anomalies-1"
_MOST_ROWS, _MOST_COLUMNS = 10, 3
_UNSEEN = len(PARTS)
"""The part of rows none of which the run was trained on."""


@dataclass(frozen=True)
class Guilty:
    """A column of a row: what stands there, what the model makes of it, its share of the score."""

    name: str
    value: str
    reconstruction: str
    share: float


@dataclass(frozen=True)
class Odd:
    """A row that belongs where it is least of all.

    ``p_value`` is None where nothing is promised of it: of a row that the score was fitted to or
    calibrated by.
    """

    name: str
    part: str
    score: float
    p_value: float | None
    columns: tuple[Guilty, ...]
    repair: str = ""


@dataclass(frozen=True)
class Worst:
    """The rows with the largest scores, the largest first, of how many, and what is promised.

    ``source`` is what the rows are called, where they are not those of the run's own table;
    ``called`` how many of all rows are anomalies at the level that was asked for.
    """

    rows: tuple[Odd, ...]
    of: int
    calibration: int
    window: int | None
    source: str | None = None
    called: str = ""


def applies(folder: RunFolder) -> bool:
    """Whether a run reconstructs a table whose columns have names."""
    record = folder.record
    return folder.finished and folder.config.target == "rows" and bool(record and record.columns)


def keep(folder: RunFolder) -> Worst:
    """Finds the worst rows of the table that a run was trained on, and keeps them in its folder.

    Raises
    ------
    InputError
        As ``anomalies.detector`` does: if the table is not there any more, or another one.
    OSError
        If the folder cannot be written.
    """
    found, data = anomalies.detector(folder), anomalies.learned(folder)
    worst = _of_series(found, data) if data.windows is not None else _of_rows(found, data)
    _write(folder, FILE, worst)
    return worst


def keep_judged(folder: RunFolder, data: Dataset, judged: Judged, called: str) -> Worst | None:
    """Keeps the worst of rows that were judged with reasons, as ``keep`` does those of the run's
    own table; ``called`` says how many are anomalies. None where columns have no names.

    Raises
    ------
    OSError
        If the folder cannot be written.
    """
    if not applies(folder) or data.table is None or judged.explanation is None:
        return None
    found = anomalies.detector(folder)
    worst = _of_series(found, data, judged) if judged.series else _of_rows(found, data, judged)
    worst = replace(worst, source=Path(data.name).name, called=called)
    _write(folder, NEW, worst)
    return worst


def _write(folder: RunFolder, name: str, worst: Worst) -> None:
    held = {"format": _FORMAT, "model": fingerprint(folder.model), **asdict(worst)}
    text = json.dumps(held, indent=1, allow_nan=False, ensure_ascii=False)
    atomic.write(folder.path / name, text + "\n")


def kept(folder: RunFolder, name: str = FILE) -> Worst | None:
    """What ``keep`` wrote of the model as it is now; None where there is no such file.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    path = folder.path / name
    if not path.exists():
        return None
    try:
        held: dict[str, Any] = atomic.parsed(atomic.read(path))
        if held["format"] != _FORMAT or held["model"] != fingerprint(folder.model):
            return None
        rows = tuple(
            Odd(
                str(odd["name"]),
                str(odd["part"]),
                float(odd["score"]),
                None if odd["p_value"] is None else float(odd["p_value"]),
                tuple(
                    Guilty(str(c["name"]), str(c["value"]), str(c["reconstruction"]),
                           float(c["share"]))
                    for c in odd["columns"]
                ),
                str(odd["repair"]),
            )
            for odd in held["rows"]
        )  # fmt: skip
        window, source = held["window"], held.get("source")
        return Worst(
            rows,
            int(held["of"]),
            int(held["calibration"]),
            None if window is None else int(window),
            None if source is None else str(source),
            str(held.get("called", "")),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{path}: expected the rows that autoencodes report or anomalies writes ({error}); "
            "remove it, and it is made anew"
        ) from error


def _of_rows(found: Detector, data: Dataset, judged: Judged | None = None) -> Worst:
    """The worst of rows that are judged each by itself."""
    assert data.table is not None
    scores = found.score(data.table) if judged is None else judged.scores
    worst = np.argsort(-scores, kind="stable")[:_MOST_ROWS]
    rows = data.table.taken(worst)
    made = found.model.reconstruct(rows).x
    repairs = [""] * len(worst)
    if judged is not None:
        repairs = [judged.repairs.get(row, "") for row in worst.tolist()]
    elif found.calibration is not None:
        limit = float(np.quantile(found.calibration, 0.95, method="lower"))
        repairs = [str(one) for one in repair(found, rows, limit)]
    part = np.zeros(data.size, np.int64)
    for number, name in enumerate(PARTS):
        part[data.rows(name)] = number
    if judged is not None and not data.is_test.any():  # none of them is known to have trained
        part[:] = _UNSEEN
    reasons = explain(found, rows) if judged is None else _taken(judged.explanation, worst)
    odd = _odd(found, data.table, part, worst, reasons, made, repairs)
    return Worst(odd, data.size, _size(found), None)


def _taken(every: Explanation | None, rows: Int[np.ndarray, " odd"]) -> Explanation:
    """The reasons of some rows."""
    assert every is not None
    return Explanation(every.names, every.shares[rows], every.scores[rows])


def _of_series(found: Detector, data: Dataset, judged: Judged | None = None) -> Worst:
    """The worst rows of series, which are judged by windows."""
    windows = data.windows
    assert windows is not None
    assert data.table is not None
    every = of_rows(found, data.table, windows) if judged is None else judged.explanation
    assert every is not None
    order = np.argsort(-every.scores, kind="stable")[:_MOST_ROWS]
    worst = order[~np.isnan(every.scores[order])]
    count = windows.rows.x.shape[1]
    made = np.empty((len(worst), count))
    for k, row in enumerate(worst.tolist()):
        holding, at = np.nonzero(windows.places == row)
        middle = int(np.argmin(np.abs(at - (windows.length - 1) / 2)))
        one = found.model.reconstruct(data.table.taken(holding[middle : middle + 1])).x[0]
        made[k] = one[at[middle] * count : (at[middle] + 1) * count]
    none, part = [""] * len(worst), windows.part
    if judged is not None and not data.is_test.any():
        part = np.full(len(part), _UNSEEN)
    odd = _odd(found, windows.rows, part, worst, _taken(every, worst), made, none)
    return Worst(odd, len(windows.part), _size(found), windows.length)


def _size(found: Detector) -> int:
    """The number of scores that p-values compare with."""
    return 0 if found.calibration is None else len(found.calibration)


def _odd(
    found: Detector,
    table: Table,
    part: Int[np.ndarray, " particle"],
    worst: Int[np.ndarray, " odd"],
    explanation: Explanation,
    made: np.ndarray,
    repairs: list[str],
) -> tuple[Odd, ...]:
    """Rows in words; p-values of those that neither trained nor calibrate."""
    assert table.columns is not None
    apart = 1 if (part == 1).any() else 2
    rows = []
    for k, row in enumerate(worst.tolist()):
        shares, score = explanation.shares[k], float(explanation.scores[k])
        p = None
        if found.calibration is not None and part[row] not in (0, apart):
            p = float(p_values([score], found.calibration)[0])
        columns = []
        for j in np.argsort(-shares, kind="stable")[:_MOST_COLUMNS].tolist():
            if not _counts(float(shares[j]), score):
                continue
            value, reconstruction = table.x[row, j : j + 1], made[k, j : j + 1]
            column = table.columns[j]
            columns.append(
                Guilty(
                    column.name,
                    "a new value"
                    if column.levelled and value[0] < 0
                    else _worded(column.values(value.astype(np.float64))[0]),
                    _worded(column.values(reconstruction)[0]),
                    float(shares[j] / score) if score > 0 else 0.0,
                )
            )
        named = ", ".join(f"{name} {v[row]}" for name, v in table.identifiers.items())
        name = named or f"row {row}"
        named_part = "new" if part[row] == _UNSEEN else PARTS[int(part[row])]
        rows.append(Odd(name, named_part, score, p, tuple(columns), repairs[k]))
    return tuple(rows)


def _counts(share: float, score: float) -> bool:
    """Whether a share is more than 0 % of a score, as it is shown."""
    return share > 0 and round(share / max(score, 1e-300), 2) > 0


def _worded(value: Any) -> str:
    """A value of a column in words; a dash where there is none."""
    return "–" if value is None or value != value else shown(value)
