"""The parabola phase by phase, and what several decoders make of its latent values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.parabola.problem import ParabolaSettings
from autoencodes.experiments.parabola.result import ParabolaResult
from autoencodes.plot import style
from autoencodes.plot.phases import panels, phases, sketch
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_LINES = (
    (style.AUTOENCODE, "-"),
    (style.ACCENT, (0, (4, 1.5))),
    ("#009E73", (0, (1, 1))),
    ("#CC79A7", (0, (4, 1, 1, 1))),
)
"""Okabe and Ito's colours, each with dashes of its own."""


def pictures(results: Results[ParabolaResult], settings: ParabolaSettings) -> list[Picture]:
    """Phases, decoders, and the architecture."""
    layers = sum(settings.blocks)
    (motion,) = results.motions
    return [
        Picture(
            "phases",
            phases(replace(motion, targets=None), panels(settings.blocks)),
            "Fresh particles, coloured by their place s on the parabola, on their way through "
            f"{layers} layers. In the encoding phase x₁ alone is on: the histogram shows how they "
            "lie along it.",
            "Four panels: the parabola; where the initial phase brings it; a histogram along the "
            "one component that is left; the reconstruction.",
        ),
        Picture(
            "decoders",
            _reconstructions(results.measured),
            "The latent value over the parabola (left), what the encoder's own decoder and the "
            "others make of it (middle; the data are the broad grey curve), and the squared error "
            "of each (right).",
            results.sentence,
        ),
        sketch("architecture", results.measured.schedule, motion.components),
    ]


def _reconstructions(result: ParabolaResult) -> Figure:
    s = result.s
    figure = Figure(figsize=(style.PAGE, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(s, result.latent, color=style.AUTOENCODE)
    left.set(xlabel="place s on the parabola", ylabel="latent value z")
    left.grid()
    x = np.stack([s, s**2], axis=1)
    middle.plot(x[:, 0], x[:, 1], color="#CFCFCF", linewidth=5, solid_capstyle="round")
    for name, curve, (colour, dashes) in zip(result.decoders, result.decoded, _LINES, strict=False):
        middle.plot(curve[:, 0], curve[:, 1], color=colour, linestyle=dashes, label=name)
    middle.set(xlabel="component x₁", ylabel="component x₂")
    middle.grid()
    _errors(right, s, np.sum((result.decoded - x) ** 2, axis=-1))
    handles, labels = middle.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(result.decoders))
    return figure


def _errors(
    axes: Axes, s: Float[np.ndarray, " place"], errors: Float[np.ndarray, "decoder place"]
) -> None:
    for error, (colour, dashes) in zip(errors, _LINES, strict=False):
        axes.plot(s, error, color=colour, linestyle=dashes, linewidth=1.0)
    # Where a curve crosses the data its error dips without end.
    shown = np.maximum(errors, errors.max() * 1e-6)
    logarithmic(axes, "y", shown.ravel())
    axes.set(xlabel="place s on the parabola", ylabel="squared error |x̂ − x|²")
    axes.grid()
