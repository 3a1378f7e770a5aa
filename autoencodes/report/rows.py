"""Test rows in their users' names and units: what latent space and the columns' charts show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from autoencodes.anomaly.repair import shown
from autoencodes.model.model import Model
from autoencodes.plot.classes import Classes
from autoencodes.report.findings import Findings

_NUMBERS = 40_000
"""Cells on a page, at most: some 300 kB."""


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the rows shown: numbers, or places in ``levels``; NaN where there is nothing."""

    name: str
    values: Float[np.ndarray, " row"]
    levels: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    """How people write the values, where they are no plain numbers."""
    made: Float[np.ndarray, " row"] | None = None
    """The reconstructions."""

    def facts(self) -> dict[str, Any]:
        """JSON values: what the page lists."""
        found: dict[str, Any] = {"name": self.name, "values": rounded(self.values)}
        if self.levels is not None:
            found["levels"] = self.levels
        if self.texts is not None:
            found["texts"] = self.texts
        return found


@dataclass(frozen=True, eq=False)
class Rows:
    """The first of the rows whose latent values a run keeps, with what is known of each."""

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    """The class and the error, where they are known, then the table's."""
    own: int
    """How many of them do not stand in the table."""
    errors: Float[np.ndarray, " row"] | None


def known(findings: Findings, model: Model) -> Rows:
    """Of a run's samples; older folders say less, and nothing of a table's columns."""
    arrays, facts = findings.samples.arrays, findings.samples.facts
    count = len(arrays["latent"])
    names = facts.get("latent_names")
    table: list[Column] = []
    if names is not None and facts["image_shape"] is None and findings.reconstructs:
        wide = max(len(model.named.columns), 1)
        count = min(count, len(arrays["originals"]), max(_NUMBERS // wide, 100))
        table = _table(findings, model, count)
    names = names or [f"test row {k + 1}" for k in range(count)]
    found = []
    if "labels" in arrays:
        classes = Classes.of(count, arrays["labels"][:count], findings.names)
        found.append(Column("class", classes.members.astype(float), classes.names))
    errors = arrays.get("latent_errors")
    if errors is not None:
        errors = errors[:count].astype(np.float64)
        found.append(Column("error", errors))
    return Rows(tuple(names[:count]), (*found, *table), len(found), errors)


def _table(findings: Findings, model: Model, count: int) -> list[Column]:
    """The columns of the first rows, and what the model makes of them."""
    arrays, encoding = findings.samples.arrays, model.named
    pair = [
        encoding.leave(model.scaling.undo(arrays[name][:count], np.float64)).astype(np.float64)
        for name in ("originals", "reconstructions")
    ]
    gaps: Bool[np.ndarray, "row column"] | None = arrays.get("gaps")
    if gaps is not None:
        pair[0][gaps[:count].astype(bool)] = np.nan
    found = []
    for k, column in enumerate(encoding.columns):
        values, made = pair[0][:, k], pair[1][:, k]
        if column.levelled:
            levels = tuple(str(level) for level in column.levels)
            found.append(Column(column.name, values, levels, made=made))
        elif column.moments:
            texts = tuple(shown(value) for value in column.values(values))
            found.append(Column(column.name, values, texts=texts, made=made))
        else:
            found.append(Column(column.name, values, made=made))
    return found


def rounded(values: Float[np.ndarray, " number"]) -> list[float | int | None]:
    """JSON numbers of five digits; None for what is not finite."""
    return [
        None if not np.isfinite(v) else int(v) if v == int(v) else float(f"{v:.5g}")
        for v in values.tolist()
    ]
