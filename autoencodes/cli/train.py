"""The verbs that train, and that say beforehand what would be done with data."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autoencodes.cli import cluster
from autoencodes.cli.app import FAILURE, INTERRUPTED, expanded, verb
from autoencodes.cli.cluster import Meeting
from autoencodes.cli.conclusion import conclude, say, warn
from autoencodes.cli.interruption import Interruption
from autoencodes.cli.options import DATA_ENTRIES, Grouped, derived, settings_of
from autoencodes.errors import InputError, MissingExtra
from autoencodes.plan.settings import Settings, read_toml

if TYPE_CHECKING:
    from autoencodes.run.team import Team

_MOST, _WIDEST = 40, 48
"""Columns without names that are listed, and characters of a field."""
_VERBS = {"train": "train on", "validation": "validate on", "test": "test on"}


@verb(Grouped)
@derived()
def train(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml", parser=expanded, help="Settings; options given here come first."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="RUN", parser=expanded, help="The run folder; else runs/NAME."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the interrupted run in --out.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and train nothing.")
    ] = False,
    track: Annotated[
        str | None,
        typer.Option(
            metavar="tensorboard|mlflow",
            autocompletion=lambda: ["tensorboard", "mlflow"],
            help="Also show the training there, while it goes.",
        ),
    ] = None,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Train with the other processes of a job of SLURM, Open MPI or Kubernetes.",
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Without those: where process 0 listens."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="How many processes train together.")
    ] = None,
    process: Annotated[
        int | None, typer.Option(metavar="I", help="Which of them this is, from 0.")
    ] = None,
    wait: Annotated[
        int | None,
        typer.Option(
            metavar="SECONDS",
            help=f"How long to wait until all have met.  [default: {cluster.WAIT}]",
        ),
    ] = None,
    **given: Any,
) -> None:
    """Train an AutoencODE on DATA and write a run folder.

    Example: autoencodes train table.csv --latent 3 --missing mask --out runs/mine
    """
    if resume and out is None:
        raise InputError("--resume continues the run in --out; give --out RUN")
    settings = settings_of(given, read_toml(config) if config else {})
    meeting = Meeting.of(distributed, coordinator, processes, process, wait)
    if meeting is not None and not dry_run and not cluster.watched():
        raise typer.Exit(cluster.watch(meeting))
    if dry_run:
        _describe(settings)
        from autoencodes.plan.tables import announced
        from autoencodes.run.forecast import forecast
        from autoencodes.run.train import set_up

        job = set_up(settings, False)
        conclude(settings=job.plan.entries)
        print(f"\n{job.plan.toml}\n# {forecast(job).words}")
        if words := announced(job.plan):
            say(words)
        return

    team = None if meeting is None else meeting.join()
    metrics = _trained(settings, out, resume, team, track)
    cluster.part()
    if metrics["interrupted"]:
        raise typer.Exit(INTERRUPTED)
    if metrics["failed"]:
        raise typer.Exit(FAILURE)


def _trained(
    settings: Settings, out: Path | None, resume: bool, team: Team | None, track: str | None
) -> dict[str, Any]:
    """Trains, and writes and shows what came of it; its metrics."""
    from autoencodes import run
    from autoencodes.cli.display import Display
    from autoencodes.report import report
    from autoencodes.run.tracking import Tracking

    interruption = Interruption()
    shows = team is None or team.writes
    with Display(interruption.take) if shows else contextlib.nullcontext() as display:
        if not shows:
            interruption.take()
        watcher = display if track is None or display is None else Tracking(display, track)
        with interruption:
            if resume:
                assert out is not None
                asked = settings.given, watcher, interruption.asked, team
                outcome = run.resume(out, *asked)
            else:
                outcome = run.train(settings, out, watcher, interruption.asked, team)
        if not outcome.written:
            return outcome.metrics
        if isinstance(watcher, Tracking):
            watcher.end(outcome.metrics)
        try:
            pictures, lack = len(report(outcome.folder.path).figures), ""
        except MissingExtra as error:
            pictures, lack = 0, str(error)
        assert display is not None
        display.end(outcome, pictures)
    if lack:
        warn(f"autoencodes: no pictures: {lack}")
    conclude(run=outcome.folder.path, metrics=outcome.metrics)
    return outcome.metrics


@verb()
@derived(DATA_ENTRIES)
def describe(**given: Any) -> None:
    """Say what would be done with each column of DATA; nothing is trained.

    Example: autoencodes describe table.csv --missing mask
    """
    _describe(settings_of(given, {}))


def _describe(settings: Settings) -> None:
    """Prints a line for every column, what was recognised, and the parts of the rows."""
    from autoencodes.run.describe import describe as described

    description = described(settings)
    data, lines = description.data, description.lines
    conclude(
        rows=data.size,
        parts={n: data.count(n) for n in _VERBS if data.has(n)},
        columns=[vars(line) for line in lines],
        notes=description.notes,
    )
    parts = [f"{data.count(n):,} to {_VERBS[n]}" for n in _VERBS if data.has(n)]
    made = "" if data.windows is None else f"{len(data.windows.part):,} rows, "
    noun = "rows" if data.windows is None else f"windows of {data.windows.length} rows"
    print(f"{data.name}: {made}{data.size:,} {noun}, {', '.join(parts)}")
    plain = data.table is None or data.table.columns is None
    if plain and len(lines) > _MOST:
        print(f"{len(lines):,} columns of numbers without names, {data.x.dtype}: scaled")
        lines = tuple(line for line in lines if line.kind != "number")
    elif len(lines) > 2 * _MOST:
        kept = {line.name for line in [line for line in lines if line.kind == "number"][:_MOST]}
        lines = tuple(line for line in lines if line.kind != "number" or line.name in kept)
        say(f"{len(description.lines) - len(lines):,} more columns of numbers are not listed")
    head = ("column", "kind", "features", "missing", "values", "what is done")
    rows = [
        (line.name, line.kind, str(line.features), str(line.missing or ""), line.values, line.done)
        for line in lines
    ]
    shown = [tuple(text[:_WIDEST] for text in row) for row in (head, *rows)]
    wide = [max(len(row[k]) for row in shown) for k in range(6)]
    for row in shown if len(shown) > 1 else ():
        print("  ".join(f"{text:{w}}" for text, w in zip(row, wide, strict=True)).rstrip())
    features = sum(line.features for line in description.lines)
    print(f"{features:,} features in all")
    for note in description.notes:
        say(note)
