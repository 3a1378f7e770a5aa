"""A training step of MNIST's size: ours, hand-written JAX, PyTorch, and the machine's floor.

Run:  python benchmarks/step.py [--seconds 20] [--json FILE] [--smoke]

Networks, float32, on 784 numbers in [0, 1] in a mixed order of components: what
``autoencodes train mnist`` takes, widths 602, 508, ..., 32 and back with one step each, at batches
of 256 and 1,024; and 784, 400, 200, 100, 32 and back with two steps each at 256. In one process
and in turn, so that drift of the machine hits all alike:

- floor: the exact floating-point operations (6 a weight and particle) over the rate of a
  2,048 x 2,048 product in the same run;
- products: the same products alone, compiled by JAX, each followed by an addition that needs it;
- ours: ``fit``'s compiled round of MetricMovement, its mini-batches, average and reports included;
- ours, Adam: the same with ``ac.Adam``;
- JAX by hand: the same network written for the purpose, with Adam and donated buffers, compiled as
  one step, one dispatch a step;
- PyTorch: the same with its fused Adam, as it comes and through ``torch.compile``, where
  torch (and a C++ compiler) is installed. Its gather of the mini-batch is included, as ours is.

Printed: medians in milliseconds a step, the spread (quartiles), the share of the floor.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from autoencodes.training.method import Method

MNIST = (602, 508, 419, 336, 260, 190, 128, 75, 32)
ROUND = 8
"""Steps between two looks at the clock."""
RATE, DECAY = 1e-3, 1e-4


@dataclass(frozen=True)
class Network:
    """Widths up to the bottleneck, steps at each, rows of a mini-batch."""

    name: str
    dim: int
    widths: tuple[int, ...]
    steps: int
    batch: int

    @property
    def schedule(self) -> ac.WidthSchedule:
        order = np.random.default_rng(1).permutation(self.dim).tolist()
        blocks = 2 * len(self.widths) - 1
        horizon = 10.0 * self.steps * blocks / 17
        return ac.WidthSchedule.autoencoder(self.dim, self.widths, self.steps, horizon, order=order)

    @property
    def shapes(self) -> list[int]:
        """The width of every step."""
        return [block.width for block in self.schedule.blocks for _ in range(block.steps)]

    @property
    def operations(self) -> float:
        return 6.0 * self.batch * sum(width**2 for width in self.shapes)


NETWORKS = (
    Network("MNIST's, batch 256", 784, MNIST, 1, 256),
    Network("MNIST's, batch 1,024", 784, MNIST, 1, 1024),
    Network("784-400-200-100-32, two steps, batch 256", 784, (784, 400, 200, 100, 32), 2, 256),
)
SMOKE = (Network("8-4, batch 8", 8, (8, 4), 1, 8),)

Turn = Callable[[], None]
"""Makes ``ROUND`` steps and waits for them."""


def ours(network: Network, x: np.ndarray, method: Method) -> Turn:
    from autoencodes.training.fit import _begin, _round

    problem = ac.ControlProblem(ac.Flow(network.schedule), "squared", DECAY)
    control = problem.flow.init(jax.random.key(0), dtype=jnp.float32)
    measure = ac.EmpiricalMeasure(x).astype(jnp.float32)
    steps, size = jnp.asarray(10**6), network.batch
    state = [_begin(method, problem, control, measure, steps, size, None)]
    order = jax.random.permutation(jax.random.key(1), len(x))
    rounds, tolerance = jnp.asarray(ROUND), jnp.asarray(1e-6)

    def turn() -> None:
        after, _, _ = _round(
            method, problem, state[0], measure, order, None, jnp.asarray(0), rounds, tolerance,
            size, None,
        )  # fmt: skip
        state[0] = jax.block_until_ready(after)

    return turn


def forward(xp: Any, pad: Callable[[Any, int], Any], network: Network, x: Any, theta: Any) -> Any:
    """The network, for JAX and for PyTorch."""
    step = network.schedule.step_size
    for width, (weights, bias) in zip(network.shapes, theta, strict=True):
        x = x[:, :width] if x.shape[1] >= width else pad(x, width)
        x = x + step * xp.tanh(x @ weights.T + bias)
    return pad(x, network.dim)


def drawn(network: Network) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [
        ((0.5 * rng.normal(size=(w, w)) / w**0.5).astype("f"), np.zeros(w, "f"))
        for w in network.shapes
    ]


def by_hand(network: Network, x: np.ndarray) -> Turn:
    data = jnp.asarray(x[:, list(network.schedule.blocks[0].active) + _rest(network)])
    theta = jax.tree.map(jnp.asarray, drawn(network))
    zero = jax.tree.map(jnp.zeros_like, theta)
    rows = jnp.asarray(np.random.default_rng(1).permutation(len(x))[: ROUND * network.batch])

    def pad(a: Any, width: int) -> Any:
        return jnp.pad(a, ((0, 0), (0, width - a.shape[1])))

    def objective(theta: Any, batch: Any) -> Any:
        error = forward(jnp, pad, network, batch, theta) - batch
        penalty = sum(jnp.vdot(a, a) for a in jax.tree.leaves(theta))
        return jnp.sum(error**2) / batch.shape[0] + DECAY * penalty

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(theta: Any, mean: Any, square: Any, count: Any, rows: Any) -> Any:
        value, slope = jax.value_and_grad(objective)(theta, data[rows])
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, slope)
        a, b = 1 - 0.9**count, 1 - 0.999**count
        theta = jax.tree.map(
            lambda t, m, v: t - RATE * (m / a) / (jnp.sqrt(v / b) + 1e-8), theta, mean, square
        )
        return theta, mean, square, value

    state: list[Any] = [theta, jax.tree.map(jnp.copy, zero), zero]
    made = [0]

    def turn() -> None:
        for k in range(ROUND):
            made[0] += 1
            own = rows[k * network.batch : (k + 1) * network.batch]
            *state[:], value = step(*state, jnp.asarray(float(made[0])), own)
        jax.block_until_ready(value)

    return turn


def _rest(network: Network) -> list[int]:
    active = set(network.schedule.blocks[0].active)
    return [k for k in range(network.dim) if k not in active]


def torch_step(network: Network, x: np.ndarray, compiled: bool) -> Turn:
    import torch

    data = torch.from_numpy(x[:, list(network.schedule.blocks[0].active) + _rest(network)].copy())
    theta = [tuple(torch.from_numpy(a).requires_grad_() for a in pair) for pair in drawn(network)]
    flat = [a for pair in theta for a in pair]
    optimiser = torch.optim.Adam(flat, lr=RATE, fused=True)
    rows = torch.from_numpy(np.random.default_rng(1).permutation(len(x))[: ROUND * network.batch])

    def pad(a: Any, width: int) -> Any:
        return torch.nn.functional.pad(a, (0, width - a.shape[1]))

    def objective(batch: Any) -> Any:
        error = forward(torch, pad, network, batch, theta) - batch
        penalty = sum((a * a).sum() for a in flat)
        return (error**2).sum() / len(batch) + DECAY * penalty

    wanted = torch.compile(objective) if compiled else objective

    def turn() -> None:
        for k in range(ROUND):
            optimiser.zero_grad()
            wanted(data[rows[k * network.batch : (k + 1) * network.batch]]).backward()
            optimiser.step()

    return turn


def products(network: Network) -> Turn:
    """A forward product and two backward ones for every step, and nothing else that can be left
    out."""
    weights = [jnp.ones((w, w), jnp.float32) / w for w in network.shapes]
    states = [jnp.ones((network.batch, w), jnp.float32) for w in network.shapes]

    @jax.jit
    def once(weights: Any, states: Any, scale: Any) -> Any:
        total = 0.0
        for w, x in zip(weights, states, strict=True):
            x = x + scale
            ahead = x @ w.T
            back = ahead @ w
            slope = ahead.T @ x
            total = total + back[0, 0] + slope[0, 0]
            total = jax.lax.optimization_barrier((total, back, slope))[0]
        return total

    def turn() -> None:
        total = jnp.zeros(())
        for _ in range(ROUND):
            total = once(weights, states, total * 1e-9)
        total.block_until_ready()

    return turn


def large_product(side: int) -> Turn:
    square = jnp.ones((side, side), jnp.float32)
    product = jax.jit(lambda a: a @ a)

    def turn() -> None:
        for _ in range(ROUND):
            product(square).block_until_ready()

    return turn


def in_turn(turns: dict[str, Turn], seconds: float) -> dict[str, list[float]]:
    """Seconds a step of each, one after the other until the time is spent."""
    times: dict[str, list[float]] = {name: [] for name in turns}
    for turn in turns.values():
        turn()
        turn()
    end = time.perf_counter() + seconds
    while True:
        for name, turn in turns.items():
            began = time.perf_counter()
            turn()
            times[name].append((time.perf_counter() - began) / ROUND)
        if time.perf_counter() >= end:
            return times


def measure(network: Network, seconds: float, side: int) -> dict[str, Any]:
    x = np.random.default_rng(0).random((max(4096, ROUND * network.batch), network.dim), "f")
    turns = {
        "product": large_product(side),
        "products": products(network),
        "ours": ours(network, x, ac.MetricMovement()),
        "ours, Adam": ours(network, x, ac.Adam()),
        "JAX by hand": by_hand(network, x),
    }
    if find_spec("torch"):
        turns["PyTorch"] = torch_step(network, x, compiled=False)
        turns["PyTorch, compiled"] = torch_step(network, x, compiled=True)
    for name in ("PyTorch", "PyTorch, compiled"):
        try:
            turns.get(name, lambda: None)()
        except Exception as error:  # no compiler, or another release
            print(f"{name} does not run here: {str(error).splitlines()[0]}")
            del turns[name]
    times = in_turn(turns, seconds)
    rate = 2.0 * side**3 / float(np.median(times.pop("product")))
    floor = network.operations / rate
    result: dict[str, Any] = {"floor": {"ms": 1e3 * floor}, "rate": rate}
    for name, values in times.items():
        low, middle, high = 1e3 * np.quantile(values, [0.25, 0.5, 0.75])
        result[name] = {"ms": middle, "low": low, "high": high, "of floor": 1e3 * floor / middle}
    return result


def shown(network: Network, result: dict[str, Any]) -> str:
    floor, rate = result["floor"]["ms"], result["rate"] / 1e9
    lines = [f"{network.name}: floor {floor:.1f} ms at {rate:.0f} GFLOP/s"]
    own = result["ours"]["ms"]
    for name, entry in result.items():
        if isinstance(entry, dict) and "low" in entry:
            lines.append(
                f"  {name:20}{entry['ms']:8.2f} ms ({entry['low']:.2f} to {entry['high']:.2f})"
                f"{entry['of floor']:8.0%} of the floor   {entry['ms'] / own:5.2f} x ours"
            )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="a network's time")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes: does it run?")
    options = parser.parse_args(arguments)
    networks, side = (SMOKE, 64) if options.smoke else (NETWORKS, 2048)
    results = {}
    for network in networks:
        results[network.name] = measure(network, 0.0 if options.smoke else options.seconds, side)
        print(shown(network, results[network.name]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
