"""Exported models beside the model itself: differences on real rows, sizes and times.

    python benchmarks/exported.py [--rows N] RUN DATA [RUN DATA ...]
    python benchmarks/exported.py --smoke         (of a small model, trained for it)

Each RUN is a folder that `autoencodes train` wrote, DATA rows that it reads. For every format:
the largest difference of the reconstruction from the model's over all rows of DATA (with ``--rows``
the last N; of MNIST the last 10,000 are its test set), over the largest value of the column where
that is above 1 (of columns with levels the share of rows that come back with another one), the
files' kilobytes, and the time of ``reconstruct`` over that of
the model: both after a first call, in turn, the median of five.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from autoencodes.datasets import Table, matched
from autoencodes.deploy import FORMATS, export, onnx_graph
from autoencodes.deploy.pipeline import columns, functions
from autoencodes.model.model import Model
from autoencodes.plan.settings import Settings
from autoencodes.run import RunFolder, train
from autoencodes.run.source import apply_to

_ROUNDS = 5
Reconstruct = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN DATA")
    parser.add_argument("--smoke", action="store_true", help="of a small model, trained for it")
    parser.add_argument("--rows", type=int, help="the last N rows alone")
    options = parser.parse_args()
    given = options.runs
    if not options.smoke and (not given or len(given) % 2):
        parser.error("expected pairs of a run folder and its data")
    print("| run | rows | format | difference | other levels | kB | time of the model's |")
    print("|---|---|---|---|---|---|---|")
    if options.smoke:
        with tempfile.TemporaryDirectory() as place:
            table = Path(place) / "made.csv"
            rows = np.random.default_rng(0).normal(size=(60, 3))
            np.savetxt(table, rows, delimiter=",", header="a,b,c", comments="")
            small = {"epochs": 2, "widths": (3, 1), "steps_per_block": 1, "method": "adam"}
            train(Settings(data=str(table), **small), Path(place) / "made")
            measured(Path(place) / "made", str(table), options.rows)
    for run, data in zip(given[::2], given[1::2], strict=True):
        measured(Path(run), data, options.rows)


def measured(run: Path, data: str, last: int | None) -> None:
    """One line for each format."""
    folder = RunFolder.open(run)
    model = folder.model
    numbers = rows(folder, model, data)[-(last or 0) :]
    own = reconstruction(model, numbers)
    levelled = np.array([c.levelled or c.kind == "constant" for c in columns(model)])
    with tempfile.TemporaryDirectory() as place:
        for to, ending in FORMATS.items():
            made = export(model, Path(place) / f"model{ending}", to)
            theirs = runner(model, made.files[0], to)
            result = theirs(numbers)
            a, b = result[:, ~levelled], own[:, ~levelled]
            size = np.maximum(1.0, np.abs(b).max(axis=0, initial=0.0))
            worst = float((np.abs(a - b) / size).max(initial=0.0))
            other = float((result != own)[:, levelled].mean()) if levelled.any() else 0.0
            ratio = times(lambda run=theirs: run(numbers), lambda: reconstruction(model, numbers))
            kilobytes = sum(file.stat().st_size for file in made.files) / 1e3
            print(
                f"| {run.name} | {len(numbers):,} | {to} | {worst:.1e} | {other:.4f} | "
                f"{kilobytes:,.0f} | {ratio:.2f} |",
                flush=True,
            )


def rows(folder: Any, model: Model, data: str) -> np.ndarray:
    """The numbers of the table that a model reads from data."""
    loaded = apply_to(folder, data)
    if model.encoding is None:
        return np.asarray(loaded.x, np.float64)
    table = matched(loaded.table, model.encoding.columns, model.encoding.missing, data)
    return np.asarray(table.x, np.float64)


def reconstruction(model: Model, numbers: np.ndarray) -> np.ndarray:
    return np.asarray(model.reconstruct(Table(numbers, columns=columns(model))).x)


def runner(model: Model, file: Path, to: str) -> Reconstruct:
    """``reconstruct`` of an exported file, from and to the numbers of a table."""
    if to == "numpy":
        scope: dict[str, Any] = {"__name__": "exported"}
        exec(compile(file.read_text(), str(file), "exec"), scope)
        return lambda x: scope["_in_pieces"](scope["_reconstruct"], slice(None, 0), x)[0]
    if to == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        named = model.encoding is not None

        def run(x: np.ndarray) -> np.ndarray:
            fed = onnx_graph.fed(x, columns(model)) if named else {"x": x}
            return np.asarray(session.run(["reconstruction"], fed)[0])

        return run
    import zipfile

    import jax
    import jax.export

    program = jax.export.deserialize(bytearray(zipfile.ZipFile(file).read("reconstruct.bin")))
    call = jax.jit(program.call)

    def through(x: np.ndarray) -> np.ndarray:
        with jax.enable_x64(True):
            return np.asarray(call(x)[0])

    assert "reconstruct" in [function.name for function in functions(model)]
    return through


def times(one: Callable[[], object], other: Callable[[], object]) -> float:
    """The median of a ratio of times, in turn."""
    ratios = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        one()
        middle = time.perf_counter()
        other()
        ratios.append((middle - start) / (time.perf_counter() - middle))
    return statistics.median(ratios)


if __name__ == "__main__":
    main()
