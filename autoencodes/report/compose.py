"""The report of a folder: its figures and its page, from what it holds alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from autoencodes import atomic
from autoencodes.errors import InputError, MissingExtra
from autoencodes.experiments import ExperimentFolder
from autoencodes.model.storage import DAMAGED
from autoencodes.run.folder import RunFolder

if TYPE_CHECKING:
    from autoencodes.plot.picture import Picture
    from autoencodes.report.page import Page


@dataclass(frozen=True)
class Report:
    """What was written: the page, the figures' PNG files, and the animations, if asked for."""

    page: Path
    figures: tuple[Path, ...]
    animations: tuple[Path, ...] = ()


def report(path: str | Path, *, animate: str | None = None) -> Report:
    """Draws the figures of a run or an experiment and writes its ``report.html``.

    Nothing is computed anew. ``figures/NAME.png``, 200 dots an inch, stands beside ``NAME.pdf``;
    equal contents give equal bytes; nothing is written before everything is drawn, and every file
    appears whole.

    Parameters
    ----------
    path : the folder of a training that ended or was interrupted, or of an experiment
    animate : "gif" or "mp4"
        Draws the flow as an animation too.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    InputError
        If the folder is neither, or lacks its results.
    OSError
        If the files cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "figures", "drawing figures")
    from autoencodes.report import experiment, training

    path = Path(path)
    try:
        if ExperimentFolder.is_one(path):
            return _written(path, *experiment.contents(ExperimentFolder(path)), animate)
        if (path / "config.toml").is_file():
            return _written(path, *training.contents(RunFolder.open(path)), animate)
    except InputError:
        raise
    except DAMAGED as error:
        # What the files hold is anyone's: a shape, a type or a name may be none of ours.
        raise InputError(
            f"{path}: what the folder holds cannot be drawn ({type(error).__name__}: {error}); its "
            "samples, metrics, history or results are of another version, or damaged: run it anew"
        ) from error
    raise InputError(
        f"{path} holds neither a run nor an experiment; expected a folder that 'autoencodes "
        "train' or 'autoencodes experiment' wrote"
    )


def _written(
    path: Path, pictures: Callable[[], list[Picture]], page: Page, animate: str | None
) -> Report:
    """Draws, and writes when all is drawn."""
    from autoencodes.plot import style
    from autoencodes.plot.phases import stills
    from autoencodes.report.page import Drawn, html
    from autoencodes.report.page.library import library

    with style.context():
        shown = pictures()
        if library() is None and not page.passages:
            shown += [stills(motion, f"flow-{k}") for k, motion in enumerate(page.motions, 1)]
        files = render(shown)
    drawn = [Drawn(p.name, files[f"{p.name}.png"], p.caption, p.alt) for p in shown]
    text = html(replace(page, pictures=tuple(drawn)))
    figures = path / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        atomic.write(figures / name, content)
    atomic.write(path / "report.html", text)
    moving = []
    if animate is not None:
        from autoencodes.plot import animation, passing

        # Of images a film of them, not of pixels as particles.
        for k, passage in enumerate(page.passages, 1):
            moving.append(passing.animate(passage, figures / f"flow-{k}.{animate}"))
        for k, motion in enumerate(() if page.passages else page.motions, 1):
            moving.append(animation.animate(motion, figures / f"flow-{k}.{animate}"))
    pixels = tuple(figures / name for name in files if name.endswith(".png"))
    return Report(path / "report.html", pixels, tuple(moving))


def render(pictures: Iterable[Picture]) -> dict[str, bytes]:
    """The files of pictures, by name: NAME.png and NAME.pdf; within ``style.context()``."""
    from autoencodes.plot import style

    files = {}
    for picture in pictures:
        files[f"{picture.name}.png"] = style.png(picture.figure)
        files[f"{picture.name}.pdf"] = style.pdf(picture.figure)
    return files
