"""The report of a folder: its figures and its page, from what it holds alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autoencodes import atomic
from autoencodes.errors import MissingExtra
from autoencodes.experiments import ExperimentFolder, find
from autoencodes.report.page import Drawn, Page, html


def report_experiment(folder: ExperimentFolder) -> Path:
    """Draws the figures of an experiment's folder and writes its ``report.html``.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    InputError
        If there are no results yet.
    OSError
        If the files cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "figures", "drawing figures")
    from autoencodes.report import style
    from autoencodes.report.experiments import PICTURES

    results, seconds = folder.read()
    configuration = folder.configuration
    drawn, files = [], {}
    with style.context():
        for picture in PICTURES[folder.name](results, configuration["settings"]):
            png = style.png(picture.figure)
            files[f"{picture.name}.png"] = png
            files[f"{picture.name}.pdf"] = style.pdf(picture.figure)
            drawn.append(Drawn(picture.name, png, picture.caption, picture.alt))
    folder.figures.mkdir(exist_ok=True)
    for name, content in files.items():
        atomic.write(folder.figures / name, content)
    quick = ", quick" if configuration["quick"] else ""
    page = Page(
        f"{folder.name}{quick}",
        find(folder.name).shows,
        results.sentence,
        results.tables,
        tuple(drawn),
        results.motions,
        results.certificates,
        results.notes,
        configuration["settings"],
        configuration["machine"],
        seconds,
    )
    written = folder.path / "report.html"
    atomic.write(written, html(page))
    return written
