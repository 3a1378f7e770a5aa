"""The report of an experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.errors import InputError
from autoencodes.experiments import Experiment, ExperimentFolder
from autoencodes.plot.picture import Picture
from autoencodes.report.page import Page


def contents(folder: ExperimentFolder) -> tuple[Callable[[], list[Picture]], Page]:
    """Its pictures, and the page that is to hold them."""
    experiment: Experiment = EXPERIMENTS[folder.name]
    configuration = folder.configuration
    quick = configuration["quick"]
    kind, written = type(experiment.full), configuration["settings"]
    if set(written) != set(kind.model_fields):
        raise InputError(
            f"{folder.path} holds an experiment with the settings of another version of "
            "autoencodes; draw it with that version, or run it again"
        )
    settings = kind.model_validate(written)
    results, seconds = folder.read()
    made = f"{'Quick' if quick else 'Full'} run: {settings.sizes}."

    def pictures() -> list[Picture]:
        drawn = experiment.draw(results, settings)
        drawn += [p.picture(f"passage-{k}") for k, p in enumerate(results.passages, 1)]
        return [replace(picture, caption=f"{picture.caption} {made}") for picture in drawn]

    return pictures, Page(
        f"{folder.name}{', quick' if quick else ''}",
        EXPERIMENTS.entries[folder.name].help,
        results.sentence,
        results.tables,
        results.motions,
        results.certificates,
        results.notes,
        written,
        configuration["machine"],
        seconds,
        explorers=tuple(each for each in results.explorers if each is not None),
        passages=tuple(results.passages),
    )
