"""Every picture of a run, as PNG and as PDF."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from autoencodes import atomic
from autoencodes.errors import MissingExtra
from autoencodes.report.findings import Findings
from autoencodes.run.folder import RunFolder


def draw(folder: RunFolder) -> list[Path]:
    """Draws the figures that apply to a run: ``loss``, ``course``, ``reconstructions`` or
    ``predictions``, ``width``, ``latent``.

    Parameters
    ----------
    folder : RunFolder
        Of a training that ended, or was interrupted.

    Returns
    -------
    list of Path
        ``figures/NAME.png`` for every figure, 200 dots an inch; beside each stands its
        ``NAME.pdf``. Equal contents give equal bytes. Nothing is written before everything
        is drawn, and every file appears whole.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    InputError
        If the folder lacks its model, metrics or samples.
    OSError
        If the pictures cannot be written.
    """
    drawn = render(Findings.read(folder))
    folder.figures.mkdir(parents=True, exist_ok=True)
    for name, content in drawn.items():
        atomic.write(folder.figures / name, content)
    return [folder.figures / name for name in drawn if name.endswith(".png")]


def render(findings: Findings) -> dict[str, bytes]:
    """The files of all figures that apply, by name, in the order of a report."""
    if find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "figures", "drawing figures")
    from autoencodes.report import course, latent, loss, predictions, reconstructions, style, width

    families = {
        "loss": loss.picture,
        "course": course.picture,
        "reconstructions": reconstructions.picture,
        "predictions": predictions.picture,
        "width": width.picture,
        "latent": latent.picture,
    }
    files = {}
    with style.context():
        for name, picture in families.items():
            figure = picture(findings)
            if figure is not None:
                files[f"{name}.png"] = style.png(figure)
                files[f"{name}.pdf"] = style.pdf(figure)
    return files
