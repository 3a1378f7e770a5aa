"""The command line: thin verbs; what is heavy is imported inside them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from autoencodes.errors import InputError, MissingExtra, NumericalFailure

app = typer.Typer(
    name="autoencodes",
    help="Continuous-time autoencoders whose width varies, trained as optimal control.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130

_DATA_HELP = (
    "digits, mnist, a toy law (gaussian-sign, parabola, bimodal-1d, moons, circles), or the path "
    "of an .npy, .npz, .csv or IDX file."
)
Data = Annotated[str, typer.Argument(metavar="DATA", help=_DATA_HELP)]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as train writes it.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Ends in .npy, .npz or .csv.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Where MNIST's files lie; else $AUTOENCODES_DATA."),
]


def main() -> None:
    """Runs the command line; a user's mistake ends in one message and exit code 2."""
    try:
        app()
    except (InputError, MissingExtra, OSError) as error:
        _fail(error, INPUT_ERROR)
    except NumericalFailure as error:
        _fail(error, FAILURE)


def _fail(error: Exception, code: int) -> None:
    print(f"autoencodes: {error}", file=sys.stderr)
    sys.exit(code)


def _version(asked: bool) -> bool:
    if asked:
        from autoencodes import __version__

        print(f"autoencodes {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command()
def train(
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help=f"{_DATA_HELP} [default: digits]")
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
            metavar="perceptron|two-layer|low-rank",
            help="The velocity: s(Wx+b); W2 s(W1 x+b1)+b2; U s(Vx+b), with s the activation.",
        ),
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(help="Neurons of the two-layer field; by default the width.")
    ] = None,
    rank: Annotated[
        int | None, typer.Option(help="The most neurons of the low-rank field.")
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="tanh, relu, gelu, softplus, identity or sin.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(metavar="variance|index", help="Which components stay longest."),
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
        typer.Option(metavar="movement|adam|adamw|sgd|lbfgs|msa", help="The training method."),
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
    options = {
        name: value
        for name, value in locals().items()
        if name not in ("config", "out", "resume", "widths") and value is not None
    }
    if widths is not None:
        options["widths"] = _widths(widths)
    if data_dir is not None:
        options["data_dir"] = str(data_dir)
    if start is not None:
        options["start"] = str(start)
    if resume and out is None:
        raise InputError("--resume continues the run in --out; give --out RUN")

    from autoencodes import run
    from autoencodes.display import Display
    from autoencodes.report import draw
    from autoencodes.run.config import make, read_toml

    entries = {**(read_toml(config) if config else {}), **options}
    with Display() as display:
        if resume:
            assert out is not None
            outcome = run.resume(out, make(**entries).model_dump(include=set(entries)), display)
        else:
            outcome = run.train(make(**entries), out, display)
        try:
            pictures, lack = draw(outcome.folder), ""
        except MissingExtra as error:
            pictures, lack = [], str(error)
        display.end(outcome, len(pictures))
    if lack:
        print(f"autoencodes: no pictures: {lack}", file=sys.stderr)
    if outcome.metrics["interrupted"]:
        raise typer.Exit(INTERRUPTED)
    if outcome.metrics["failed"]:
        raise typer.Exit(FAILURE)


@app.command()
def encode(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write the latent values of every row of DATA.

    Under memory hold or skip, an .npz file also keeps the values that go around the bottleneck.
    """
    from autoencodes.run import export

    export.require_writable(output)
    model, rows = _opened(run, data, data_dir)
    codes = model.encode(rows.x)
    more = {"held": codes.held} if codes.held.shape[1] else {}
    export.write_rows(output, codes.latent, "latent", **more)
    _wrote(output, codes.latent)


@app.command()
def decode(
    run: Run,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Latent rows, as encode wrote.")],
    output: Output,
) -> None:
    """Write the rows that the decoder makes of latent values."""
    from autoencodes.flow import Latent
    from autoencodes.run import RunFolder, export

    export.require_writable(output)
    model = RunFolder.open(run).model
    found = export.read_latent(file)
    rows = model.decode(*found) if isinstance(found, Latent) else model.decode(found)
    export.write_rows(output, rows, "x")
    _wrote(output, rows)


@app.command()
def reconstruct(run: Run, data: Data, output: Output, data_dir: DataDir = None) -> None:
    """Write what the model makes of every row of DATA, in the data's units."""
    from autoencodes.run import export

    export.require_writable(output)
    model, rows = _opened(run, data, data_dir)
    made = model.reconstruct(rows.x)
    export.write_rows(output, made, "x")
    _wrote(output, made)


@app.command()
def score(
    run: Run,
    data: Data,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Also write every row's error."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Report the mean squared error per feature over DATA, in the units of training."""
    from autoencodes.run import RunFolder, export

    if output is not None:
        export.require_writable(output)
    model, rows = _opened(run, data, data_dir)
    errors = model.errors(rows.x, rows.y)
    if output is not None:
        export.write_rows(output, errors, "error")
        _wrote(output, errors)
    print(f"rows {rows.size}: mean squared error {errors.mean():.6g} per feature")
    if data == RunFolder.open(run).config.data:
        for part, mask in (("train", ~rows.is_test), ("test", rows.is_test)):
            print(f"{part} rows {mask.sum()}: {errors[mask].mean():.6g}")
    quantiles = ", ".join(f"{q}% {_percentile(errors, q):.3g}" for q in (50, 90, 99, 100))
    print(f"error of a row, percentiles: {quantiles}")


@app.command()
def certify(
    run: Run,
    particles: Annotated[
        int | None,
        typer.Option(help="Certify J over so many random training rows.  [default: all]"),
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="When the search for the eigenvalues ends with what it has.")
    ] = 300.0,
    digits: Annotated[float, typer.Option(help="Wanted digits of the eigenvalues, 1 to 12.")] = 3,
    tau: Annotated[
        float | None, typer.Option(help="A step τ to tell the contraction factor at.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random starts and samples.")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Certify a run's model: curvature, optimality, contraction, stretch and generalisation.

    Prints what each number lets one conclude, and what not, and writes them to
    RUN/certificate.json. Ctrl-C ends it with what there is.
    """
    from autoencodes.display import Certifying
    from autoencodes.run.certify import certify as certify_run

    with Certifying() as display:
        found, path = certify_run(
            run,
            data_dir,
            particles=particles,
            seconds=seconds,
            digits=digits,
            tau=tau,
            seed=seed,
            progress=display.advance,
        )
    print("\n".join(f"- {line}" for line in found.lines()))
    print(f"wrote {path}", file=sys.stderr)
    if found.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def info(run: Run) -> None:
    """Show what a run trained, and what came of it."""
    from autoencodes.run import RunFolder

    folder = RunFolder.open(run)
    entries = folder.config.model_dump(exclude_none=True)
    print("\n".join(f"{name:22}{_shown(value)}" for name, value in entries.items()))
    if not folder.finished and not (folder.path / "metrics.json").exists():
        print("\nthe training has not ended: no metrics yet")
        return
    print()
    print("\n".join(f"{name:22}{_shown(value)}" for name, value in folder.metrics.items()))


def _opened(run: Path, data: str, data_dir: Path | None) -> tuple[Any, Any]:
    """A run's model, and all rows of some data, split as the run split its own."""
    from autoencodes import datasets
    from autoencodes.run import RunFolder

    folder = RunFolder.open(run)
    config = folder.config
    rows = datasets.load(
        data,
        data_dir=data_dir or config.data_dir,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
        to_split=data == config.data,
    )
    return folder.model, rows


def _widths(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            f"--widths must be integers with commas between, as in 64,32,8; got {text!r}"
        ) from error


def _wrote(path: Path, rows: Any) -> None:
    print(f"wrote {path}: {' × '.join(str(n) for n in rows.shape)} values", file=sys.stderr)


def _percentile(values: Any, share: int) -> float:
    import numpy as np

    return float(np.percentile(values, share))


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
