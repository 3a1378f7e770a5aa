"""The verbs that say what a model is worth."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from autoencodes.cli.app import INTERRUPTED, DataDir, Run, verb
from autoencodes.cli.conclusion import conclude, say
from autoencodes.cli.interruption import Interruption
from autoencodes.cli.results import redrawn


@verb()
def certify(
    run: Run,
    particles: Annotated[
        int | None,
        typer.Option(help="Certify J over so many random training rows.  [default: all]"),
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="When the search for the eigenvalues ends with what it has.")
    ] = 300.0,
    digits: Annotated[float, typer.Option(help="Wanted digits of the eigenvalues, 1 to 12.")] = 2,
    tau: Annotated[
        float | None, typer.Option(help="A step τ to tell the contraction factor at.")
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(
            help="How far from seen rows the error is bounded, in the units trained in.  "
            "[default: a hundredth of the rows' deviation]"
        ),
    ] = None,
    maximum_principle: Annotated[
        bool,
        typer.Option(
            "--maximum-principle", help="Maximise the Hamiltonian of every step, as a check."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of random starts and samples.")] = 0,
    data: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where the run's data are now, if they were moved."),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Say up to what error new rows may be entrusted to a run's model, and what theory says of it.

    Prints what each number lets one conclude, and what not, writes them to RUN/certificate.json,
    and shows them in its report. Ctrl-C ends it with what there is, which replaces no complete one.

    Example: autoencodes certify runs/mine
    """
    from autoencodes.cli.display import Certifying
    from autoencodes.run import RunFolder
    from autoencodes.run.certify import certified, keep, locked

    with locked(run):
        with Interruption() as interruption, Certifying(interruption.take) as display:
            certificate = certified(
                run,
                data_dir,
                data,
                particles=particles,
                seconds=seconds,
                digits=digits,
                tau=tau,
                radius=radius,
                maximum_principle=maximum_principle,
                seed=seed,
                progress=display.advance,
                stop=interruption.asked,
            )
        # Shown before it is written: a folder that cannot be written loses nothing.
        print("\n".join(f"- {line}" for line in certificate.lines()), flush=True)
        path = keep(run, certificate)
    if (path.parent / "lower.safetensors").exists():
        another = RunFolder.vacant(path.parent.parent, path.parent.name)
        given = shlex.join(["--start", str(run), "--leave-saddle", "--out", str(another)])
        known = RunFolder.open(run)
        longer = "" if not known.finished or known.metrics.get("converged") else _LONGER
        print(f"- To go on from where J lies lower: autoencodes train {given}{longer}", flush=True)
    kept = "; the complete certificate.json is kept" if path.name != "certificate.json" else ""
    conclude(output=path, certificate=certificate.as_dict())
    say(f"wrote {path}{kept}")
    redrawn(path.parent)
    if certificate.interrupted:
        raise typer.Exit(INTERRUPTED)


_LONGER = "\n  (the training had not converged: more epochs may lower J as well)"


@verb()
def info(run: Run) -> None:
    """Show what a run trained, and what came of it.

    Example: autoencodes info runs/mine
    """
    from autoencodes.run import RunFolder

    folder = RunFolder.open(run)
    entries = folder.config.entries
    conclude(run=folder.path, settings=entries)
    _list(entries)
    if not folder.finished and not (folder.path / "metrics.json").exists():
        print("\nthe training has not ended: no metrics yet")
        return
    conclude(metrics=folder.metrics)
    print()
    _list(folder.metrics)


def _list(entries: dict[str, Any]) -> None:
    """Prints what there is, a line each."""
    there = {name: value for name, value in entries.items() if value is not None}
    wide = max(map(len, there), default=0) + 2
    print("\n".join(f"{name:{wide}}{_shown(value)}" for name, value in there.items()))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(own)}" for name, own in value.items() if own is not None)
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value[:12])) + (", ..." if len(value) > 12 else "")
    return f"{value:.6g}" if isinstance(value, float) else str(value)
