"""The paper's network beside the default: images, and what their latent codes are like."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from autoencodes.experiments import Results
from autoencodes.experiments.mnist_paper.codes import CLASSES, TOLERANCE, nonzero
from autoencodes.experiments.mnist_paper.problem import MnistPaperSettings
from autoencodes.experiments.mnist_paper.result import PAIRS, MnistPaperResult
from autoencodes.plot import style
from autoencodes.plot.architecture import architecture
from autoencodes.plot.images import grid
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic
from autoencodes.plot.words import number

_SHAPE = (28, 28)
_COLOURS = (style.ACCENT, style.AUTOENCODE)
"""Of the paper's network and the default."""
_MARKERS = ("o", "s")


def pictures(results: Results[MnistPaperResult], settings: MnistPaperSettings) -> list[Picture]:
    """Reconstructions, support, codes by class, distances, decoded means, entropy, architecture."""
    result = results.measured
    return [
        _reconstructions(result, settings),
        _support(result),
        _codes(result),
        _distances(result),
        _decoded(result),
        _layers(result),
        Picture(
            "architecture",
            architecture(result.schedule),
            f"The paper's network as chosen ({result.chosen}): components that are on, in colour.",
            f"Widths over the layers: {', '.join(map(str, result.schedule.widths))}.",
        ),
    ]


def _reconstructions(result: MnistPaperResult, settings: MnistPaperSettings) -> Picture:
    rows = [("original", result.originals)]
    said = []
    for name, images in zip(result.names, result.reconstructions, strict=True):
        error = number(result.of(name)[0].test)
        rows.append((f"{name}\ntest MSE {error}", images))
        said.append(f"{name} {error}")
    return Picture(
        "reconstructions",
        grid(rows, _SHAPE, greys=(0, 1)),
        f"A test image of every digit and what each network makes of it, seed "
        f"{settings.seeds[0]}; MSE per pixel over {settings.test:,} test images.",
        f"Three rows of ten digits; errors: {', '.join(said)}.",
    )


def _support(result: MnistPaperResult) -> Picture:
    """Sizes of the components, the largest first, and their range over the classes."""
    figure = Figure(figsize=(style.PAGE, 2.3), layout="constrained")
    said = []
    row = figure.subplots(1, len(result.names), sharey=True)
    shares = result.size / result.overall.max(axis=1)[:, None, None]
    for k, (axes, name) in enumerate(zip(row, result.names, strict=True)):
        overall = result.overall[k] / result.overall[k].max()
        order = np.argsort(-overall, kind="stable")
        places = np.arange(1, len(order) + 1)
        own = shares[k][:, order]
        axes.vlines(places, own.min(axis=0), own.max(axis=0), color=style.FAINT, linewidth=2)
        axes.plot(places, overall[order], _MARKERS[k], color=_COLOURS[k], markersize=3.5)
        axes.axhline(TOLERANCE, color=style.PCA, linewidth=0.8, linestyle="--")
        axes.set(xlabel="latent component, by size", title=name)
        axes.grid(axis="y")
        counted = nonzero(result.size[k], result.overall[k]).sum(axis=1)
        said.append(f"{name}: at least {counted.min()} nonzero in every class")
    values = np.concatenate([shares[shares > 0].ravel(), [TOLERANCE / 2]])
    logarithmic(row[0], "y", values)
    row[0].set_ylabel("root mean square,\nshare of the largest")
    return Picture(
        "support",
        figure,
        "Sizes of the latent components over all test images; grey: range over the ten classes; "
        f"dashed: {TOLERANCE:g}, below which a component counts as zero.",
        f"{'; '.join(said)}.",
    )


def _codes(result: MnistPaperResult) -> Picture:
    """Means and deviations, a row of cells a class."""
    count = len(result.names)
    figure = Figure(figsize=(style.PAGE, 1.9 * count), layout="constrained")
    rows = figure.subplots(count, 2, sharey=True, squeeze=False)
    for k, name in enumerate(result.names):
        largest = float(np.abs(result.mean[k]).max())
        _cells(rows[k, 0], result.mean[k], f"{name}: mean", "RdBu_r", (-largest, largest))
        deviation = result.deviation[k]
        _cells(rows[k, 1], deviation, "standard deviation", "viridis", (0, float(deviation.max())))
        rows[k, 0].set_ylabel("digit")
    for axes in rows[-1]:
        axes.set_xlabel("latent component")
    return Picture(
        "codes",
        figure,
        "Means and standard deviations of the latent components by class, over the test images.",
        "Cells, a row a digit: "
        + "; ".join(
            f"{name}: means from {mean.min():.2g} to {mean.max():.2g}, deviations from "
            f"{deviation.min():.2g} to {deviation.max():.2g}"
            for name, mean, deviation in zip(
                result.names, result.mean, result.deviation, strict=True
            )
        )
        + ".",
    )


def _cells(
    axes: Axes,
    values: Float[np.ndarray, "class column"],
    title: str,
    colours: str,
    limits: tuple[float, float],
) -> None:
    drawn = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1], aspect="auto")
    axes.set_title(title)
    axes.set_yticks(range(CLASSES), labels=[str(c) for c in range(CLASSES)], fontsize=6)
    axes.figure.colorbar(drawn, ax=axes, pad=0.01)


def _distances(result: MnistPaperResult) -> Picture:
    figure = Figure(figsize=(style.PAGE, 3.3), layout="constrained")
    said = []
    row = figure.subplots(1, len(result.names))
    for axes, name, between in zip(row, result.names, result.distances, strict=True):
        shown = np.where(np.eye(CLASSES, dtype=bool), np.nan, between)
        _cells(axes, shown, name, "viridis", (0, float(between.max())))
        axes.set_aspect("equal")
        axes.set_xticks(range(CLASSES))
        axes.set_xlabel("digit")
        for a, b in PAIRS:
            for x, y in ((a, b), (b, a)):
                axes.plot(x, y, "s", markersize=9, markerfacecolor="none", color=style.ACCENT)
        pairs = sorted(combinations(range(CLASSES), 2), key=between.__getitem__)
        said.append(f"{name}: closest {', '.join(f'{a}/{b}' for a, b in pairs[:4])}")
    row[0].set_ylabel("digit")
    return Picture(
        "distances",
        figure,
        "Distances between the class means of the latent codes; framed: "
        f"{', '.join(f'{a}/{b}' for a, b in PAIRS)}, close in the paper, as recalled.",
        f"{'; '.join(said)}.",
    )


def _decoded(result: MnistPaperResult) -> Picture:
    rows = [("mean image", result.averages)]
    rows += [
        (f"decoded,\n{name}", images)
        for name, images in zip(result.names, result.decoded, strict=True)
    ]
    away = [float(np.mean((images - result.averages) ** 2)) for images in result.decoded]
    return Picture(
        "decoded-means",
        grid(rows, _SHAPE, greys=(0, 1)),
        "Mean image of every class, and the decoded mean of the class's latent codes.",
        "Mean squared differences per pixel to the mean images: "
        + ", ".join(f"{name} {number(d)}" for name, d in zip(result.names, away, strict=True))
        + ".",
    )


def _layers(result: MnistPaperResult) -> Picture:
    """Entropy and effective dimensions, over the share of the layers."""
    figure = Figure(figsize=(style.PAGE, 2.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    said = []
    for k, name in enumerate(result.names):
        share = np.linspace(0, 1, len(result.entropy[k]))
        look = {"color": _COLOURS[k], "marker": _MARKERS[k], "markersize": 2.5}
        left.plot(share, result.entropy[k], label=name, **look)
        right.plot(share, result.dimensions[k], **look)
        narrow = result.widths[k] == result.widths[k].min()
        said.append(
            f"{name}: entropy {result.entropy[k][0]:.2f} bits at first, "
            f"{result.entropy[k][narrow].min():.2f} at least in the bottleneck, "
            f"{result.entropy[k][-1]:.2f} at the end"
        )
    left.set(xlabel="share of the layers", ylabel="entropy, bits")
    right.set(xlabel="share of the layers", ylabel="effective dimensions")
    logarithmic(right, "y", np.concatenate(result.dimensions))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid()
    figure.legend(loc="outside lower center", ncols=len(result.names))
    return Picture(
        "entropy",
        figure,
        "Entropy of the values that are on at a layer, and effective dimensions of the states; the "
        "page's notes define both.",
        f"{'; '.join(said)}.",
    )
