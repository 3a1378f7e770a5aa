"""The data set: all rows in their order, and which of them are held out."""

from __future__ import annotations

import abc
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from autoencodes.checks import choice
from autoencodes.datasets.atoms import lexicographic
from autoencodes.datasets.parts import TEST, VALIDATION, parts
from autoencodes.datasets.record import Record
from autoencodes.datasets.table import Classes, Mask, Observed, Rows, Table
from autoencodes.datasets.windows import Windows, cut
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.summary import Summarised

Targets = Real[np.ndarray, "particle target"]
Weights = Float[np.ndarray, " particle"]
Places = Int[np.ndarray, " particle"]

PARTS = ("train", "validation", "test", "all")


class Recorded(abc.ABC):
    """Data that say what is kept of them."""

    @property
    @abc.abstractmethod
    def record(self) -> Record:
        """What is kept of the data, to know them again."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Summarised, Recorded):
    """Rows with a fixed split, each part of which is an empirical measure.

    Parameters
    ----------
    name : str
        The built-in name, or the file's name.
    x : array (N, d)
        All rows in their original order, in the data's own units and dtype. Of a table that has
        other than numbers they are those of ``Table.x``: places among levels, seconds, NaN.
    y : array (N, k), optional
        Targets. Absent: the rows themselves (reconstruction).
    labels : array (N,), optional
        Integer or string class of each row; for colouring, never for training.
    is_test : array of bool (N,)
        Which rows are held out.
    image_shape : tuple, optional
        Height and width, of colour images also 3, where a row is an image.
    value_range : (float, float), optional
        The fixed range of the values, where one is known: (0, 255) for bytes.
    law : bool
        Whether the rows were drawn from a toy law.
    is_validation : array of bool (N,), optional
        Which rows choose: when to stop, which control, λ. Absent: none.
    table : Table, optional
        The columns, where they have names, and the identifiers of the rows.
    path : str, optional
        The file that they came from.
    observed : array of bool (N, d), optional
        Which values there are; absent where all are.
    weights : array (N,), optional
        What rows count, not normalised; absent where all of a part count the same.
    windows : Windows, optional
        What the rows are made of, where each is a window of the rows of a series.
    origin : (Dataset or Streamed, array of int (N,)), optional
        The data of which these rows were ``taken``, and their places there.

    Examples
    --------
    >>> data = ac.datasets.load("parabola")
    >>> data.train.size, data.test.size, data.dim
    (200, 5000, 2)
    >>> data.has("validation")
    False
    """

    name: str
    x: Rows
    y: Targets | None
    labels: Classes | None
    is_test: Mask
    image_shape: tuple[int, ...] | None = None
    value_range: tuple[float, float] | None = None
    law: bool = False
    is_validation: Mask | None = None
    table: Table | None = None
    path: str | None = None
    observed: Observed | None = None
    weights: Weights | None = None
    windows: Windows | None = None
    origin: tuple[Recorded, Places] | None = None

    def _summary(self) -> dict[str, str]:
        """The rows and their parts, in words and numbers."""
        held_out = int(self.is_test.sum())
        shape = self.image_shape
        image = "" if shape is None else f" (images {' x '.join(map(str, shape))})"
        choosing = 0 if self.is_validation is None else int(self.is_validation.sum())
        chosen = f", {choosing:,} to validate" if choosing else ""
        summary = {
            "name": self.name,
            "rows": f"{self.size:,} of {self.dim:,} features{image}, {self.x.dtype}",
            "split": f"{self.size - held_out - choosing:,} to train on{chosen}, "
            f"{held_out:,} to test on",
        }
        if self.value_range is not None:
            summary["values"] = "from {:g} to {:g}".format(*self.value_range)
        if self.y is not None:
            summary["targets"] = f"{self.y.shape[1]} entries each"
        if self.labels is not None:
            summary["labels"] = f"{len(np.unique(self.labels)):,} different"
        return summary

    @cached_property
    def record(self) -> Record:
        """What is kept of the data, to know them again: computed from their content when asked."""
        if self.origin is not None:
            return self.origin[0].record
        if self.windows is not None:
            made = self.windows
            return Record.of(made.rows, self.path or self.name, self.path, made.part)
        table = self.table or Table(self.x, self.labels)
        part = np.zeros(self.size, np.int64)
        part[self.rows("validation")], part[self.rows("test")] = VALIDATION, TEST
        return Record.of(table, self.path or self.name, self.path, part)

    @property
    def numbers(self) -> Places:
        """The places of the rows in the data as they came, by which errors name them."""
        return np.arange(self.size) if self.origin is None else self.origin[1]

    @property
    def size(self) -> int:
        """The number N of rows, train and test together."""
        return int(self.x.shape[0])

    @property
    def dim(self) -> int:
        """The dimension d of a row."""
        return int(self.x.shape[1])

    @property
    def train(self) -> EmpiricalMeasure:
        """The rows to train on, in their original order."""
        return self.part("train")

    @property
    def validation(self) -> EmpiricalMeasure:
        """The rows that choose, in their original order; there must be some."""
        return self.part("validation")

    @property
    def test(self) -> EmpiricalMeasure:
        """The rows held out, in their original order."""
        return self.part("test")

    def part(self, name: str) -> EmpiricalMeasure:
        """The measure μ^N of "train", "validation", "test" or "all" rows.

        Raises
        ------
        InputError
            If the name is none of the four, or there are no such rows.
        """
        rows = self.rows(name)
        y = None if self.y is None else self.y[rows]
        return EmpiricalMeasure(self.x[rows], y, self.part_weights(name))

    def part_labels(self, name: str) -> Classes | None:
        """The classes of the rows of `part(name)`, in the same order; None where unknown."""
        rows = self.rows(name)
        return None if self.labels is None else self.labels[rows]

    def part_weights(self, name: str) -> Weights | None:
        """The weights of the rows of `part(name)`, not normalised; None where all are the same."""
        return None if self.weights is None else self.weights[self.rows(name)]

    def rows(self, name: str) -> slice | np.ndarray:
        """The places of the rows of `part(name)`."""
        if choice(name, "part", PARTS) == "all":
            return slice(None)
        validates = np.zeros(self.size, bool) if self.is_validation is None else self.is_validation
        among = {
            "train": ~(self.is_test | validates),
            "validation": validates & ~self.is_test,
            "test": self.is_test,
        }
        rows = np.flatnonzero(among[name])
        # A contiguous part is a view: MNIST is not copied to be split.
        if rows.size and rows[-1] - rows[0] + 1 == rows.size:
            return slice(int(rows[0]), int(rows[-1]) + 1)
        return rows

    def taken(self, rows: Places, weights: Weights | None) -> Dataset:
        """The data set of some rows, in that order and with these weights.

        Its record stays that of all rows, and it knows the rows by their places there.
        """
        by_row = ("x", "y", "labels", "is_test", "is_validation", "observed")
        arrays = {name: getattr(self, name) for name in by_row}
        taken: dict[str, Any] = {n: None if a is None else a[rows] for n, a in arrays.items()}
        return replace(
            self,
            **taken,
            table=None if self.table is None else self.table.taken(rows),
            weights=weights,
            windows=None if self.windows is None else self.windows.taken(rows),
            origin=(self if self.origin is None else self.origin[0], self.numbers[rows]),
        )

    def atoms(self, *, labelled: bool = True) -> Dataset:
        """The data set with distinct training rows, each of which counts as often as it came.

        Rows that are equal, with their targets and, if ``labelled``, their labels, become one row
        that has the sum of their weights and the label of the first; those of weight 0 are left
        out. So a row of weight 2 is the same as that row twice, in every bit of what follows.
        Where the sums differ, the rows are put in lexicographic order; where all are the same,
        they stay in the order in which they first came and need no weights. Rows that do not
        train stand behind them, as they came.

        Raises
        ------
        InputError
            If no training row has a weight above 0.
        """
        own = np.arange(self.size)[self.rows("train")]
        weights = np.ones(len(own)) if self.weights is None else self.weights[own]
        train, weights = own[weights > 0], weights[weights > 0]
        if not train.size:
            raise InputError(f"{self.name}: expected a training row of a weight above 0; got none")
        rows = self.rows("train") if len(train) == len(own) else train  # a view where there is one
        parts = [self.x[rows]] + ([] if self.y is None else [self.y[rows]])
        if self.labels is not None and labelled:
            parts.append(np.unique(self.labels[train], return_inverse=True)[1][:, None])
        order, firsts = lexicographic(*parts)
        if firsts.all() and self.weights is None:
            return self
        sums = np.add.reduceat(weights[order], np.flatnonzero(firsts))
        kept, counted = train[order[firsts]], sums / sums.max()
        others = np.delete(np.arange(self.size), own)
        if (sums == sums[0]).all():
            kept = np.sort(kept)
            if self.weights is None or not others.size:
                return self.taken(np.r_[kept, others], None)
        besides = np.ones(len(others)) if self.weights is None else self.weights[others]
        return self.taken(np.r_[kept, others], np.r_[counted, besides])

    def divided(self, tests: Mask) -> Dataset:
        """The data set in which the rows ``tests`` (N,), True or False, test and all others
        train.
        """
        return replace(self, is_test=tests, is_validation=None)

    def validating(self, share: float, seed: int) -> Dataset:
        """The data set with a ``share`` of its training rows, drawn by ``seed``, to validate on."""
        if not share:
            return self
        part = parts(
            Table(self.x, is_test=self.is_test), self.name, seed=seed, test=0.0, validation=share
        )
        return replace(self, is_validation=part == VALIDATION)

    def parted(self, record: Record) -> Dataset:
        """The data set with the parts that a record tells of, where its content is the same."""
        part = record.part_of_rows(self.table)
        if part is None or record.sha256 != self.record.sha256:
            return self
        made: dict[str, Any] = {}
        if self.windows is not None:  # none of them is in two parts
            was = self.windows
            table, part, windows = cut(was.rows, part, was.length, was.stride, self.name)
            made = {"x": table.x, "labels": table.labels, "table": table, "windows": windows}
        return replace(self, is_test=part == TEST, is_validation=part == VALIDATION, **made)

    def count(self, name: str) -> int:
        """The number of rows of `part(name)`, which may be none."""
        return len(np.arange(self.size)[self.rows(name)])

    def has(self, name: str) -> bool:
        """Whether there are rows of `part(name)`."""
        return self.count(name) > 0
