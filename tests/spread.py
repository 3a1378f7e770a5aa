"""What tests run in processes of their own: particles on several devices against those on one.

``python spread.py devices CASE...`` has two devices in one process, and calls every entry of the
first case; ``python spread.py process I PORT`` is one of two processes with two devices each.
Either prints how far results are from those on one device, by name, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from problems import BY_NAME, Case, distance, flat

import autoencodes as ac
from autoencodes.measure.placement import Placement
from autoencodes.model import order
from autoencodes.model.pca import Pca, covariance, variance
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian


def given(array: Any) -> Any:
    """An array in shards, as JAX's own functions make them: on an explicit mesh."""
    mesh = jax.make_mesh((jax.device_count(),), ("rows",))
    sharding = NamedSharding(mesh, PartitionSpec("rows"))
    host = np.asarray(array)
    return jax.make_array_from_callback(host.shape, sharding, lambda index: host[index])


def even(measure: ac.EmpiricalMeasure, count: int) -> tuple[ac.EmpiricalMeasure, Any]:
    """So many particles of a measure, and the same as arrays that lie on several devices."""
    y = None if measure.reconstructs else np.asarray(measure.y)[:count]
    parts = np.asarray(measure.x)[:count], y, np.asarray(measure.weights)[:count]
    apart = [None if part is None else given(part) for part in parts]
    return ac.EmpiricalMeasure(*parts), ac.EmpiricalMeasure(*apart)


Entry = tuple[str, Callable[[Any], Any], Any, Any]
"""A name, what is called, and what it is called with: particles apart, and the same here."""


def entries(case: Case, few: bool) -> Iterator[Entry]:
    """Public entries of a problem: all, or the ``few`` that all else is made of."""
    problem, control, direction = case.problem, case.control, case.direction(1)
    # A control that lies on one device of its own is put on all.
    fixed = jax.device_put(control, jax.local_devices()[0])
    one = case.measure
    spread = one.spread()  # seven particles: the last shard is filled up
    yield "gradient", lambda m: problem.gradient(fixed, m, 2), spread, one
    yield "hvp", lambda m: problem.hvp(control, m, direction), spread, one
    if few:
        return
    yield "objective", lambda m: problem.objective(control, m), spread, one
    yield "Hessian", lambda m: Hessian(problem, control, m, 2)(flat(direction)), spread, one

    def anew(measure: ac.EmpiricalMeasure) -> Any:
        return Hessian(problem, control, measure, 2, tape_bytes=0)(flat(direction))

    yield "Hessian, swept anew", anew, spread, one
    one, spread = even(one, 4)
    yield "residual", lambda m: problem.pmp_residual(control, m), spread, one
    yield "costate", lambda m: whole(problem.costate(control, m)), spread, one
    yield "Hamiltonian", lambda m: problem.hamiltonian(control, m, direction), spread, one
    yield "push", lambda m: whole(case.flow.push(control, m.x)), spread, one
    yield "trajectory", lambda m: whole(case.flow.trajectory(control, m.x)), spread, one


def whole(array: Any) -> Any:
    """All of an array, in this process."""
    placement = Placement.of(array)
    return array if placement is None else placement.whole(array)


def moments() -> Iterator[Entry]:
    """Second moments of rows that lie apart."""
    random = np.random.default_rng(0)
    x, weights = random.normal(size=(8, 3)) @ random.normal(size=(3, 3)), random.uniform(1, 2, 8)
    spread = given(x)
    yield "covariance, weighted", lambda a: covariance(a, weights=weights), spread, x
    yield "variance", variance, spread, x
    yield "PCA", lambda a: Pca.fit(a, 1, weights).mean_squared_error(a), spread, x
    yield "order", lambda a: order.natural(a).scores, spread, x


def refusals() -> Iterator[Entry]:
    """What is wrong in a shard, of whichever process, is named by its row."""
    x = np.ones((8, 3))
    wrong = x.copy()
    wrong[6, 1] = np.nan
    cost = ac.BinaryCrossEntropy()
    flow = ac.Flow(ac.WidthSchedule.constant(3, 2, 1.0))
    problem = ac.ControlProblem(flow, cost)
    beyond = ac.EmpiricalMeasure(given(x), given(3 * x))
    control = flow.init(jax.random.key(0))
    calls = {
        "nan in row 6, column 1": lambda: ac.EmpiricalMeasure(given(wrong)),
        "0 in every row": lambda: ac.EmpiricalMeasure(given(x), weights=given(np.zeros(8))),
        "got 3.0 in row 0, column 0": lambda: problem.objective(control, beyond),
        "lie on several devices already": lambda: beyond.spread(),
    }
    explicit = jax.make_mesh((jax.device_count(),), ("rows",))
    measure = given(x)
    for text, call in {**calls, "leave its context": lambda: ac.EmpiricalMeasure(measure)}.items():
        try:
            with jax.set_mesh(explicit) if "context" in text else contextlib.nullcontext():
                call()
            said = "nothing"
        except ac.InputError as error:
            said = str(error)
        yield f"refusal: {said}", float, text in said, True


def fits(drawn: bool) -> Iterator[Entry]:
    """Trainings: on mini-batches ``drawn`` with noise, or movements of all particles and λ_min."""
    random = np.random.default_rng(1)
    x = random.normal(size=(23, 3)) @ random.normal(size=(3, 3))
    one = ac.EmpiricalMeasure(x, weights=random.uniform(0.5, 2, 23))
    spread = one.spread()
    schedule = ac.WidthSchedule.autoencoder(3, [3, 1], 1, 1.0, memory="skip")
    problem = ac.ControlProblem(ac.Flow(schedule), tikhonov=1e-3)
    control = problem.flow.init(jax.random.key(0), 0.3)

    def fitted(measure: ac.EmpiricalMeasure, **options: Any) -> Any:
        result = ac.fit(problem, control, measure, tolerance=0, **options)
        return result.control, result.history[-1]["objective"]

    if drawn:
        batches = {"steps": 20, "batch_size": 5, "noise": 0.1, "key": jax.random.key(1)}
        yield "mini-batches with noise", lambda m: fitted(m, **batches), spread, one
        return
    movement = ac.MinimizingMovement(inner="lbfgs")
    movements = {"steps": 50, "stream_size": 6, "method": movement}
    yield "50 movements", lambda m: fitted(m, **movements), spread, one

    def lowest(measure: ac.EmpiricalMeasure) -> float:
        hessian = Hessian(problem, control, measure)
        return curvature(hessian, method="lanczos", digits=8).smallest.value

    yield "λ_min", lowest, spread, one


def main() -> None:
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)  # most of the time is compilation
    kind, *rest = sys.argv[1:]
    if kind == "process":
        number, port = rest
        place = f"127.0.0.1:{port}", 2, int(number)
        jax.distributed.initialize(*place, initialization_timeout=60)
        parts = [
            entries(BY_NAME["permuted, weights, targets, skip"], True),
            refusals(),
            fits(False),
        ]
    else:
        first, *others = rest
        more = [entries(BY_NAME[name], True) for name in others]
        parts = [entries(BY_NAME[first], False), *more, moments(), fits(True)]
    every = [(f"{k}: {entry[0]}", *entry[1:]) for k, part in enumerate(parts) for entry in part]
    results = [function(apart) for _, function, apart, _ in every]
    if jax.process_index():
        return  # one of the processes knows what they should be
    found = {
        name: distance(result, function(one))
        for result, (name, function, _, one) in zip(results, every, strict=True)
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
