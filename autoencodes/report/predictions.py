"""What is predicted of test rows: classes as a table of confusions, numbers over the true ones."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.words import plain
from autoencodes.report.findings import Findings

_MOST_WRITTEN = 20
"""Classes up to which every count is written into the table."""


def picture(findings: Findings) -> Figure | None:
    """Nothing where rows are the target: what is made of them is another picture."""
    if findings.target == "rows":
        return None
    return _confusions(findings) if findings.target == "classes" else _scatter(findings)


def confusions(
    target: Int[np.ndarray, " particle"], predicted: Int[np.ndarray, " particle"], count: int
) -> Int[np.ndarray, "class class"]:
    """How many rows of class i (rows of the table) are taken for class j (columns)."""
    return np.bincount(target * count + predicted, minlength=count**2).reshape(count, count)


def _confusions(findings: Findings) -> Figure:
    arrays, names = findings.samples.arrays, findings.samples.facts["classes"]
    count = len(names)
    table = confusions(arrays["targets"].argmax(1), arrays["predictions"].argmax(1), count)
    figure = Figure(figsize=(style.COLUMN, style.COLUMN))
    axes = figure.subplots()
    shown = np.ma.masked_equal(table, 0)
    axes.imshow(shown, cmap="Blues", norm=LogNorm(1, max(2, int(table.max()))))
    if count <= _MOST_WRITTEN:
        for i, j in zip(*np.nonzero(table), strict=True):
            colour = "white" if table[i, j] > table.max() ** 0.6 else "#222222"
            axes.text(j, i, str(table[i, j]), ha="center", va="center", fontsize=6, color=colour)
        labels = [plain(name, 8) for name in names]
        turned = max(len(label) for label in labels) > 2
        axes.set_xticks(range(count), labels=labels, rotation=90 if turned else 0)
        axes.set_yticks(range(count), labels=labels)
    axes.tick_params(length=0)
    accuracy = float(np.trace(table) / table.sum())
    axes.set(
        xlabel="predicted",
        ylabel="true class",
        title=f"{table.sum():,} test rows, {100 * accuracy:.4g} % right",
    )
    return figure


def _scatter(findings: Findings) -> Figure:
    arrays = findings.samples.arrays
    true, predicted = arrays["targets"][:, 0], arrays["predictions"][:, 0]
    figure = Figure(figsize=(style.COLUMN, style.COLUMN))
    axes = figure.subplots()
    ends = np.array([min(true.min(), predicted.min()), max(true.max(), predicted.max())])
    axes.plot(ends, ends, color=style.FAINT, linewidth=0.8, zorder=1)
    size = float(np.clip(40 / np.sqrt(len(true)), 1.5, 4))
    axes.plot(true, predicted, "o", color=style.AUTOENCODE, markersize=size, markeredgewidth=0)
    title = f"{len(true):,} test rows"
    if np.var(true) > 0:
        share = 1 - float(np.mean((true - predicted) ** 2) / np.var(true))
        title += f", R² = {share:.4f}"
    axes.set(xlabel="true number (standardised)", ylabel="predicted", title=title)
    axes.set_aspect("equal")
    return figure
