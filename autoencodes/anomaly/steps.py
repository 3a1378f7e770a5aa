"""The score of a row of a series, from those of the windows that hold it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from autoencodes.anomaly.explain import Explanation, explain
from autoencodes.anomaly.score import Detector
from autoencodes.datasets import Table
from autoencodes.datasets.windows import Windows

_FEW = 20
"""Independent rows below which nothing is known of p-values near 0.05."""


def promise(rows: int, length: int) -> str:
    """What is promised of p-values from so many rows in windows of a length, in one sentence."""
    worth = max(1, rows // length)
    said = (
        f"if the series goes on as in the {rows:,} rows set apart for this, about the share a of "
        "its ordinary rows has p <= a; only about, as rows of a series and windows that overlap "
        f"depend on each other: those set apart are worth about {worth:,} that do not"
    )
    few = ", too few to trust a small p (--validation-fraction sets more apart)"
    return said + (few if worth < _FEW else "")


def of_rows(detector: Detector, table: Table, windows: Windows) -> Explanation:
    """What windows say of each of the N rows that they are made of.

    The share s_{m,j} of every row and column in the score of a window m adds up to that score; a
    row's score is the mean over the windows that hold it of what they put down to it,

    s_i = (1 / #{m : i ∈ m}) Σ_{m ∋ i} Σ_j s_{m,j}(i),

    and so are its shares by column: they add up to s_i. The mean of the windows' whole scores would
    call every row anomalous that is less than a window away from one that is. A row's score may be
    below 0: of the linear parts some speak for it.

    Parameters
    ----------
    detector : Detector
        Of windows.
    table : Table
        The windows.
    windows : Windows
        What they are made of.

    Returns
    -------
    Explanation
        Of the N rows, by the columns that these have; NaN for rows that are in no window.
    """
    shares = windows.by_row(explain(detector, table).shares)
    return Explanation(windows.rows.names, shares, shares.sum(axis=1))


def calibration(
    detector: Detector, table: Table, windows: Windows
) -> Float[np.ndarray, " calibration"]:
    """The scores of the rows in windows that were set apart, with which others are compared."""
    scores = of_rows(detector, table, windows).scores
    return scores[~np.isnan(scores)]
