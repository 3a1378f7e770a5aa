"""MNIST through a bottleneck."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autoencodes.experiments import Results
from autoencodes.report import style, width
from autoencodes.report.classes import Classes, legend
from autoencodes.report.experiments.schedules import schedule
from autoencodes.report.images import grid
from autoencodes.report.latent import scattered
from autoencodes.report.picture import Picture
from autoencodes.report.scales import logarithmic
from autoencodes.report.words import number

_SHAPE = (28, 28)


def pictures(results: Results, settings: dict[str, Any]) -> list[Picture]:
    """Architecture, reconstructions, latent space, statistics over the layers, interpolation."""
    arrays, facts = results.arrays, results.facts
    errors = facts["errors"]
    rows = [("original", arrays["originals"])]
    for name, key in (("AutoencODE", "reconstructions"), ("fully connected", "plain")):
        rows.append((f"{name}\ntest MSE {number(errors[name])}", arrays[key]))
    rows.append((f"PCA\ntest MSE {number(errors['PCA'])}", arrays["pca"]))
    codes = arrays["latent"]
    classes = Classes.of(len(codes), arrays["latent_labels"], [str(k) for k in range(10)])
    return [
        Picture(
            "architecture",
            width.architecture(schedule(facts["schedule"])),
            "The architecture: of 784 components those in colour are active, the pale ones are "
            "switched off.",
            "An hourglass over the layers: fewer and fewer active components, then more again.",
        ),
        Picture(
            "reconstructions",
            grid(rows, _SHAPE, foot=f"Latent width {settings['latent']}; MSE per pixel."),
            "A test image of every digit, and what each model makes of it.",
            "Ten digits in four rows: originals, and three reconstructions.",
        ),
        Picture(
            "latent-space",
            scattered(codes, classes),
            f"{len(codes):,} test images along the two principal axes of their latent values.",
            "A cloud of points for every digit; the clouds overlap in part.",
        ),
        Picture(
            "features",
            _features(arrays),
            "Mean and standard deviation, per class, of the components that are on at each layer.",
            "Ten curves for the mean and ten for the standard deviation over the layers.",
        ),
        Picture(
            "entropy",
            _entropy(arrays),
            "Entropy of the values of the components that are on, and the effective number of "
            "dimensions of the states, exp of the entropy of their covariance's spectrum.",
            "Two curves over the layers, with the bottleneck marked.",
        ),
        Picture(
            "interpolation",
            grid(
                [
                    (f"{a} to {b}", images)
                    for (a, b), images in zip(facts["pairs"], arrays["between"], strict=True)
                ],
                _SHAPE,
                greys=(0, 1),
            ),
            "Decoded points on the straight line between the latent values of two test images.",
            "Four rows of images, each turning from one digit into another.",
        ),
        Picture(
            "training",
            grid(
                [
                    (f"epoch {epoch}", images)
                    for epoch, images in zip(arrays["strip_epochs"], arrays["strip"], strict=True)
                ],
                _SHAPE,
                greys=(0, 1),
            ),
            "The reconstructions of the same images over the training.",
            "Rows of digits that grow sharper from epoch to epoch.",
        ),
    ]


def _features(arrays: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.1))
    left, right = figure.subplots(1, 2, sharex=True)
    classes = Classes.of(10, np.arange(10), None)
    layers = np.arange(len(arrays["mean"]))
    for axes, name in ((left, "mean"), (right, "deviation")):
        for digit in range(10):
            look = {"color": tuple(classes.colours[digit]), "marker": str(classes.markers[digit])}
            axes.plot(layers, arrays[name][:, digit], markersize=2, linewidth=0.8, **look)
        _bottleneck(axes, arrays["widths"])
        axes.set_xlabel("layer")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    left.set_ylabel("mean of the features")
    right.set_ylabel("standard deviation")
    legend(figure, classes)
    return figure


def _entropy(arrays: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(style.COLUMN, 2.6))
    above, below = figure.subplots(2, 1, sharex=True)
    layers = np.arange(len(arrays["entropy"]))
    above.plot(layers, arrays["entropy"], color=style.AUTOENCODE)
    above.set_ylabel("entropy, bits")
    below.plot(layers, arrays["dimensions"], color=style.AUTOENCODE)
    below.plot(layers, arrays["widths"], color=style.FAINT, drawstyle="steps-pre")
    logarithmic(below, "y", np.concatenate([arrays["dimensions"], arrays["widths"]]))
    below.set(xlabel="layer", ylabel="dimensions")
    below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    for axes in (above, below):
        _bottleneck(axes, arrays["widths"])
    names = {
        "effective dimensions": Line2D([], [], color=style.AUTOENCODE),
        "width": Line2D([], [], color=style.FAINT),
    }
    figure.legend(
        list(names.values()), list(names), loc="outside lower center", ncols=2, handlelength=1.6
    )
    figure.align_ylabels()
    return figure


def _bottleneck(axes: Any, widths: Any) -> None:
    """A pale band over the layers of the narrowest block."""
    narrow = np.flatnonzero(widths == widths.min())
    axes.axvspan(narrow[0] - 0.5, narrow[-1] + 0.5, color=style.PALE, linewidth=0, zorder=0)
