"""The registry of small problems on which the laws are tested, and the flow written plainly.

# notation: d dimension, N particles, A_j active components of block j, λ Tikhonov weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

import autoencodes as ac
from autoencodes.fields import (
    ControlledField,
    Convolution,
    LinearInControl,
    LowRank,
    Perceptron,
    Pointwise,
    TimeDependent,
    Translation,
    TwoLayer,
    convolutions,
)
from autoencodes.schemes import Euler, Heun, RungeKutta4, Scheme


class Swing(ControlledField):
    """A user's own field, F(t, x; A, c) = A x cos t + c, with names of its own."""

    @property
    def linear_in_control(self) -> bool:
        return True

    def velocity(self, t: Any, x: Any, theta: Any) -> Any:
        return jnp.cos(t) * (theta["A"] @ x) + theta["c"]

    def init(self, key: Any, width: int, scale: float) -> Any:
        return {"A": scale * jax.random.normal(key, (width, width)), "c": jnp.zeros(width)}


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "gelu": lambda a: a * scipy.special.ndtr(a),
    "softplus": lambda a: np.log1p(np.exp(-np.abs(a))) + np.maximum(a, 0),
    "identity": lambda a: a,
    "sin": np.sin,
}
"""The activations, written a second time."""


def velocity(field: ControlledField, t: float, x: np.ndarray, theta: Any) -> np.ndarray:
    """The velocity of the particles (N, width), written a second time, in NumPy."""
    theta = {name: np.asarray(values) for name, values in theta.items()}
    if isinstance(field, TimeDependent):
        clock = np.full((len(x), 1), t / field.unit)
        return velocity(field.field, t, np.hstack([x, clock]), theta)
    if isinstance(field, Perceptron):
        return ACTIVATIONS[field.activation](x @ theta["W"].T + theta["b"])
    if isinstance(field, TwoLayer):
        neurons = ACTIVATIONS[field.activation](x @ theta["W1"].T + theta["b1"])
        return neurons @ theta["W2"].T + theta["b2"]
    if isinstance(field, LowRank):
        return ACTIVATIONS[field.activation](x @ theta["V"].T + theta["b"]) @ theta["U"].T
    if isinstance(field, LinearInControl):
        bent = ACTIVATIONS[field.activation](x)
        return x @ theta["A"].T + bent @ theta["B"].T + theta["c"]
    if isinstance(field, Pointwise):
        bent = ACTIVATIONS[field.activation](x[..., None] * theta["u"] + theta["b"])
        return bent @ theta["v"] + theta["c"]
    if isinstance(field, Convolution):
        neurons = ACTIVATIONS[field.activation](convolved(field, x, theta))
        if "V" not in theta:
            return neurons
        at_sites = neurons.reshape(len(x), len(theta["b"]), -1)
        mixed = np.einsum("om,pms->pos", theta["V"], at_sites) + theta["c"][:, None]
        return mixed.reshape(len(x), -1)
    if isinstance(field, Swing):
        return np.cos(t) * (x @ theta["A"].T) + theta["c"]
    return np.tile(theta["theta"], (len(x), 1))


def convolved(field: Convolution, x: np.ndarray, theta: Any) -> np.ndarray:
    """b + K * x for particles (N, width + seen), neighbour by neighbour."""
    _, h, w = field.grid
    reach = field.kernel // 2
    image = x.reshape(len(x), -1, h, w)
    total = np.tile(theta["b"][:, None, None], (len(x), 1, h, w))
    for row, column in np.ndindex(h, w):
        for i, j in np.ndindex(field.kernel, field.kernel):
            y, v = row + i - reach, column + j - reach
            if 0 <= y < h and 0 <= v < w:
                total[:, :, row, column] += image[:, :, y, v] @ theta["K"][:, :, i, j].T
    return total.reshape(len(x), -1)


def _heun(f: Any, t: float, x: np.ndarray, h: float) -> np.ndarray:
    ahead = x + h * f(t, x)
    return (x + ahead + h * f(t + h, ahead)) / 2


def _runge_kutta(f: Any, t: float, x: np.ndarray, h: float) -> np.ndarray:
    a = h * f(t, x)
    b = h * f(t + h / 2, x + a / 2)
    c = h * f(t + h / 2, x + b / 2)
    return x + a / 6 + b / 3 + c / 3 + h * f(t + h, x + c) / 6


ONE_STEP: dict[type[Scheme], Callable[..., np.ndarray]] = {
    Euler: lambda f, t, x, h: x + h * f(t, x),
    Heun: _heun,
    RungeKutta4: _runge_kutta,
}
"""The state after a step of h, written a second time."""


def states(
    flow: ac.Flow, control: Any, x: np.ndarray, first: int = 0, before_first: Any = None
) -> np.ndarray:
    """The states x_l for l = first..L from x_first = x, by plain loops over all of R^d.

    At a switch time the state is the one before the switch. Under ``skip``, what was stored
    before x_first is taken from the path ``before_first``.
    """
    schedule = flow.schedule
    path, now, before = [np.array(x, float)], 0, frozenset(range(schedule.dim))
    left: dict[int, np.ndarray] = {}  # under skip: what components had when they were switched off
    for block, field, controls in zip(schedule.blocks, flow.fields, control, strict=True):
        active = list(block.active)
        back = [i for i in active if i not in before] if schedule.memory == "skip" else []
        for i in before - set(active) if schedule.memory == "skip" else ():
            left[i] = (path[-1] if now >= first else before_first[now])[:, i]
        for k in range(block.steps):
            kept = before & set(active) if k == 0 else set(active)
            if now >= first:
                state = path[-1].copy()
                if schedule.memory != "hold":
                    state[:, [i for i in range(schedule.dim) if i not in kept]] = 0
                theta = {name: values[k] for name, values in controls.items()}
                seen = [left[i] for i in back]

                def slope(time: float, x: Any, field: Any = field, seen: Any = seen) -> Any:
                    return velocity(field, time, np.column_stack([x, *seen]), theta)  # noqa: B023

                short = schedule.horizon / schedule.steps / flow.scheme.substeps
                for m in range(now * flow.scheme.substeps, (now + 1) * flow.scheme.substeps):
                    moved = ONE_STEP[type(flow.scheme)](slope, m * short, state[:, active], short)
                    state[:, active] = moved
                path.append(state)
            now += 1
        before = frozenset(active)
    return np.array(path)


def losses(cost: ac.Comparison, ends: Any, y: Any) -> Any:
    """ℓ of every particle, written a second time."""
    z = ends if cost.components is None else ends[:, list(cost.components)]
    if isinstance(cost, ac.BinaryCrossEntropy):
        p = 1 / (1 + jnp.exp(-z))
        return -jnp.sum(y * jnp.log(p) + (1 - y) * jnp.log(1 - p), axis=1)
    if isinstance(cost, ac.CrossEntropy):
        p = jnp.exp(z) / jnp.sum(jnp.exp(z), axis=1, keepdims=True)
        return -jnp.sum(y * jnp.log(p), axis=1)
    if isinstance(cost, ac.Huber):
        r, d = z - y, cost.delta
        near = jnp.clip(r, -d, d)
        return jnp.sum(near**2 + 2 * near * (r - near), axis=1)
    return jnp.sum((z - y) ** 2, axis=1)


def draw(flow: ac.Flow, seed: int, scale: float = 1.0) -> Any:
    """A control of the flow's shapes whose every entry is random, biases too."""
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(flow.init, jax.random.key(0))
    with jax.ensure_compile_time_eval():  # it may be drawn first within a compiled function
        return jax.tree.map(lambda a: jnp.asarray(random.normal(0, scale, a.shape)), shapes)


def flat(control: Any) -> np.ndarray:
    """All entries of a control, in the order of its leaves."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(control)])


def unflat(values: Any, like: Any) -> Any:
    """The control of the given shapes that has these entries."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = jnp.split(jnp.asarray(values), ends)
    shaped = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)


def distance(found: Any, expected: Any) -> float:
    """The relative error |a − b| / |b| of two trees of arrays; |a| where b = 0."""
    a, b = flat(found), flat(expected)
    return float(np.linalg.norm(a - b) / (np.linalg.norm(b) or 1))


_TANH, _EULER, _SQUARED = Perceptron("tanh"), Euler(), ac.SquaredError()


@dataclass(frozen=True)
class Case:
    """A small problem, its control, particles and directions."""

    name: str
    schedule: ac.WidthSchedule
    field: ControlledField | tuple[ControlledField, ...] = _TANH
    tikhonov: float = 0.01
    weighted: bool = False
    supervised: bool = False
    scale: float = 0.7
    seed: int = 0
    scheme: Scheme = _EULER
    cost: ac.Comparison = _SQUARED

    @cached_property
    def flow(self) -> ac.Flow:
        return ac.Flow(self.schedule, self.field, self.scheme)

    @cached_property
    def problem(self) -> ac.ControlProblem:
        return ac.ControlProblem(self.flow, self.cost, self.tikhonov)

    @cached_property
    def control(self) -> Any:
        return draw(self.flow, self.seed, self.scale)

    def direction(self, seed: int) -> Any:
        return draw(self.flow, 1000 + seed)

    @cached_property
    def measure(self) -> ac.EmpiricalMeasure:
        """Seven particles; where weighted, one of them has weight 0."""
        random = np.random.default_rng(2000 + self.seed)
        x, y = random.normal(size=(2, 7, self.schedule.dim))
        if isinstance(self.cost, ac.CrossEntropy | ac.BinaryCrossEntropy):
            y = random.uniform(size=y.shape)
        if isinstance(self.cost, ac.CrossEntropy):
            y = np.eye(len(y))[:, : y.shape[1]] + y  # need not be normalised
        y = y[:, : self.cost.target_dim(self.schedule.dim)]
        weights = np.append(random.uniform(0.5, 2, 6), 0.0) if self.weighted else None
        return ac.EmpiricalMeasure(x, y if self.supervised else None, weights)


def _blocks(
    dim: int, memory: str, *blocks: tuple[tuple[int, ...], int], horizon: float = 1.2
) -> ac.WidthSchedule:
    return ac.WidthSchedule(dim, [ac.Block(a, steps) for a, steps in blocks], horizon, memory)


def _autoencoder(memory: str, *args: Any, **options: Any) -> ac.WidthSchedule:
    return ac.WidthSchedule.autoencoder(*args, **options, memory=memory)


_OVERLAPPING = ((2, 0), 2), ((1, 2, 3), 1), ((3, 0), 1)
_OVERLAPPING_IN_ONE = ((4, 1, 2), 2), ((1,), 6), ((3, 1, 0), 1)

_TWICE = ((0, 1), 1), ((1,), 1), ((2, 0), 2), ((0,), 1), ((2, 1), 1)


def _cases_of(memory: str) -> list[Case]:
    """What is tested under ``reset`` and ``hold`` alike."""
    in_one = _blocks(5, memory, *_OVERLAPPING_IN_ONE)
    return [
        Case(f"one-component bottleneck, {memory}", _autoencoder(memory, 3, [3, 2, 1], 1, 1.0)),
        Case(
            f"permuted, weights, targets, {memory}",
            _autoencoder(memory, 4, [4, 2], 2, 0.8, order=[2, 0, 3, 1]),
            Perceptron("sin"),
            weighted=True,
            supervised=True,
        ),
        Case(
            f"scanned blocks, {memory}",
            _autoencoder(memory, 3, [3, 2], 5, 2.0, order=[1, 2, 0]),
            Perceptron("softplus"),
            tikhonov=0.1,
            weighted=True,
        ),
        Case(
            f"first and last block not full, {memory}",
            _autoencoder(memory, 4, [3, 1], 1, 1.0, order=[3, 1, 0, 2]),
            Perceptron("gelu"),
            supervised=True,
        ),
        Case(f"overlapping blocks, {memory}", _blocks(4, memory, *_OVERLAPPING), weighted=True),
        Case(f"overlapping in one component, {memory}", in_one, Perceptron("identity")),
    ]


CASES = [
    Case("constant", ac.WidthSchedule.constant(3, 4, 1.0)),
    Case("constant, scanned, own field", ac.WidthSchedule.constant(2, 7, 1.5), Swing()),
    Case("constant, relu", ac.WidthSchedule.constant(3, 2, 1.0), Perceptron("relu")),
    *_cases_of("reset"),
    *_cases_of("hold"),
    Case("overlapping, own field, hold", _blocks(4, "hold", *_OVERLAPPING), Swing()),
    Case(
        "encoder, no penalty, reset",
        ac.WidthSchedule.encoder(4, [4, 3, 1], 1, 0.9),
        supervised=True,
        tikhonov=0.0,
    ),
    Case("decoder, hold", ac.WidthSchedule.decoder(4, [3, 2], 2, 0.9, [0, 3, 1, 2], "hold")),
    Case(
        "permuted, weights, targets, skip",
        _autoencoder("skip", 4, [4, 3, 1], 2, 0.8, order=[2, 0, 3, 1]),
        Perceptron("sin"),
        weighted=True,
        supervised=True,
    ),
    Case("overlapping blocks, skip", _blocks(4, "skip", *_OVERLAPPING), weighted=True),
    Case("off and on twice, two layers, skip", _blocks(3, "skip", *_TWICE), TwoLayer(4)),
    Case("scanned, low rank, skip", _autoencoder("skip", 3, [2, 1], 5, 1.0), LowRank(2)),
    Case("two layers, reset", _autoencoder("reset", 3, [3, 2], 1, 1.0), TwoLayer(4, "gelu")),
    Case(
        "low rank, hold",
        _autoencoder("hold", 3, [3, 1], 1, 1.0),
        LowRank(2, "sin"),
        supervised=True,
    ),
    Case(
        "classifier, weights, reset",
        ac.WidthSchedule.encoder(4, [4, 3, 2], 1, 1.0, order=[2, 0, 1, 3]),
        cost=ac.CrossEntropy((2, 0)),
        supervised=True,
        weighted=True,
    ),
    Case(
        "narrow, wide, narrow, Huber, hold",
        ac.WidthSchedule.sequence(4, [2, 4, 1], 2, 1.0, memory="hold"),
        cost=ac.Huber(delta=0.5),
        supervised=True,
    ),
    Case(
        "odds, skip",
        ac.WidthSchedule.unet(3, [3, 1], 1, 1.0),
        cost=ac.BinaryCrossEntropy((0, 1)),
        supervised=True,
    ),
    Case(
        "linear in the control, reset",
        _autoencoder("reset", 3, [3, 1], 2, 1.0, order=[1, 2, 0]),
        LinearInControl("sin"),
        weighted=True,
        supervised=True,
    ),
    Case("linear in the control, skip", _autoencoder("skip", 3, [2, 1], 1, 1.0), LinearInControl()),
    Case(
        "a field a block, Heun, skip",
        _blocks(4, "skip", *_OVERLAPPING),
        (Perceptron(), LowRank(2), TwoLayer(3, "sin")),
        scheme=Heun(),
    ),
    Case(
        "shared over a block, own field, Runge-Kutta, hold",
        _blocks(4, "hold", ((2, 0), 1), ((1, 2, 3), 1), ((3, 0), 1)),
        Swing(),
        scheme=RungeKutta4(substeps=2),
    ),
    Case(
        "shared over a block, reset",
        _autoencoder("reset", 3, [3, 1], 1, 1.0),
        scheme=Euler(substeps=5),
        supervised=True,
    ),
    Case(
        "shared over a block, time-dependent, skip",
        _autoencoder("skip", 3, [3, 1], 1, 1.0, order=[2, 0, 1]),
        TimeDependent(Perceptron("sin"), 0.5),
        scheme=Euler(substeps=3),
        weighted=True,
    ),
    Case(
        "time-dependent, a field a block, Heun, hold",
        _blocks(3, "hold", ((2, 0), 1), ((1, 2), 2)),
        (TimeDependent(LinearInControl()), TimeDependent(LowRank(2), 1.2)),
        scheme=Heun(),
    ),
    Case(
        "grids, then a width, weights, reset",
        ac.WidthSchedule.grids((4, 2), [(1, 4, 2), (2, 2, 1)], 1, 1.0, widths=[1]),
        convolutions([(1, 4, 2), (2, 2, 1)], [1], hidden=3),
        weighted=True,
    ),
    Case(
        "more channels than the data's, hold",
        ac.WidthSchedule.grids((2, 2), [(2, 2, 2), (3, 1, 1)], 2, 0.8, memory="hold"),
        convolutions([(2, 2, 2), (3, 1, 1)], kernel=1, activation="sin"),
        supervised=True,
    ),
    Case(
        "pointwise at the end, hold",
        _blocks(3, "hold", ((1, 0), 1), ((0, 2, 1), 1), ((0, 2, 1), 2)),
        (Perceptron(), Perceptron(), Pointwise(3)),
    ),
    Case(
        "channels that return, skip",
        ac.WidthSchedule.grids((2, 6), [(2, 1, 3), (1, 1, 3)], 1, 1.0, memory="skip"),
        convolutions([(2, 1, 3), (1, 1, 3)], activation="softplus"),
    ),
    Case(
        "translation, reset",
        ac.WidthSchedule.autoencoder(3, [3, 1], 1, 1.0),
        Translation(),
        weighted=True,
        supervised=True,
    ),
]
IDS = [case.name.replace(", ", "-").replace(" ", "_") for case in CASES]
BY_NAME = {case.name: case for case in CASES}
