"""Autoencoders that others would train: PyTorch's MLPs, scikit-learn's regressor, PCA."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

Curve = list[tuple[float, float]]
"""Seconds of training, and the test error then."""


@dataclass(frozen=True)
class Rows:
    """What all train on, choose by and are compared on: scaled rows, float32."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    latent: int
    batch: int


@dataclass(frozen=True)
class Choice:
    """A multilayer perceptron: its hidden layers on each side, how wide, and how it is trained.

    ``decay`` is the share by which a step shrinks the weights, at the peak rate.
    """

    depth: int
    width: float
    rate: float
    decay: float
    activation: str

    def widths(self, dim: int, latent: int) -> list[int]:
        """From ``width`` × dim down to the bottleneck geometrically, and back."""
        down = np.geomspace(self.width * dim, latent, self.depth + 1)
        half = [round(w) for w in down]
        return [dim, *half, *half[-2::-1], dim]

    @classmethod
    def drawn(cls, random: np.random.Generator) -> Choice:
        return cls(
            depth=int(random.integers(1, 5)),
            width=float(random.choice([0.5, 1.0, 2.0, 4.0])),
            rate=float(10 ** random.uniform(-3.3, -2)),
            decay=float(random.choice([0.0, 1e-6, 1e-5, 1e-4])),
            activation=str(random.choice(["Tanh", "ReLU", "GELU"])),
        )


def error(predicted: np.ndarray, rows: np.ndarray) -> float:
    """Mean squared error an entry, as ``metrics.json`` has it."""
    return float(np.mean(np.square(predicted.astype(np.float64) - rows)))


def mlp(choice: Choice, rows: Rows, seconds: float, seed: int, looks: int = 1) -> tuple[Any, Curve]:
    """A PyTorch training for a time, AdamW, its rate falling to 0 as a half cosine of the time.

    The clock stops while errors are taken, ``looks`` times.
    """
    import torch

    torch.manual_seed(seed)
    sizes = choice.widths(rows.train.shape[1], rows.latent)
    layers: list[Any] = []
    for k, (a, b) in enumerate(pairwise(sizes)):
        layers.append(torch.nn.Linear(a, b))
        if k + 2 < len(sizes) and b != rows.latent:
            layers.append(getattr(torch.nn, choice.activation)())
    model = torch.nn.Sequential(*layers)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=choice.rate, weight_decay=choice.decay / choice.rate, fused=True
    )
    data, spent, curve = torch.from_numpy(rows.train), 0.0, []

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return np.concatenate([model(part).numpy() for part in torch.from_numpy(x).split(8192)])

    began = time.perf_counter()
    while spent < seconds:
        order = torch.randperm(len(data))
        for own in order.split(rows.batch)[: max(1, len(data) // rows.batch)]:
            spent += time.perf_counter() - began
            began = time.perf_counter()
            if spent >= seconds:
                break
            for group in optimiser.param_groups:
                group["lr"] = choice.rate * 0.5 * (1 + np.cos(np.pi * spent / seconds))
            batch = data[own]
            optimiser.zero_grad()
            ((model(batch) - batch) ** 2).mean().backward()
            optimiser.step()
            if looks > 1 and spent >= seconds * (len(curve) + 1) / looks:
                spent += time.perf_counter() - began
                curve.append((spent, error(predict(rows.test), rows.test)))
                began = time.perf_counter()
    curve.append((spent, error(predict(rows.test), rows.test)))
    return predict, curve


def searched(rows: Rows, tries: int, each: float, last: float, seed: int) -> dict[str, Any]:
    """Choices drawn at random, each trained for a time; the best on validation rows for longer."""
    random, found = np.random.default_rng(seed), []
    for k in range(tries):
        choice = Choice.drawn(random)
        predict, _ = mlp(choice, rows, each, 100 * seed + k)
        found.append((error(predict(rows.validation), rows.validation), k, choice))
    best = min(found)[2]
    _, curve = mlp(best, rows, last, seed, looks=20)
    return {
        "who": "PyTorch",
        "seconds": curve[-1][0],
        "search": tries * each,
        "tries": tries,
        "error": curve[-1][1],
        "choice": f"{best.depth} layers a side from {best.width:g} d, {best.activation}, "
        f"rate {best.rate:.1e}, decay {best.decay:g}",
    }


def regressor(rows: Rows, seconds: float, seed: int) -> dict[str, Any]:
    """scikit-learn's MLPRegressor of rows on themselves, an epoch more until the time is spent."""
    from sklearn.neural_network import MLPRegressor

    middle = Choice(2, 1.0, 0.0, 0.0, "").widths(rows.train.shape[1], rows.latent)[1:-1]
    model = MLPRegressor(
        hidden_layer_sizes=middle,
        activation="tanh",
        batch_size=rows.batch,
        random_state=seed,
        shuffle=True,
    )
    return _until(lambda: model.partial_fit(rows.train, rows.train), model, rows, seconds)


def _until(advance: Callable[[], Any], model: Any, rows: Rows, seconds: float) -> dict[str, Any]:
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while True:
            advance()
            if (spent := time.perf_counter() - began) >= seconds:
                break
    return {
        "who": "scikit-learn",
        "seconds": spent,
        "error": error(model.predict(rows.test), rows.test),
    }


def pca(rows: Rows) -> dict[str, Any]:
    from sklearn.decomposition import PCA

    began = time.perf_counter()
    model = PCA(rows.latent, svd_solver="covariance_eigh").fit(rows.train)
    spent = time.perf_counter() - began
    back = model.inverse_transform(model.transform(rows.test))
    return {"who": "PCA", "seconds": spent, "error": error(back, rows.test)}
