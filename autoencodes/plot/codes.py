"""Latent values of rows, on a line or in a plane."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.plot import style
from autoencodes.plot.classes import Classes, legend, scatter
from autoencodes.plot.frame import height, show, window
from autoencodes.plot.words import plain

_ELONGATED = 6.0

Codes = Num[np.ndarray, "particle latent"]


def scattered(codes: Codes, classes: Classes) -> Figure:
    """Latent values by class: on a line, in their plane, or along their two principal axes."""
    return _line(codes[:, 0], classes) if codes.shape[1] == 1 else _plane(codes, classes)


def _plane(codes: Codes, classes: Classes) -> Figure:
    if codes.shape[1] == 2:
        points, labels = codes, ["latent value 1", "latent value 2"]
    else:
        points, shares = principal(codes)
        labels = [
            f"principal axis {k} of {codes.shape[1]} ({100 * share:.3g} % of variance)"
            for k, share in enumerate(shares, 1)
        ]
    low, high = window(points)
    spans = np.ptp(points, axis=0)
    # Distances are true unless that would leave a bare line.
    true = spans.max() <= _ELONGATED * spans.min()
    tall = height(style.COLUMN - 0.6, low, high) if true else style.COLUMN - 0.6
    figure = Figure(figsize=(style.COLUMN, tall + 0.5), layout="compressed")
    axes = figure.subplots()
    scatter(axes, points[:, 0], points[:, 1], classes)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    if true:
        show(axes, low, high)
    legend(figure, classes)
    return figure


def _line(codes: Num[np.ndarray, " particle"], classes: Classes) -> Figure:
    if not (classes.named and classes.distinct):
        figure = Figure(figsize=(style.COLUMN, 2.0))
        axes = figure.subplots()
        axes.hist(codes, bins=50, color=style.AUTOENCODE)
        axes.set_ylabel("test rows")
    else:
        figure = Figure(figsize=(style.COLUMN, 0.8 + 0.3 * len(classes.names)))
        axes = figure.subplots()
        _strips(axes, codes, classes)
    axes.set_xlabel("latent value")
    return figure


def _strips(axes: Axes, codes: Num[np.ndarray, " particle"], classes: Classes) -> None:
    """A row for each class; points are spread across the row only to be seen."""
    spread = np.random.default_rng(0).uniform(-0.3, 0.3, len(codes))
    scatter(axes, codes, classes.members + spread, classes)
    axes.set_ylim(len(classes.names) - 0.5, -0.5)
    axes.set_yticks(range(len(classes.names)), labels=[plain(name, 16) for name in classes.names])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("class")


def principal(codes: Codes) -> tuple[Float[np.ndarray, "particle 2"], Float[np.ndarray, " 2"]]:
    """The codes along their two principal axes, and the axes' shares of the variance.

    Each axis points to where its largest entry is positive.
    """
    centred = codes.astype(np.float64) - codes.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])
    values = np.clip(values[::-1], 0, None)
    return centred @ axes, values[:2] / (values.sum() or 1.0)
