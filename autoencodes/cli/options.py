"""Options of the command line that are entries of the settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from inspect import Parameter, Signature
from typing import Annotated, Any, get_type_hints

import typer
import typer.core

from autoencodes.catalogue import COSTS, DATASETS, FIELDS, METHODS
from autoencodes.plan.settings import DECLARATIONS, Settings

DATA_ENTRIES = (
    "data",
    "columns",
    "drop",
    "label",
    "kinds",
    "missing",
    "split",
    "group",
    "time",
    "window",
    "stride",
    "test_fraction",
    "validation_fraction",
    "sheet",
    "key",
    "delimiter",
    "decimal",
    "encoding",
    "memory_limit",
    "data_dir",
)
"""The entries that say what the data are and how they are read."""

GROUPS: dict[str, tuple[str, ...]] = {
    "Common options": (
        "latent",
        "out",
        "missing",
        "label",
        "target",
        "columns",
        "drop",
        "effort",
        "epochs",
        "seed",
        "resume",
        "dry_run",
        "track",
        "quiet",
        "json",
        "config",
    ),
    "Data": tuple(
        name for name in DATA_ENTRIES if name not in ("data", "missing", "label", "columns", "drop")
    ),
    "Model": (
        "widths",
        "mirror",
        "steps_per_block",
        "horizon",
        "scheme",
        "substeps",
        "memory",
        "field",
        "hidden",
        "rank",
        "activation",
        "grids",
        "kernel",
        "pointwise",
        "time_dependent",
        "order",
        "rotation",
        "extra",
        "scaling",
        "cost",
        "delta",
        "init_scale",
    ),
    "Training": (
        "tikhonov",
        "method",
        "inner",
        "learning_rate",
        "tau",
        "noise",
        "trim",
        "batch_size",
        "tolerance",
        "precision",
        "start",
        "refine",
        "leave_saddle",
        "record",
    ),
    "Several processes": ("distributed", "coordinator", "processes", "process", "wait"),
}
"""The options of ``train`` as its help shows them, what most people need first."""


class Grouped(typer.core.TyperCommand):
    """A command whose help shows its options in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        records = {p.name: (p, p.get_help_record(ctx)) for p in self.get_params(ctx)}
        shown = {name: record for name, (_, record) in records.items() if record is not None}
        arguments = [n for n in shown if records[n][0].param_type_name == "argument"]
        known = {name for names in GROUPS.values() for name in names}
        rest = tuple(n for n in shown if n not in known and n not in arguments)
        for title, names in {"Arguments": tuple(arguments), **GROUPS, "Other": rest}.items():
            lines = [shown[name] for name in names if name in shown]
            if lines:
                with formatter.section(title):
                    formatter.write_dl(lines)


def derived(
    names: Iterable[str] = tuple(DECLARATIONS),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a function a parameter for every entry of the settings that has an option."""
    wanted = set(names)

    def derive(function: Callable[..., None]) -> Callable[..., None]:
        parameters = [
            _parameter(entry.name, entry.default)
            for entry in fields(Settings)
            if entry.name in wanted and DECLARATIONS[entry.name].option
        ]
        own = Signature.from_callable(function, eval_str=True).parameters.values()
        parameters += [parameter for parameter in own if parameter.kind is Parameter.KEYWORD_ONLY]
        function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        function.__annotations__ = {p.name: p.annotation for p in parameters}
        return function

    return derive


def settings_of(given: Mapping[str, Any], usual: Mapping[str, Any]) -> Settings:
    """The settings that options say, and ``usual`` where they say nothing."""
    options = {
        name: read(value) if (read := DECLARATIONS[name].read) else value
        for name, value in given.items()
        if value is not None
    }
    return Settings(**{**usual, **options})


@lru_cache(maxsize=1)
def _hints() -> dict[str, Any]:
    """The types of all entries: reading them takes longer than everything else here."""
    return get_type_hints(Settings)


def _parameter(name: str, default: Any) -> Parameter:
    """The parameter of an entry."""
    declared, hint = DECLARATIONS[name], _hints()[name]
    text = declared.help
    for catalogue in (FIELDS, COSTS, METHODS):
        if owners := catalogue.having(name):
            text += f" With the {catalogue.noun} {' or '.join(owners)}."
    metavar = declared.metavar or "|".join(declared.names) or None
    if default not in (None, False):
        text = f"{text}  [default: {default}]"
    names = [*(DATASETS if name == "data" else declared.names)]
    complete = (lambda: names) if names else None
    info: Any = typer.Option(help=text, metavar=metavar, autocompletion=complete)
    kinds = () if declared.read else (bool, int, float)
    kind = next((k for k in kinds if hint in (k, k | None)), str)
    if kind is bool:
        option = f"--{name.replace('_', '-')}"
        negation = f"/--no-{option.removeprefix('--')}" if default is None else ""
        info = typer.Option(option + negation, help=text, show_default=False)
    if name == "data":
        info = typer.Argument(help=text, metavar=metavar, autocompletion=complete)
    annotation = Annotated[kind | None, info]  # type: ignore[valid-type]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
