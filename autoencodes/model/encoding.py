"""Columns of a table as features of a model, and back.

# notation: c columns, k features, m 1 where a value was observed.

A number is one feature, a constant none, a category one for each of its levels: 1 at the row's, 0
elsewhere. A date is one, its seconds; a cyclic one also has the sine and cosine of its place in
the year, the week and, where it has hours, the day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Num, Shaped

from autoencodes.datasets import Column, Dataset, Table
from autoencodes.datasets.texts import padded
from autoencodes.errors import InputError
from autoencodes.summary import Summarised, first

Features = Num[np.ndarray, "particle feature"]
Observed = Shaped[np.ndarray, "particle feature"]

CYCLES = {"year": 365.2425 * 86400.0, "week": 7 * 86400.0, "day": 86400.0}
GROUPED = ("category", "boolean")


@dataclass(frozen=True, eq=False, repr=False)
class Encoding(Summarised):
    """How the columns of a table become features, fitted to the rows of a training.

    Parameters
    ----------
    columns : tuple of Column
    missing : {"refuse", "mean", "mask"}
        What is done about a value that is missing: nothing; its column's mean takes its place; the
        same, and it does not count in any error.
    fill : array (k,)
        What a missing value's features are: the mean over the training rows, of a category the
        shares of its levels.
    dtype : str
        That of the numbers of the table that it was fitted to.
    """

    columns: tuple[Column, ...]
    missing: str
    fill: Float[np.ndarray, " feature"]
    dtype: str

    @classmethod
    def of(cls, data: Dataset, missing: str) -> Encoding | None:
        """The encoding of data, fitted to their training rows; None where rows are the features."""
        table = data.table
        if table is None or table.columns is None:
            if table is None or (table.missing is None and missing == "refuse"):
                return None
            columns = tuple(Column(name, dtype=str(table.x.dtype)) for name in table.names)
        else:
            columns = table.columns
            if table.missing is None and missing == "refuse" and _plain(columns):
                return cls(columns, missing, np.zeros(len(columns)), str(table.x.dtype))
        x = features_of(table.x[data.rows("train")], columns)
        seen, weights = ~np.isnan(x), data.part_weights("train")
        if weights is None:
            count, total = np.maximum(seen.sum(axis=0), 1), np.where(seen, x, 0).sum(axis=0)
        else:
            count, total = weights @ seen, weights @ np.where(seen, x, 0)
            count = np.where(count > 0, count, 1)
        return cls(columns, missing, total / count, str(table.x.dtype))

    def _summary(self) -> dict[str, str]:
        """Columns by kind, and what is done about missing values."""
        kinds = [column.kind for column in self.columns]
        counts = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
        return {
            "columns": first(self.names),
            "kinds": ", ".join(counts),
            "features": f"{self.size:,}",
            "missing": self.missing,
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def plain(self) -> bool:
        """Whether features are the columns' numbers as they are."""
        return _plain(self.columns)

    @property
    def size(self) -> int:
        """The number k of features."""
        return sum(map(width, self.columns))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for each feature: the column's, with its level or cycle where it has several."""
        return tuple(name for column in self.columns for name in _feature_names(column))

    @property
    def owner(self) -> Shaped[np.ndarray, " feature"]:
        """The place of the column that each feature belongs to."""
        return np.repeat(np.arange(len(self.columns)), [width(c) for c in self.columns])

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """First feature and number of features of every category."""
        starts = np.cumsum([0, *map(width, self.columns)]).tolist()
        return tuple(
            (start, width(column))
            for start, column in zip(starts, self.columns, strict=False)
            if column.kind in GROUPED
        )

    def enter(self, table: Table) -> tuple[Features, Observed | None]:
        """Features (N, k) of a table with these columns, and which were observed.

        Where all were, or it does not matter, there is None.

        Raises
        ------
        InputError
            If values are missing and that is refused, or a value is not finite.
        """
        gone = table.missing
        if self.plain and gone is None:
            return table.x, np.ones(table.x.shape, bool) if self.missing == "mask" else None
        x = features_of(table.x, self.columns)
        lost = np.isnan(x)
        if lost.any() and self.missing == "refuse":
            row = int(np.argmax(lost.any(axis=1)))
            column = int(self.owner[int(np.argmax(lost[row]))])
            raise InputError(
                f"{table.place(row, column)}: expected a value, got none; the model was trained "
                "with --missing refuse: fill it in, or train anew with --missing mask"
            )
        features = np.where(lost, self.fill, x)
        return features, ~lost if self.missing == "mask" else None

    def entered(self, data: Dataset) -> Dataset:
        """The data set with features as its rows."""
        if data.table is None:
            return data
        x, observed = self.enter(data.table)
        if x is data.x and observed is None:
            return data
        return replace(data, x=x, observed=observed)

    def leave(self, features: Features) -> Float[np.ndarray, "particle column"]:
        """The numbers of a table (N, c), from features (N, k): the likeliest level of a category,
        the nearest of an ordinal.
        """
        if self.plain:
            return features
        x = np.zeros((len(features), len(self.columns)))
        place = 0
        for k, column in enumerate(self.columns):
            own = features[:, place : place + width(column)]
            place += own.shape[1]
            if column.kind in GROUPED:
                x[:, k] = np.argmax(own, axis=1)
            elif column.kind == "log":
                # Beyond it there is no float64; a reconstruction may be far off.
                x[:, k] = np.exp(np.clip(own[:, 0], -700.0, 700.0))
            elif column.kind == "ordinal":
                x[:, k] = np.clip(np.round(own[:, 0]), 0, len(column.levels) - 1)
            elif column.kind != "constant":
                x[:, k] = own[:, 0]
            elif not column.levels:
                x[:, k] = np.nan
        return x

    def values(self, x: Float[np.ndarray, "particle column"]) -> dict[str, np.ndarray]:
        """The columns in people's own values, from the numbers of a table (N, c)."""
        return {column.name: column.values(x[:, k]) for k, column in enumerate(self.columns)}

    @property
    def described(self) -> dict[str, Any]:
        """What a file says of it; ``fill`` stands elsewhere."""
        columns = [column.described for column in self.columns]
        return {"columns": columns, "missing": self.missing, "dtype": self.dtype}

    @classmethod
    def build(cls, described: Mapping[str, Any], fill: np.ndarray) -> Encoding:
        """The encoding that ``described`` was of."""
        columns = tuple(Column.read(column) for column in described["columns"])
        made = cls(columns, str(described["missing"]), fill, str(described["dtype"]))
        if fill.shape != (made.size,):
            raise ValueError(f"{made.size} features, and {fill.shape} means of them")
        return made


def _plain(columns: Sequence[Column]) -> bool:
    return all(column.kind == "number" for column in columns)


def cycles(column: Column) -> list[str]:
    """The cycles whose parts are features."""
    if column.kind != "cyclic":
        return []
    timed = "%H" in padded(column.dtype) or (
        column.dtype.startswith("datetime64") and column.dtype != "datetime64[D]"
    )
    return list(CYCLES) if timed else ["year", "week"]


def width(column: Column) -> int:
    """The number of features of a column."""
    if column.kind in GROUPED:
        return len(column.levels)
    return 0 if column.kind == "constant" else 1 + 2 * len(cycles(column))


def _feature_names(column: Column) -> list[str]:
    if column.kind in GROUPED:
        return [f"{column.name}={level}" for level in column.levels]
    if column.kind == "constant":
        return []
    name = f"log {column.name}" if column.kind == "log" else column.name
    parts = [f"{column.name}: {f} of {cycle}" for cycle in cycles(column) for f in ("sin", "cos")]
    return [name, *parts]


def features_of(
    x: Num[np.ndarray, "particle column"], columns: Sequence[Column]
) -> Float[np.ndarray, "particle feature"]:
    """Features of the numbers of a table, NaN where they are missing."""
    features = np.empty((len(x), sum(map(width, columns))))
    place = 0
    for k, column in enumerate(columns):
        values = x[:, k].astype(np.float64)
        own = features[:, place : place + width(column)]
        place += own.shape[1]
        if column.kind in GROUPED:
            own[:] = values[:, None] == np.arange(len(column.levels))
            own[np.isnan(values)] = np.nan
        elif column.kind == "log":
            own[:, 0] = _log(values, column)
        elif column.kind != "constant":
            own[:, 0] = values
            for j, cycle in enumerate(cycles(column)):
                angle = 2 * np.pi * values / CYCLES[cycle]
                own[:, 1 + 2 * j], own[:, 2 + 2 * j] = np.sin(angle), np.cos(angle)
    return features


def _log(values: Float[np.ndarray, " particle"], column: Column) -> Float[np.ndarray, " particle"]:
    wrong = values <= 0
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"row {row}, column {column.name!r}: the logarithm is of positive numbers, got "
            f"{values[row]}; the model was trained with --kinds {column.name}=log"
        )
    return np.log(values)
