"""One experiment, from its name to a folder with results."""

from __future__ import annotations

import time
from pathlib import Path

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.errors import InputError
from autoencodes.experiments.experiment import Experiment
from autoencodes.experiments.folder import ExperimentFolder
from autoencodes.experiments.notebook import Notebook, Reader
from autoencodes.precision import precision
from autoencodes.run.folder import RunFolder


def place(name: str, quick: bool = False) -> Path:
    """Where an experiment goes by default: ``runs/NAME``, numbered if that exists."""
    return RunFolder.vacant(Path("runs"), f"{name}-quick" if quick else name)


def conduct(
    name: str,
    out: str | Path | None = None,
    *,
    quick: bool = False,
    data_dir: str | Path | None = None,
    reader: Reader | None = None,
) -> ExperimentFolder:
    """Runs an experiment and writes its folder, by default that of ``place``.

    In a folder where it was started it goes on: the parts that are there are not computed again.

    Raises
    ------
    InputError
        For a name that is none, a folder that holds something else, or data that are absent.
    NumericalFailure
        If a training left no control that can be evaluated.
    KeyboardInterrupt
        On Ctrl-C; what was computed is kept.
    """
    experiment: Experiment = EXPERIMENTS[name]
    settings = experiment.quick if quick else experiment.full
    path = place(name, quick) if out is None else Path(out)
    folder: ExperimentFolder = ExperimentFolder.begin(path, name, quick, settings.model_dump())
    if folder.finished:
        folder.write_tables(folder.read()[0])  # which a crash may have left unwritten
        return folder
    notebook = Notebook(folder.parts, reader, None if data_dir is None else str(data_dir))
    began = time.perf_counter()
    try:
        with precision(experiment.precision):
            results = experiment.run(settings, notebook)
    except InputError:
        folder.abandon()
        raise
    folder.write(results, notebook.earlier + time.perf_counter() - began)
    return folder
