"""Rows in the plane, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.report import style
from autoencodes.report.classes import Classes, legend, scatter
from autoencodes.report.findings import Findings
from autoencodes.report.frame import height, show, window

_FEW_TARGETS = 20

Rows = Num[np.ndarray, "particle 2"]


def picture(findings: Findings) -> Figure:
    """Test rows, what the flow makes of them, and PCA: the same scale in every panel."""
    arrays = findings.samples.arrays
    panels = [
        ("original" if findings.reconstructs else "input", arrays["originals"]),
        (findings.titled("AutoencODE", "test_mse"), arrays["reconstructions"]),
    ]
    if findings.reconstructs and "pca" in arrays:
        panels.append((findings.titled("PCA", "pca_test_mse"), arrays["pca"]))
    seen = [points for _, points in panels]
    low, high = window(
        np.concatenate(seen if findings.reconstructs else [*seen, arrays["targets"]])
    )
    wide = style.PAGE / 3
    tall = height(wide - 0.45, low, high) + 1.05
    figure = Figure(figsize=(wide * len(panels), tall), layout="compressed")
    classes = Classes.of(len(seen[0]), arrays.get("sample_labels"), findings.names)
    row = figure.subplots(1, len(panels), sharex=True, sharey=True)
    for axes, (title, points) in zip(row, panels, strict=True):
        scatter(axes, points[:, 0], points[:, 1], classes)
        axes.set_title(title, linespacing=1.3)
        axes.set_xlabel(f"component 0{findings.scale}")
        show(axes, low, high)
    row[0].set_ylabel(f"component 1{findings.scale}")
    extra = {} if findings.reconstructs else _targets(row[1], arrays["targets"])
    legend(figure, classes, extra)
    return figure


def _targets(axes: Axes, targets: Rows) -> dict[str, Line2D]:
    """Marks the targets, each place once: by crosses, or where there are many by dots."""
    places = np.unique(targets, axis=0)
    few = len(places) <= _FEW_TARGETS
    look: dict[str, Any] = {
        "marker": "x" if few else ".",
        "markersize": 5 if few else 2,
        "markeredgewidth": 1.1 if few else 0,
        "linestyle": "none",
        "color": "black",
    }
    axes.plot(places[:, 0], places[:, 1], **look)
    return {"target": Line2D([], [], **look)}
