"""How a process starts: imports, the first step, and how much is compiled."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed import child
from benchmarks.speed.measurement import Measurement, Part, Parts, Row, Settings, digits, table

IMPORTS = {
    "python": "pass",
    "jax": "import jax",
    "autoencodes": "import autoencodes",
    "autoencodes.fit": "import autoencodes as ac; ac.fit",
    "--help": "import sys; sys.argv = ['autoencodes', '--help']\n"
    "from autoencodes.cli import main\n"
    "try: main()\nexcept SystemExit: pass",
}


def imports(settings: Settings) -> list[Row]:
    programs = settings.of(IMPORTS, {"autoencodes": IMPORTS["autoencodes"]})
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(settings.of(5, 1)):
        for name, program in programs.items():
            found[name].append(child.run(["-c", program]).seconds)
    return [{"what": name, "seconds": float(np.median(own))} for name, own in found.items()]


def first_round(arguments: list[str], begun: float) -> Row:
    """In a subprocess: a command that trains, until its first round ends, and what it compiled.

    ``begun`` is the time at which the process was started.
    """
    from importlib import import_module

    import_module("autoencodes.cache").keep_programs()
    import jax

    loop = import_module("autoencodes.training.fit")
    progress, given, compiled, ends, programs = loop.Progress, sys.argv, [], [], []

    def noted(event: str, duration_secs: float, **about: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            compiled.append(duration_secs)

    def seen(*values: object) -> object:
        ends.append(time.time() - begun)
        programs.append(len(compiled))
        return progress(*values)

    jax.monitoring.register_event_duration_secs_listener(noted)
    sys.argv, loop.Progress = ["autoencodes", *arguments], seen
    try:
        import_module("autoencodes.cli").main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.argv, loop.Progress = given, progress
        jax.monitoring.unregister_event_duration_listener(noted)
    return {
        "first step": round(ends[0], 2),
        "programs": len(compiled),
        "compiling": round(sum(compiled), 2),
        "programs at the first step": programs[0],
    }


def first_steps() -> list[Row]:
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for kept in ("cold", "warm"):
            out = str(Path(folder) / kept)
            arguments = ["train", "digits", "--epochs", "1", "--out", out]
            env = {"AUTOENCODES_CACHE": str(Path(folder) / "cache")}
            row, _ = child.call("startup:first_round", arguments, time.time(), env=env)
            found.append({"kept": kept, **row})
    return found


def parts(settings: Settings) -> Mapping[str, Part]:
    made: dict[str, Part] = {"imports": partial(imports, settings)}
    return made if settings.smoke else {**made, "first-step": first_steps}


def page(parts: Parts) -> str:
    text = []
    if own := parts.get("imports", []):
        body = [[f"`{r['what']}`", digits(r["seconds"])] for r in own]
        text.append(f"Seconds of a process that does nothing else:\n\n{table(['', 's'], body)}")
    if own := parts.get("first-step", []):
        body = [
            [
                {"cold": "nothing kept", "warm": "compiled programs kept"}[r["kept"]],
                digits(r["first step"]),
                r["programs at the first step"],
                r["programs"],
                digits(r["compiling"]),
            ]
            for r in own
        ]
        head = ["", "first step after, s", "programs until then", "in all", "making them, s"]
        text.append(
            "`train digits`: the end of its first step from the start of the process on, and the "
            f"programs that it\ncompiles, or takes from those that are kept:\n\n{table(head, body)}"
        )
    return "\n\n".join(text)


STARTUP = Measurement("startup", "Start-up", parts, page)
