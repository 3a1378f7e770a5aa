"""What movements promise, on a thousand random problems: J never increases, no NaN, a reason.

Run:  python benchmarks/guarantee.py [--problems 1000] [--seed 0] [--smoke]

Drawn at random for every ten problems, since each draw compiles anew: schedule, memory, field
(every activation of the perceptron, and each other field), dimension, horizon in [0.1, 50], λ in
[1e-8, 1], precision and inner solver. Drawn for each problem: particles, targets or none, the
initial control and its size in [0.05, 3]. Up to 40 movements on the full batch.
J at both ends is recomputed by ``ControlProblem.objective``. Printed: how trainings ended, and
every violation; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import collections
import math
import sys
from typing import Any

import jax
import numpy as np

import autoencodes as ac
from autoencodes.catalogue import ACTIVATIONS, SOLVERS
from autoencodes.precision import precision

REASONS = ("converged: the PMP residual", "stalled: no movement", "failed: ", "budget spent: all")
_STARTS = 10
OTHERS: dict[str, ac.fields.ControlledField] = {
    "two-layer": ac.fields.TwoLayer(3),
    "low-rank": ac.fields.LowRank(2, "softplus"),
    "translation": ac.fields.Translation(),
}
"""The fields that are no perceptron; of those each activation is drawn."""
SHAPES = (
    (1, (1,), 3),
    (12, (12, 3), 1),
    (2, (2, 1), 1),
    (2, (2, 1), 5),
    (3, (3, 2), 2),
    (3, (2, 1), 2),
)


def structure(random: np.random.Generator) -> dict[str, Any]:
    """What is compiled."""
    return {
        "shape": SHAPES[random.integers(len(SHAPES))],
        "memory": str(random.choice(["reset", "hold", "skip"])),
        "field": str(random.choice([*sorted(ACTIVATIONS), *OTHERS])),
        "inner": str(random.choice(["auto", "auto", *SOLVERS])),
        "dtype": str(random.choice(["float64", "float64", "float32"])),
        "horizon": float(10 ** random.uniform(-1, math.log10(50))),
        "tikhonov": float(10 ** random.uniform(-8, 0)),
    }


def start(random: np.random.Generator) -> dict[str, Any]:
    """What a compiled training is given."""
    return {
        "scale": float(10 ** random.uniform(math.log10(0.05), math.log10(3))),
        "supervised": bool(random.integers(2)),
        "seed": int(random.integers(2**31)),
    }


def faults(problem: dict[str, Any], ends: collections.Counter[str]) -> list[str]:
    """What a training did that it must not do."""
    dim, widths, steps = problem["shape"]
    schedule = ac.WidthSchedule.autoencoder(
        dim, widths, steps, problem["horizon"], memory=problem["memory"]
    )
    named = problem["field"]
    flow = ac.Flow(schedule, OTHERS.get(named) or ac.fields.Perceptron(named))
    task = ac.ControlProblem(flow, tikhonov=problem["tikhonov"])
    x, y = np.random.default_rng(problem["seed"]).normal(size=(2, 8, dim))
    measure = ac.EmpiricalMeasure(x, y if problem["supervised"] else None)
    with precision(problem["dtype"]):
        control = flow.init(jax.random.key(problem["seed"]), 1.0, problem["dtype"])
        # Scaled here: another scale given to ``init`` would compile it anew.
        control = jax.tree.map(lambda entries: problem["scale"] * entries, control)
        method = ac.MinimizingMovement(inner=problem["inner"])
        result = ac.fit(task, control, measure, method=method, steps=40)
        begin = _objective(task, control, measure)
        end = _objective(task, result.control, measure)
    path = np.array([begin, *(record["objective"] for record in result.history)])
    ends[result.reason.split(":")[0]] += 1
    rounding = 1e3 * float(np.finfo(problem["dtype"]).eps)
    rises = np.diff(path)
    found = []
    lowest = np.minimum.accumulate(path)[:-1]
    if (path[1:] > lowest * (1 + 64 * float(np.finfo(problem["dtype"]).eps))).any():
        found.append(f"J rose by {rises.max():.3g} at {path[np.argmax(rises)]:.6g}")
    if math.isfinite(begin) and not abs(end - path[-1]) <= rounding * max(abs(end), 1e-30) * 100:
        found.append(f"J is said to be {path[-1]:.9g}, and is {end:.9g}")
    numbers = [v for record in result.history for v in record.values()]
    arrays = [np.asarray(leaf) for leaf in jax.tree.leaves(result.control)]
    if not (np.isfinite(numbers).all() and all(np.isfinite(a).all() for a in arrays)):
        found.append("a number is not finite")
    if not result.reason.startswith(REASONS) or "nan" in result.reason:
        found.append(f"not a reason: {result.reason}")
    if result.failed and math.isfinite(begin) and result.history:
        found.append(f"failed after movements: {result.reason}")
    if result.converged:
        with precision(problem["dtype"]):
            residual = float(task.pmp_residual(result.control, measure))
        if residual > 2e-6:
            found.append(f"said to be converged at a residual of {residual:.2g}")
    return found


def _objective(task: ac.ControlProblem, control: Any, measure: ac.EmpiricalMeasure) -> float:
    try:
        return float(task.objective(control, measure))
    except ac.NumericalFailure:
        return math.inf


def main() -> None:
    parser = argparse.ArgumentParser(description="The guarantee, on random problems.")
    parser.add_argument("--problems", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="three problems: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.problems = 3
    random = np.random.default_rng(options.seed)
    ends: collections.Counter[str] = collections.Counter()
    violations = 0
    for k in range(options.problems):
        if k % _STARTS == 0:
            compiled = structure(random)
        problem = {**compiled, **start(random)}
        for fault in faults(problem, ends):
            violations += 1
            print(f"problem {k}: {fault}\n  {problem}", flush=True)
        if (k + 1) % 100 == 0:
            print(f"{k + 1} problems, {violations} violations, {dict(ends)}", flush=True)
            jax.clear_caches()  # every ten problems compile anew: let go of what was compiled
    print(f"{options.problems} random problems: {violations} violations; ends: {dict(ends)}")
    sys.exit(violations > 0)


if __name__ == "__main__":
    main()
