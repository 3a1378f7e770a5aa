"""Rows in lexicographic order, so that the same rows are the same measure however they came."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Int, Shaped

Columns = Shaped[np.ndarray, "particle _"]


def lexicographic(
    *parts: Columns,
) -> tuple[Int[np.ndarray, " particle"], Bool[np.ndarray, " particle"]]:
    """The order of rows (N, c) by their first column, then by the second, and so on.

    The rows are those of all ``parts`` side by side; NaN comes last, and equals NaN. Rows that are
    equal stay in the order in which they came. A column is looked at only where those before it
    leave rows equal: of a million rows of real numbers, one.

    Returns
    -------
    order : array of int (N,)
        The places of the rows, the least one first.
    firsts : array of bool (N,)
        Whether a row, in that order, differs from the one before it.

    Examples
    --------
    >>> import numpy as np
    >>> order, firsts = lexicographic(np.array([[2.0, 1.0], [1.0, 5.0], [2.0, 1.0], [2.0, 0.0]]))
    >>> order.tolist(), firsts.tolist()
    ([1, 3, 0, 2], [True, True, True, False])
    """
    count = len(parts[0])
    order, firsts = np.arange(count), np.arange(count) == 0
    for column in (part[:, k] for part in parts for k in range(part.shape[1])):
        tied = ~firsts
        tied[:-1] |= ~firsts[1:]
        places = np.flatnonzero(tied)
        if not places.size:
            break
        group, values = np.cumsum(firsts)[places], column[order[places]]
        if group[-1] == 1:  # the first column as a rule, and then faster
            placed = np.argsort(values, kind="stable")
        else:
            placed = np.lexsort((values, group))
        order[places], values = order[places][placed], values[placed]
        same = values[1:] == values[:-1]
        if values.dtype.kind == "f":
            same |= np.isnan(values[1:]) & np.isnan(values[:-1])
        firsts[places[1:]] |= ~same
    return order, firsts
