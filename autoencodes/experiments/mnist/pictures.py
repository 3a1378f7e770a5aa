"""MNIST through a bottleneck."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from autoencodes.experiments import Results
from autoencodes.experiments.mnist.problem import MnistSettings
from autoencodes.experiments.mnist.result import MnistResult
from autoencodes.plot import style
from autoencodes.plot.architecture import architecture
from autoencodes.plot.classes import Classes, legend
from autoencodes.plot.codes import scattered
from autoencodes.plot.images import grid
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic
from autoencodes.plot.words import number

_SHAPE = (28, 28)


def pictures(results: Results[MnistResult], settings: MnistSettings) -> list[Picture]:
    """Architecture, reconstructions, latent space, statistics over the layers, interpolation."""
    result = results.measured
    widths = result.schedule.widths
    digits = [str(digit) for digit in range(10)]
    rows = [("original", result.originals)]
    images = (result.reconstructions, result.plain, result.pca)
    for (name, error), made in zip(result.errors.items(), images, strict=True):
        rows.append((f"{name}\ntest MSE {number(error)}", made))
    foot = f"Latent width {settings.latent}; MSE per pixel over all test images."
    return [
        Picture(
            "architecture",
            architecture(result.schedule),
            f"The architecture: of {len(result.originals[0])} components those in colour are "
            "active, the pale ones are switched off.",
            f"A column for every layer; the widths are {', '.join(map(str, widths))}.",
        ),
        Picture(
            "reconstructions",
            grid(rows, _SHAPE, foot=foot),
            "A test image of every digit, and what each model makes of it.",
            "Ten digits in four rows, originals and three reconstructions; test errors per pixel: "
            + ", ".join(f"{name} {number(error)}" for name, error in result.errors.items()),
        ),
        Picture(
            "latent-space",
            scattered(result.latent, Classes.of(len(result.latent), result.latent_labels, digits)),
            f"{len(result.latent):,} test images along the two principal axes of their latent "
            "values.",
            "A scatter of points, coloured by digit.",
        ),
        *_statistics(result),
        *_sequences(result),
    ]


def _statistics(result: MnistResult) -> list[Picture]:
    """What the states are like over the layers."""
    deviation, dimensions = result.deviation, result.dimensions
    return [
        Picture(
            "features",
            _features(result),
            "Mean and standard deviation, per class, of the components that are on at each layer.",
            "Ten curves each over the layers; over all classes the standard deviation is least, "
            f"{deviation.min():.2g}, at layer {_layer(deviation, least=True)} and largest, "
            f"{deviation.max():.2g}, at layer {_layer(deviation)}.",
        ),
        Picture(
            "entropy",
            _entropy(result),
            "Entropy of the values of the components that are on, and the effective number of "
            "dimensions of the states, exp of the entropy of their covariance's spectrum.",
            f"Two curves over the layers; effective dimensions begin at {dimensions[0]:.3g}, are "
            f"{dimensions.min():.3g} at least and {dimensions[-1]:.3g} at the end.",
        ),
    ]


def _layer(values: Float[np.ndarray, "layer class"], least: bool = False) -> int:
    """The layer of the largest, or least, of values (layer, class)."""
    place = values.argmin() if least else values.argmax()
    return int(np.unravel_index(place, values.shape)[0])


def _sequences(result: MnistResult) -> list[Picture]:
    """From digit to digit, and from epoch to epoch."""
    between = [
        (f"{a} to {b}", images) for (a, b), images in zip(result.pairs, result.between, strict=True)
    ]
    over = [
        (f"epoch {epoch}", images)
        for epoch, images in zip(result.strip_epochs, result.strip, strict=True)
    ]
    return [
        Picture(
            "interpolation",
            grid(between, _SHAPE, greys=(0, 1)),
            "Decoded points on the straight line between the latent values of two test images.",
            f"{len(between)} rows of images, from {', from '.join(name for name, _ in between)}.",
        ),
        Picture(
            "training",
            grid(over, _SHAPE, greys=(0, 1)),
            "The reconstructions of the same images over the training.",
            "Rows of digits, from epoch to epoch.",
        ),
    ]


def _features(result: MnistResult) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.1))
    left, right = figure.subplots(1, 2, sharex=True)
    classes = Classes.of(10, np.arange(10), None)
    layers = np.arange(len(result.mean))
    for axes, values in ((left, result.mean), (right, result.deviation)):
        for digit in range(10):
            look = {"color": tuple(classes.colours[digit]), "marker": str(classes.markers[digit])}
            axes.plot(layers, values[:, digit], markersize=2, linewidth=0.8, **look)
        _bottleneck(axes, result.widths)
        axes.set_xlabel("layer")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    left.set_ylabel("mean of the features")
    right.set_ylabel("standard deviation")
    legend(figure, classes)
    return figure


def _entropy(result: MnistResult) -> Figure:
    figure = Figure(figsize=(style.COLUMN, 2.6))
    above, below = figure.subplots(2, 1, sharex=True)
    layers = np.arange(len(result.entropy))
    above.plot(layers, result.entropy, color=style.AUTOENCODE)
    above.set_ylabel("entropy, bits")
    below.plot(layers, result.dimensions, color=style.AUTOENCODE)
    below.plot(layers, result.widths, color=style.FAINT, drawstyle="steps-pre")
    logarithmic(below, "y", np.concatenate([result.dimensions, result.widths]))
    below.set(xlabel="layer", ylabel="dimensions")
    below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    for axes in (above, below):
        _bottleneck(axes, result.widths)
    names = {
        "effective dimensions": Line2D([], [], color=style.AUTOENCODE),
        "width": Line2D([], [], color=style.FAINT),
    }
    figure.legend(
        list(names.values()), list(names), loc="outside lower center", ncols=2, handlelength=1.6
    )
    figure.align_ylabels()
    return figure


def _bottleneck(axes: Axes, widths: Int[np.ndarray, " layer"]) -> None:
    """A pale band over the layers of the narrowest block."""
    narrow = np.flatnonzero(widths == widths.min())
    axes.axvspan(narrow[0] - 0.5, narrow[-1] + 0.5, color=style.PALE, linewidth=0, zorder=0)
