"""Synthetic runs of every kind that the pictures must show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autoencodes.datasets.laws import sample
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.model.pca import Pca
from autoencodes.plot import style
from autoencodes.report import figures
from autoencodes.report.compose import render
from autoencodes.report.findings import Findings
from autoencodes.run.folder import Samples


def history(
    lines: int, dim: int, final: float, movement: bool = False, every: int = 1
) -> list[dict[str, Any]]:
    """A decay to a final error per feature; the test error stands in every so-manieth line."""
    rng = np.random.default_rng(0)
    found = []
    for k in range(1, lines + 1):
        error = final * (1 + 30 * np.exp(-6 * k / lines)) * np.exp(0.05 * rng.standard_normal())
        record: dict[str, Any] = {
            "step": k,
            "epoch": k,
            "objective": dim * (error + 0.1 * final),
            "terminal_cost": dim * error,
            "gradient_evaluations": 3 * k,
            "seconds": 0.1 * k,
            "residual": 1.0 / k,
        }
        if movement:
            record["tau"] = 2.0 ** -(k % 7)
            record["contraction"] = 0.5 + 0.3 * np.sin(k)
        if k % every == 0 or k == lines:
            record["test_mse"] = 1.1 * error
        found.append(record)
    return found


def reconstruction(
    x: np.ndarray,
    schedule: WidthSchedule,
    labels: np.ndarray | None = None,
    names: list[str] | None = None,
    image_shape: list[int] | None = None,
    **lines: Any,
) -> Findings:
    """A run whose flow does PCA at one and a half times the width, beside honest PCA."""
    dim, latent = schedule.dim, schedule.latent
    better, pca = Pca.fit(x, min(dim, latent + (latent + 1) // 2)), Pca.fit(x, latent)
    made = better.reconstruct(x)
    if better.axes.shape[1] == dim:
        made = made + 0.05 * np.sin(3 * made[:, ::-1])
    n = 1000
    if image_shape is not None:
        n = 12
    rows = np.arange(min(n, len(x)))
    if image_shape is not None and labels is not None:
        rows = np.unique(labels, return_index=True)[1]
    arrays = {
        "originals": x[rows],
        "targets": x[rows],
        "reconstructions": made[rows],
        "pca": pca.reconstruct(x[rows]),
        "latent": np.tanh((x - pca.mean) @ pca.axes),
        "feature_error": np.mean((made - x) ** 2, axis=0),
        "pca_feature_error": np.mean((pca.reconstruct(x) - x) ** 2, axis=0),
    }
    if labels is not None:
        arrays |= {"sample_labels": labels[rows], "labels": labels}
    facts = {
        "image_shape": image_shape,
        "reconstructs": True,
        "label_names": names,
        "units": "unit" if image_shape else "none" if dim == 2 else "standard",
    }
    error = float(np.mean((made - x) ** 2))
    metrics = {
        "train_mse": 0.9 * error,
        "test_mse": error,
        "pca_test_mse": pca.mean_squared_error(x),
        "dim": dim,
        "latent": latent,
    }
    lines = {"lines": 200, **lines}
    record = history(dim=dim, final=error, **lines)
    return Findings(schedule, record, metrics, Samples(arrays, facts))


def supervised(law: str, schedule: WidthSchedule) -> Findings:
    """A run that has nearly learned a law's map."""
    x, y, labels = sample(law, 1000, 3)
    assert y is not None
    assert labels is not None
    values, members = np.unique(labels, return_inverse=True)
    made = np.tanh(4 * x) * np.abs(y).max() if x.shape[1] == 1 else y + 0.3 * np.sin(5 * x)
    arrays = {
        "originals": x,
        "targets": y,
        "reconstructions": made,
        "sample_labels": members,
        "labels": members,
        "latent": made[:, : schedule.latent],
        "feature_error": np.mean((made - y) ** 2, axis=0),
    }
    names = [str(v) for v in values]
    facts = {"image_shape": None, "reconstructs": False, "label_names": names, "units": "none"}
    error = float(np.mean((made - y) ** 2))
    metrics = {"test_mse": error, "train_mse": error, "pca_test_mse": None}
    record = history(60, x.shape[1], error, movement=True)
    return Findings(schedule, record, metrics, Samples(arrays, facts))


def digits() -> Findings:
    from sklearn.datasets import load_digits

    found = load_digits()
    schedule = WidthSchedule.autoencoder(64, (64, 32, 16, 8), 4, 11.2)
    names = [str(k) for k in range(10)]
    return reconstruction(
        found.data / 16, schedule, found.target, names, [8, 8], lines=600, every=5
    )


def mnist() -> Findings:
    """28 by 28 pixels: sums of a few smooth spots, their number the class."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(28), np.arange(28)), axis=-1)
    labels = rng.integers(0, 10, 300)
    images = np.zeros((300, 28, 28))
    for k, count in enumerate(labels):
        for spot in rng.uniform(4, 24, (count + 1, 2)):
            images[k] += np.exp(-np.sum((grid - spot) ** 2, axis=-1) / 8)
    x = np.clip(images, 0, 1).reshape(300, 784)
    schedule = WidthSchedule.autoencoder(784, (784, 400, 200, 100, 32), 2, 7.2)
    names = [str(k) for k in range(10)]
    return reconstruction(x, schedule, labels, names, [28, 28], lines=24)


def faces() -> Findings:
    """Images taller than wide, without labels, in standard units."""
    x = np.random.default_rng(0).standard_normal((50, 12))
    schedule = WidthSchedule.autoencoder(12, (12, 3), 2, 1.0)
    return reconstruction(x, schedule, image_shape=[4, 3])


def moons() -> Findings:
    x, _, labels = sample("moons", 1500, 0)
    schedule = WidthSchedule.autoencoder(2, (2, 1), 7, 21.0, memory="hold")
    return reconstruction(x, schedule, labels, ["0", "1"], lines=3000, movement=True, every=40)


def parabola() -> Findings:
    x, _, _ = sample("parabola", 1500, 0)
    return reconstruction(x, WidthSchedule.autoencoder(2, (2, 1), 20, 21.0), lines=1)


def gaussian_sign() -> Findings:
    return supervised("gaussian-sign", WidthSchedule.autoencoder(2, (2, 1), 7, 21.0))


def bimodal() -> Findings:
    return supervised("bimodal-1d", WidthSchedule.constant(1, 10, 1.0))


def table(dim: int, widths: tuple[int, ...], labels: int, lines: int = 200) -> Findings:
    """Correlated columns of very different scales, in so many classes (0: none)."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((dim, dim)) * np.geomspace(1, 0.1, dim)
    member = rng.integers(0, max(labels, 1), 800)
    x = (
        rng.standard_normal((800, dim)) + 2 * rng.standard_normal((max(labels, 1), dim))[member]
    ) @ mixing
    names = [f"kind ${k}$ of a rather long name" if k % 2 else f"_{k}" for k in range(labels)]
    order = [int(k) for k in rng.permutation(dim)]
    schedule = WidthSchedule.autoencoder(dim, widths, 3, 5.0, order)
    if not labels:
        return reconstruction(x, schedule, lines=lines)
    return reconstruction(x, schedule, member, names, lines=lines)


CASES: dict[str, Callable[[], Findings]] = {
    "digits": digits,
    "mnist": mnist,
    "faces": faces,
    "moons": moons,
    "parabola": parabola,
    "gaussian-sign": gaussian_sign,
    "bimodal": bimodal,
    "table-5": lambda: table(5, (5, 3, 2), 3),
    "table-16": lambda: table(16, (16, 8, 4, 2), 7),
    "table-100": lambda: table(100, (60, 20, 10, 3), 30, lines=100_000),
    "table-plain": lambda: table(6, (6, 3), 0, lines=2),
}


def rendered(findings: Findings) -> dict[str, bytes]:
    """The files of all pictures of a run, by name."""
    with style.context():
        return render(figures.pictures(findings))
