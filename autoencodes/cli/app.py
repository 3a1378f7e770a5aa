"""The application that the verbs belong to, and what they share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autoencodes.checks import printable
from autoencodes.errors import InputError, MissingExtra, NumericalFailure
from autoencodes.plan.settings import DATA

app = typer.Typer(
    name="autoencodes",
    help="Continuous-time autoencoders whose width varies, trained as optimal control.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130

Data = Annotated[str, typer.Argument(metavar="DATA", help=DATA)]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as train writes it.")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="As .csv, .npy, .npz, .parquet, .xlsx; -: standard output.",
    ),
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
    say(f"autoencodes: {error}")
    sys.exit(code)


def say(text: str) -> None:
    """Prints a message, without whatever in it a terminal would obey."""
    print(printable(text), file=sys.stderr)


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
