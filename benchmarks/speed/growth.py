"""How time and memory grow with N, d and L.

- N: one exact gradient, streamed, of 10^3 to 10^7 particles with four components, each in a process
  of its own; the largest memory above that before the data were there;
- d: a compiled sweep of 256 particles, eight steps of width d;
- L: the same with 32 components and L steps in one block.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from benchmarks.speed import child
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    Turn,
    digits,
    exponent,
    in_turn,
    megabytes,
    spoken,
    table,
)

COUNTS = (10**3, 10**4, 10**5, 10**6, 10**7)
DIMENSIONS = (16, 32, 64, 128, 256, 512, 1024)
LENGTHS = (4, 8, 16, 32, 64, 128)


def exact_gradient(count: int) -> Row:
    """In a subprocess: seconds of a gradient after one that compiles, and memory."""
    import jax

    import autoencodes as ac
    from autoencodes.run.job import STREAMED

    problem = ac.ControlProblem(ac.Flow(ac.WidthSchedule.autoencoder(4, (4, 2), 4, 8.0)))
    control = problem.flow.init(jax.random.key(0))
    x = np.random.default_rng(0).random((count, 4), np.float32)
    measure = ac.EmpiricalMeasure(x)
    held, times = child.peak(), []
    for _ in range(2 if count >= 10**7 else 4):
        began = time.perf_counter()
        jax.block_until_ready(problem.gradient(control, measure, batch_size=STREAMED))
        times.append(time.perf_counter() - began)
    return {
        "size": count,
        "median": float(np.median(times[1:])),
        "first": times[0],
        "data": x.nbytes,
        "above": child.peak() - held,
    }


def in_particles(settings: Settings) -> list[Row]:
    counts = settings.of(COUNTS, (10, 20))
    if settings.smoke:
        return [exact_gradient(count) for count in counts]
    return [child.call("growth:exact_gradient", count)[0] for count in counts]


def _sweeps(sizes: Mapping[int, Any], settings: Settings) -> list[Row]:
    import jax
    import jax.numpy as jnp

    import autoencodes as ac

    turns, bytes_of = {}, {}
    for size, schedule in sizes.items():
        problem = ac.ControlProblem(ac.Flow(schedule))
        control = problem.flow.init(jax.random.key(0), 0.5, jnp.float32)
        x = np.random.default_rng(0).random((256, schedule.dim), "f")
        measure = ac.EmpiricalMeasure(x).astype(jnp.float32)
        sweep = jax.jit(lambda theta, mu, problem=problem: problem.sweep(theta, mu))
        made = sweep.lower(control, measure).compile()
        bytes_of[size] = int(made.memory_analysis().temp_size_in_bytes)
        count = settings.of(max(1, 2_000_000 // (size * schedule.dim * 8)), 1)
        turns[str(size)] = Turn(partial(_repeat, made, (control, measure), count), count)
    times = in_turn(turns, settings.seconds)
    return [{"size": int(name), **own, "bytes": bytes_of[int(name)]} for name, own in times.items()]


def _repeat(function: Any, arguments: Any, count: int) -> None:
    import jax

    for _ in range(count):
        jax.block_until_ready(function(*arguments))


def in_width(settings: Settings) -> list[Row]:
    import autoencodes as ac

    sizes = settings.of(DIMENSIONS, (2, 3))
    return _sweeps({d: ac.WidthSchedule.constant(d, 8, 2.0) for d in sizes}, settings)


def in_length(settings: Settings) -> list[Row]:
    import autoencodes as ac

    sizes = settings.of(LENGTHS, (1, 2))
    return _sweeps({n: ac.WidthSchedule.constant(32, n, 2.0) for n in sizes}, settings)


def parts(settings: Settings) -> Mapping[str, Part]:
    return {
        "N": partial(in_particles, settings),
        "d": partial(in_width, settings),
        "L": partial(in_length, settings),
    }


def page(parts: Parts) -> str:
    text = []
    if own := parts.get("N", []):
        body = [
            [f"{r['size']:,}", spoken(r["median"]), megabytes(r["data"]), megabytes(r["above"])]
            for r in own
        ]
        power = exponent([r["size"] for r in own], [r["median"] for r in own])
        large = [r for r in own if r["size"] >= 10**5] if len(own) > 3 else own
        late = exponent([r["size"] for r in large], [r["median"] for r in large])
        text.append(
            "An exact gradient over N particles with four components (twelve steps; streamed, "
            "float32), the second\nand later ones of a process, and the largest memory above that "
            "of the data, compilation included:\n\n"
            + table(["N", "a gradient", "data", "memory above"], body)
            + f"\n\nTime grows as N^{power:.2f}, from N = {large[0]['size']:,} on as N^{late:.2f}. "
            "What is held above the data at first is\nthe compiler's and the program's; what "
            "grows with N is the copy of the data that JAX computes on, and\nthe weights."
        )
    for name, what, why in (
        ("d", "components (256 particles, eight steps)",
         "2 is that of the products; below, small products do not fill the cores."),
        ("L", "steps (256 particles, 32 components)",
         "Memory is that of the states and slopes along the way, which the way back needs."),
    ):  # fmt: skip
        if not (own := parts.get(name, [])):
            continue
        sizes = [r["size"] for r in own]
        half = len(own) // 2 if len(own) > 3 else 0
        time_power = exponent(sizes[half:], [r["median"] for r in own[half:]])
        byte_power = exponent(sizes[half:], [r["bytes"] for r in own[half:]])
        head = [f"{name}", *(f"{size:,}" for size in sizes)]
        body = [
            ["a sweep, ms", *(digits(1e3 * r["median"]) for r in own)],
            ["memory of its program, MB", *(digits(r["bytes"] / 1e6) for r in own)],
        ]
        text.append(
            f"A sweep over {name} {what}:\n\n{table(head, body)}\n\nFrom {name} = {sizes[half]} "
            f"on time grows as {name}^{time_power:.2f} and memory as {name}^{byte_power:.2f}. {why}"
        )
    return "\n\n".join(text)


GROWTH = Measurement("growth", "Growth in N, d and L", parts, page)
