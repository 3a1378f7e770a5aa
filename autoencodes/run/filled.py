"""Values that a model made and that are none that anybody has seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Num, Shaped

from autoencodes.datasets import Column, Table
from autoencodes.datasets.options import option
from autoencodes.run.folder import RunFolder

_MARGIN = 0.1
"""Of the range of a column's own values: how far beyond it what is made may lie."""
_NAMED = 5
"""Columns that are named; of more only their number is said, as of images' pixels."""


def beyond(table: Table, filled: Mapping[str, Shaped[np.ndarray, " particle"]]) -> tuple[str, ...]:
    """What is said of filled numbers that lie outside their column's own, in sentences.

    Parameters
    ----------
    table : Table
        The rows as they came, NaN where a value is missing.
    filled : mapping of str to array (N,)
        The same columns with what was filled in.
    """
    gone = np.isnan(table.x)
    columns = table.columns or ()
    made = {c.name: filled[c.name] for c in columns if c.kind == "number"}
    return _said("filled in outside what else stands in the column", columns, table.x, made, gone)


def remade(table: Table, made: Mapping[str, Shaped[np.ndarray, " particle"]]) -> tuple[str, ...]:
    """The same of reconstructions of a table with names, beside its own values."""
    what = "reconstructed outside what stands in the column"
    return _said(what, table.columns or (), table.x, made, None)


def decoded(
    folder: RunFolder, made: Mapping[str, Shaped[np.ndarray, " particle"]]
) -> tuple[str, ...]:
    """The same of what was decoded, beside the test rows that the run keeps: of a table."""
    model = folder.model
    if model.encoding is None or not (folder.path / "samples.safetensors").is_file():
        return ()
    samples = folder.samples
    kept = samples.arrays.get("originals")
    if kept is None or not samples.facts.get("reconstructs"):
        return ()
    known = model.table_of(model.scaling.undo(kept, np.float64)).astype(np.float64)
    gaps = samples.arrays.get("gaps")
    if gaps is not None:
        known[gaps.astype(bool)] = np.nan
    what = f"decoded outside what the run's {len(known):,} test rows hold"
    return _said(what, model.encoding.columns, known, made, None)


def _said(
    what: str,
    columns: tuple[Column, ...],
    known: Num[np.ndarray, "row column"],
    made: Mapping[str, Shaped[np.ndarray, " particle"]],
    rows: Bool[np.ndarray, "particle column"] | None,
) -> tuple[str, ...]:
    """What lies outside its column's known values, in sentences: of all rows, or of some by column.

    A reconstruction knows no bounds: a weight may come out below 0. That is said of numbers that
    are negative where no other is, or beyond the range of the others by more than a tenth of it.
    """
    said, positive = [], []
    for k, column in enumerate(columns):
        own = known[:, k].astype(np.float64)
        own = own[~np.isnan(own)]
        if column.kind != "number" or not own.size or column.name not in made:
            continue
        values = np.asarray(made[column.name])
        values = column.numbers(values if rows is None else values[rows[:, k]])
        low, high = own.min(), own.max()
        margin = _MARGIN * (high - low)
        outside = (values < low - margin) | (values > high + margin) | ((values < 0) & (low >= 0))
        if outside.any():
            worst = values[outside][np.argmax(np.abs(values[outside] - (low + high) / 2))]
            said.append(
                f"{column.name!r} {int(outside.sum()):,}, as {worst:.4g} (else {low:.6g} to "
                f"{high:.6g})"
            )
            positive += [column.name] if low > 0 and (values < 0).any() else []
    if not said:
        return ()
    listed = ", ".join(said[:_NAMED])
    listed += f" and {len(said) - _NAMED:,} more columns" if said[_NAMED:] else ""
    advice = ""
    if positive:
        kinds = option("kinds", *(f"{name}=log" for name in positive[:_NAMED]))
        advice = f"; a training with {kinds} keeps them positive"
    return (f"{what}: {listed}{advice}",)
