"""Rows of tables: on the line as a curve, else as an error for each component."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from autoencodes.plot import style
from autoencodes.plot.classes import Classes, legend, scatter
from autoencodes.plot.scales import logarithmic
from autoencodes.plot.words import number, plain
from autoencodes.report.findings import Findings

_MOST = 40
_TARGET = style.FAINT
_WIDE_RANGE = 30.0
_LONGEST, _SHORT = 28, 8
"""Characters of a name on an axis: at most, and for which there is room in any case."""
_LETTER = 0.055
"""Inches that each of the others takes."""

Errors = Float[np.ndarray, " dim"]


def curve(findings: Findings) -> Figure:
    """For d = 1: the output over the input, with the targets."""
    arrays = findings.samples.arrays
    x, y, targets = (arrays[n][:, 0] for n in ("originals", "reconstructions", "targets"))
    figure = Figure(figsize=(style.COLUMN, 2.9))
    axes = figure.subplots()
    classes = Classes.of(len(x), arrays.get("sample_labels"), findings.names)
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": _TARGET, "zorder": 0.5}
    axes.plot(x, targets, markersize=5, markeredgewidth=0, **look)
    scatter(axes, x, y, classes)
    axes.set(
        xlabel=f"input{findings.scale}",
        ylabel="output",
        title=findings.titled("AutoencODE", "test_mse"),
    )
    legend(figure, classes, {"target": Line2D([], [], markersize=4, **look)})
    return figure


def picture(findings: Findings) -> Figure:
    """The test error of each component, of the flow beside PCA, the largest first."""
    arrays = findings.samples.arrays
    rivals = {"AutoencODE": arrays["feature_error"]}
    if findings.reconstructs and "pca_feature_error" in arrays:
        rivals["PCA"] = arrays["pca_feature_error"]
    leader = rivals.get("PCA", rivals["AutoencODE"])
    shown = np.argsort(-leader, kind="stable")[:_MOST]
    names = findings.features or [str(k) for k in range(findings.entries)]
    labels = [plain(names[k], _LONGEST) for k in shown]
    # Beside long names the axes keep their width: the legend above them needs it.
    width = style.COLUMN + _LETTER * max(0, max(map(len, labels)) - _SHORT)
    figure = Figure(figsize=(width, 0.95 + 0.125 * len(shown)))
    axes = figure.subplots()
    _dots(axes, {name: errors[shown] for name, errors in rivals.items()}, findings)
    axes.set_yticks(range(len(shown)), labels=labels, fontsize=6)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    dim = findings.entries
    by = "PCA’s" if "PCA" in rivals else "the"
    entry = "component" if findings.features is None else "feature"
    if len(shown) < dim:
        entry += f" (of {dim} the {_MOST} with {by} largest errors)"
    axes.set_ylabel(entry)
    axes.set_xlabel(f"mean squared test error{findings.scale}")
    return figure


def _dots(axes: Axes, rivals: dict[str, Errors], findings: Findings) -> None:
    looks: dict[str, dict[str, Any]] = {
        "AutoencODE": {"color": style.AUTOENCODE, "markersize": 4},
        "PCA": {"color": style.PCA, "markersize": 4, "markerfacecolor": "white"},
    }
    metrics = {"AutoencODE": "test_mse", "PCA": "pca_test_mse"}
    rows, both = np.arange(len(rivals["AutoencODE"])), np.stack(list(rivals.values()))
    axes.hlines(rows, both.min(axis=0), both.max(axis=0), color="#D5D5D5", linewidth=0.8, zorder=1)
    # PCA first, so that the flow's dot is seen where the two agree.
    for name in reversed(rivals):
        error = findings.error(metrics[name])
        mean = "" if error is None else f", mean {number(error)}"
        mean = ", exact" if name == "PCA" and findings.metrics.get("pca_exact") else mean
        axes.plot(rivals[name], rows, "o", label=name + mean, markeredgewidth=0.9, **looks[name])
    values = np.concatenate(list(rivals.values()))
    if values.min() > 0 and _WIDE_RANGE < values.max() / values.min() < 1e8:
        logarithmic(axes, "x", values)
    else:
        axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=2,
        borderaxespad=0.2,
        handlelength=0.8,
        reverse=True,
    )
