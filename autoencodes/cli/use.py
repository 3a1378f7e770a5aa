"""The verbs that use a trained model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.cli.app import Data, DataDir, Output, Run, app, expanded


@app.command()
def encode(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write the latent values of every row of DATA.

    Under memory hold or skip, an .npz file also keeps the values that go around the bottleneck.
    """
    from autoencodes.run import export

    export.require_writable(output, data)
    model, rows = _opened(run, data, data_dir)
    codes = model.encode(rows.x)
    more = {"held": codes.held} if codes.held.shape[1] else {}
    export.write_rows(output, codes.latent, "latent", **more)
    _wrote(output, codes.latent)


@app.command()
def decode(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", parser=expanded, help="Latent rows, as encode wrote."),
    ],
    output: Output,
) -> None:
    """Write the rows that the decoder makes of latent values."""
    from autoencodes.flow.flow import Latent
    from autoencodes.run import RunFolder, export

    export.require_writable(output, file)
    model = RunFolder.open(run).model
    codes = export.read_latent(file)
    rows = model.decode(*codes) if isinstance(codes, Latent) else model.decode(codes)
    export.write_rows(output, rows, "x")
    _wrote(output, rows)


@app.command()
def reconstruct(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write what the model makes of every row of DATA, in the data's units."""
    from autoencodes.run import export

    export.require_writable(output, data)
    model, rows = _opened(run, data, data_dir)
    made = model.reconstruct(rows.x)
    export.write_rows(output, made, "x")
    _wrote(output, made)


@app.command()
def predict(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write the class or number that the model predicts for every row of DATA.

    For classes an .npz file also has their probabilities. Of a model whose targets are rows, the
    same as reconstruct.
    """
    import numpy as np

    from autoencodes.run import export

    export.require_writable(output, data)
    model, rows = _opened(run, data, data_dir)
    predicted = model.predict(rows.x)
    column = {"rows": "x", "classes": "class", "numbers": "number"}[model.readout.target]
    more = {}
    if model.readout.gives_probabilities:
        more = {
            "probabilities": model.probabilities(rows.x),
            "classes": np.array(model.readout.classes),
        }
    export.write_rows(output, predicted, column, **more)
    _wrote(output, predicted)


@app.command()
def score(
    run: Run,
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=expanded, help="Also write every row's error."
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Report the mean squared error over DATA, in the units of training, and of classes the
    accuracy.
    """
    from autoencodes.run import RunFolder, export

    if output is not None:
        export.require_writable(output, data)
    model, rows = _opened(run, data, data_dir)
    targets = rows.y if model.readout.target == "rows" else rows.labels
    errors = model.errors(rows.x, targets)
    if output is not None:
        export.write_rows(output, errors, "error")
        _wrote(output, errors)
    per = {"rows": " per feature", "classes": " of probabilities, per class", "numbers": ""}
    print(f"rows {rows.size}: mean squared error {errors.mean():.6g}{per[model.readout.target]}")
    parts = {"all": slice(None)}
    if data == RunFolder.open(run).config.data:
        parts |= {"train": ~rows.is_test, "test": rows.is_test}
        for part in ("train", "test"):
            own = errors[parts[part]]
            print(f"{part} rows {own.size}: {own.mean():.6g}")
    if model.readout.target == "classes":
        right = model.predict(rows.x).astype(str) == targets.astype(str)
        print(", ".join(f"{name} rows: {right[at].mean():.4f} right" for name, at in parts.items()))
    quantiles = ", ".join(f"{q}% {_percentile(errors, q):.3g}" for q in (50, 90, 99, 100))
    print(f"error of a row, percentiles: {quantiles}")


def _opened(run: Path, data: str, data_dir: Path | None) -> tuple[Any, Any]:
    """A run's model, and all rows of some data, split as the run split its own."""
    from autoencodes import datasets
    from autoencodes.run import RunFolder

    folder = RunFolder.open(run)
    plan = folder.config
    rows = datasets.load(
        data,
        data_dir=data_dir or plan.data_dir,
        seed=plan.split_seed,
        test_fraction=plan.test_fraction,
        to_split=data == plan.data,
    )
    return folder.model, rows


def _wrote(path: Path, rows: Any) -> None:
    print(f"wrote {path}: {' × '.join(str(n) for n in rows.shape)} values", file=sys.stderr)


def _percentile(values: Any, share: int) -> float:
    import numpy as np

    return float(np.percentile(values, share))
