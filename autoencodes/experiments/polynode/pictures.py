"""Fresh rows and what became of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from autoencodes.experiments import Results
from autoencodes.experiments.polynode.problem import PolyNodeSettings
from autoencodes.experiments.polynode.result import PolyNodeResult
from autoencodes.plot import style
from autoencodes.plot.picture import Picture


def pictures(results: Results[PolyNodeResult], settings: PolyNodeSettings) -> list[Picture]:
    """A panel a task, along its first two principal axes."""
    result = results.measured
    figure = Figure(figsize=(style.PAGE, 2.2), layout="constrained")
    row = np.atleast_1d(figure.subplots(1, len(result.rows)))
    for axes, (task, rows) in zip(row, result.rows.items(), strict=True):
        made = result.reconstructed[task]
        axes.plot(rows[:, 0], rows[:, 1], ".", color=style.FAINT, markersize=3, label="fresh rows")
        axes.plot(
            made[:, 0], made[:, 1], ".", color=style.AUTOENCODE, markersize=1.5,
            label="reconstructed",
        )  # fmt: skip
        axes.set(title=task, aspect="equal", xticks=[], yticks=[])
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, markerscale=3)
    return [
        Picture(
            "reconstructed",
            figure,
            f"Fresh rows and their reconstructions along two principal axes, seed "
            f"{settings.seeds[0]}.",
            results.sentence,
        )
    ]
