"""The report of an experiment."""

from __future__ import annotations

from collections.abc import Callable

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.errors import InputError
from autoencodes.experiments import Experiment, ExperimentFolder
from autoencodes.plot.picture import Picture
from autoencodes.report.page import Drawn, Page


def contents(
    folder: ExperimentFolder,
) -> tuple[Callable[[], list[Picture]], Callable[[tuple[Drawn, ...]], Page]]:
    """Its pictures, and the page that holds them once they are drawn."""
    experiment: Experiment = EXPERIMENTS[folder.name]
    configuration = folder.configuration
    settings = configuration["settings"]
    if set(settings) != set(type(experiment.full).model_fields):
        raise InputError(
            f"{folder.path} holds an experiment with the settings of another version of "
            "autoencodes; draw it with that version, or run it again"
        )
    results, seconds = folder.read()
    quick = ", quick" if configuration["quick"] else ""

    def pictures() -> list[Picture]:
        return experiment.draw(results, settings)

    def page(drawn: tuple[Drawn, ...]) -> Page:
        return Page(
            f"{folder.name}{quick}",
            EXPERIMENTS.entries[folder.name].help,
            results.sentence,
            results.tables,
            drawn,
            results.motions,
            results.certificates,
            results.notes,
            settings,
            configuration["machine"],
            seconds,
        )

    return pictures, page
