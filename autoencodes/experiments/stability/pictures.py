"""Distances over W₁, on log-log paper: of values and of controls."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.stability.problem import StabilitySettings
from autoencodes.experiments.stability.result import SHIFT, StabilityResult, Trial
from autoencodes.plot import style
from autoencodes.plot.picture import Picture
from autoencodes.plot.scales import logarithmic

_LOOKS = {
    SHIFT: (style.AUTOENCODE, "o"),
    "share": (style.ACCENT, "s"),
    "spread": (style.PCA, "^"),
}


def pictures(results: Results[StabilityResult], settings: StabilitySettings) -> list[Picture]:
    """A row for each λ: values, and controls."""
    return [
        Picture(
            "powers",
            _powers(results.measured),
            "How far J at the old control (left) and the trained control (right) move, over how "
            "far the data move in W₁: a line for each seed and d. Dashed: powers 1 and 2.",
            results.notes[0],
        )
    ]


def _powers(result: StabilityResult) -> Figure:
    weights = list(dict.fromkeys(trial.tikhonov for trial in result.trials))
    figure = Figure(figsize=(style.PAGE, 0.5 + 2.2 * len(weights)), layout="constrained")
    panels = figure.subplots(len(weights), 2, squeeze=False, sharex=True)
    for row, weight in zip(panels, weights, strict=True):
        trials = [trial for trial in result.trials if trial.tikhonov == weight]
        for axes, name in zip(row, ("costs", "distances"), strict=True):
            _panel(axes, trials, name)
        row[0].set_ylabel(f"λ = {weight:g}")
    for axes in panels.flat:  # which share it
        logarithmic(axes, "x", np.concatenate([trial.moved for trial in result.trials]))
    for axes, title in zip(panels[0], ("|J_ν − J_μ| at θ_μ", "‖θ_ν − θ_μ‖"), strict=True):
        axes.set_title(title)
    for axes in panels[-1]:
        axes.set_xlabel("W₁(μ, ν)")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    figure.legend(list(known.values()), list(known), loc="outside lower center", ncols=len(known))
    return figure


def _panel(axes: Axes, trials: list[Trial], name: str) -> None:
    shown = []
    for trial in trials:
        colour, marker = _LOOKS[trial.kind]
        values = np.array(getattr(trial, name))
        axes.plot(
            trial.moved,
            values,
            color=colour,
            marker=marker,
            markersize=3,
            linewidth=0.7,
            label=trial.kind,
        )
        shown.append(values)
    x = np.array(trials[0].moved)
    top = max(values.max() for values in shown)
    for power in (1, 2):
        line = top * (x / x[0]) ** power
        axes.plot(x, line, color=style.FAINT, linewidth=1.0, linestyle=(0, (4, 2)), zorder=0.5)
        shown.append(line)
    logarithmic(axes, "y", np.concatenate(shown))
    axes.grid()
