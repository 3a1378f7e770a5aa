"""The data set: all rows in their order, and which of them are held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Real, Shaped

from autoencodes.checks import choice
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.summary import Summarised

Rows = Real[np.ndarray, "particle dim"]
Targets = Real[np.ndarray, "particle target"]
Classes = Shaped[np.ndarray, " particle"]
Mask = Bool[np.ndarray, " particle"]

PARTS = ("train", "test", "all")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Summarised):
    """Rows with a fixed split, each part of which is an empirical measure.

    Parameters
    ----------
    name : str
        The built-in name, or the file's name.
    x : array (N, d)
        All rows in their original order, in the data's own units and dtype.
    y : array (N, k), optional
        Targets. Absent: the rows themselves (reconstruction).
    labels : array (N,), optional
        Integer or string class of each row; for colouring, never for training.
    is_test : array of bool (N,)
        Which rows are held out.
    image_shape : (int, int), optional
        Height and width, where a row is an image.
    value_range : (float, float), optional
        The fixed range of the values, where one is known: (0, 255) for bytes.
    law : bool
        Whether the rows were drawn from a toy law.
    """

    name: str
    x: Rows
    y: Targets | None
    labels: Classes | None
    is_test: Mask
    image_shape: tuple[int, int] | None = None
    value_range: tuple[float, float] | None = None
    law: bool = False

    def _summary(self) -> dict[str, str]:
        """The rows and their parts, in words and numbers."""
        held_out = int(self.is_test.sum())
        image = "" if self.image_shape is None else " (images {} x {})".format(*self.image_shape)
        summary = {
            "name": self.name,
            "rows": f"{self.size:,} of {self.dim:,} features{image}, {self.x.dtype}",
            "split": f"{self.size - held_out:,} to train on, {held_out:,} to test on",
        }
        if self.value_range is not None:
            summary["values"] = "from {:g} to {:g}".format(*self.value_range)
        if self.y is not None:
            summary["targets"] = f"{self.y.shape[1]} entries each"
        if self.labels is not None:
            summary["labels"] = f"{len(np.unique(self.labels)):,} different"
        return summary

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
    def test(self) -> EmpiricalMeasure:
        """The rows held out, in their original order."""
        return self.part("test")

    def part(self, name: str) -> EmpiricalMeasure:
        """The measure μ^N of "train", "test" or "all" rows.

        Raises
        ------
        InputError
            If the name is none of the three.
        """
        rows = self._rows(name)
        return EmpiricalMeasure(self.x[rows], None if self.y is None else self.y[rows])

    def part_labels(self, name: str) -> Classes | None:
        """The classes of the rows of `part(name)`, in the same order; None where unknown."""
        rows = self._rows(name)
        return None if self.labels is None else self.labels[rows]

    def _rows(self, name: str) -> slice | np.ndarray:
        if choice(name, "part", PARTS) == "all":
            return slice(None)
        rows = np.flatnonzero(self.is_test if name == "test" else ~self.is_test)
        # A contiguous part is a view: MNIST is not copied to be split.
        if rows.size and rows[-1] - rows[0] + 1 == rows.size:
            return slice(int(rows[0]), int(rows[-1]) + 1)
        return rows


def split(count: int, *, seed: int, test_fraction: float) -> Mask:
    """Draws which of `count` rows are held out: round(fraction · count), at least 1 on each side.

    It depends on nothing but its arguments, so that every command that names the
    same data and seed sees the same test rows.
    """
    held_out = min(max(round(test_fraction * count), 1), count - 1)
    is_test = np.zeros(count, dtype=bool)
    is_test[np.random.default_rng(seed).permutation(count)[:held_out]] = True
    return is_test
