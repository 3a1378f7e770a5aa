"""The verbs that look at several runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autoencodes.cli.app import expanded, verb
from autoencodes.cli.conclusion import conclude, say


@verb()
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", parser=expanded, help="What holds the runs.")
    ] = Path("runs"),
) -> None:
    """List the runs in a folder: their data, errors and state, the latest last.

    Example: autoencodes runs
    """
    from autoencodes.report import comparison

    found = comparison.listed(folder)
    conclude(runs=found.records)
    print(found.text, end="")


@verb()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", parser=expanded, help="Run folders, two or more."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=expanded, help="Also a page, as .html."
        ),
    ] = None,
) -> None:
    """Show runs beside each other: errors, and the settings in which they differ.

    Example: autoencodes compare runs/a runs/b -o ab.html
    """
    from autoencodes.errors import InputError

    if output is not None and (output.suffix != ".html" or not output.parent.is_dir()):
        raise InputError(f"{output}: expected a file that ends in .html, in an existing folder")
    from autoencodes.report import comparison

    found = comparison.compare(runs)
    conclude(runs=found.results.records, settings=found.settings.records, output=output)
    print(found.text)
    if output is not None:
        found.write(output)
        say(f"wrote {output}")
