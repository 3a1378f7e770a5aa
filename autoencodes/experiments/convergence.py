"""Orders of convergence, as measured."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def orders(sizes: Sequence[float], errors: Sequence[float]) -> list[float | None]:
    """log(e / e') / log(h / h') of each size h and the next; None beside an error that is 0."""
    measured: list[float | None] = []
    for (h, g), (e, f) in zip(pairwise(sizes), pairwise(errors), strict=True):
        measured.append(float(np.log(e / f) / np.log(h / g)) if e > 0 and f > 0 else None)
    return measured


def spoken(order: float | None) -> str:
    """An order in words."""
    return "none, beside rounding" if order is None else f"{order:.2f}"
