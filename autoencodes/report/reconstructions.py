"""What the flow makes of test rows: predictions, or reconstructions beside PCA's."""

from __future__ import annotations

import numpy as np
from jaxtyping import Num
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.classes import Classes, legend, mark_targets, scatter
from autoencodes.plot.frame import height, show, window
from autoencodes.plot.images import grid
from autoencodes.report import components
from autoencodes.report.findings import Findings

Rows = Num[np.ndarray, "particle dim"]


def picture(findings: Findings) -> Figure | None:
    """Images in rows, laws in the plane as points, on the line as a curve, tables by feature."""
    if findings.target != "rows" or not len(findings.samples.arrays["originals"]):
        return None
    if findings.samples.facts["image_shape"] is not None:
        return _images(findings)
    if findings.entries == 2:
        return _planes(findings)
    return components.curve(findings) if findings.entries == 1 else components.picture(findings)


def _images(findings: Findings) -> Figure:
    """A column for each image; rows: original, AutoencODE, PCA (or the target), same greys."""
    arrays, rows = findings.samples.arrays, _compared(findings)
    if not findings.reconstructs:
        rows.append(("target", arrays["targets"]))
    heads = None
    if "sample_labels" in arrays:
        classes = Classes.of(len(rows[0][1]), arrays["sample_labels"], findings.names)
        heads = [classes.names[member] for member in classes.members]
    foot = f"Latent width {findings.schedule.latent}. MSE per pixel over all test images."
    return grid(rows, tuple(findings.samples.facts["image_shape"]), heads=heads, foot=foot)


def _planes(findings: Findings) -> Figure:
    """Test rows, what the flow makes of them, and PCA: the same scale in every panel."""
    arrays, panels = findings.samples.arrays, _compared(findings)
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
    targets = {} if findings.reconstructs else {"target": mark_targets(row[1], arrays["targets"])}
    legend(figure, classes, targets)
    return figure


def _compared(findings: Findings) -> list[tuple[str, Rows]]:
    """What stands side by side, each under its title."""
    arrays = findings.samples.arrays
    rows = [
        ("original" if findings.reconstructs else "input", arrays["originals"]),
        (findings.titled("AutoencODE", "test_mse"), arrays["reconstructions"]),
    ]
    if findings.reconstructs and "pca" in arrays:
        rows.append((findings.titled("PCA", "pca_test_mse"), arrays["pca"]))
    return rows
