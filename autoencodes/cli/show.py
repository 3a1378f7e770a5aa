"""The verbs that repeat the paper's experiments, and that draw."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autoencodes.cli.app import INTERRUPTED, DataDir, Run, app
from autoencodes.errors import InputError

Animate = Annotated[
    str | None,
    typer.Option(metavar="gif|mp4", help="Draw the flow as an animation too (mp4: by ffmpeg)."),
]


@app.command()
def experiments() -> None:
    """List the experiments, and how long each takes on two cores."""
    from autoencodes.experiments import EXPERIMENTS

    wide = max(len(name) for name in EXPERIMENTS)
    for name, experiment in EXPERIMENTS.items():
        full, quick = experiment.takes
        print(f"{name:{wide}}  {experiment.shows}\n{'':{wide}}  {full}; --quick: {quick}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="As 'autoencodes experiments' lists them.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A smaller one, within a minute, that shows the same.")
    ] = False,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Its folder; else runs/NAME.")
    ] = None,
    animate: Animate = None,
) -> None:
    """Run an experiment of the paper or of the theory, and write its figures and its report.

    Interrupted, it goes on where it was when it is given the same folder again.
    """
    _known(animate)
    from autoencodes.display import Conducting
    from autoencodes.experiments import conduct, find, place
    from autoencodes.report import report as write

    find(name)
    path = out or place(name, quick)
    with Conducting() as display:
        try:
            folder = conduct(name, path, quick=quick, data_dir=data_dir, reader=display)
        except KeyboardInterrupt:
            print(
                f"interrupted: the parts that were computed are kept; go on with: autoencodes "
                f"experiment {name}{' --quick' if quick else ''} --out {path}",
                file=sys.stderr,
            )
            raise typer.Exit(INTERRUPTED) from None
    written = write(folder.path, animate=animate)
    results, seconds = folder.read()
    print(results.sentence)
    print()
    for table in list(results.tables.values())[:1]:
        print(table.text)
    print(
        f"{seconds:.0f} s; results in {folder.path}: report.html, {len(written.figures)} figures, "
        f"{len(results.tables)} tables"
        + (f", {len(written.animations)} animations" if written.animations else ""),
        file=sys.stderr,
    )


@app.command()
def report(run: Run, animate: Animate = None) -> None:
    """Draw the figures of a run or of an experiment anew, and write its report.html.

    Nothing is computed: all comes from the folder.
    """
    _known(animate)
    from autoencodes.report import report as write

    written = write(run, animate=animate)
    for path in (*written.figures, *written.animations):
        print(path)
    print(written.page)


def _known(animate: str | None) -> None:
    if animate not in (None, "gif", "mp4"):
        raise InputError(f"--animate must be gif or mp4; got {animate!r}")
