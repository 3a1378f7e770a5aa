"""A training's result in words."""

from __future__ import annotations

from typing import Any

from autoencodes.summary import number

_OVERFITTED = 1.5
"""From so many times the training error on, that of other rows is remarked on."""
_FEW = 20
"""Test rows below which their error is remarked on."""
_WORSENED = 1.1
"""From so many times the least validation error on, the last one is."""


def verdict(name: str, target: str, metrics: dict[str, Any]) -> str:
    """How well the model of ``metrics`` does on the test rows of ``name``, in at most 25 words."""
    error = f"test error {_shown(metrics['test_mse'])}"
    if target == "rows":
        error += " per feature"
    if (accuracy := metrics.get("test_accuracy")) is not None:
        error = f"test accuracy {accuracy:.4f}, {error} of the probabilities"
    if metrics.get("pca_exact"):
        error += "; PCA is exact here"
    elif metrics.get("pca_test_mse") and metrics["test_mse"] is not None:
        ratio = metrics["test_mse"] / metrics["pca_test_mse"]
        error += f", {ratio:.2f} × PCA's {number(metrics['pca_test_mse'])}"
    if alone := metrics.get("test_mse_bottleneck_only"):
        error += f", {number(alone)} through the bottleneck alone"
    others = f"training {_shown(metrics['train_mse'])}"
    if metrics.get("validation_rows"):
        others += f", validation {_shown(metrics['validation_mse'])}"
    return f"{name} through {metrics['latent']} of {metrics['dim']} components: {error} ({others})"


def remarks(metrics: dict[str, Any]) -> tuple[str, ...]:
    """Which candidate was chosen and why, and whether rows were learned by heart; in sentences."""
    said, chosen = [], metrics.get("chosen") or {}
    if chosen.get("because"):
        said.append(f"chosen: {chosen['what']}, by {chosen['by']}: {chosen['because']}")
    seen, unseen = metrics["train_mse"], metrics.get("validation_mse")
    where = "validation"
    if (tested := metrics.get("test_rows") or _FEW) < _FEW:
        rows = "one row" if tested == 1 else f"{tested} rows"
        said.append(
            f"the test error is that of {rows}, which says little: other rows held out may give "
            "another one by far"
        )
    if unseen is None:
        unseen, where = metrics["test_mse"], "test"
    if seen is not None and unseen is not None and unseen > _OVERFITTED * seen:
        said.append(
            f"the error on {where} rows is {_times(unseen, seen)} that on the rows that were "
            "learned from: on new rows expect the former. More rows, a smaller latent or more "
            "noise bring the two together"
        )
    best, epoch = metrics.get("best_validation_mse"), metrics.get("best_epoch")
    if best is not None and unseen is not None and unseen > _WORSENED * best:
        said.append(
            f"the validation error was least, {number(best)}, at epoch {epoch}, and is "
            f"{_times(unseen, best)} that at the end: fewer --epochs may do better"
        )
    return tuple(said)


def _times(error: float, other: float) -> str:
    return "many times" if other <= 0 or error > 1e3 * other else f"{error / other:.2g} times"


def _shown(error: float | None) -> str:
    """A number that overflowed stands as None in a file."""
    return "beyond all numbers" if error is None else number(error)
