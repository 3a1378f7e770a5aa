"""A U-net as a flow: with stored values, with held ones, and with none (theory, section 2).

Reconstructing, a U-net may send everything around its bottleneck, and then compresses nothing;
cleaning noisy images, what goes around is of use. Both are measured.

# notation: z latent values, m what goes around the bottleneck, s deviation of the noise.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from autoencodes import datasets
from autoencodes.experiments.experiment import Experiment, Results, Settings
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table import Table
from autoencodes.plan import settings as training
from autoencodes.run import RunFolder

_MEANING = {"reset": "none", "skip": "stored", "hold": "held"}


class UnetSettings(Settings):
    """Data, bottleneck, and the two tasks."""

    seed: int = 0
    data: str = "digits"
    latent: int = 8
    epochs: int = 400
    noise: float = 0.25
    """s, in units of the pixels' range."""
    memories: tuple[str, ...] = ("reset", "skip", "hold")


def run(settings: UnetSettings, notebook: Notebook) -> Results:
    """Trains each memory to reconstruct, and to clean; measures what went around."""
    notebook.expect(4 * len(settings.memories))
    rows: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    for memory in settings.memories:
        metrics, made = _trained(settings, notebook, memory, 0.0)
        _, cleaned = _trained(settings, notebook, memory, settings.noise)
        rows.append(
            (
                memory,
                _MEANING[memory],
                metrics["parameters"],
                metrics["test_mse"],
                metrics["test_mse_bottleneck_only"],
                metrics["around_bottleneck"],
                cleaned.facts["error"],
            )
        )
        arrays |= {name: cleaned.arrays[name] for name in ("original", "noisy")}
        arrays[f"{memory}, reconstruct"] = made.arrays["made"]
        arrays[f"{memory}, clean"] = cleaned.arrays["made"]
    noisy = cleaned.facts["noisy"]
    columns = (*_COLUMNS, f"error from noisy rows, s = {settings.noise:g}")
    caption = f"{settings.data} through {settings.latent} components; errors per pixel"
    return Results(
        _sentence(settings, {row[0]: row for row in rows}, noisy),
        {"memories": Table(caption, columns, tuple(rows))},
        arrays,
        {"noisy_error": noisy, "errors": {row[0]: [row[3], row[6]] for row in rows}},
        notes=_NOTES,
    )


_COLUMNS = (
    "memory",
    "values around",
    "parameters",
    "test error",
    "through the bottleneck alone",
    "share of R² around",
)
_NOTES = (
    "Cleaning, the network is trained on rows with fresh noise in every step; its targets are the "
    "rows without. The error through the bottleneck alone puts what goes around to 0, which the "
    "decoder was not trained for.",
)


def _trained(
    settings: UnetSettings, notebook: Notebook, memory: str, noise: float
) -> tuple[dict[str, Any], Part]:
    """The metrics of one training, and what its model makes of test rows as noisy."""
    task = "clean" if noise else "reconstruct"
    config = training.Settings(
        data=settings.data,
        latent=settings.latent,
        epochs=settings.epochs,
        memory=memory,
        noise=noise,
        seed=settings.seed,
    )
    folder = notebook.training(f"{memory}, {task}", config).folder
    measure = partial(_measured, folder, noise, settings.seed)
    return folder.metrics, notebook.part(f"{memory}, {task}, measured", measure)


def _sentence(settings: UnetSettings, rows: dict[str, Any], noisy: Any) -> str:
    told = []
    for memory, row in rows.items():
        around = "" if row[5] is None else f", with {row[5]:.0%} of what is known going around"
        told.append(f"{memory} {row[3]:.2g}{around} (cleaning: {row[6]:.2g})")
    return (
        f"Test error per pixel on {settings.data} through {settings.latent} components, by what "
        f"happens to a value that is switched off: {'; '.join(told)}. The noisy rows themselves "
        f"are off by {noisy:.2g}."
    )


def _measured(folder: RunFolder, noise: float, seed: int) -> Part:
    """What the model makes of test rows with noise; errors against the rows without."""
    model, config = folder.model, folder.config
    data = datasets.load(
        config.data,
        data_dir=config.data_dir,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
    )
    x = model.scaling.apply(data.test.x, np.float64)
    given = x + noise * np.random.default_rng(seed).standard_normal(x.shape)
    made = model.scaling.apply(model.reconstruct(model.scaling.undo(given, np.float64)), np.float64)
    labels = np.asarray(data.part_labels("test"))
    first = np.unique(labels, return_index=True)[1]
    return Part(
        {"original": x[first], "noisy": given[first], "made": made[first]},
        {"error": float(np.mean((made - x) ** 2)), "noisy": float(np.mean((given - x) ** 2))},
    )


EXPERIMENT = Experiment(
    "u-net",
    "The same flow with stored, held and forgotten values: reconstruction, and cleaning of noise",
    UnetSettings(),
    UnetSettings(epochs=60, memories=("reset", "skip")),
    ("2 min", "45 s"),
    run,
    precision="float32",
)
