"""The four indicators over the latent dimension, for every law."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.latent_dimension.problem import ENOUGH, INDICATORS, LatentSettings
from autoencodes.experiments.latent_dimension.result import LatentResult
from autoencodes.plot import style
from autoencodes.plot.picture import Picture

_LOOKS = (
    (style.AUTOENCODE, "o-"),
    (style.ACCENT, "s-"),
    (style.CLASSES[5][0], "^-"),
    (style.PCA, "x--"),
)
_LEAST = 1e-5


def pictures(results: Results[LatentResult], settings: LatentSettings) -> list[Picture]:
    """One panel a law."""
    result = results.measured
    figure = Figure(figsize=(style.PAGE, 2.4), layout="constrained")
    row = figure.subplots(1, len(result.truth), sharey=True, squeeze=False)[0]
    for axes, (name, truth) in zip(row, result.truth.items(), strict=True):
        objective = result.objective[name]
        falls = -np.diff(np.concatenate([objective, objective[:, -1:]], axis=1), axis=1)
        measured = (result.error[name], falls, result.gain[name], result.pca[name])
        k = np.arange(1, objective.shape[1] + 1)
        for values, words, (colour, look) in zip(measured, INDICATORS, _LOOKS, strict=True):
            means = np.maximum(values.mean(axis=0), _LEAST)
            axes.plot(k, means, look, color=colour, label=words, linewidth=1.0)
        axes.axvline(truth, color=style.FAINT, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
        axes.axhline(ENOUGH, color=style.FAINT, linewidth=0.8, zorder=0)
        axes.set(title=name, xlabel="k", yscale="log", xticks=k, ylim=(_LEAST, 1))
    row[0].set_ylabel("share of the variance")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return [
        Picture(
            "indicators",
            figure,
            "What each indicator compares with 1% (line), means over the seeds, over the latent "
            f"dimension k; dashed: the law's own. What is below {_LEAST:g} is drawn there.",
            results.sentence,
        )
    ]
