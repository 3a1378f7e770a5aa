"""What does not depend on the machine: how much is compiled, copied and held.

``LIMITS`` is what CI's tests hold the figures against (tests/test_gate.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import jax
import numpy as np

import autoencodes as ac
from benchmarks.speed import child
from benchmarks.speed.measurement import Measurement, Part, Parts, Row, Settings, digits, table
from benchmarks.speed.step import NETWORKS, Network, round_arguments

SMALL = Network(24, (20, 16, 8), 2, 16)
LIMITS = {
    "programs of a training": 20,
    "programs of ten more λ": 0,
    "programs of ten more seeds": 0,
    "copies in the loop": 24,
    "temporary bytes": 52_000,
}
"""The most of each, with a margin of a quarter or so; what a change needs more of is raised here,
and said. With the tests' flags and without they are 14 and 16; 0; 0; 13 and 18; 42,000."""

_COMPILED = "/jax/core/compile/backend_compile_duration"


@contextmanager
def counted() -> Iterator[list[float]]:
    """The seconds of every program that JAX compiles within the context."""
    made: list[float] = []

    def noted(event: str, duration_secs: float, **about: object) -> None:
        if event == _COMPILED:
            made.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(noted)
    try:
        yield made
    finally:
        jax.monitoring.unregister_event_duration_listener(noted)


def compilations() -> Row:
    """Of a training in a process that has compiled nothing, of a path of ten λ, of ten seeds."""
    schedule = ac.WidthSchedule.autoencoder(3, (3, 2), 2, 3.25)
    x = np.random.default_rng(0).normal(size=(26, 3))

    def train(tikhonov: float, seed: int) -> None:
        problem = ac.ControlProblem(ac.Flow(schedule), tikhonov=tikhonov)
        control = problem.flow.init(jax.random.key(seed))
        key = jax.random.key(seed)
        measure = ac.EmpiricalMeasure(x)
        ac.fit(problem, control, measure, steps=6, batch_size=8, key=key)

    jax.clear_caches()
    with counted() as first:
        train(0.1, 0)
    with counted() as path:
        for k in range(10):
            train(0.01 * (k + 1), 0)
    with counted() as seeds:
        for seed in range(1, 11):
            train(0.1, seed)
    return {
        "programs of a training": len(first),
        "programs of ten more λ": len(path),
        "programs of ten more seeds": len(seeds),
    }


def round_program(network: Network) -> Row:
    """Of the compiled round of a network: copies in its loop, and bytes."""
    from equinox import filter_jit

    from autoencodes.training.fit import _round

    x = np.random.default_rng(0).random((4 * network.batch, network.dim), "f")
    arguments = round_arguments(network, x, ac.MetricMovement())
    function: Any = getattr(_round, "__wrapped__", _round)
    made = filter_jit(function).lower(*arguments).compile().compiled
    size = made.memory_analysis()
    control = 4 * sum(width * (width + 1) for width in network.shapes)
    return {
        "copies in the loop": copies(made.as_text()),
        "temporary bytes": int(size.temp_size_in_bytes),
        "temporary, of the control": size.temp_size_in_bytes / control,
        "control": control,
    }


def copies(program: str) -> int:
    """The ``copy`` operations in the bodies of a program's loops, and in what they call."""
    computations: dict[str, list[str]] = {}
    name = ""
    for line in program.splitlines():
        if head := re.match(r"(?:ENTRY )?%?([\w.\-]+) \(.*\{\s*$", line):
            name = head[1]
            computations[name] = []
        elif name:
            computations[name].append(line)
    text = "\n".join(chain for lines in computations.values() for chain in lines)
    waiting = re.findall(r"body=%?([\w.\-]+)", text)
    reached: set[str] = set()
    while waiting:
        if (here := waiting.pop()) in reached or here not in computations:
            continue
        reached.add(here)
        own = "\n".join(computations[here])
        waiting += re.findall(r"(?:calls|body|to_apply|\w+_computation)=%?([\w.\-]+)", own)
        for group in re.findall(r"branch_computations=\{([^}]*)\}", own):
            waiting += re.findall(r"[\w.\-]+", group)
    return sum(bool(re.search(r" copy\(", line)) for body in reached for line in computations[body])


def figures() -> Row:
    """What ``LIMITS`` limits."""
    return {**compilations(), **round_program(SMALL)}


def _compilations(settings: Settings) -> list[Row]:
    """In a process of its own, in which programs are not so many that some are forgotten."""
    return [compilations() if settings.smoke else child.call("programs:compilations")[0]]


def parts(settings: Settings) -> Mapping[str, Part]:
    made: dict[str, Part] = {"compilations": partial(_compilations, settings)}
    if not settings.smoke:
        many: dict[str, Callable[[], Row]] = {
            name: partial(round_program, network) for name, network in NETWORKS.items()
        }
        made |= {name: lambda one=one: [one()] for name, one in many.items()}
    return made


def page(parts: Parts) -> str:
    from benchmarks.speed.step import TITLES

    text = []
    if own := parts.get("compilations"):
        row = own[0]
        text.append(
            f"A first training of a small network makes {row['programs of a training']} programs, "
            f"a path of ten λ after it {row['programs of ten more λ']}, ten other seeds "
            f"{row['programs of ten more seeds']}. Nor is\nanything compiled for another number "
            "of steps, other rows of the same shape, another τ or learning rate\n"
            "(tests/test_programs.py). Another number of rows, horizon or shape is another "
            "program; `MinimizingMovement`'s\n`tau` is part of it, too. CI holds these figures, "
            "and those of a small round, against limits\n(`LIMITS` in "
            "benchmarks/speed/programs.py)."
        )
    body = [
        [
            TITLES[name],
            digits(rows[0]["control"] / 1e6),
            digits(rows[0]["temporary bytes"] / 1e6),
            digits(rows[0]["temporary, of the control"]),
            rows[0]["copies in the loop"],
        ]
        for name, rows in parts.items()
        if name in TITLES
    ]
    if body:
        head = ["", "control, MB", "temporary, MB", "of the control", "copies in the loop"]
        text.append(f"The compiled round of the networks above:\n\n{table(head, body)}")
    return "\n\n".join(text)


PROGRAMS = Measurement("programs", "What is compiled, copied and held", parts, page)
