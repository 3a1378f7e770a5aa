"""MNIST through a bottleneck (the paper, section 5.3), beside PCA and a plain autoencoder.

# notation: x_l states at layer l, A_l the components that are on there, Σ_l their covariance.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from autoencodes import datasets
from autoencodes.experiments import fully_connected
from autoencodes.experiments.experiment import Experiment, Results, Settings
from autoencodes.experiments.motion import Motion, switched_on
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table import Table
from autoencodes.run import Model
from autoencodes.run.baseline import Pca
from autoencodes.run.config import make

_BINS = 64
"""Of the histogram whose entropy is taken."""

_PAIRS = ((3, 8), (4, 9), (1, 7), (0, 6))
"""Digits between which is interpolated."""


class MnistSettings(Settings):
    """The AutoencODE's training, the plain network's shape, and what is looked at."""

    latent: int = 32
    epochs: int = 50
    batch_size: int = 256
    hidden: tuple[int, ...] = (512, 256)
    learning_rate: float = 1e-3
    followed: int = 2000
    """Test images whose states are taken at every layer."""
    codes: int = 3000
    between: int = 9
    """Images from one digit to another, both ends included."""


def run(settings: MnistSettings, notebook: Notebook) -> Results:
    """Trains both, looks into the flow, and compares."""
    notebook.expect(3)
    config = make(
        data="mnist",
        data_dir=notebook.data_dir,
        latent=settings.latent,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    folder = notebook.training("autoencode", config).folder
    model, metrics = folder.model, folder.metrics
    spent = float(folder.history[-1]["seconds"])
    data = datasets.load("mnist", data_dir=notebook.data_dir)
    x = model.scaling.apply(data.test.x, np.float32)
    labels = np.asarray(data.part_labels("test")).astype(int)
    plain = notebook.part(
        "fully connected", partial(_plain, settings, model, data, spent, labels, notebook)
    )
    inside = notebook.part("layers", partial(_inside, settings, model, x, labels, data, notebook))
    schedule = model.flow.schedule
    rows = (
        ("AutoencODE", settings.latent, metrics["parameters"], metrics["test_mse"], spent),
        (
            "fully connected",
            settings.latent,
            plain.facts["parameters"],
            plain.facts["test_mse"],
            plain.facts["seconds"],
        ),
        ("PCA", settings.latent, None, metrics["pca_test_mse"], None),
    )
    columns = ("model", "latent", "parameters", "test error per pixel", "seconds")
    caption = f"Reconstruction of {len(x):,} test images, pixels in [0, 1]; equal training time"
    sentence = (
        f"Through {settings.latent} of 784 components the AutoencODE's test error per pixel is "
        f"{metrics['test_mse']:.4f}; a fully connected autoencoder of the same latent width "
        f"reaches {plain.facts['test_mse']:.4f} in the same {spent:.0f} s of training, PCA "
        f"{metrics['pca_test_mse']:.4f}."
    )
    return Results(
        sentence,
        {"errors": Table(caption, columns, rows)},
        {**inside.arrays, "plain": plain.arrays["reconstructions"], **_strip(folder)},
        {
            "schedule": asdict(schedule),
            "classes": list(range(10)),
            "pairs": inside.facts["pairs"],
            "errors": {"AutoencODE": metrics["test_mse"], "PCA": metrics["pca_test_mse"]}
            | {"fully connected": plain.facts["test_mse"]},
        },
        (_motion(settings, model, x, labels),),
        notes=(str(metrics["reason"]),),
    )


def _plain(
    settings: MnistSettings,
    model: Model,
    data: Any,
    seconds: float,
    labels: Any,
    notebook: Notebook,
) -> Part:
    """The plain autoencoder, trained for as long as the AutoencODE was."""
    train, test = (model.scaling.apply(part.x, np.float32) for part in (data.train, data.test))
    network, steps = fully_connected.train(
        train,
        (train.shape[1], *settings.hidden, settings.latent),
        seconds=seconds,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        advance=notebook.advance,
    )
    made = network.reconstruct(test)
    return Part(
        {"reconstructions": made[_first_of_each(labels)]},
        {
            "test_mse": float(np.mean((made - test) ** 2, dtype=np.float64)),
            "parameters": network.parameters,
            "steps": steps,
            "seconds": seconds,
        },
    )


def _inside(
    settings: MnistSettings, model: Model, x: Any, labels: Any, data: Any, notebook: Notebook
) -> Part:
    """Reconstructions, latent values, the states' statistics, and ways between digits."""
    first = _first_of_each(labels)
    latent = np.asarray(model.encode(data.test.x[: settings.codes]).latent)
    pca = Pca.fit(model.scaling.apply(data.train.x, np.float32), settings.latent)
    arrays = {
        "originals": x[first],
        "reconstructions": model.scaling.apply(model.reconstruct(data.test.x[first]), np.float32),
        "pca": pca.reconstruct(x[first]).astype(np.float32),
        "latent": latent,
        "latent_labels": labels[: settings.codes],
        **_between(settings, model, data, labels),
        **_statistics(settings, model, x, labels),
    }
    return Part(arrays, {"pairs": _PAIRS})


def _statistics(settings: MnistSettings, model: Model, x: Any, labels: Any) -> dict[str, Any]:
    """Over the components that are on at layer l:

    - per class, mean and standard deviation of the features, over rows and components;
    - H_l = −Σ_k p_k log₂ p_k, p the histogram of all their values in 64 bins of one range for all
      layers, in bits;
    - exp(−Σ_k s_k log s_k), s the eigenvalues of Σ_l as shares of their sum: the effective number
      of dimensions (Roy and Vetterli, 2007).
    """
    x, labels = x[: settings.followed], labels[: settings.followed]
    states = np.asarray(model.flow.trajectory(model.control, x))
    on = switched_on(model.flow.schedule)
    low, high = float(states.min()), float(states.max())
    found: dict[str, list[Any]] = {
        name: [] for name in ("mean", "deviation", "entropy", "dimensions")
    }
    for state, active in zip(states, on, strict=True):
        values = state[:, active].astype(np.float64)
        of_class = [values[labels == digit] for digit in range(10)]
        found["mean"].append([rows.mean() for rows in of_class])
        found["deviation"].append([rows.std() for rows in of_class])
        counts, _ = np.histogram(values, bins=_BINS, range=(low, high))
        found["entropy"].append(_entropy(counts) / np.log(2))
        spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(values, rowvar=False)))
        found["dimensions"].append(np.exp(_entropy(np.maximum(spread, 0))))
    widths = on.sum(axis=1)
    return {name: np.array(values) for name, values in found.items()} | {"widths": widths}


def _entropy(weights: Any) -> float:
    """−Σ p log p of weights, as shares of their sum."""
    shares = weights[weights > 0] / weights.sum()
    return float(-np.sum(shares * np.log(shares)))


def _between(settings: MnistSettings, model: Model, data: Any, labels: Any) -> dict[str, Any]:
    """Images decoded on the straight line between the latent values of two digits."""
    rows = []
    for pair in _PAIRS:
        a, b = (np.flatnonzero(labels == digit)[1] for digit in pair)
        ends = np.asarray(model.encode(data.test.x[[a, b]]).latent)
        share = np.linspace(0, 1, settings.between)[:, None]
        line = (1 - share) * ends[:1] + share * ends[1:]
        rows.append(model.scaling.apply(model.decode(line.astype(ends.dtype)), np.float32))
    return {"between": np.stack(rows)}


def _motion(settings: MnistSettings, model: Model, x: Any, labels: Any) -> Motion:
    """Some test images, by the components that vary most in the bottleneck."""
    schedule = model.flow.schedule
    states = np.asarray(model.flow.trajectory(model.control, x[:300]))
    middle = schedule.first_steps[schedule.bottleneck] + schedule.blocks[schedule.bottleneck].steps
    kept = np.array(schedule.blocks[schedule.bottleneck].active)
    off = np.setdiff1d(np.arange(schedule.dim), kept)
    varied = kept[np.argsort(-states[middle][:, kept].std(axis=0))[:4]]
    dropped = off[np.argsort(-states[-1][:, off].std(axis=0))[:2]]
    components = np.concatenate([varied, dropped])
    return Motion(
        "300 test images",
        np.linspace(0, schedule.horizon, schedule.steps + 1),
        states[..., components],
        switched_on(schedule)[:, components],
        labels[:300],
        tuple(str(digit) for digit in range(10)),
        None,
        tuple(f"pixel {k}" for k in components),
    )


def _strip(folder: Any) -> dict[str, np.ndarray]:
    """Reconstructions over the training, by epoch."""
    strip = folder.strip
    return {
        "strip": np.stack([images for _, images in sorted(strip.items())]),
        "strip_epochs": np.array(sorted(strip)),
    }


def _first_of_each(labels: Any) -> Any:
    """The first row of every class."""
    return np.unique(labels, return_index=True)[1]


EXPERIMENT = Experiment(
    "mnist",
    "Handwritten digits through a bottleneck of 32 components, beside a plain autoencoder and PCA",
    MnistSettings(),
    MnistSettings(epochs=2, followed=1000, codes=2000),
    ("15 min", "60 s"),
    run,
    precision="float32",
)
