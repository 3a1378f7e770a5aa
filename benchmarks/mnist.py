"""How fast and how far MNIST trains: movements in a variable metric beside Adam.

Run:  python benchmarks/mnist.py --data-dir DIR [--epochs 10] [--methods NAME ...] [--smoke]

The same network (latent 30, the default widths), initial control, mini-batches and machine for
all; one after the other in one process. Each method's schedule is laid out for ``--epochs``; the
clock counts training alone (no compilation, no evaluation). About forty times a training the test
error per pixel is taken, of the control that the method would return. Printed: seconds and
steps until it is at most 0.0060, seconds in all, the final test and training error per pixel and
the test error per image (× 784). ``--smoke`` takes the small digits in place of MNIST.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import jax

import autoencodes as ac
from autoencodes.plan.settings import Settings
from autoencodes.run.job import Job, prepare

METHODS = {
    "movement": lambda tau: ac.MetricMovement(tau),
    "movement, no average": lambda tau: ac.MetricMovement(tau, average=0.0),
    "Adam 5e-4": lambda tau: ac.Adam(5e-4),
    "Adam 1e-3": lambda tau: ac.Adam(1e-3),
    "Adam 2e-3": lambda tau: ac.Adam(2e-3),
    "Adam 4e-3": lambda tau: ac.Adam(4e-3),
    "Adam 8e-3": lambda tau: ac.Adam(8e-3),
}
GOAL = 0.0060
_EVALUATIONS = 40


def train(job: Job, method: ac.Method, steps: int, callbacks: list[Any]) -> ac.Result:
    """One training, its batches drawn from the same key."""
    return ac.fit(
        job.problem,
        job.model.control,
        job.train,
        method=method,
        steps=steps,
        key=jax.random.key(1),
        batch_size=job.plan.batch_size,
        noise=job.plan.noise,
        callbacks=callbacks,
    )


def measured(job: Job, name: str) -> str:
    """A line of the table."""
    method = METHODS[name](job.plan.tau)
    steps = job.steps
    spent, at, reached, next_step = 0.0, time.perf_counter(), "", steps // _EVALUATIONS
    error = float("inf")

    def watch(progress: ac.Progress) -> None:
        nonlocal spent, at, reached, next_step, error
        spent += time.perf_counter() - at
        if progress.step >= next_step or progress.step == steps:
            next_step += steps // _EVALUATIONS
            error = job.errors(progress.control, job.test)["mse"]
            print(f"  {name}: step {progress.step}, {spent:.0f} s, {error:.5f}", flush=True)
            if error <= GOAL and not reached:
                reached = f"{spent:.0f} s, step {progress.step}"
        at = time.perf_counter()

    train(job, method, steps, [lambda progress: True])  # compiles what is timed
    at = time.perf_counter()
    result = train(job, method, steps, [watch])
    fitted = job.errors(result.control, job.train)["mse"]
    return (
        f"{name:24}{reached or 'never':>20}{spent:8.0f} s"
        f"{error:10.5f}{fitted:10.5f}{784 * error:10.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="MNIST by movements and by Adam.")
    parser.add_argument("--data-dir", default=None)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--latent", type=int, default=30)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--smoke", action="store_true", help="two short trainings: does it run?")
    options = parser.parse_args()
    if options.smoke:
        options.epochs, options.latent, options.methods = 1, 8, ["movement", "Adam 1e-3"]
    job = prepare(
        Settings(
            data="digits" if options.smoke else "mnist",
            data_dir=options.data_dir,
            latent=None if options.smoke else options.latent,
            batch_size=options.batch_size,
            epochs=options.epochs,
            **({"widths": (64, 8), "steps_per_block": 1} if options.smoke else {}),
        )
    )
    lines = [measured(job, name) for name in options.methods]
    plan = job.plan
    print(
        f"\n{plan.data}, widths {plan.widths}, {job.parameters:,} parameters, "
        f"{job.steps} batches of {plan.batch_size}, λ = {plan.tikhonov:.2g}, "
        f"τ = {plan.tau:g}, noise {plan.noise:g}, {plan.precision}"
    )
    print(
        f"{'method':24}{'to 0.0060':>20}{'in all':>10}{'test':>10}{'training':>10}{'an image':>10}"
    )
    print("\n".join(lines))


if __name__ == "__main__":
    main()
