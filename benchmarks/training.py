"""How many gradient evaluations a training takes on the paper's small problems, and how it ends.

Run:  python benchmarks/training.py [--seeds 10] [--only parabola] [--methods NAME ...] [--smoke]

Problems: 200 particles, blocks of 7, 7 and 7 Euler steps with Δt = 1, memory reset, float64;
W ~ N(0, 0.1²) and b = 0, a new draw for each seed.
- parabola: (s, s²), s evenly spaced in [−1, 1], reconstructed; active {1,2}, {1}, {1,2};
- gaussian-sign: x ~ N(0, I), target (sign x_1, 0); active {1,2}, {2}, {1,2}: the component
  that the target needs is switched off.

Movements try several first τ, one after the other; what is counted is counted over all trials.
Every method starts from the same control and may spend 6,000 gradient evaluations (one: a
forward and a backward sweep over all particles; a Jacobian of d outputs counts as d, a
Hessian-vector product as 2). ``best`` is the least J that any method finds from that start.
Printed over the seeds: the median count until J ≤ 1.01 best (a method that never comes there
counts as infinite) and, of those seeds alone that came there, the median; how many seeds failed
(ended above 1.1 best); the median final residual of the maximum principle and its largest; how
many trainings ended by ``converged``; by how much J ever rose between two movements, relative
to J; seconds a seed without compilation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from scipy.optimize import minimize

import autoencodes as ac

BUDGET = 6_000
PENALTIES = {"parabola": (1e-3, 1e-5), "gaussian-sign": (1e-3, 1e-5)}
ACTIVE = {"parabola": ((0, 1), (0,), (0, 1)), "gaussian-sign": ((0, 1), (1,), (0, 1))}


@dataclass(frozen=True)
class Path:
    """J after so many gradient evaluations, and how the training ended."""

    evaluations: np.ndarray
    objectives: np.ndarray
    residual: float
    converged: bool
    seconds: float


def measure(law: str, seed: int) -> ac.EmpiricalMeasure:
    """The 200 particles of a law."""
    if law == "parabola":
        s = np.linspace(-1, 1, 200)
        return ac.EmpiricalMeasure(np.stack([s, s**2], axis=1))
    x = np.random.default_rng(seed).standard_normal((200, 2))
    return ac.EmpiricalMeasure(x, np.stack([np.where(x[:, 0] < 0, -1.0, 1.0), 0 * x[:, 0]], 1))


def problem(law: str, penalty: float) -> ac.ControlProblem:
    """The optimal control problem of a law."""
    blocks = [ac.Block(active, 7) for active in ACTIVE[law]]
    return ac.ControlProblem(ac.Flow(ac.WidthSchedule(2, blocks, 21.0)), tikhonov=penalty)


def start(problem: ac.ControlProblem, seed: int) -> Any:
    """W ~ N(0, 0.1²), b = 0."""
    random = np.random.default_rng(seed)
    return tuple(
        {
            "W": jnp.asarray(random.normal(0, 0.1, (b.steps, b.width, b.width))),
            "b": jnp.zeros((b.steps, b.width)),
        }
        for b in problem.flow.schedule.blocks
    )


Training = Callable[[ac.ControlProblem, Any, ac.EmpiricalMeasure, int], Path]


def fitted(method: ac.Method) -> Training:
    """A training by ``ac.fit`` as a path."""

    def run(problem: ac.ControlProblem, control: Any, mu: ac.EmpiricalMeasure, budget: int) -> Path:
        spent = lambda p: bool(p.records) and p.records[-1]["gradient_evaluations"] >= budget  # noqa: E731
        began = time.perf_counter()
        result = ac.fit(
            problem,
            control,
            mu,
            method=method,
            steps=budget,
            tolerance=5e-7,
            callbacks=[spent],
            every=32,
        )
        seconds = time.perf_counter() - began
        lines = [r for r in result.history if r["gradient_evaluations"] <= budget]
        return Path(
            np.array([r["gradient_evaluations"] for r in lines]),
            np.array([r["objective"] for r in lines]),
            float(problem.pmp_residual(result.control, mu)),
            result.converged and result.resumption.gradient_evaluations <= budget,
            seconds,
        )

    return run


def lbfgsb(problem: ac.ControlProblem, control: Any, mu: ac.EmpiricalMeasure, budget: int) -> Path:
    """scipy's L-BFGS-B on the stacked control, 20 pairs, its stopping rules switched off."""
    flat, unravel = ravel_pytree(control)
    step_size = problem.flow.schedule.step_size
    data, seen = mu.astype(flat.dtype), []

    @jax.jit
    def both(entries: Any) -> Any:
        theta = unravel(entries)
        cost, g = problem.sweep(theta, data)
        slope = 2 * problem.tikhonov * entries + ravel_pytree(g)[0]
        return cost + problem.penalty(theta), step_size * slope

    def function(entries: Any) -> Any:
        value, slope = both(entries)
        seen.append(float(value))
        return float(value), np.asarray(slope)

    both(flat)
    began = time.perf_counter()
    options = {"maxfun": budget, "maxiter": 10**6, "ftol": 0.0, "gtol": 1e-9, "maxcor": 20}
    end = minimize(function, np.asarray(flat), jac=True, method="L-BFGS-B", options=options)
    seconds = time.perf_counter() - began
    residual = float(problem.pmp_residual(unravel(end.x), mu))
    # A line search's trials are no iterates: what counts is the least J seen so far.
    least = np.minimum.accumulate(seen)
    return Path(np.arange(1, len(seen) + 1), least, residual, residual <= 1e-6, seconds)


METHODS: dict[str, Training] = {
    "movement (auto)": fitted(ac.MinimizingMovement()),
    "movement, lbfgs": fitted(ac.MinimizingMovement(inner="lbfgs")),
    "movement, newton-cg": fitted(ac.MinimizingMovement(inner="newton-cg")),
    "movement, anderson": fitted(ac.MinimizingMovement(inner="anderson")),
    "movement, contraction": fitted(ac.MinimizingMovement(inner="contraction")),
    "L-BFGS-B (scipy)": lbfgsb,
    "L-BFGS": fitted(ac.LBFGS()),
    "Adam 1e-2": fitted(ac.Adam(1e-2)),
    "extended MSA": fitted(ac.ExtendedMSA()),
}


def reached(path: Path, level: float) -> float:
    """The evaluations until J ≤ level; infinite if never."""
    below = np.flatnonzero(path.objectives <= level)
    return float(path.evaluations[below[0]]) if below.size else np.inf


def median(values: list[float]) -> float:
    """The median, infinite values included."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def report(law: str, penalty: float, seeds: int, methods: list[str], budget: int = BUDGET) -> None:
    """Trains by every method from every seed, and prints the table."""
    task, paths = problem(law, penalty), {}
    for name in methods:
        train = METHODS[name]
        train(task, start(task, 0), measure(law, 0), budget)  # compiles
        paths[name] = [train(task, start(task, s), measure(law, s), budget) for s in range(seeds)]
    best = [min(p[s].objectives.min() for p in paths.values()) for s in range(seeds)]
    print(f"\n{law}, λ = {penalty:g}: best J from {min(best):.3g} to {max(best):.3g}", flush=True)
    print(
        f"{'method':24}{'to 1 %':>8}{'(came there: median)':>22}{'failed':>8}"
        f"{'residual':>10}{'largest':>9}{'converged':>11}{'rise':>9}{'seconds':>9}"
    )
    for name, runs in paths.items():
        counts = [reached(run, 1.01 * b) for run, b in zip(runs, best, strict=True)]
        there = [count for count in counts if np.isfinite(count)]
        failed = sum(run.objectives[-1] > 1.1 * b for run, b in zip(runs, best, strict=True))
        rise = max(np.max(np.diff(r.objectives) / r.objectives[:-1], initial=0.0) for r in runs)
        came = f"{len(there)}: {median(there):.0f}" if there else "0"
        print(
            f"{name:24}{median(counts):8.0f}{came:>22}{failed:8d}"
            f"{median([r.residual for r in runs]):10.0e}{max(r.residual for r in runs):9.0e}"
            f"{sum(r.converged for r in runs):11d}{rise:9.0e}"
            f"{median([r.seconds for r in runs]):9.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Gradient evaluations on small problems.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", choices=PENALTIES, help="one of the two laws")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--smoke", action="store_true", help="one short training: does it run?")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    if options.smoke:
        report("parabola", 1e-3, 1, ["movement (auto)", "L-BFGS-B (scipy)", "Adam 1e-2"], budget=20)
        return
    for law, penalties in PENALTIES.items():
        for penalty in penalties:
            if options.only in (None, law):
                report(law, penalty, options.seeds, options.methods)


if __name__ == "__main__":
    main()
