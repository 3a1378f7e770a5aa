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
from autoencodes.catalogue import EXPERIMENTS
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table import ResultTable
from autoencodes.experiments.unet.result import Memory, UnetResult
from autoencodes.run import RunFolder, Settings

MEANING = {"reset": "none", "skip": "stored", "hold": "held"}


class UnetSettings(ExperimentSettings):
    """Data, bottleneck, and the two tasks."""

    seed: int = 0
    data: str = "digits"
    latent: int = 8
    epochs: int = 400
    noise: float = 0.25
    """s, in units of the pixels' range."""
    memories: tuple[str, ...] = ("reset", "skip", "hold")

    @property
    def sizes(self) -> str:
        return (
            f"{self.data}, seed {self.seed}, {self.epochs} epochs each, noise of deviation "
            f"{self.noise:g}"
        )


def run(settings: UnetSettings, notebook: Notebook) -> Results[UnetResult]:
    """Trains each memory to reconstruct, and to clean; measures what went around."""
    notebook.expect(4 * len(settings.memories))
    rows: list[dict[str, Any]] = []
    memories: dict[str, Memory] = {}
    for memory in settings.memories:
        metrics, made = _trained(settings, notebook, memory, 0.0)
        _, cleaned = _trained(settings, notebook, memory, settings.noise)
        names = {"memory": memory, "meaning": MEANING[memory], "cleaning": cleaned.facts["error"]}
        rows.append({**metrics, **names})
        images = made.arrays["made"], cleaned.arrays["made"]
        memories[memory] = Memory(*images, metrics["test_mse"], cleaned.facts["error"])
    noisy = cleaned.facts["noisy"]
    columns = {**_COLUMNS, f"error from noisy rows, s = {settings.noise:g}": "cleaning"}
    caption = f"{settings.data} through {settings.latent} components; errors per pixel"
    return Results(
        _sentence(settings, rows),
        {"memories": ResultTable.of(caption, columns, rows)},
        UnetResult(cleaned.arrays["original"], cleaned.arrays["noisy"], noisy, memories),
        notes=(_detail(settings, rows, noisy), *_NOTES),
    )


_COLUMNS = {
    "memory": "memory",
    "values around": "meaning",
    "parameters": "parameters",
    "test error": "test_mse",
    "through the bottleneck alone": "test_mse_bottleneck_only",
    "share of R² around": "around_bottleneck",
}
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
    config = Settings(
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


def _sentence(settings: UnetSettings, rows: list[dict[str, Any]]) -> str:
    """The test errors; at most 25 words."""
    errors = ", ".join(f"{row['memory']} {row['test_mse']:.2g}" for row in rows)
    cleaned = ", ".join(f"{row['cleaning']:.2g}" for row in rows)
    return (
        f"{settings.data}, {seeds((settings.seed,))}, {settings.epochs} epochs, "
        f"{settings.latent} components: test error per pixel {errors}; cleaning {cleaned}."
    )


def _detail(settings: UnetSettings, rows: list[dict[str, Any]], noisy: float) -> str:
    errors = []
    for row in rows:
        share = row["around_bottleneck"]
        around = "" if share is None else f", with {share:.0%} of what is known going around"
        cleaning = f"(cleaning: {row['cleaning']:.2g})"
        errors.append(f"{row['memory']} {row['test_mse']:.2g}{around} {cleaning}")
    return (
        f"Test error per pixel on {settings.data} through {settings.latent} components, by what "
        f"happens to a value that is switched off: {'; '.join(errors)}. The noisy rows themselves "
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


EXPERIMENTS.register(
    "u-net",
    "The same flow with stored, held and forgotten values: reconstruction, and cleaning of noise",
    rank=14,
    full="2 min",
    quick="45 s",
)(
    Experiment(
        UnetSettings(),
        UnetSettings(epochs=60, memories=("reset", "skip")),
        run,
        UnetResult,
        precision="float32",
    )
)
