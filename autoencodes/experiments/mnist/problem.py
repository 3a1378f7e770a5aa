"""MNIST through a bottleneck (the paper, section 5.3), beside PCA and a plain autoencoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from autoencodes import datasets
from autoencodes.catalogue import EXPERIMENTS
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results
from autoencodes.experiments.layers import over_layers
from autoencodes.experiments.mnist import fully_connected
from autoencodes.experiments.mnist.result import MnistResult
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table import ResultTable
from autoencodes.model.pca import Pca
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.motion import Motion, switched_on
from autoencodes.plot.passage import Passage
from autoencodes.run import Model, Settings

_PAIRS = ((3, 8), (4, 9), (1, 7), (0, 6))
"""Digits between which is interpolated."""


class MnistSettings(ExperimentSettings):
    """The AutoencODE's training, the plain network's shape, and what is looked at."""

    seed: int = 0
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

    @property
    def sizes(self) -> str:
        epochs = f"{self.epochs} epoch{'s' * (self.epochs > 1)}"
        return (
            f"seed {self.seed}, {epochs} in batches of {self.batch_size}, the plain autoencoder "
            f"for the same time; states of {self.followed:,} test images"
        )


@dataclass(frozen=True, eq=False)
class Digits:
    """The rows, in the flow's units, and the test rows as they are; their labels."""

    train: np.ndarray
    test: np.ndarray
    raw: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, model: Model, data_dir: str | None) -> Digits:
        """MNIST, scaled as a model scales it."""
        data = datasets.load("mnist", data_dir=data_dir)
        train, test = (model.scaling.apply(part.x, np.float32) for part in (data.train, data.test))
        return cls(
            train, test, np.asarray(data.test.x), np.asarray(data.part_labels("test")).astype(int)
        )

    @property
    def first(self) -> np.ndarray:
        """The first test row of every class."""
        return np.unique(self.labels, return_index=True)[1]


def run(settings: MnistSettings, notebook: Notebook) -> Results[MnistResult]:
    """Trains both, looks into the flow, and compares."""
    notebook.expect(3)
    config = Settings(
        data="mnist",
        data_dir=notebook.data_dir,
        latent=settings.latent,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    folder = notebook.training("autoencode", config).folder
    model, spent = folder.model, float(folder.history[-1]["seconds"])
    digits = Digits.read(model, folder.config.data_dir)
    compared = partial(_plain, settings, digits, spent, notebook)
    plain = notebook.part("fully connected", compared)
    inside = notebook.part("layers", partial(_inside, settings, model, digits))
    errors = {
        "AutoencODE": folder.metrics["test_mse"],
        "fully connected": plain.facts["test_mse"],
        "PCA": folder.metrics["pca_test_mse"],
    }
    strip = sorted(folder.strip.items())  # by epoch
    counts = (folder.metrics["parameters"], plain.facts["parameters"], None)
    return Results(
        f"Seed {settings.seed}, {len(digits.train):,} images, {settings.latent} latent values: "
        f"test error per pixel {errors['AutoencODE']:.4f}; in the same {spent:.0f} s a fully "
        f"connected autoencoder {errors['fully connected']:.4f}, PCA {errors['PCA']:.4f}.",
        {"errors": _table(settings, errors, counts, spent, len(digits.test))},
        MnistResult(
            **inside.arrays,
            strip=np.stack([images for _, images in strip]),
            strip_epochs=np.array([epoch for epoch, _ in strip]),
            plain=plain.arrays["reconstructions"],
            schedule=model.flow.schedule,
            pairs=_PAIRS,
            errors=errors,
        ),
        (_motion(model, digits),),
        notes=(str(folder.metrics["reason"]),),
        passages=(Passage.of("A test image of every digit", model, digits.test[digits.first]),),
        explorers=(
            Explorer.of("MNIST, decoded", model, inside.arrays["latent"], digits.raw[:500],
                        inside.arrays["latent_labels"], [str(k) for k in range(10)]),
        ),
    )  # fmt: skip


def _table(
    settings: MnistSettings,
    errors: dict[str, float],
    counts: tuple[int | None, ...],
    spent: float,
    rows: int,
) -> ResultTable:
    return ResultTable(
        f"Reconstruction of {rows:,} test images, pixels in [0, 1]; equal training time",
        ("model", "latent", "parameters", "test error per pixel", "seconds"),
        tuple(
            (name, settings.latent, count, error, None if name == "PCA" else spent)
            for (name, error), count in zip(errors.items(), counts, strict=True)
        ),
    )


def _plain(settings: MnistSettings, digits: Digits, seconds: float, notebook: Notebook) -> Part:
    """The plain autoencoder, trained for as long as the AutoencODE was."""
    network, steps = fully_connected.train(
        digits.train,
        (digits.train.shape[1], *settings.hidden, settings.latent),
        seconds=seconds,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=settings.seed,
        advance=notebook.advance,
    )
    made = network.reconstruct(digits.test)
    return Part(
        {"reconstructions": made[digits.first]},
        {
            "test_mse": float(np.mean((made - digits.test) ** 2, dtype=np.float64)),
            "parameters": network.parameters,
            "steps": steps,
        },
    )


def _inside(settings: MnistSettings, model: Model, digits: Digits) -> Part:
    """Reconstructions, latent values, the states' statistics, and ways between digits."""
    first, codes = digits.first, settings.codes
    followed = digits.test[: settings.followed]
    pca = Pca.fit(digits.train, settings.latent)
    made = model.reconstruct(digits.raw[first])
    return Part(
        {
            "originals": digits.test[first],
            "reconstructions": model.scaling.apply(made, np.float32),
            "pca": pca.reconstruct(digits.test[first]).astype(np.float32),
            "latent": np.asarray(model.encode(digits.raw[:codes]).latent),
            "latent_labels": digits.labels[:codes],
            **_between(settings, model, digits),
            **over_layers(model.flow, model.control, followed, digits.labels),
        }
    )


def _between(settings: MnistSettings, model: Model, digits: Digits) -> dict[str, np.ndarray]:
    """Images decoded on the straight line between the latent values of two digits."""
    rows = []
    for pair in _PAIRS:
        a, b = (np.flatnonzero(digits.labels == digit)[1] for digit in pair)
        ends = np.asarray(model.encode(digits.raw[[a, b]]).latent)
        share = np.linspace(0, 1, settings.between)[:, None]
        line = (1 - share) * ends[:1] + share * ends[1:]
        rows.append(model.scaling.apply(model.decode(line.astype(ends.dtype)), np.float32))
    return {"between": np.stack(rows)}


def _motion(model: Model, digits: Digits) -> Motion:
    """Some test images, by the components that vary most in the bottleneck."""
    schedule = model.flow.schedule
    states = np.asarray(model.flow.trajectory(model.control, digits.test[:300]))
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
        digits.labels[:300],
        tuple(str(digit) for digit in range(10)),
        None,
        tuple(f"pixel {k}" for k in components),
    )


EXPERIMENTS.register(
    "mnist",
    "Handwritten digits through a bottleneck of 32 components, beside a plain autoencoder and PCA",
    rank=5,
    full="13 min",
    quick="52 s",
)(
    Experiment(
        MnistSettings(),
        MnistSettings(epochs=1, followed=1000, codes=2000),
        run,
        MnistResult,
        precision="float32",
    )
)
