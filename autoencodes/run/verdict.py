"""A training's result in one sentence."""

from __future__ import annotations

from typing import Any


def verdict(name: str, target: str, metrics: dict[str, Any]) -> str:
    """How well the model of ``metrics`` does on the test rows of the data set ``name``."""
    error = f"test error {_shown(metrics['test_mse'])}"
    if target == "rows":
        error += " per feature"
    if (accuracy := metrics.get("test_accuracy")) is not None:
        error = f"test accuracy {accuracy:.4f}, {error} of the probabilities"
    if metrics.get("pca_exact"):
        error += "; PCA is exact here: as many numbers hold all that there is"
    elif metrics.get("pca_test_mse") and metrics["test_mse"] is not None:
        ratio = metrics["test_mse"] / metrics["pca_test_mse"]
        error += f", {ratio:.2f} × PCA's {metrics['pca_test_mse']:.3g}"
    if alone := metrics.get("test_mse_bottleneck_only"):
        error += f", {alone:.3g} without what goes around the bottleneck"
    return (
        f"{name} through {metrics['latent']} of {metrics['dim']} components: {error} "
        f"(training error {_shown(metrics['train_mse'])})"
    )


def _shown(error: float | None) -> str:
    """A number that overflowed stands as None in a file."""
    return "beyond all numbers" if error is None else f"{error:.3g}"
