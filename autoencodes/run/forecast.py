"""What a training will take, before it begins: operations, memory, time."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencodes.flow.layout import layouts
from autoencodes.flow.sweep import increment
from autoencodes.plan.tables import EFFORTS
from autoencodes.precision import precision
from autoencodes.run.choosing import UPDATES
from autoencodes.run.job import STREAMED, Job
from autoencodes.run.machine import cores
from autoencodes.training.method import Batch

_SIDE = 1024
"""Of the square matrices whose product says how fast the machine is."""
_SHARE = 0.6
"""How much of that rate a training reaches."""
_PRODUCT = 30e-6
"""Seconds that a product of small matrices takes at least, forward and backward, of a step."""
_COMPILED, _A_PRODUCT = 6.0, 0.15
"""Seconds of compilation and start, and of every product more."""
_BASE = 300 * 2**20
"""Bytes of compiled programs, and of the compiler."""
_SAVED = 3
"""Numbers that are kept of every component at every step, for the way back."""


@dataclass(frozen=True)
class Forecast:
    """What a training is expected to take on this machine; about, within a factor of two or so.

    Parameters
    ----------
    parameters : int
        Entries of the control.
    operations : float
        Floating-point operations of an epoch's gradients.
    memory : float
        The most bytes in use at a time.
    seconds : float
        From start to end, compilation and choice among candidates included.
    """

    parameters: int
    operations: float
    memory: float
    seconds: float

    @property
    def words(self) -> str:
        """In a sentence."""
        minutes, whole = divmod(round(self.seconds), 60)
        lasting = f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else (
            f"{minutes} min {whole:02} s" if minutes else f"{whole} s"
        )  # fmt: skip
        return (
            f"{self.parameters:,} parameters, {self.operations / 1e9:,.3g} GFLOP an epoch; here "
            f"about {lasting} and at most about {self.memory / 2**20:,.0f} MiB of memory"
        )


def forecast(job: Job) -> Forecast:
    """What a job that is set up will take.

    Operations are those of the steps of the sweeps, as XLA counts them. Memory is what the
    process has taken so far, and what the training adds: the method's state and a gradient, and
    the states along the flow of the particles that pass at a time. Seconds follow from the rate of
    a product of large matrices, measured here.
    """
    flow, control, learned = job.model.flow, job.model.control, job.learned
    dtype = np.dtype(job.plan.precision)
    parameters = sum(leaf.size for leaf in jax.tree.leaves(control))
    at_once = min(STREAMED, learned.size) if job.whole else job.plan.batch_size
    batches = -(-learned.size // at_once) if job.whole else learned.size // at_once
    with precision(dtype):
        part = job.shown.loaded.sample(jnp.arange(at_once)).astype(dtype)
        operations = batches * _operations(job, at_once)
        state: Any = jax.eval_shape(
            lambda theta, mu: job.method.init(job.problem, theta, Batch(mu, job.whole), job.steps),
            control,
            part,
        )
        rate = _rate(dtype)
    products = sum(leaf.shape[0] for leaf in jax.tree.leaves(control) if leaf.ndim > 2)
    moved = sum(leaf.size for leaf in jax.tree.leaves(state)) + parameters
    along = at_once * _SAVED * sum(b.steps * b.width for b in flow.schedule.blocks)
    copied = 0 if learned.x.dtype == dtype else learned.x.size
    memory = _taken() + _BASE + dtype.itemsize * (copied + moved + along)
    step = operations / batches / (_SHARE * rate) + _PRODUCT * products
    turns = batches if job.whole else 1  # of sweeps a step of the method has at least one
    seconds = job.steps * turns * step
    if job.plan.effort is not None and job.plan.epochs:
        effort = EFFORTS[job.plan.effort]
        tried = effort.folds * len(effort.noises) * len(effort.penalties)
        seconds += min(job.steps, UPDATES) * step * tried / min(cores(), 2)
    return Forecast(
        parameters, operations, memory, seconds + _COMPILED + _A_PRODUCT * min(products, 100)
    )


def _operations(job: Job, particles: int) -> float:
    """Of a sweep over some particles: of each step, forward and backward, as XLA counts them.

    Step by step, since of a loop XLA counts one turn.
    """
    flow, control, total = job.model.flow, job.model.control, 0.0
    layout = layouts(flow.schedule)
    for j, block in enumerate(flow.schedule.blocks):
        theta: Any = jax.tree.map(lambda leaf: leaf[0], control[j])
        dtype = jnp.result_type(*jax.tree.leaves(theta))
        x = jax.ShapeDtypeStruct((particles, block.width + len(layout[j].seen)), dtype)

        def step(theta: Any, x: Any, j: int = j) -> Any:
            out, pullback = jax.vjp(partial(increment, flow, j, jnp.zeros((), x.dtype)), theta, x)
            return pullback(out)

        counted: Any = jax.jit(step).lower(theta, x).cost_analysis()
        total += block.steps * float((counted or {}).get("flops", 0.0))
    return total


def _rate(dtype: np.dtype[Any]) -> float:
    """Operations a second of a product of large matrices."""
    square = jnp.ones((_SIDE, _SIDE), dtype)
    product = jax.jit(lambda a: a @ a)
    jax.block_until_ready(product(square))
    least = np.inf
    for _ in range(5):
        began = time.perf_counter()
        jax.block_until_ready(product(square))
        least = min(least, time.perf_counter() - began)
    return float(2 * _SIDE**3 / least)


def _taken() -> float:
    """The bytes that this process has taken so far."""
    try:
        import resource
    except ImportError:  # Windows
        return 300.0 * 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
