"""The verbs that repeat the paper's experiments, and that draw."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.cli.app import FAILURE, INTERRUPTED, DataDir, Run, expanded, verb
from autoencodes.cli.conclusion import conclude, say, warn
from autoencodes.cli.interruption import terminated_by_interrupt
from autoencodes.errors import InputError, MissingExtra, NumericalFailure

Animate = Annotated[bool, typer.Option("--animate", help="Draw the flow as an animation, a GIF.")]
Mp4 = Annotated[bool, typer.Option("--mp4", help="The animation as an MP4, by ffmpeg.")]

_ALL = "all"


@verb()
def experiments() -> None:
    """List the experiments, and how long each takes on two cores.

    Example: autoencodes experiments
    """
    known = EXPERIMENTS.entries
    conclude(experiments=[{"name": name, "about": entry.help} for name, entry in known.items()])
    wide = max(len(name) for name in EXPERIMENTS)
    for name, entry in known.items():
        if not entry.facts.keys() >= {"full", "quick"}:
            raise InputError(f"experiment {name}: register it with full= and quick=")
        full, quick = entry.facts["full"], entry.facts["quick"]
        print(f"{name:{wide}}  {entry.help}\n{'':{wide}}  {full}; --quick: {quick}")


@verb()
def experiment(
    name: Annotated[
        str,
        typer.Argument(
            help=f"One of {', '.join(EXPERIMENTS)}. Or {_ALL}.",
            autocompletion=lambda: [*EXPERIMENTS, _ALL],
        ),
    ],
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

    Example: autoencodes experiment classification --quick
    """
    ending = _ending(animate, mp4)
    from autoencodes.experiments import place

    if name != _ALL:
        EXPERIMENTS[name]  # a name that is none is refused before anything is shown
        path = out or place(name, quick)
        conclude(folders={name: path})
        _conducted(name, path, quick, data_dir, ending, [])
        return
    paths = {n: place(n, quick) if out is None else out / n for n in EXPERIMENTS}
    failed = []
    for each, path in paths.items():
        again = [] if out is None else ["--out", str(out)]
        try:
            _conducted(each, path, quick, data_dir, ending, [_ALL, *again])
        except (InputError, MissingExtra, NumericalFailure) as error:
            warn(f"autoencodes: {each}: {error}")
            failed.append(each)
    conclude(folders=paths, failed=failed)
    if failed:
        warn(f"autoencodes: without results: {', '.join(failed)}")
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
        say(f"{name}: about {takes} on two cores")
    with Conducting() as display, terminated_by_interrupt():
        try:
            folder = conduct(name, path, quick=quick, data_dir=data_dir, reader=display)
        except KeyboardInterrupt:
            given = ["--quick"] if quick else []
            given += ["--data-dir", str(data_dir)] if data_dir else []
            again = again or [name, "--out", str(path)]
            command = shlex.join(["autoencodes", "experiment", again[0], *given, *again[1:]])
            warn(f"interrupted: the parts that were computed are kept; go on with: {command}")
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
        warn(f"{results}; no report: {error}")
        return
    summary = f"report.html with {counted(len(written.figures), 'figure')}"
    if animate and not written.animations:
        summary += "; it shows no flow, so there is nothing to animate"
    elif animate:
        summary += f", {counted(len(written.animations), 'animation')} beside them"
    say(f"{results}: {summary}, and tables")


@verb()
def report(run: Run, animate: Animate = False, mp4: Mp4 = False) -> None:
    """Draw the figures of a run or of an experiment anew, and write its report.html.

    All comes from the folder, but for the rows that belong least in the table of a run: they are
    looked for in the table, where it still is what was trained on.

    Example: autoencodes report runs/digits --animate
    """
    ending = _ending(animate, mp4)
    from autoencodes.report import report as write
    from autoencodes.run import RunFolder, worst

    if RunFolder(run).holds_run and worst.applies(RunFolder(run)):
        try:
            worst.keep(RunFolder(run))
        except (InputError, OSError) as error:
            warn(f"autoencodes: the page shows no new anomalies: {error}")

    written = write(run, animate=ending)
    files = (*written.figures, *written.animations, written.page)
    conclude(files=files)
    for path in files:
        print(path)
    if ending and not written.animations:
        warn(f"autoencodes: {run} shows no flow: there is nothing to animate")


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
