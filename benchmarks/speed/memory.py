"""Memory: the peak of the MNIST job, and of many small trainings in one process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
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
    megabytes,
    table,
)


def mnist() -> list[Row]:
    """One epoch of the default network: memory does not depend on how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        ran = child.command("train", "mnist", "--epochs", "1", "--out", str(Path(folder) / "run"))
    return [{"peak": ran.peak, "data": 70_000 * 784 * 4, "seconds": round(ran.seconds, 1)}]


def many_fits(count: int) -> list[int]:
    """In a subprocess: its resident memory after each of trainings that differ in all they can."""
    import jax

    import autoencodes as ac

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    taken = []
    for k in range(count):
        schedule = ac.WidthSchedule.autoencoder(3, (3, 2), 2, 3.0 + 0.1 * k)
        problem = ac.ControlProblem(ac.Flow(schedule), tikhonov=10.0 ** -(1 + k % 5))
        x = np.random.default_rng(k).normal(size=(40 + k, 3))
        control = problem.flow.init(jax.random.key(k))
        ac.fit(problem, control, ac.EmpiricalMeasure(x), method=ac.Adam(), steps=4)
        taken.append(resident())
    return taken


def fits(settings: Settings) -> list[Row]:
    count = 200 if settings.full else settings.of(48, 1)
    taken = many_fits(count) if settings.smoke else child.call("memory:many_fits", count)[0]
    above = [size - taken[0] for size in taken]
    return [{"fits": count, "first": taken[0], "most above": max(above), "last above": above[-1]}]


def parts(settings: Settings) -> Mapping[str, Part]:
    folder = os.environ.get("AUTOENCODES_DATA")
    made: dict[str, Part] = {"fits": partial(fits, settings)}
    if folder and (Path(folder) / "mnist").is_dir() and not settings.smoke:
        made = {"mnist": mnist, **made}
    return made


def page(parts: Parts) -> str:
    body = []
    if own := parts.get("mnist"):
        peak, data = own[0]["peak"], own[0]["data"]
        times = f"{peak / data:.1f} times the data in float32, {megabytes(data)}"
        body.append([f"`train mnist`, one epoch ({times})", megabytes(peak)])
    if own := parts.get("fits"):
        count, first = own[0]["fits"], own[0]["first"]
        body.append([f"one small training, with JAX and all else ({megabytes(first)})", ""])
        text = f"{count} trainings of other λ, N and horizons in one process, above the first"
        body.append([text, megabytes(own[0]["most above"])])
    if len(body) > 1:
        body[-2:-1] = []
    return f"""\
Resident memory of a process, at most; for exact gradients of large measures see the growth in N:

{table(["", "at most"], body)}

JAX keeps every compiled program. They are forgotten once more than 64 were compiled and the process
has grown by 128 MB, which bounds the last line whatever the number of trainings."""


MEMORY = Measurement("memory", "Memory", parts, page)
