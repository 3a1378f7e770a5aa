"""The pictures of a training run, and what each says."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from autoencodes.plot.architecture import architecture
from autoencodes.plot.classes import Classes
from autoencodes.plot.codes import scattered
from autoencodes.plot.picture import Picture
from autoencodes.report import course, loss, predictions, reconstructions
from autoencodes.report.findings import Findings


def _latent(findings: Findings) -> Figure | None:
    """Test codes by class: on a line, in their plane, or along their two principal axes."""
    codes = findings.samples.arrays["latent"]
    if not len(codes):
        return None
    return scattered(
        codes, Classes.of(len(codes), findings.samples.arrays.get("labels"), findings.names)
    )


_FAMILIES: dict[str, tuple[Callable[[Findings], Figure | None], str, str]] = {
    "loss": (
        loss.picture,
        "Objective and test error over the training, and PCA's test error where it applies.",
        "Curves of the objective and of the test error over the training.",
    ),
    "course": (
        course.picture,
        "Curvature, residual of the maximum principle and size of the control over the training.",
        "Curves of λ_min and λ_max, of the PMP residual and of the norm of the control.",
    ),
    "reconstructions": (
        reconstructions.picture,
        "Test rows and what the flow makes of them, beside PCA of the same latent width where "
        "rows are the target.",
        "Test rows beside what the flow makes of them.",
    ),
    "predictions": (
        predictions.picture,
        "What is predicted of the test rows, against what is true.",
        "Predictions of the test rows against the truth.",
    ),
    "width": (
        lambda findings: architecture(findings.schedule),
        "The architecture: which components are active over the layers.",
        "For every layer the components that are active, with the width of each block.",
    ),
    "latent": (
        _latent,
        "Test rows by the two latent components, or principal components of them, that vary most.",
        "Test rows scattered over the latent plane, coloured by class where classes are known.",
    ),
}


def pictures(findings: Findings) -> list[Picture]:
    """The pictures that apply to a run, in the order of a report."""
    drawn = []
    for name, (draw, caption, alt) in _FAMILIES.items():
        figure = draw(findings)
        if figure is not None:
            drawn.append(Picture(name, figure, caption, alt))
    return drawn
