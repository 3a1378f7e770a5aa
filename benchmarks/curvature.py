"""How fast the smallest eigenvalue of the Hessian is found at scale: Davidson beside Lanczos.

Run:  python benchmarks/curvature.py RUN [--data-dir DIR] [--particles 10000] [--seconds 300]
      python benchmarks/curvature.py --smoke

RUN is a run folder, as of ``autoencodes train mnist --latent 30``. Both methods search on the same
Hessian, in one process, one after the other, for the same time; compilation is not counted. Every
value is a Rayleigh quotient: the lower one is the better. Printed: the floor of a product (12
floating-point operations for each weight and particle, over the machine's own rate for float32
matrix products of that size) beside what one takes, then λ_min after every tenth of the time.
``--smoke`` trains a small run of its own and searches for two seconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencodes import datasets
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.plan.settings import Settings
from autoencodes.run import train
from autoencodes.run.folder import RunFolder
from autoencodes.run.measures import measures
from autoencodes.second_order.curvature import Curvature, curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.second_order.preconditioner import Preconditioner

PART = 20
MARKS = 10


def seconds(call: Any, *arguments: Any) -> float:
    """The shortest of three calls, after one that compiles."""
    np.asarray(call(*arguments))
    times = []
    for _ in range(3):
        at = time.perf_counter()
        np.asarray(call(*arguments))
        times.append(time.perf_counter() - at)
    return min(times)


class Clock:
    """Prints where a search stands after every tenth of its time, and ends it."""

    def __init__(self, name: str, limit: float) -> None:
        self._name, self._limit, self._marks = name, limit, 0
        self._start = time.perf_counter()

    def __call__(self, current: Curvature) -> bool:
        spent = time.perf_counter() - self._start
        if spent >= (self._marks + 1) * self._limit / MARKS:
            self._marks += 1
            low = current.smallest
            print(
                f"{self._name:10}{current.products:9}{spent:9.0f}{low.value:12.6f}"
                f"{low.estimate:10.1e}{low.error:10.1e}",
                flush=True,
            )
        return spent > self._limit


def rows(measure: EmpiricalMeasure, chosen: np.ndarray) -> EmpiricalMeasure:
    """Some particles, of equal weight."""
    part = measure.sample(jnp.asarray(chosen))
    return part.with_weights(jnp.full(part.size, 1 / part.size, jnp.float32))


def search(folder: RunFolder, data_dir: str | None, particles: int, limit: float) -> None:
    """Both searches on the Hessian of a run."""
    config, model = folder.config, folder.model
    data = datasets.load(
        config.data,
        data_dir=data_dir or config.data_dir,
        seed=config.split_seed,
        test_fraction=config.test_fraction,
    )
    whole, problem = measures(model, data)["train"], model.problem(config.tikhonov)
    chosen = np.random.default_rng(0).permutation(whole.size)[:particles]
    measure = rows(whole.astype(np.float32), np.sort(chosen))
    hessian = Hessian(problem, model.control, measure)
    part = rows(measure, np.arange(0, measure.size, PART))
    vector = np.ones(hessian.size, hessian.dtype)

    width = problem.flow.schedule.blocks[0].width
    a, b = jnp.ones((1250, width), jnp.float32), jnp.ones((width, width), jnp.float32)
    rate = 2 * a.size * width / seconds(jax.jit(jnp.matmul), a, b)
    floor = 12 * hessian.size * measure.size / rate
    print(f"{hessian.size:,} parameters, {measure.size:,} particles, λ = {problem.tikhonov:.3g}")
    taken = seconds(hessian, vector)
    print(f"a product: {taken:.2f} s; floor {floor:.2f} s at {rate / 1e9:.0f} GFLOP/s")
    taken = seconds(Preconditioner(problem, model.control, part, 1.0), vector, -1.0)
    print(f"a correction (24 products over {part.size} particles): {taken:.2f} s")

    print(
        f"{'method':10}{'products':>9}{'seconds':>9}{'λ_min':>12}{'estimate':>10}{'residual':>10}"
    )
    for method in ("davidson", "lanczos"):
        curvature(
            hessian,
            method=method,
            stop=Clock(method, limit),
            correction=lambda width: Preconditioner(problem, model.control, part, width),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--data-dir")
    parser.add_argument("--particles", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--smoke", action="store_true", help="a small run: does it run?")
    given = parser.parse_args()
    if given.smoke:
        with tempfile.TemporaryDirectory() as temporary:
            settings = Settings(data="digits", widths=(64, 8), steps_per_block=1, epochs=1)
            train(settings, Path(temporary) / "run")
            search(RunFolder.open(Path(temporary) / "run"), None, 60, 1.0)
    elif given.run is None:
        parser.error("RUN, a run folder, is missing")
    else:
        search(RunFolder.open(given.run), given.data_dir, given.particles, given.seconds)


if __name__ == "__main__":
    main()
