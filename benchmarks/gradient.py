"""How fast the costate gradient is: against the machine's floor, and against autodiff.

Run:  python benchmarks/gradient.py [--smoke]

For each problem, in one process and in turn: the costate sweep (forward, backward, all
g_l), and ``jax.value_and_grad`` of the objective through the same flow. Printed are medians
in milliseconds, their ratio, and the share of the floor: the sweep's floating-point
operations (6 for each weight and particle: one product forward, two backward) over the rate
of a large square matrix product measured in the same run. The last table gives the ratio of
times with a block's loop left rolled to that with it unrolled, by the steps of a block.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from autoencodes.schemes import Euler, Scheme


class Rolled(Euler):
    """Euler's method, the loop of every block compiled as a loop."""

    unrolled: ClassVar[int] = 1


class Unrolled(Euler):
    """Euler's method, the loop of a block compiled step after step."""

    unrolled: ClassVar[int] = 16


PROBLEMS = {
    "MNIST, batch 256": (ac.WidthSchedule.autoencoder(784, (784, 392, 196, 98, 32), 2, 9.0), 256),
    "digits, batch 64": (ac.WidthSchedule.autoencoder(64, (64, 32, 16, 8), 4, 11.2), 64),
    "parabola, 200 particles": (ac.WidthSchedule.autoencoder(2, (2, 1), 7, 21.0), 200),
}


def in_turn(functions: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The median time of each function, called in turn so that drift hits all alike.

    A turn lasts about ten milliseconds and its first call is not counted: what ran before
    has left the caches to itself.
    """
    repeats: dict[str, int] = {}
    times: dict[str, list[float]] = {name: [] for name in functions}
    for name, function in functions.items():
        jax.block_until_ready(function())
        repeats[name] = max(1, int(0.01 / elapsed(function, 1)))
    end = time.perf_counter() + seconds
    while True:
        for name, function in functions.items():
            jax.block_until_ready(function())
            times[name].append(elapsed(function, repeats[name]))
        if time.perf_counter() >= end:
            break
    return {name: float(np.median(values)) for name, values in times.items()}


def elapsed(function: Callable[[], Any], repeats: int) -> float:
    """The mean time of a few calls."""
    began = time.perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(function())
    return (time.perf_counter() - began) / repeats


def compiled(
    schedule: ac.WidthSchedule, particles: int, scheme: Scheme | None = None
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The costate sweep and autodiff, compiled for one problem."""
    flow = ac.Flow(schedule, scheme=scheme or Euler())
    problem = ac.ControlProblem(flow)
    control = flow.init(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (particles, schedule.dim))
    measure = ac.EmpiricalMeasure(x).astype(jnp.float32)
    # Functions of their own: equal bound methods would share what was compiled.
    sweep = jax.jit(lambda theta, mu: problem.sweep(theta, mu))
    objective = jax.jit(lambda theta, mu: jax.value_and_grad(problem.objective)(theta, mu))
    return (lambda: sweep(control, measure)), (lambda: objective(control, measure))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes: does it run?")
    smoke = parser.parse_args().smoke
    side, seconds = (64, 0.0) if smoke else (2048, 10.0)
    problems = {"parabola": (PROBLEMS["parabola, 200 particles"][0], 8)} if smoke else PROBLEMS
    square = jnp.ones((side, side), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    print(f"{'problem':26}{'costate':>10}{'autodiff':>10}{'ratio':>8}{'of floor':>10}")
    for name, (schedule, particles) in problems.items():
        costate, autodiff = compiled(schedule, particles)
        functions = {"costate": costate, "autodiff": autodiff, "product": lambda: product(square)}
        times = in_turn(functions, seconds)
        rate = 2 * side**3 / times["product"]
        operations = 6 * particles * sum(b.steps * b.width**2 for b in schedule.blocks)
        print(
            f"{name:26}{1e3 * times['costate']:10.3f}{1e3 * times['autodiff']:10.3f}"
            f"{times['costate'] / times['autodiff']:8.2f}"
            f"{operations / rate / times['costate']:10.0%}"
        )
    print(f"\n{'steps of a block':26}{'rolled / unrolled':>20}")
    for steps in (2,) if smoke else (2, 4, 8, 16):
        widths = (4, 2) if smoke else (64, 32, 16, 8)
        schedule = ac.WidthSchedule.autoencoder(widths[0], widths, steps, 0.4 * 7 * steps)
        rolled, unrolled = (compiled(schedule, 64, form)[0] for form in (Rolled(), Unrolled()))
        times = in_turn({"rolled": rolled, "unrolled": unrolled}, 0.3 * seconds)
        print(f"{steps:<26}{times['rolled'] / times['unrolled']:20.2f}")


if __name__ == "__main__":
    main()
