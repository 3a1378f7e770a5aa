"""The verb that trains."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.checks import listed
from autoencodes.cli.app import DATA_HELP, FAILURE, INTERRUPTED, DataDir, app
from autoencodes.errors import InputError, MissingExtra


@app.command()
def train(
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help=f"{DATA_HELP} [default: digits]")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Begin with the model of an earlier run.")
    ] = None,
    refine: Annotated[
        int | None, typer.Option(help="With --start: carry its control to a grid so much finer.")
    ] = None,
    widths: Annotated[
        str | None,
        typer.Option(metavar="64,32,8", help="The encoder's widths; the decoder mirrors them."),
    ] = None,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Whether the widths run back again.  [default: where rows are the target]",
            show_default=False,
        ),
    ] = None,
    latent: Annotated[
        int | None, typer.Option(help="The bottleneck's width, where no widths are given.")
    ] = None,
    steps_per_block: Annotated[
        int | None, typer.Option(help="Steps of the control a block.")
    ] = None,
    horizon: Annotated[float | None, typer.Option(help="The final time T.")] = None,
    scheme: Annotated[
        str | None, typer.Option(metavar="euler|heun|rk4", help="How a step is crossed.")
    ] = None,
    substeps: Annotated[
        int | None, typer.Option(help="Steps of the scheme that share one control.  [default: 1]")
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="reset|hold|skip",
            help="A switched-off value is dropped, kept, or seen again where it returns.",
        ),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(
            metavar="perceptron|two-layer|low-rank|linear-in-control|convolution",
            help="s(Wx+b); W2 s(W1 x+b1)+b2; U s(Vx+b); Ax+B s(x)+c; V s(K*x+b)+c on --grids; "
            "with s the activation.",
        ),
    ] = None,
    hidden: Annotated[
        int | None,
        typer.Option(help="Neurons of two layers, by default the width; channels of them in K*x."),
    ] = None,
    rank: Annotated[
        int | None, typer.Option(help="The most neurons of the low-rank field.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="rows|classes|numbers",
            help="What is predicted: the rows themselves, or what their label column holds.",
        ),
    ] = None,
    cost: Annotated[
        str | None,
        typer.Option(
            metavar="squared|huber|binary-cross-entropy|cross-entropy",
            help="The terminal cost; by default squared, for classes cross-entropy.",
        ),
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Where the huber cost becomes linear.  [default: 1]")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="tanh, relu, gelu, softplus, identity or sin.")
    ] = None,
    grids: Annotated[
        str | None,
        typer.Option(metavar="4x14x14,8x7x7", help="Blocks that convolve, before the widths."),
    ] = None,
    kernel: Annotated[
        int | None, typer.Option(help="Rows and columns of a convolution's kernel.")
    ] = None,
    pointwise: Annotated[
        int | None,
        typer.Option(help="Neurons of a last step, one function of itself for every component."),
    ] = None,
    time_dependent: Annotated[
        bool | None,
        typer.Option("--time-dependent", help="Give the velocity t/T as one more input."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="variance|index|random|natural|3,0,2,1|FILE",
            help="Which components stay longest: by a rule, listed, or listed in a file.",
        ),
    ] = None,
    rotation: Annotated[
        str | None,
        typer.Option(metavar="none|pca|random", help="Orthogonal coordinates to work in."),
    ] = None,
    extra: Annotated[
        int | None, typer.Option(help="Components beyond the data's, which begin at 0.")
    ] = None,
    scaling: Annotated[
        str | None,
        typer.Option(metavar="unit|standard|none", help="To [0,1]; to mean 0, deviation 1; not."),
    ] = None,
    tikhonov: Annotated[float | None, typer.Option(help="The weight λ of |control|².")] = None,
    init_scale: Annotated[
        float | None, typer.Option(help="Size of the random initial control.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="movement|adam|adamw|sgd|lbfgs|msa|exact-msa", help="The training method."
        ),
    ] = None,
    inner: Annotated[
        str | None,
        typer.Option(
            metavar="auto|contraction|anderson|lbfgs|newton-cg|gauss-newton",
            help="How a movement on all rows is solved.",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="The peak rate of adam, adamw and sgd.")
    ] = None,
    tau: Annotated[float | None, typer.Option(help="The largest step τ of a movement.")] = None,
    noise: Annotated[
        float | None, typer.Option(help="Deviation of noise on mini-batches, in trained units.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training rows.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of a mini-batch; 0: all rows in every step.")
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option(help="Stop at this PMP residual (whole batches).")
    ] = None,
    record: Annotated[
        bool | None,
        typer.Option("--record", help="Measure λ_min, residual and |control| along the way."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of initial control and batches.")] = None,
    precision: Annotated[str | None, typer.Option(metavar="float32|float64")] = None,
    test_fraction: Annotated[
        float | None, typer.Option(help="The part held out, where the data has no split.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings; options given here come first."),
    ] = None,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The run folder; else runs/NAME.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in --out.")
    ] = False,
) -> None:
    """Train an AutoencODE on DATA and write a run folder."""
    given = {
        name: value
        for name, value in locals().items()
        if name not in ("config", "out", "resume") and value is not None
    }
    options = {name: _read(name, value) for name, value in given.items()}
    if resume and out is None:
        raise InputError("--resume continues the run in --out; give --out RUN")

    from autoencodes import run
    from autoencodes.cli.display import Display
    from autoencodes.plan.settings import make, read_toml
    from autoencodes.report import report

    entries = {**(read_toml(config) if config else {}), **options}
    with Display() as display:
        if resume:
            assert out is not None
            outcome = run.resume(out, make(**entries).model_dump(include=set(entries)), display)
        else:
            outcome = run.train(make(**entries), out, display)
        try:
            pictures, lack = len(report(outcome.folder.path).figures), ""
        except MissingExtra as error:
            pictures, lack = 0, str(error)
        display.end(outcome, pictures)
    if lack:
        print(f"autoencodes: no pictures: {lack}", file=sys.stderr)
    if outcome.metrics["interrupted"]:
        raise typer.Exit(INTERRUPTED)
    if outcome.metrics["failed"]:
        raise typer.Exit(FAILURE)


def _read(name: str, value: Any) -> Any:
    """An option as a configuration has it: lists taken apart, paths as text."""
    if name == "widths":
        return listed(value, "--widths", "64,32,8")
    if name == "grids":
        return [listed(grid, "--grids", "4x14x14,8x7x7", "x") for grid in value.split(",")]
    if name == "order":
        return _order(value)
    return str(value) if isinstance(value, Path) else value


def _order(text: str) -> str | tuple[int, ...]:
    """The name of a rule, or a permutation: listed, or in a file of integers."""
    if text in ("variance", "index", "random", "natural"):
        return text
    if "," in text:
        return listed(text, "--order", "3,0,2,1")
    if Path(text).is_file():
        words = Path(text).read_text(encoding="utf-8", errors="replace").replace(",", " ").split()
        return listed(",".join(words), "the file of --order", "3,0,2,1")
    return listed(text, "--order", "3,0,2,1") if text[:1].isdigit() else text
