"""A training step of MNIST's size: ours, hand-written JAX, PyTorch, and the machine's floor.

Networks, float32, on 784 numbers in [0, 1] in a mixed order of components: what
``autoencodes train mnist`` takes, widths 602, 508, ..., 32 and back with one step each, at batches
of 256 and 1,024; and 784, 400, 200, 100, 32 and back with two steps each at 256.

- floor: the exact floating-point operations (6 a weight and particle) over the rate of a
  2,048 x 2,048 product in the same run;
- products: the same products alone, compiled by JAX, each followed by an addition that needs it;
- ours: ``fit``'s compiled round of MetricMovement, its mini-batches, average and reports included;
- ours, Adam: the same with ``ac.Adam``;
- JAX by hand: the same network written for the purpose, with Adam and donated buffers, compiled as
  one step, one dispatch a step;
- Diffrax: the same, each block solved by Euler's method, where it is installed;
- PyTorch: the same with its fused Adam, as it comes and through ``torch.compile``, where
  torch (and a C++ compiler) is installed. Its gather of the mini-batch is included, as ours is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from autoencodes.training.method import Method
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    Turn,
    digits,
    in_turn,
    runs,
    table,
)

MNIST = (602, 508, 419, 336, 260, 190, 128, 75, 32)
ROUND = 8
"""Steps between two looks at the clock."""
RATE, DECAY = 1e-3, 1e-4


@dataclass(frozen=True)
class Network:
    """Widths up to the bottleneck, steps at each, rows of a mini-batch."""

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


NETWORKS = {
    "mnist-256": Network(784, MNIST, 1, 256),
    "mnist-1024": Network(784, MNIST, 1, 1024),
    "wide-256": Network(784, (784, 400, 200, 100, 32), 2, 256),
}
TITLES = {
    "mnist-256": "MNIST's, batch 256",
    "mnist-1024": "MNIST's, batch 1,024",
    "wide-256": "784-400-200-100-32, two steps, batch 256",
}
SMALL = Network(8, (8, 4), 1, 8)

Steps = Callable[[], None]
"""Makes ``ROUND`` steps and waits for them."""


def round_arguments(network: Network, x: np.ndarray, method: Method) -> tuple[Any, ...]:
    """What ``fit`` hands to its compiled round: the one place here that knows."""
    from autoencodes.training.fit import _begin

    problem = ac.ControlProblem(ac.Flow(network.schedule), "squared", DECAY)
    control = problem.flow.init(jax.random.key(0), dtype=jnp.float32)
    measure = ac.EmpiricalMeasure(x).astype(jnp.float32)
    state = _begin(method, problem, control, measure, jnp.asarray(10**6), network.batch, None)
    order = jax.random.permutation(jax.random.key(1), len(x))
    rounds, tolerance = jnp.asarray(ROUND), jnp.asarray(1e-6)
    first, size = jnp.asarray(0), network.batch
    return method, problem, state, measure, order, None, first, first, rounds, tolerance, size, None


def ours(network: Network, x: np.ndarray, method: Method) -> Steps:
    """What ``fit`` does between two looks at the clock."""
    from autoencodes.training.fit import _round

    before = round_arguments(network, x, method)
    state = [before[2]]

    def turn() -> None:
        after, _, _ = _round(*before[:2], state[0], *before[3:])
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


Objective = Callable[[Any, Any], Any]
"""Of the weights and a mini-batch."""


def by_hand(network: Network, x: np.ndarray, objective: Objective | None = None) -> Steps:
    """One compiled step of Adam, its buffers donated; by default of the network written out."""
    chosen = objective or plain(network)
    data = jnp.asarray(x[:, list(network.schedule.blocks[0].active) + _rest(network)])
    theta = jax.tree.map(jnp.asarray, drawn(network))
    zero = jax.tree.map(jnp.zeros_like, theta)
    rows = jnp.asarray(np.random.default_rng(1).permutation(len(x))[: ROUND * network.batch])

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(theta: Any, mean: Any, square: Any, count: Any, rows: Any) -> Any:
        value, slope = jax.value_and_grad(chosen)(theta, data[rows])
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


def _pad(a: Any, width: int) -> Any:
    return jnp.pad(a, ((0, 0), (0, width - a.shape[1])))


def _cost(error: Any, theta: Any) -> Any:
    penalty = sum(jnp.vdot(a, a) for a in jax.tree.leaves(theta))
    return jnp.sum(error**2) / error.shape[0] + DECAY * penalty


def plain(network: Network) -> Objective:
    return lambda theta, batch: _cost(forward(jnp, _pad, network, batch, theta) - batch, theta)


def by_diffrax(network: Network) -> Objective:
    """Every block an ordinary differential equation, its control constant over each step."""
    import diffrax

    step = network.schedule.step_size

    def velocity(t: Any, x: Any, theta: Any) -> Any:
        weights, bias = theta
        k = jnp.clip(jnp.floor(t / step + 0.5).astype(int), 0, len(weights) - 1)
        return jnp.tanh(x @ weights[k].T + bias[k])

    def objective(theta: Any, batch: Any) -> Any:
        x, first = batch, 0
        for block in network.schedule.blocks:
            own = theta[first : first + block.steps]
            first += block.steps
            x = x[:, : block.width] if x.shape[1] >= block.width else _pad(x, block.width)
            x = diffrax.diffeqsolve(
                diffrax.ODETerm(velocity),
                diffrax.Euler(),
                0.0,
                block.steps * step,
                step,
                x,
                tuple(jnp.stack(arrays) for arrays in zip(*own, strict=True)),
                max_steps=block.steps + 1,
            ).ys[0]
        return _cost(_pad(x, network.dim) - batch, theta)

    return objective


def _rest(network: Network) -> list[int]:
    active = set(network.schedule.blocks[0].active)
    return [k for k in range(network.dim) if k not in active]


def torch_step(network: Network, x: np.ndarray, compiled: bool) -> Steps:
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


def products(network: Network) -> Steps:
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


def large_product(side: int) -> Steps:
    square = jnp.ones((side, side), jnp.float32)
    product = jax.jit(lambda a: a @ a)

    def turn() -> None:
        for _ in range(ROUND):
            product(square).block_until_ready()

    return turn


def rows(network: Network, settings: Settings) -> list[Row]:
    """Ours and the peers in turn; the floor from the large product among them."""
    side = settings.of(2048, 64)
    x = np.random.default_rng(0).random((max(4096, ROUND * network.batch), network.dim), "f")
    made: dict[str, Callable[[], Steps]] = {
        "product": lambda: large_product(side),
        "products": lambda: products(network),
        "ours": lambda: ours(network, x, ac.MetricMovement()),
        "ours, Adam": lambda: ours(network, x, ac.Adam()),
        "JAX by hand": lambda: by_hand(network, x),
        "Diffrax": lambda: by_hand(network, x, by_diffrax(network)),
        "PyTorch": lambda: torch_step(network, x, compiled=False),
        "PyTorch, compiled": lambda: torch_step(network, x, compiled=True),
    }
    if settings.smoke:
        del made["PyTorch, compiled"], made["Diffrax"]
    turns = runs({name: lambda make=make: Turn(make(), ROUND) for name, make in made.items()})
    times = in_turn(turns, 2 * settings.seconds)
    rate = 2.0 * side**3 / times.pop("product")["median"]
    floor = network.operations / rate
    first = {"who": "floor", "median": floor, "gflops": rate / 1e9}
    return [first, *({"who": name, **times[name]} for name in times)]


def parts(settings: Settings) -> Mapping[str, Part]:
    networks = settings.of(NETWORKS, {"small": SMALL})
    return {name: partial(rows, network, settings) for name, network in networks.items()}


def page(parts: Parts) -> str:
    by = {name: {row["who"]: row["median"] for row in own} for name, own in parts.items()}
    names = list(dict.fromkeys(who for own in by.values() for who in own))
    head = ["", *(TITLES.get(name, name) for name in by)]
    body = []
    for who in names:
        cells = []
        for own in by.values():
            share = "" if who == "floor" else f" ({own['floor'] / own.get(who, np.inf):.0%})"
            cells.append(f"{digits(1e3 * own[who])}{share}" if who in own else "")
        body.append([who, *cells])
    faster = [
        [who, *(f"{own[who] / own['ours']:.2f}" if who in own else "" for own in by.values())]
        for who in names
        if who not in ("floor", "products", "ours")
    ]
    rates = [row["gflops"] for own in parts.values() for row in own if row["who"] == "floor"]
    reached = [own["floor"] / own["products"] for own in by.values()]
    ahead = [own["products"] / own["ours"] for own in by.values()]
    return f"""\
A step passes a mini-batch forward through the flow and its costates back, and updates the control.
Its floor is the time that its floating-point operations take at the rate of one large matrix
product in the same run ({min(rates):.0f} to {max(rates):.0f} GFLOP/s). In one process and in turn:
our step (`fit`'s compiled round, with mini-batches, average and reports), the same network in
hand-written JAX with Adam and donated buffers, in Diffrax (Euler's method, block by block), and in
PyTorch with its fused Adam. Milliseconds a step, float32; in brackets the share of the
floor:

{table(head, body)}

How many times as long as ours each takes:

{table(head, faster)}

- **What limits the next factor.** The products alone, of these shapes, reach {min(reached):.0%} to
  {max(reached):.0%} of the rate of one large product: no arrangement of the rest makes up for that
  distance. Of our step they are {min(ahead):.0%} to {max(ahead):.0%}; the rest is tanh, the passes
  over control, means and average (memory, not arithmetic; they do not shrink with the batch), and
  the gather of the mini-batch."""


STEP = Measurement("step", "A training step", parts, page)
