"""The application that the verbs belong to, and what they share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from autoencodes import atomic
from autoencodes.cache import keep_programs
from autoencodes.cli import cluster, conclusion
from autoencodes.cli.conclusion import warn, with_flags
from autoencodes.cli.streams import guarded
from autoencodes.errors import InputError, MissingExtra, NumericalFailure
from autoencodes.plan.settings import DATA

_FIRST = ("describe", "train", "anomalies", "impute", "encode", "decode", "reconstruct", "score",
          "predict", "certify", "export", "runs", "compare", "info", "report")  # fmt: skip


class _Verbs(typer.core.TyperGroup):
    """The verbs in the order in which one meets them."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [*(n for n in _FIRST if n in names), *(n for n in names if n not in _FIRST)]


app = typer.Typer(
    name="autoencodes",
    cls=_Verbs,
    help="Continuous-time autoencoders whose width varies, trained as optimal control.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="What is compiled is kept in the user's cache folder (~/.cache/autoencodes/programs, at "
    "most 512 MiB), so that later commands need not compile it; AUTOENCODES_CACHE=DIR keeps it "
    "elsewhere, AUTOENCODES_CACHE=off nowhere. Every command takes --quiet and --json; NO_COLOR=1 "
    "leaves out colours. Exit status: 0 done; 1 a numerical failure; 2 wrong input; 130 "
    "interrupted, with what is said to be saved.",
)

INPUT_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def verb(
    cls: type[typer.core.TyperCommand] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a command of its name."""
    return lambda function: app.command(cls=cls)(with_flags(function))


def expanded(text: str | Path) -> Path:
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
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="The most memory, as 2GB: rows that do not fit pass a block at a time.",
    ),
]
Drop = Annotated[
    str | None,
    typer.Option(metavar="a,b", help="Columns of DATA to leave out, that RUN knows nothing of."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", parser=expanded, help="Where MNIST's files lie; else $AUTOENCODES_DATA."
    ),
]


def main() -> None:
    """Runs the command line; a user's mistake ends in one message and exit status 2."""
    with cluster.present(), guarded():
        conclusion.begin()
        _say_how_little_memory()
        keep_programs()
        status, error = _ended(lambda: app(prog_name="autoencodes", standalone_mode=False))
        if (line := conclusion.line(status, error)) is not None:
            written, _ = _ended(lambda: print(line))
            status = status or written
        sys.exit(status)


def _ended(work: Callable[[], object]) -> tuple[int, str | None]:
    """The exit status that some work ends with, and what was wrong, which is printed."""
    try:
        try:
            status = work()
        finally:
            sys.stdout.flush()  # a full disk may show only here
        return (status if isinstance(status, int) else 0), None
    except _UsageError as mistake:
        mistake.show()
        return INPUT_ERROR, mistake.format_message()
    except typer.Abort:
        code, error = INTERRUPTED, "interrupted"
    except OSError as problem:
        code, error = INPUT_ERROR, atomic.described(problem)
    except (InputError, MissingExtra) as problem:
        code, error = INPUT_ERROR, str(problem)
    except NumericalFailure as problem:
        code, error = FAILURE, str(problem)
    except Exception as problem:
        gone = cluster.lost(problem)
        full = isinstance(problem, MemoryError) or "RESOURCE_EXHAUSTED" in str(problem)
        if gone is None and not full:
            raise
        code, error = FAILURE, gone or _NO_MEMORY
    warn(f"autoencodes{cluster.name()}: {error}")
    return code, error


_UsageError: Any = typer.BadParameter.__mro__[1]
"""What the parser of the command line raises."""


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
