"""What each field, memory and order reaches: test error and time, at the default settings.

Run:  python benchmarks/architectures.py [digits | mnist] [--data-dir DIR] [--latent K] [--epochs E]
      [--batch-size B] [--fields NAME ...] [--memories NAME ...] [--orders NAME ...]
      [--rotations NAME ...] [--init-scales SCALE ...] [--pointwise M ...] [--seeds S ...]
      [--smoke]

One training after the other in one process, each as ``autoencodes train`` does it. Printed for each
architecture, medians over the seeds: parameters, test error per feature, the same of what comes
through the bottleneck alone (stored or held values put to 0), the share of what is known in
the middle that goes around the bottleneck (see metrics.json), training error, PCA's test error at
the same latent width, seconds.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.plan.settings import Settings
from autoencodes.run import train

FIELDS = ("perceptron", "two-layer", "low-rank", "linear-in-control", "convolution")
ORDERS = ("variance", "natural", "index", "random")
ROTATIONS = ("none", "pca", "random")
MEMORIES = ("reset", "hold", "skip")
COLUMNS = (
    "test_mse",
    "test_mse_bottleneck_only",
    "around_bottleneck",
    "train_mse",
    "pca_test_mse",
)


def row(entries: dict[str, Any], seeds: list[int]) -> str:
    """The table's line for an architecture."""
    runs = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            runs.append(train(Settings(**entries, seed=seed), Path(folder) / "run").metrics)
    cells = [f"{runs[0]['parameters']:>10,}"]
    for name in COLUMNS:
        values = [metrics[name] for metrics in runs]
        known = None not in values
        cells.append(f"{np.median(values):10.3g}" if known else f"{'':>10}")
    cells.append(f"{np.median([metrics['seconds'] for metrics in runs]):8.0f} s")
    return " ".join(cells)


def main() -> None:
    parser = argparse.ArgumentParser(description="What each field, memory and order reaches.")
    parser.add_argument("data", nargs="?", default="digits", choices=("digits", "mnist"))
    parser.add_argument("--data-dir", default=None)
    for name in ("latent", "epochs", "batch-size"):
        parser.add_argument(f"--{name}", type=int, default=None)
    parser.add_argument("--fields", nargs="+", default=FIELDS, choices=FIELDS)
    parser.add_argument("--memories", nargs="+", default=MEMORIES, choices=MEMORIES)
    parser.add_argument("--orders", nargs="+", default=["variance"], choices=ORDERS)
    parser.add_argument("--rotations", nargs="+", default=["none"], choices=ROTATIONS)
    parser.add_argument("--init-scales", nargs="+", type=float, default=[None])
    parser.add_argument("--pointwise", nargs="+", type=int, default=[None])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--smoke", action="store_true", help="one tiny training: does it run?")
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in ("data", "data_dir", "latent", "epochs")}
    given["batch_size"] = options.batch_size
    if options.smoke:
        given |= {"data": "parabola", "epochs": 1}
        options.fields, options.memories = FIELDS[:1], MEMORIES[:1]
    given = {name: value for name, value in given.items() if value is not None}
    print(f"{options.data}, {given}, seeds {options.seeds}")
    print(
        f"{'field':18}{'memory':7}{'order':9}{'rotation':9}{'init':>5}{'point':>6}{'parameters':>11}"
        f"{'test':>11}{'alone':>11}{'around':>11}{'training':>11}{'PCA':>11}{'time':>11}"
    )
    choices = (
        options.fields,
        options.memories,
        options.orders,
        options.rotations,
        options.init_scales,
        options.pointwise,
    )
    names = ("field", "memory", "order", "rotation", "init_scale", "pointwise")
    for chosen in itertools.product(*choices):
        wanted = dict(zip(names, chosen, strict=True))
        shown = [str("" if value is None else value) for value in chosen]
        label = "".join(
            f"{text:<{width}}" if width > 6 else f"{text:>{width}}"
            for text, width in zip(shown, (18, 7, 9, 9, 5, 6), strict=True)
        )
        entries = {**given, **{name: v for name, v in wanted.items() if v is not None}}
        print(f"{label} {row(entries, options.seeds)}", flush=True)


if __name__ == "__main__":
    main()
