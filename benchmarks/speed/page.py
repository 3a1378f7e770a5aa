"""docs/measurements/performance.md, from what was measured."""

from __future__ import annotations

from typing import Any

from benchmarks.speed.suite import SUITE

_HEAD = """\
# How fast it is

<!-- written by `python -m benchmarks page docs/measurements/performance.json`: change the
measurements in benchmarks/speed/, and not this page -->

`python -m benchmarks --json FILE` measures what stands here, ours and the peers in turn in one run;
`--only NAME` a part of it, which is merged into the file; `python -m benchmarks page FILE` writes
this page. Times are medians; [the figures](performance.json) have the quartiles.
A line under each section says when it was measured, and how many processes ran or waited then
(load): above the number of cores, others were in the way.

"""

_TAIL = """\
## What else saves time

- **Commands compile once**: what is compiled is kept in the user's cache folder
  (`AUTOENCODES_CACHE=DIR` elsewhere, `AUTOENCODES_CACHE=off` nowhere).
- **A table's candidates** train in a thread each, in programs whose shape does not depend on the
  number of cores.
- `train --dry-run` says what a training will take: parameters, operations, time, memory.
"""


def page(result: dict[str, Any]) -> str:
    """Every measurement that the result holds, in the suite's order."""
    entries = result["measurements"]
    sections = [_HEAD + _where(result)]
    for measurement in SUITE:
        if parts := entries.get(measurement.name):
            rows = {name: entry["rows"] for name, entry in parts.items() if entry["rows"]}
            text = measurement.page(rows)
            sections.append(f"## {measurement.title}\n\n{text}\n\n{_run(measurement.name, parts)}")
    return "\n\n".join([*sections, _TAIL])


def _where(result: dict[str, Any]) -> str:
    """The machines."""
    lines = []
    for k, machine in enumerate(result["machines"]):
        versions = ", ".join(
            f"{name} {machine[name]}"
            for name in ("python", "jax", "numpy", "torch", "diffrax", "scikit-learn")
            if name in machine
        )
        number = f"Machine {k + 1}: " if len(result["machines"]) > 1 else "Machine: "
        lines.append(
            f"{number}{machine['cores']} cores ({machine['processor']}, shared), "
            f"{machine['memory_gb']} GB, {machine['system']}; {versions}."
        )
    return "\n\n".join(lines)


def _run(name: str, parts: dict[str, Any]) -> str:
    """The command, when, for how long, and what else ran."""
    entries = list(parts.values())
    dates = sorted({entry["when"] for entry in entries})
    loads = [value for entry in entries for value in entry["load"]]
    rates = [entry["gflops"] for entry in entries]
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    machines = sorted({entry["machine"] + 1 for entry in entries})
    where = f", machine {', '.join(map(str, machines))}" if machines != [1] else ""
    took = sum(entry["took"] for entry in entries)
    return (
        f"*`python -m benchmarks --only {name}`: {when}{where}, {took:.0f} s; "
        f"load {min(loads):.1f} to {max(loads):.1f}; a large product at {_between(rates)} GFLOP/s.*"
    )


def _between(values: list[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"
