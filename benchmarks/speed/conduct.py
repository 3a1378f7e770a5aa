"""The command: which parts run, what is kept of them, and the page."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.speed.machine import load, machine, rate
from benchmarks.speed.measurement import Measurement, Part, Row, Settings
from benchmarks.speed.page import page
from benchmarks.speed.suite import SUITE

PAGE = Path(__file__).parents[2] / "docs" / "measurements" / "performance.md"
Result = dict[str, Any]
"""``machines``: those that parts were measured on; ``measurements``: by name and part."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["page"]:
        return write_page(given[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="NAME or NAME/PART, several by commas")
    parser.add_argument("--json", type=Path, help="where results are merged")
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes: does it run?")
    parser.add_argument("--full", action="store_true", help="the budgets of a long run")
    parser.add_argument("--seconds", type=float, default=10.0, help="for what is timed in turn")
    parser.add_argument("--seeds", default="0,1,2", help="of trainings, by commas")
    parser.add_argument("--list", action="store_true", help="what there is")
    options = parser.parse_args(given)
    seeds = tuple(int(seed) for seed in options.seeds.split(","))
    settings = Settings(
        options.smoke, options.full, 0.0 if options.smoke else options.seconds, seeds
    )
    wanted = [name for name in options.only.split(",") if name]
    there = every(settings)
    if unknown := [w for w in wanted if not any(w in (m.name, name) for m, name, _ in there)]:
        parser.error(f"--only {','.join(unknown)}: nothing is called so; --list shows the names")
    parts = [one for one in there if not wanted or {one[0].name, one[1]} & set(wanted)]
    if options.list:
        print("\n".join(name for _, name, _ in parts))
        return None
    try:
        conduct(parts, settings, options.json)
    except KeyboardInterrupt:
        sys.exit("interrupted: the parts that were measured are kept")
    return None


def every(settings: Settings) -> list[tuple[Measurement, str, Part]]:
    """All parts, each under its whole name."""
    return [
        (m, f"{m.name}/{name}", part) for m in SUITE for name, part in m.parts(settings).items()
    ]


def conduct(
    parts: Sequence[tuple[Measurement, str, Part]], settings: Settings, file: Path | None
) -> Result:
    """Measures part by part, and merges each into the file at once."""
    result = json.loads(file.read_text()) if file and file.exists() else {}
    here, gflops = machine(), round(rate(settings.of(2048, 64)) / 1e9)
    failed = []
    for _, name, part in parts:
        print(name, flush=True)
        before, began, when = load(), time.perf_counter(), datetime.now(UTC)
        try:
            rows = part()
        except Exception as error:
            failed.append(name)
            print(f"  failed: {error}", file=sys.stderr, flush=True)
            if settings.smoke:
                raise
            continue
        about = {
            "when": f"{when:%Y-%m-%d}",
            "took": round(time.perf_counter() - began, 1),
            "load": [before, load()],
            "gflops": gflops,
            "full": settings.full,
        }
        merge(result, here, name, about, rows)
        for row in rows:
            print("  " + ", ".join(f"{key} {_short(value)}" for key, value in row.items()))
        if file:
            _write(file, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")
    return result


def merge(
    result: Result,
    here: Mapping[str, Any],
    name: str,
    about: Mapping[str, Any],
    rows: list[Row],
) -> None:
    """Puts a part in the place of what stood there; machines that nothing refers to go."""
    machines = result.setdefault("machines", [])
    entries = result.setdefault("measurements", {})
    if here not in machines:
        machines.append(dict(here))
    own = {**about, "machine": machines.index(here), "rows": rows}
    measurement, part = name.split("/")
    entries.setdefault(measurement, {})[part] = own
    used = sorted({entry["machine"] for parts in entries.values() for entry in parts.values()})
    for parts in entries.values():
        for entry in parts.values():
            entry["machine"] = used.index(entry["machine"])
    result["machines"] = [machines[k] for k in used]


def write_page(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks page")
    parser.add_argument("json", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    options = parser.parse_args(arguments)
    _write(options.output, page(json.loads(options.json.read_text())))


def _write(file: Path, text: str) -> None:
    """The whole file or, interrupted, the one before."""
    partial = file.with_name(file.name + ".part")
    partial.write_text(text)
    os.replace(partial, file)


def _short(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else value
