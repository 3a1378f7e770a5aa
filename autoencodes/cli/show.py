"""The verbs that repeat the paper's experiments, and that draw."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.cli.app import FAILURE, INTERRUPTED, DataDir, Run, app, expanded
from autoencodes.cli.interruption import terminated_by_interrupt
from autoencodes.errors import InputError, MissingExtra, NumericalFailure

Animate = Annotated[bool, typer.Option("--animate", help="Draw the flow as an animation, a GIF.")]
Mp4 = Annotated[bool, typer.Option("--mp4", help="The animation as an MP4, by ffmpeg.")]

_ALL = "all"


@app.command()
def experiments() -> None:
    """List the experiments, and how long each takes on two cores."""
    wide = max(len(name) for name in EXPERIMENTS)
    for name, entry in EXPERIMENTS.entries.items():
        if not entry.facts.keys() >= {"full", "quick"}:
            raise InputError(f"experiment {name}: register it with full= and quick=")
        full, quick = entry.facts["full"], entry.facts["quick"]
        print(f"{name:{wide}}  {entry.help}\n{'':{wide}}  {full}; --quick: {quick}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(EXPERIMENTS)}. Or {_ALL}.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="A smaller one, within a minute, that shows the same.")
    ] = False,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", parser=expanded, help="Its folder; else runs/NAME. With all: theirs."
        ),
    ] = None,
    animate: Animate = False,
    mp4: Mp4 = False,
) -> None:
    """Run an experiment of the paper or of the theory, and write its figures and its report.

    Interrupted, it goes on where it was when it is given the same folder again. all: every one,
    each in a folder of its own within --out; one that fails is told of at the end.
    """
    ending = _ending(animate, mp4)
    from autoencodes.experiments import place

    if name != _ALL:
        EXPERIMENTS[name]  # a name that is none is refused before anything is shown
        _conducted(name, out or place(name, quick), quick, data_dir, ending, [])
        return
    failed = []
    for each in EXPERIMENTS:
        path = place(each, quick) if out is None else out / each
        again = [] if out is None else ["--out", str(out)]
        try:
            _conducted(each, path, quick, data_dir, ending, [_ALL, *again])
        except (InputError, MissingExtra, NumericalFailure) as error:
            print(f"autoencodes: {each}: {error}", file=sys.stderr)
            failed.append(each)
    if failed:
        print(f"autoencodes: without results: {', '.join(failed)}", file=sys.stderr)
        raise typer.Exit(FAILURE)


def _conducted(
    name: str,
    path: Path,
    quick: bool,
    data_dir: Path | None,
    ending: str | None,
    again: list[str],
) -> None:
    """Runs one experiment and draws it; interrupted, it says which command (``again``) goes on."""
    from autoencodes.cli.display import Conducting
    from autoencodes.experiments import conduct

    takes = EXPERIMENTS.entries[name].facts.get("quick" if quick else "full")
    if takes:
        print(f"{name}: about {takes} on two cores", file=sys.stderr)
    with Conducting() as display, terminated_by_interrupt():
        try:
            folder = conduct(name, path, quick=quick, data_dir=data_dir, reader=display)
        except KeyboardInterrupt:
            given = ["--quick"] if quick else []
            given += ["--data-dir", str(data_dir)] if data_dir else []
            again = again or [name, "--out", str(path)]
            command = shlex.join(["autoencodes", "experiment", again[0], *given, *again[1:]])
            print(
                f"interrupted: the parts that were computed are kept; go on with: {command}",
                file=sys.stderr,
            )
            raise typer.Exit(INTERRUPTED) from None
    results, seconds = folder.read()
    print(f"{results.sentence}\n\n{next(iter(results.tables.values())).text}")
    _drawn(folder.path, ending, f"{seconds:.0f} s; results in {folder.path}")


def _drawn(path: Path, animate: str | None, results: str) -> None:
    """Draws an experiment, and says where all is; without matplotlib it says that, too."""
    from autoencodes.report import report as write

    try:
        written = write(path, animate=animate)
    except MissingExtra as error:
        print(f"{results}; no report: {error}", file=sys.stderr)
        return
    summary = f"report.html with {counted(len(written.figures), 'figure')}"
    if animate and not written.animations:
        summary += "; it shows no flow, so there is nothing to animate"
    elif animate:
        summary += f", {counted(len(written.animations), 'animation')} beside them"
    print(f"{results}: {summary}, and tables", file=sys.stderr)


@app.command()
def report(run: Run, animate: Animate = False, mp4: Mp4 = False) -> None:
    """Draw the figures of a run or of an experiment anew, and write its report.html.

    All comes from the folder, but for the rows that belong least in the table of a run: they are
    looked for in the table, where it still is what was trained on.
    """
    ending = _ending(animate, mp4)
    from autoencodes.report import report as write
    from autoencodes.run import RunFolder, worst

    if RunFolder(run).holds_run and worst.applies(RunFolder(run)):
        try:
            worst.keep(RunFolder(run))
        except (InputError, OSError) as error:
            print(f"autoencodes: the page shows no new anomalies: {error}", file=sys.stderr)

    written = write(run, animate=ending)
    for path in (*written.figures, *written.animations, written.page):
        print(path)
    if ending and not written.animations:
        print(f"autoencodes: {run} shows no flow: there is nothing to animate", file=sys.stderr)


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _ending(animate: bool, mp4: bool) -> str | None:
    """That of the animations, if there are to be some; before anything is computed."""
    if mp4:
        from autoencodes.plot.film import require_encoder

        require_encoder()
        return "mp4"
    return "gif" if animate else None
