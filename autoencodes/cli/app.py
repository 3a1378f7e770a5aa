"""The application that the verbs belong to, and what they share."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from autoencodes import atomic
from autoencodes.cache import keep_programs
from autoencodes.cli import cluster
from autoencodes.cli.streams import guarded
from autoencodes.errors import InputError, MissingExtra, NumericalFailure
from autoencodes.plan.settings import DATA

app = typer.Typer(
    name="autoencodes",
    help="Continuous-time autoencoders whose width varies, trained as optimal control.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="What is compiled is kept in the user's cache folder (~/.cache/autoencodes/programs, at "
    "most 512 MiB), so that later commands need not compile it; AUTOENCODES_CACHE=DIR keeps it "
    "elsewhere, AUTOENCODES_CACHE=off nowhere. Exit status: 0 done; 1 a numerical failure; 2 wrong "
    "input; 130 interrupted, with what is said to be saved.",
)

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def expanded(text: str) -> Path:
    """A path from the command line; ``~`` is the home folder also where no shell has seen it."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # nobody's home
        return Path(text)


Data = Annotated[str, typer.Argument(metavar="DATA", help=DATA)]
Run = Annotated[
    Path, typer.Argument(metavar="RUN", parser=expanded, help="A run folder, as train writes it.")
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        parser=expanded,
        help="As .csv, .npy, .npz, .parquet, .xlsx; -: standard output.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", parser=expanded, help="Where MNIST's files lie; else $AUTOENCODES_DATA."
    ),
]


def main() -> None:
    """Runs the command line; a user's mistake ends in one message and exit code 2."""
    cluster.enter()
    try:
        _main()
    except SystemExit as end:
        cluster.leave(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    except BaseException:
        if cluster.watched():
            traceback.print_exc()
        cluster.leave(FAILURE)
        raise


def _main() -> None:
    with guarded():
        _say_how_little_memory()
        keep_programs()
        try:
            try:
                app()
            finally:
                sys.stdout.flush()  # a full disk may show only here
        except OSError as error:
            _fail(atomic.described(error), INPUT_ERROR)
        except (InputError, MissingExtra) as error:
            _fail(str(error), INPUT_ERROR)
        except NumericalFailure as error:
            _fail(str(error), FAILURE)
        except (MemoryError, RuntimeError) as error:
            if words := cluster.lost(error):
                _fail(words, FAILURE)
            if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            _fail(_NO_MEMORY, FAILURE)


def _say_how_little_memory() -> None:
    """Where the compiled code gets no memory, it ends the process itself, without a word."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if 0 <= limit < _ADDRESSES:
        print(
            f"autoencodes: this process may use {limit / 2**30:.1f} GiB of addresses, too few for "
            "JAX, which may abort; raise the limit (ulimit -v)",
            file=sys.stderr,
        )


_ADDRESSES = 2 * 2**30
"""What JAX takes on two cores before anything is computed, and some more."""

_NO_MEMORY = (
    "the memory does not suffice; give fewer rows or columns, smaller widths or a smaller "
    "batch-size, or allow the process more memory. What was written before is whole"
)


def _fail(text: str, code: int) -> None:
    say(f"autoencodes{cluster.name()}: {text}")
    sys.exit(code)


def say(text: str) -> None:
    """Prints a message to standard error."""
    print(text, file=sys.stderr)


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
