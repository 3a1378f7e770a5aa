"""Values that were filled in and are none that anybody has seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Shaped

from autoencodes.datasets import Table
from autoencodes.datasets.reading import option

_MARGIN = 0.1
"""Of the range of a column's own values: how far beyond it what is filled in may lie."""


def beyond(table: Table, filled: Mapping[str, Shaped[np.ndarray, " particle"]]) -> tuple[str, ...]:
    """What is said of filled numbers that lie outside their column's own, in sentences.

    A reconstruction knows no bounds: a weight may come out below 0. That is said of numbers that
    are negative where no other is, or beyond the range of the others by more than a tenth of it.

    Parameters
    ----------
    table : Table
        The rows as they came, NaN where a value is missing.
    filled : mapping of str to array (N,)
        The same columns with what was filled in.
    """
    said, positive = [], []
    for k, column in enumerate(table.columns or ()):
        own, gone = table.x[:, k].astype(np.float64), np.isnan(table.x[:, k])
        if column.kind != "number" or not gone.any() or gone.all():
            continue
        made, low, high = (
            column.numbers(filled[column.name][gone]),
            own[~gone].min(),
            own[~gone].max(),
        )
        margin = _MARGIN * (high - low)
        outside = (made < low - margin) | (made > high + margin) | ((made < 0) & (low >= 0))
        if outside.any():
            worst = made[outside][np.argmax(np.abs(made[outside] - (low + high) / 2))]
            said.append(
                f"{column.name!r} {int(outside.sum()):,}, as {worst:.4g} (else {low:.6g} to "
                f"{high:.6g})"
            )
            positive += [column.name] if low > 0 and (made < 0).any() else []
    if not said:
        return ()
    advice = ""
    if positive:
        kinds = option("kinds", *(f"{name}=log" for name in positive))
        advice = f"; a training with {kinds} keeps them positive"
    return (f"filled in outside what else stands in the column: {', '.join(said)}{advice}",)
