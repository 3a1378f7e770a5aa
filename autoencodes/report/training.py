"""The report of a training run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from autoencodes import atomic
from autoencodes.experiments import ResultTable
from autoencodes.plot.images import limits
from autoencodes.plot.motion import Motion, switched_on
from autoencodes.plot.picture import Picture
from autoencodes.report import figures
from autoencodes.report.findings import Findings
from autoencodes.report.page import Page, Strip
from autoencodes.run.folder import RunFolder
from autoencodes.run.verdict import remarks, verdict
from autoencodes.run.worst import kept

_MEASURED = {
    "test error": "test_mse",
    "training error": "train_mse",
    "validation error": "validation_mse",
    "PCA's test error": "pca_test_mse",
    "test accuracy": "test_accuracy",
    "test error through the bottleneck alone": "test_mse_bottleneck_only",
    "share of R² around the bottleneck": "around_bottleneck",
    "parameters": "parameters",
    "gradient evaluations": "gradient_evaluations",
    "seconds": "seconds",
    "peak memory, MB": "peak_memory_mb",
}
_UNITS = "Errors are per entry of the targets, in the units trained in"


def contents(folder: RunFolder) -> tuple[Callable[[], list[Picture]], Page]:
    """Its pictures, and the page that is to hold them."""
    findings = Findings.read(folder)
    config, metrics = folder.config.entries, folder.metrics
    name = Path(str(config["data"])).name
    shown = metrics | ({"pca_test_mse": "rounding alone"} if metrics.get("pca_exact") else {})
    measured = tuple((n, shown[k]) for n, k in _MEASURED.items() if shown.get(k) is not None)

    return partial(figures.pictures, findings), Page(
        f"train {name}",
        f"{metrics['steps']:,} steps of {config['method']}, λ = {config['tikhonov']:g}, "
        f"{metrics['parameters']:,} parameters, {config['precision']}",
        verdict(name, findings.target, metrics),
        {"metrics": ResultTable(_UNITS, ("", "value"), measured)},
        _motions(findings, name),
        _certificates(folder),
        (str(metrics["reason"]), *remarks(metrics)),
        config,
        metrics.get("machine") or {},
        float(metrics["seconds"]),
        _strips(folder, findings),
        anomalies=kept(folder),
    )


def _motions(findings: Findings, name: str) -> tuple[Motion, ...]:
    """The way of some test rows; none where the run was made before it was kept."""
    arrays, schedule = findings.samples.arrays, findings.schedule
    if "paths" not in arrays:
        return ()
    components = arrays["path_components"]
    labels = arrays.get("path_labels")
    names: tuple[str, ...] = ()
    if labels is not None:
        values, labels = np.unique(labels, return_inverse=True)
        known = dict(enumerate(findings.names or ()))
        names = tuple(known.get(int(value), str(value)) for value in values)
    times = np.linspace(0, schedule.horizon, schedule.steps + 1)
    return (
        Motion(
            f"test rows of {name}",
            times,
            arrays["paths"],
            switched_on(schedule)[:, components],
            labels,
            names,
            None,
            tuple(f"x{k}" for k in components),
        ),
    )


def _strips(folder: RunFolder, findings: Findings) -> tuple[Strip, ...]:
    """The sample images and their reconstructions over the training, by epoch."""
    strip, originals = folder.strip, findings.samples.arrays["originals"]
    if not strip:
        return ()
    height, width = findings.samples.facts["image_shape"]
    low, high = limits(originals)

    def images(rows: np.ndarray) -> np.ndarray:
        grey = np.clip((rows - low) / (high - low), 0, 1) * 255
        return grey.round().astype(np.uint8).reshape(-1, height, width)

    captions = ("original", *(f"epoch {epoch:,}" for epoch in strip))
    shown = [images(originals), *(images(rows) for rows in strip.values())]
    return (Strip("Reconstructions over the training", captions, shown),)


def _certificates(folder: RunFolder) -> dict[str, list[str]]:
    """What ``autoencodes certify`` wrote, if it was run."""
    path = folder.path / "certificate.json"
    try:
        lines = atomic.parsed(atomic.read(path))["lines"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {"the trained control": [str(line) for line in lines]}
