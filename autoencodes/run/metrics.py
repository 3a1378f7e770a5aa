"""What metrics.json says of a training that ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autoencodes.control import Control
from autoencodes.errors import NumericalFailure
from autoencodes.flow.layout import layouts
from autoencodes.model.model import Model
from autoencodes.model.pca import Pca
from autoencodes.model.readout import row_means
from autoencodes.precision import precision
from autoencodes.run.job import Job
from autoencodes.run.machine import machine
from autoencodes.training import Result

_REGRESSED = 8000
"""The most rows that a regression is fitted to."""


def metrics(
    job: Job,
    model: Model,
    pca: Pca | None,
    result: Result,
    history: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """All but the time; errors are per entry of the targets, in the flow's units."""
    measured = [line for line in history if line.get("validation_mse") is not None]
    best = min(measured, key=lambda line: float(line["validation_mse"]), default=None)
    errors = evaluated(job, result.control)
    objective = errors.pop("objective")
    kept = "last good" if result.failed else "last"
    return {
        **errors,
        "test_mse_bottleneck_only": _error_through_bottleneck(job.shown, model),
        "around_bottleneck": _share_around(job.shown, model),
        "pca_test_mse": None if pca is None else job.pca_error(pca, "test"),
        "pca_exact": None if pca is None else job.pca_exact(pca),
        "objective": objective,
        "gradient_evaluations": result.resumption.gradient_evaluations,
        "steps": result.resumption.step,
        "seed": job.plan.seed,
        "converged": result.converged,
        "interrupted": result.interrupted,
        "failed": result.failed,
        "reason": _reason(job, result),
        "dim": model.flow.schedule.dim,
        "latent": model.flow.schedule.latent,
        "parameters": job.parameters,
        "train_rows": job.train.size,
        "validation_rows": 0 if job.validation is None else job.validation.size,
        "test_rows": job.measure("test").size,
        "best_epoch": None if best is None else best["epoch"],
        "best_validation_mse": None if best is None else best["validation_mse"],
        "chosen": _chosen(job, f"the {kept} control"),
        "peak_memory_mb": _peak_memory_mb(),
        "reading": _reading(job),
        "machine": machine(),
    }


def _reason(job: Job, result: Result) -> str:
    """Why the training ended; where the comparison took PCA, that there was nothing to train."""
    kept = job.choice is not None and not job.plan.epochs
    return "PCA was kept: nothing had to be trained" if kept else result.reason


def evaluated(job: Job, control: Control) -> dict[str, float]:
    """The errors over every part, and J: sums over rows, to which every process adds its own."""
    parts = job.errors_of_parts(control)
    errors = {f"{part}_{name}": v for part, own in parts.items() for name, v in own.items()}
    return {**errors, "objective": _objective(job, control, parts["train"])}


def _reading(job: Job) -> dict[str, Any]:
    """Whether rows were loaded whole or read a block at a time, and in what memory."""
    if job.streamed is None:
        return {"how": "whole"}
    rows = job.streamed
    return {
        "how": "a block at a time",
        "rows": rows.size,
        "blocks": len(rows.stored.counts),
        "memory_limit": job.plan.memory_limit,
        "mixed_rows": job.buffer,
        "passes_before_training": rows.passes,
        "sampled_rows": rows.sample.size,
    }


def _chosen(job: Job, control: str) -> dict[str, Any]:
    """Which candidate and which control, and by what."""
    if job.choice is None:
        return {"what": control, "by": None}
    return {**job.choice.described, "control": control}


def _objective(job: Job, control: Control, train: dict[str, float]) -> float:
    """J over what is learned from, from its errors; known are those of the training rows."""
    if job.learned is not job.train:
        train = job.errors(control, job.learned)
    with precision(job.plan.precision):
        penalty = float(job.problem.penalty(control))
    entries = job.learned.y.shape[1]
    return train.get("cost", train["mse"] * entries) + penalty


def _error_through_bottleneck(job: Job, model: Model) -> float | None:
    """The test error of what comes through the bottleneck alone; None where all does.

    The values that go around it, held or stored, are put to 0, which the decoder was not trained
    for: None also where it then leaves the finite numbers.
    """
    stored = layouts(model.flow.schedule)[model.flow.schedule.bottleneck].stored
    if not stored or model.readout.target != "rows":
        return None
    x = np.asarray(job.held("test").x)
    try:
        features = model.decode_features(model.encode_particles(x).latent)
    except NumericalFailure:
        return None
    decoded = model.scaling.apply(features, np.float64)
    squares, seen = model.readout.squares(decoded, np.asarray(job.held("test").y))
    return float(np.mean(row_means(squares, seen)))


def _share_around(job: Job, model: Model) -> float | None:
    """The share of what is known of the rows in the middle that is not in the latent values.

    1 − R²(z) / R²(z, m): how much of the test rows' variance the best affine map of the latent
    values z explains, against that of z and of the values m that go around the bottleneck. The
    maps are fitted to training rows; no decoder is involved. None where nothing goes around.
    """
    stored = layouts(model.flow.schedule)[model.flow.schedule.bottleneck].stored
    if not stored or model.readout.target != "rows":
        return None
    parts = []
    for part in (job.held("train"), job.held("test")):
        rows = np.random.default_rng(0).permutation(part.size)[:_REGRESSED]
        z, m = model.encode_particles(np.asarray(part.x)[rows])
        wanted = np.asarray(part.y, np.float64)[rows, : model.coordinates.features]
        parts.append((z.astype(np.float64), m.astype(np.float64), wanted))
    (z, m, y), (z_test, m_test, y_test) = parts
    alone = _explained(z, y, z_test, y_test)
    together = _explained(np.hstack([z, m]), y, np.hstack([z_test, m_test]), y_test)
    return float(np.clip(1 - max(alone, 0.0) / together, 0, 1)) if together > 0 else None


def _explained(x: Any, y: Any, x_test: Any, y_test: Any) -> float:
    """R² over test rows of the least-squares map x ↦ y, with an intercept."""
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    slope, *_ = np.linalg.lstsq(x - centre, y - mean, rcond=1e-8)
    left = y_test - mean - (x_test - centre) @ slope
    return float(1 - np.sum(left**2) / np.sum((y_test - y_test.mean(axis=0)) ** 2))


def _peak_memory_mb() -> float | None:
    try:
        import resource  # absent on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
