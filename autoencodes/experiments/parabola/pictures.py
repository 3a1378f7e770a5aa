"""The parabola phase by phase, and what several decoders make of its latent values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.experiment import seeds
from autoencodes.experiments.parabola.problem import ParabolaSettings
from autoencodes.experiments.parabola.result import ParabolaResult, Trained
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
            f"Fresh particles through {layers} layers, seed {settings.seeds[0]}, coloured by their "
            "place s; in the encoding phase x₁ alone is on.",
            "Four panels: the parabola; where the initial phase brings it; a histogram along the "
            "one component that is left; the reconstruction.",
        ),
        Picture(
            "decoders",
            _reconstructions(results.measured),
            f"Seed {settings.seeds[0]}: latent value (left), each decoder's curve (middle; data: "
            "broad grey), squared errors (right).",
            results.notes[0],
        ),
        *_networks(results, settings),
        sketch("architecture", results.measured.schedule, motion.components),
    ]


def _networks(results: Results[ParabolaResult], settings: ParabolaSettings) -> list[Picture]:
    """Networks beside each other, where there are several."""
    if not settings.others:
        return []
    trained = results.measured.networks
    seen = dict.fromkeys(one.activation for one in trained)
    said = [line for line in results.notes if line.split(":")[0] in seen]
    return [
        Picture(
            "networks",
            _comparison(trained),
            f"Error on fresh particles, λ_min(H) and the largest |x| on the way, by steps; a dot "
            f"for each of {seeds(settings.seeds)}.",
            " ".join(said),
        )
    ]


def _comparison(trained: Sequence[Trained]) -> Figure:
    figure = Figure(figsize=(style.PAGE, 2.4), layout="constrained")
    row = figure.subplots(1, 3)
    places = {name: k for k, name in enumerate(dict.fromkeys(one.steps for one in trained))}
    activations = list(dict.fromkeys(one.activation for one in trained))
    values = ("fresh_cost", "lambda_min", "reach")
    for axes, value in zip(row, values, strict=True):
        for k, (name, (colour, _)) in enumerate(zip(activations, _LINES, strict=False)):
            own = [one for one in trained if one.activation == name]
            side = (k - (len(activations) - 1) / 2) * 0.24
            x = [places[one.steps] + side for one in own]
            y = [getattr(one, value) for one in own]
            axes.plot(x, y, "os"[k % 2], color=colour, markersize=3.5, alpha=0.75, label=name)
        axes.set_xticks(list(places.values()), list(places), fontsize="x-small")
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.grid(axis="y")
    for axes, value in ((row[0], "fresh_cost"), (row[2], "reach")):
        logarithmic(axes, "y", np.array([getattr(one, value) for one in trained]))
    row[0].set_ylabel("error, fresh particles")
    row[2].set_ylabel("largest |x| on the way")
    _signed(row[1], [one.lambda_min for one in trained])
    row[1].axhline(0, color=style.PCA, linewidth=0.7, zorder=0.8)
    row[1].set_ylabel(r"$\lambda_{\min}(H)$")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(activations))
    return figure


def _signed(axes: Axes, values: list[float]) -> None:
    """Limits around values and 0; logarithmic beyond the smallest where they span decades."""
    low, high = min(*values, 0.0), max(*values, 0.0)
    small, large = min(map(abs, values)), max(map(abs, values))
    if large > 100 * small > 0:
        axes.set_yscale("symlog", linthresh=small)
        powers = [10.0**k for k in range(-12, 6, 2) if small < 10.0**k <= large]
        ticks = [-power for power in powers if -power >= low]
        axes.set_yticks([*ticks, 0.0, *(power for power in powers if power <= high)])
        axes.minorticks_off()
        axes.set_ylim(3 * low or -small, 3 * high or small)
    else:
        axes.ticklabel_format(axis="y", scilimits=(-2, 3))
        axes.set_ylim(low - 0.15 * (high - low), high + 0.15 * (high - low))


def _reconstructions(result: ParabolaResult) -> Figure:
    s = result.s
    figure = Figure(figsize=(style.PAGE, 2.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot(s, result.latent, color=style.AUTOENCODE)
    left.set(xlabel="place s on the parabola", ylabel="latent value z")
    left.grid()
    x = np.stack([s, s**2], axis=1)
    middle.plot(x[:, 0], x[:, 1], color=style.FAINT, linewidth=4, solid_capstyle="round")
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
