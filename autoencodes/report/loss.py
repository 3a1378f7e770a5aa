"""How the training went.

# notation: J objective, ℓ terminal cost, d dimension, τ step of a movement, q its contraction
# factor.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from autoencodes.plot import style
from autoencodes.plot.scales import logarithmic
from autoencodes.report.findings import Findings

_FEW = 30
_SELDOM = 200
_LONG = 1000
PIECES = 200

Series = Float[np.ndarray, " point"]
Pieces = Float[np.ndarray, " piece"]


def picture(findings: Findings) -> Figure | None:
    """J/m, ℓ/m and the test error over the epochs; for movements τ and q below.

    J and ℓ are sums over a target's m entries (a row's d features); divided by m they have the test
    error's unit, squared error per feature, and one axis serves all. Another cost than the squared
    error is shown as it is, J, ℓ and ℓ over the test rows.
    """
    history = findings.history
    if not history:
        return None
    moves = [n for n in ("tau", "contraction") if series(history, n)[0].size]
    figure = Figure(figsize=(style.COLUMN, 2.6 + 0.85 * len(moves)))
    rows = figure.subplots(
        1 + len(moves), sharex=True, squeeze=False, height_ratios=[2.6, *[1.0] * len(moves)]
    )[:, 0]
    _errors(rows[0], findings)
    for axes, name in zip(rows[1:], moves, strict=True):
        _movement(axes, history, name)
    mark_trials(rows, rows[min(1, len(moves))], history, "epoch")
    _epochs(rows[-1], series(history, "epoch")[1])
    figure.align_ylabels()
    return figure


def _epochs(axes: Axes, epochs: Series) -> None:
    axes.set_xlabel("epoch")
    if len(epochs) > _LONG:
        axes.set_xlabel(f"epoch (median and range of every {round(len(epochs) / PIECES)})")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    if epochs.min() == epochs.max():
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axes.set_xticks(epochs[:1])
        return
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, steps=[1, 2, 5, 10]))


def _errors(axes: Axes, findings: Findings) -> None:
    history, squared = findings.history, findings.cost == "squared"
    size = findings.entries if squared else 1
    objective, error = (f"objective J / {findings.symbol}", "error") if squared else ("J", "cost")
    part = "validation" if series(history, "validation_mse")[0].size else "test"
    tested = series(history, f"{part}_mse" if squared else f"{part}_cost")
    curves = {
        objective: (series(history, "objective"), size, style.FAINT, 2.2),
        f"training {error}": (series(history, "terminal_cost"), size, style.AUTOENCODE, 1.2),
        f"{part} {error}": (tested, 1, style.ACCENT, 1.2),
    }
    shown = []
    for label, ((x, y), unit, colour, linewidth) in curves.items():
        if x.size:
            shown.append(y / unit)
            # What was measured now and then says nothing of the epochs between.
            seldom = len(x) < len(history) / 2 and len(x) <= _SELDOM
            line = {"linestyle": "none", "marker": "o"} if seldom else {}
            _curve(axes, x, y / unit, color=colour, label=label, linewidth=linewidth, **line)
    pca = findings.error("pca_test_mse") if squared else None
    if pca is not None:
        shown.append(np.array([pca]))
        label = "PCA, same latent width"
        axes.axhline(pca, color=style.PCA, linestyle=(0, (4, 2)), linewidth=1.0, label=label)
    logarithmic(axes, "y", np.concatenate(shown) if shown else np.zeros(0))
    axes.set_ylabel(f"squared error per {findings.entry}" if squared else f"{findings.cost} cost")
    axes.grid(axis="y")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.2)


def _movement(axes: Axes, history: list[dict[str, Any]], name: str) -> None:
    x, y = series(history, name)
    _curve(axes, x, y, color=style.AUTOENCODE, linewidth=1.0)
    axes.grid(axis="y")
    if name == "tau":
        axes.set_ylabel("step τ")
        logarithmic(axes, "y", y)
    else:
        axes.set_ylabel("contraction q")
        axes.set_ylim(0, max(1.0, 1.05 * float(y.max())))


def _curve(axes: Axes, x: Series, y: Series, **look: Any) -> None:
    """A line; of a long history the medians over pieces, and a band that holds all values."""
    if len(x) <= _LONG:
        axes.plot(x, y, **{"marker": "o" if len(x) <= _FEW else "", "markersize": 2.5, **look})
        return
    x, low, middle, high = pieces(x, y)
    axes.fill_between(x, low, high, color=look["color"], alpha=0.25, linewidth=0)
    axes.plot(x, middle, **look)


def mark_trials(
    rows: Iterable[Axes], named: Axes, history: list[dict[str, Any]], position: str
) -> None:
    """A line through the rows where a further trial of a training begins; its number in one."""
    rows = tuple(rows)
    for before, line in pairwise(history):
        if line.get("trial") == before.get("trial"):
            continue
        for axes in rows:
            axes.axvline(before[position], color=style.FAINT, linewidth=0.8, zorder=0.5)
        named.annotate(
            f"trial {line['trial']:.0f}",
            (before[position], 1),
            (2, -1),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize="x-small",
        )


def series(history: list[dict[str, Any]], name: str) -> tuple[Series, Series]:
    """Epochs and values of an entry, over the lines that hold a finite number for it."""
    pairs = [(line["epoch"], line[name]) for line in history if line.get(name) is not None]
    points = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    return points[:, 0], points[:, 1]


def pieces(x: Series, y: Series) -> tuple[Pieces, Pieces, Pieces, Pieces]:
    """Of a curve cut into 200 pieces: the last x, and the least, median and greatest y."""
    cuts = np.array_split(np.arange(len(x)), PIECES)
    columns = [(x[k[-1]], y[k].min(), np.median(y[k]), y[k].max()) for k in cuts]
    ends, low, middle, high = np.array(columns).T
    return ends, low, middle, high
