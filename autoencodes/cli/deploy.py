"""The verb that takes a model out of the house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoencodes.cli.app import Run, expanded, verb
from autoencodes.cli.conclusion import conclude, say, warn


@verb()
def export(
    run: Run,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="onnx|numpy|jax",
            help="An ONNX graph; one Python file that needs NumPy alone; JAX's own export.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=expanded,
            help="As .onnx, .py or .zip.",
        ),
    ],
) -> None:
    """Write the model for where there is no autoencodes: encode, decode, reconstruct, score.

    Columns, scaling and missing values are handled inside, and nothing is written unless its
    results are the model's own.

    Example: autoencodes export runs/mine --to numpy -o mine.py
    """
    from autoencodes.deploy import FORMATS
    from autoencodes.deploy import export as exported
    from autoencodes.errors import InputError
    from autoencodes.run import RunFolder

    if to not in FORMATS:
        raise InputError(f"--to must be one of {', '.join(FORMATS)}; got {to!r}")
    folder = RunFolder.open(run)
    if not output.parent.is_dir() or output.is_dir():
        raise InputError(f"{output}: give the name of a file in an existing folder")
    data = Path(folder.config.data).name
    title = f"The AutoencODE of the run {folder.path.name}, trained on {data}."
    made = exported(folder.model, output, to, title)
    conclude(files=made.files, functions=made.functions, difference=made.difference)
    for file in made.files:
        say(f"wrote {file} ({file.stat().st_size / 1e3:,.0f} kB)")
    say(f"it has {', '.join(made.functions)}")
    if made.difference is None:
        warn("onnxruntime is not installed, so that it was not compared with the model")
    else:
        most = f"{made.difference:.1e} at most"
        why = ""
        if made.rounding is not None:
            why = f"; computed in float64, the model differs from itself by {made.rounding:.1e}"
        say(f"at {made.rows} made-up rows it differs from the model by {most}{why}")
