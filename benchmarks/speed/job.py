"""The command line: what its user waits for, with no compiled programs kept, and with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed import child
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    digits,
    megabytes,
    table,
)

Command = Callable[[Path], list[str]]
"""Of a folder for what it writes."""


def wine() -> Path | None:
    """The table of wines, where the data lie."""
    folder = os.environ.get("AUTOENCODES_DATA")
    file = Path(folder or ".") / "tables" / "wine.csv"
    return file if file.exists() else None


def twice(command: Command, before: Command | None = None) -> list[Row]:
    """With an empty folder of compiled programs, and again; ``before`` makes what it needs."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if before is not None:
            child.command(*before(work), env={"AUTOENCODES_CACHE": str(work / "other")})
        for name in ("cold", "warm"):
            own = work / name
            own.mkdir()
            ran = child.command(*command(own), env={"AUTOENCODES_CACHE": str(work / "cache")})
            found.append({"kept": name, "seconds": round(ran.seconds, 2), "peak": ran.peak})
    return found


def _model(*more: str) -> Command:
    return lambda folder: ["train", "digits", *more, "--out", str(folder / "run")]


def _encode(folder: Path) -> list[str]:
    rows = folder.parent / "rows.npy"
    np.save(rows, np.random.default_rng(0).integers(0, 17, (10, 64)).astype(np.uint8))
    return ["encode", str(folder.parent / "run"), str(rows), "-o", str(folder / "codes.npy")]


def _certify(folder: Path) -> list[str]:
    return ["certify", str(folder.parent / "run")]


def parts(settings: Settings) -> Mapping[str, Part]:
    if settings.smoke:
        return {"help": partial(twice, lambda folder: ["--help"])}
    made: dict[str, Part] = {"digits": partial(twice, _model())}
    if (file := wine()) is not None:
        made["wine"] = partial(
            twice, lambda folder: ["train", str(file), "--out", str(folder / "run")]
        )
    made["encode"] = partial(twice, _encode, _model("--epochs", "1"))
    made["certify"] = partial(twice, _certify, _model())
    return made


NAMES = {
    "digits": "`train digits`",
    "wine": "`train wine.csv` (candidates compared)",
    "encode": "`encode`, ten rows",
    "certify": "`certify` of digits",
}


def page(parts: Parts) -> str:
    body = []
    for name in sorted(parts, key=[*NAMES, *parts].index):
        rows = parts[name]
        cold, warm = ({r["kept"]: r for r in rows}[k] for k in ("cold", "warm"))
        cells = [digits(cold["seconds"]), digits(warm["seconds"]), megabytes(warm["peak"])]
        body.append([NAMES.get(name, name), *cells])
    return f"""\
Commands as their user waits for them, imports and writing included; first with an empty folder of
compiled programs (`AUTOENCODES_CACHE`), then again with what the first kept there. Seconds:

{table(["", "first", "again", "memory, at most"], body)}

What is left of the second time is the training (or the eigenvalues) itself, imports, and the
tracing of programs before the kept ones are looked up."""


JOB = Measurement("job", "Commands", parts, page)
