"""The pictures of a training run, and what each says."""

from __future__ import annotations

from types import ModuleType

from autoencodes.report import course, latent, loss, predictions, reconstructions, width
from autoencodes.report.findings import Findings
from autoencodes.report.picture import Picture

_FAMILIES: dict[str, tuple[ModuleType, str, str]] = {
    "loss": (
        loss,
        "Objective and test error over the training, and PCA's test error where it applies.",
        "Curves of the objective and of the test error over the training.",
    ),
    "course": (
        course,
        "Curvature, residual of the maximum principle and size of the control over the training.",
        "Curves of λ_min and λ_max, of the PMP residual and of the norm of the control.",
    ),
    "reconstructions": (
        reconstructions,
        "Test rows and what the flow makes of them, beside PCA of the same latent width where "
        "rows are the target.",
        "Test rows beside what the flow makes of them.",
    ),
    "predictions": (
        predictions,
        "What is predicted of the test rows, against what is true.",
        "Predictions of the test rows against the truth.",
    ),
    "width": (
        width,
        "The architecture: which components are active over the layers.",
        "For every layer the components that are active, with the width of each block.",
    ),
    "latent": (
        latent,
        "Test rows by the two latent components, or principal components of them, that vary most.",
        "Test rows scattered over the latent plane, coloured by class where classes are known.",
    ),
}


def pictures(findings: Findings) -> list[Picture]:
    """The pictures that apply to a run, in the order of a report."""
    drawn = []
    for name, (drawing, caption, alt) in _FAMILIES.items():
        figure = drawing.picture(findings)
        if figure is not None:
            drawn.append(Picture(name, figure, caption, alt))
    return drawn
