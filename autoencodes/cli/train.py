"""The verb that trains; its options are those that the settings declare."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from autoencodes.catalogue import COSTS, FIELDS, METHODS
from autoencodes.cli.app import FAILURE, INTERRUPTED, app, expanded
from autoencodes.cli.interruption import Interruption
from autoencodes.errors import InputError, MissingExtra
from autoencodes.plan.settings import DECLARATIONS, Settings, read_toml


def _derived(function: Callable[..., None]) -> Callable[..., None]:
    """The function with a parameter for every entry of the settings that has an option."""
    hints = get_type_hints(Settings)
    parameters = []
    for entry in fields(Settings):
        declared = DECLARATIONS[entry.name]
        if not declared.option:
            continue
        text = declared.help
        for catalogue in (FIELDS, COSTS, METHODS):
            if owners := catalogue.having(entry.name):
                text += f" With the {catalogue.noun} {' or '.join(owners)}."
        metavar = declared.metavar or "|".join(declared.names) or None
        if entry.default not in (None, False):
            text = f"{text}  [default: {entry.default}]"
        info: Any = typer.Option(help=text, metavar=metavar)
        kinds = () if declared.read else (bool, int, float)
        kind = next((k for k in kinds if hints[entry.name] in (k, k | None)), str)
        if kind is bool:
            option = f"--{entry.name.replace('_', '-')}"
            negation = f"/--no-{option.removeprefix('--')}" if entry.default is None else ""
            info = typer.Option(option + negation, help=text, show_default=False)
        if entry.name == "data":
            info = typer.Argument(help=text, metavar=metavar)
        annotation = Annotated[kind | None, info]  # type: ignore[valid-type]
        parameters.append(
            Parameter(entry.name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        )
    own = Signature.from_callable(function, eval_str=True).parameters.values()
    parameters += [parameter for parameter in own if parameter.kind is Parameter.KEYWORD_ONLY]
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return function


@app.command()
@_derived
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
    **given: Any,
) -> None:
    """Train an AutoencODE on DATA and write a run folder."""
    options = {
        name: read(value) if (read := DECLARATIONS[name].read) else value
        for name, value in given.items()
        if value is not None
    }
    if resume and out is None:
        raise InputError("--resume continues the run in --out; give --out RUN")
    settings = Settings(**{**(read_toml(config) if config else {}), **options})

    from autoencodes import run
    from autoencodes.cli.display import Display
    from autoencodes.report import report

    interruption = Interruption()
    with Display(interruption.take) as display:
        with interruption:
            if resume:
                assert out is not None
                outcome = run.resume(out, settings.given, display, interruption.asked)
            else:
                outcome = run.train(settings, out, display, interruption.asked)
        try:
            pictures, lack = len(report(outcome.folder.path).figures), ""
        except MissingExtra as error:
            pictures, lack = 0, str(error)
        display.end(outcome, pictures)
    if lack:
        print(f"autoencodes: no pictures: {lack}", file=sys.stderr)
    if outcome.metrics["interrupted"]:
        raise typer.Exit(INTERRUPTED)
    if outcome.metrics["failed"]:
        raise typer.Exit(FAILURE)
