"""Rounds, and whole trainings by ``fit``.

- rounds: seconds a step where callbacks are called after every 1, 8, 64, 256 steps;
- fits: ms a step of trainings from their first epoch on, and the slowest round's; a training of two
  steps before compiles. 10^6 rows of 8 columns are those whose epoch's order takes long to draw.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    Turn,
    digits,
    in_turn,
    table,
)

ROUNDS = (1, 8, 64, 256)
DIGITS = ac.WidthSchedule.autoencoder(64, (64, 32, 16, 8), 4, 11.2)


def fit(schedule: ac.WidthSchedule, rows: int, batch: int, steps: int, **named: object) -> object:
    """A training on uniform numbers, in float32."""
    problem = ac.ControlProblem(ac.Flow(schedule))
    control = problem.flow.init(jax.random.key(0), dtype=jnp.float32)
    x = np.random.default_rng(0).random((rows, schedule.dim), "f")
    measure, key = ac.EmpiricalMeasure(x), jax.random.key(1)
    return ac.fit(problem, control, measure, steps=steps, batch_size=batch, key=key, **named)


def rounds(settings: Settings) -> list[Row]:
    usual, small = (DIGITS, 65_536, 64, 1024), next(iter(SMALL.values()))
    schedule, rows, batch, steps = settings.of(usual, small)
    turns = {
        str(every): Turn(partial(fit, schedule, rows, batch, steps, every=every), steps)
        for every in settings.of(ROUNDS, (1, 4))
    }
    times = in_turn(turns, 2 * settings.seconds)
    return [{"every": int(every), **own} for every, own in times.items()]


SIZES = {
    "digits' size": (DIGITS, 1_293, 64, 1_000),
    "10^6 rows of 8": (ac.WidthSchedule.autoencoder(8, (8, 4, 2), 4, 8.0), 10**6, 256, 1_000),
    "10^5 rows of 30": (ac.WidthSchedule.autoencoder(30, (30, 15, 6), 4, 8.0), 10**5, 256, 1_000),
}
SMALL = {"small": (ac.WidthSchedule.autoencoder(4, (4, 2), 1, 2.0), 64, 8, 6)}


def fits(settings: Settings) -> list[Row]:
    found = []
    for name, (schedule, rows, batch, steps) in settings.of(SIZES, SMALL).items():
        fit(schedule, rows, batch, 2)
        at: list[tuple[float, int]] = [(time.perf_counter(), 0)]

        def seen(progress: ac.Progress, at: list[tuple[float, int]] = at) -> None:
            at.append((time.perf_counter(), progress.step))

        began = time.perf_counter()
        fit(schedule, rows, batch, steps, callbacks=[seen])
        whole = time.perf_counter() - began
        slow = max((t - s) / (k - j) for (s, j), (t, k) in pairwise(at[1:]))
        # From the first round's end on: before lie what a training begins with, once.
        step = (at[-1][0] - at[1][0]) / (at[-1][1] - at[1][1])
        first = whole - step * steps
        found.append({"what": name, "step": step, "slowest round": slow, "begin and end": first})
    return found


def parts(settings: Settings) -> Mapping[str, Part]:
    return {"rounds": partial(rounds, settings), "fits": partial(fits, settings)}


def page(parts: Parts) -> str:
    text = []
    if own := {row["every"]: row["median"] for row in parts.get("rounds", [])}:
        least = min(own.values())
        body = [[k, digits(1e3 * v), f"{v / least:.2f}"] for k, v in own.items()]
        text.append(
            "A round is one compiled loop; after it records are made and callbacks called. The "
            "network of\ndigits (64, 32, 16, 8 and back, four steps each, batch 64), a step "
            "through `fit(every=k)`:\n\n"
            + table(["steps a round, at most", "ms a step", "of the least"], body)
            + "\n\nRounds last half a second unless `every` says less, so that what they cost "
            "beside their steps is not seen."
        )
    if fitted := parts.get("fits", []):
        body = [
            [r["what"], *(digits(1e3 * r[k]) for k in ("step", "slowest round", "begin and end"))]
            for r in fitted
        ]
        text.append(
            "Trainings from their first epoch on, compiled before; milliseconds:\n\n"
            + table(["", "a step", "a step of the slowest round", "beside the steps, once"], body)
        )
    return "\n\n".join(text)


FIT = Measurement("fit", "Rounds and trainings", parts, page)
