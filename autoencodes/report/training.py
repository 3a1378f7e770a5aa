"""The report of a training run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes import atomic
from autoencodes.experiments import ResultTable
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.images import coloured, limits
from autoencodes.plot.motion import Motion, switched_on
from autoencodes.plot.picture import Picture
from autoencodes.report import figures
from autoencodes.report.charts.run import charts
from autoencodes.report.findings import Findings
from autoencodes.report.page import Extremes, Page, Strip
from autoencodes.run.folder import RunFolder
from autoencodes.run.verdict import remarks, verdict
from autoencodes.run.worst import FILE, NEW, Guilty, Odd, Worst, applies, kept
from autoencodes.summary import number

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
_TRUST = "May new rows be entrusted to this model?"
_COLUMNS = (
    "How well a new row's columns come back: each number in at least 9 of 10 cases within so much "
    "of its value, in their own unit; beside it the guess that is best without the row"
)
_UNITS = "Errors are per entry of the targets, in the units trained in"


def contents(folder: RunFolder) -> tuple[Callable[[], list[Picture]], Page]:
    """Its pictures, and the page that is to hold them."""
    findings = Findings.read(folder)
    config, metrics = folder.config.entries, folder.metrics
    name = Path(str(config["data"])).name
    shown = metrics | ({"pca_test_mse": "rounding alone"} if metrics.get("pca_exact") else {})
    measured = tuple((n, shown[k]) for n, k in _MEASURED.items() if shown.get(k) is not None)

    certificates, columns = _certificates(folder)
    return partial(figures.pictures, findings), Page(
        f"train {name}",
        f"{_rows(metrics)}{metrics['steps']:,} steps of {config['method']}, "
        f"regularisation λ = {number(config['tikhonov'])}, {metrics['parameters']:,} parameters, "
        f"{config['precision']}",
        verdict(name, findings.target, metrics),
        {"metrics": ResultTable(_UNITS, ("", "value"), measured)},
        _motions(findings, name),
        certificates,
        (str(metrics["reason"]), *remarks(metrics), *_lacking(folder, certificates)),
        config,
        metrics.get("machine") or {},
        float(metrics["seconds"]),
        _strips(folder, findings),
        anomalies=_anomalies(folder),
        columns=columns,
        explorers=_explorers(folder, findings, name),
        extremes=_extremes(findings),
        charts=charts(findings, folder.model),
        passages=figures.passages(findings),
    )


def _rows(metrics: dict[str, Any]) -> str:
    """How many rows the parts have, where that is known."""
    parts = {"train": "training", "validation": "validation", "test": "test"}
    counts = {name: metrics.get(f"{part}_rows") for part, name in parts.items()}
    known = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{', '.join(known)} rows; " if known else ""


def _explorers(folder: RunFolder, findings: Findings, name: str) -> tuple[Explorer, ...]:
    """The decoder, to be moved by hand."""
    arrays, model = findings.samples.arrays, folder.model
    if model.readout.target != "rows" or not findings.reconstructs:
        return ()
    rows = model.scaling.undo(arrays["originals"], np.float64)
    return Explorer.planes(
        f"{name}, decoded", model, arrays["latent"], rows, arrays.get("labels"), findings.names
    )


def _extremes(findings: Findings) -> Extremes | None:
    """The best and the worst test rows of a table."""
    facts, arrays = findings.samples.facts, findings.samples.arrays
    if not facts.get("extremes"):
        return None
    best, worst = (
        tuple(
            Odd(row["name"], "test", float(error), None,
                tuple(Guilty(**column) for column in row["columns"]))
            for row, error in zip(facts["extremes"][which], arrays[f"{which}_errors"], strict=True)
        )
        for which in ("best", "worst")
    )  # fmt: skip
    return Extremes(best, worst, int(facts["tested"]))


def _motions(findings: Findings, name: str) -> tuple[Motion, ...]:
    """The way of some test rows; none where the run was made before it was kept."""
    arrays, schedule = findings.samples.arrays, findings.schedule
    if "paths" not in arrays:
        return ()
    components = arrays["path_components"]
    names = tuple(findings.names or ())
    times = np.linspace(0, schedule.horizon, schedule.steps + 1)
    return (
        Motion(
            f"test rows of {name}",
            times,
            arrays["paths"],
            switched_on(schedule)[:, components],
            arrays.get("path_labels"),
            names,
            None,
            tuple(findings.samples.facts.get("path_names") or (f"x{k}" for k in components)),
        ),
    )


def _strips(folder: RunFolder, findings: Findings) -> tuple[Strip, ...]:
    """The sample images and their reconstructions over the training, by epoch."""
    strip, originals = folder.strip, findings.samples.arrays["originals"]
    if not strip:
        return ()
    shape, (low, high) = findings.samples.facts["image_shape"], limits(originals)

    def images(rows: np.ndarray) -> np.ndarray:
        return (coloured(rows, shape, low, high) * 255).round().astype(np.uint8)

    captions = ("original", *(f"epoch {epoch:,}" for epoch in strip))
    shown = [images(originals), *(images(rows) for rows in strip.values())]
    return (Strip("Reconstructions over the training", captions, shown),)


def _certificates(folder: RunFolder) -> tuple[dict[str, list[str]], dict[str, ResultTable]]:
    """What ``autoencodes certify`` wrote, if it was run, and its errors by column."""
    path = folder.path / "certificate.json"
    try:
        held = atomic.parsed(atomic.read(path))
        lines = [str(line) for line in held["lines"]]
    except (OSError, ValueError, KeyError, TypeError):
        return {}, {}
    try:
        columns = _by_column(held["new_rows"]["columns"])
    except (ValueError, KeyError, TypeError):  # of before, or without test rows
        columns = None
    return {_TRUST: lines}, {} if columns is None else {_TRUST: columns}


def _by_column(columns: list[dict[str, Any]]) -> ResultTable:
    """How well every column of new rows comes back."""
    rows = []
    for column in columns:
        right, guessed = column["right"], column["guessed_right"]
        made, guess = column["within"], column["guess"]
        if right is not None:
            made, guess = f"right in {right:.0%}", f"{guessed:.0%}"
        elif made is not None:
            made = f"within {made}"
        rows.append((str(column["name"]), made, guess, int(column["rows"])))
    return ResultTable(_COLUMNS, ("column", "comes back", "guessed", "test rows"), tuple(rows))


def _anomalies(folder: RunFolder) -> dict[str, Worst]:
    """The rows that belong least: of other rows that were judged, and of the run's own table."""
    own, new = kept(folder), kept(folder, NEW)
    found = {} if new is None else {f"Anomalies in {new.source}": new}
    return found if own is None else found | {"Anomalies": own}


def _lacking(folder: RunFolder, certificates: dict[str, list[str]]) -> list[str]:
    """Which parts of the page are not there yet, and what puts them there."""
    lacking = []
    if not certificates:
        lacking.append(
            "up to what error new rows may be entrusted to this model: not computed yet; "
            "autoencodes certify RUN adds it to this page"
        )
    if applies(folder) and not any((folder.path / name).exists() for name in (FILE, NEW)):
        lacking.append(
            "which rows do not belong, and why: not computed yet; autoencodes anomalies RUN DATA "
            "--explain adds it to this page, and autoencodes report RUN for the table trained on"
        )
    return lacking
