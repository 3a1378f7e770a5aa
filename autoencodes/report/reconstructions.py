"""What the flow makes of test rows: predictions, or reconstructions beside PCA's."""

from __future__ import annotations

from matplotlib.figure import Figure

from autoencodes.report import components, images, planes
from autoencodes.report.findings import Findings


def picture(findings: Findings) -> Figure | None:
    """Images in rows, laws in the plane as points, on the line as a curve, tables by feature."""
    if findings.target != "rows":
        return None
    if not len(findings.samples.arrays["originals"]):
        return None
    if findings.samples.facts["image_shape"] is not None:
        return images.picture(findings)
    if findings.entries == 2:
        return planes.picture(findings)
    return components.curve(findings) if findings.entries == 1 else components.picture(findings)
