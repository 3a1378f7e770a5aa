"""Fields, schemes, flows and costs written a second time: plainly, in NumPy and by loops.

# notation: d dimension, N particles, A_j active components of block j.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special

import autoencodes as ac
from autoencodes.catalogue import ACTIVATIONS as REGISTERED
from autoencodes.cost import ByColumn
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
)
from autoencodes.flow.sweep import fields
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


def activated(name: str, a: np.ndarray) -> np.ndarray:
    """σ(a), written a second time or, where it is not, as it is registered."""
    return ACTIVATIONS[name](a) if name in ACTIVATIONS else np.asarray(REGISTERED[name](a))


def velocity(field: ControlledField, t: float, x: np.ndarray, theta: Any) -> np.ndarray:
    """The velocity (N, width) of the particles x (N, width + seen), a second time, in NumPy.

    A field that is not written here is taken as it is: what uses it is still compared.
    """
    theta = {name: np.asarray(values) for name, values in theta.items()}
    if isinstance(field, TimeDependent):
        clock = np.full((len(x), 1), t / field.unit)
        return velocity(field.field, t, np.hstack([x, clock]), theta)
    if isinstance(field, Perceptron):
        return activated(field.activation, x @ theta["W"].T + theta["b"])
    if isinstance(field, TwoLayer):
        neurons = activated(field.activation, x @ theta["W1"].T + theta["b1"])
        return neurons @ theta["W2"].T + theta["b2"]
    if isinstance(field, LowRank):
        return activated(field.activation, x @ theta["V"].T + theta["b"]) @ theta["U"].T
    if isinstance(field, LinearInControl):
        bent = activated(field.activation, x)
        return x @ theta["A"].T + bent @ theta["B"].T + theta["c"]
    if isinstance(field, Pointwise):
        bent = activated(field.activation, x[..., None] * theta["u"] + theta["b"])
        return bent @ theta["v"] + theta["c"]
    if isinstance(field, Convolution):
        neurons = activated(field.activation, convolved(field, x, theta))
        if "V" not in theta:
            return neurons
        at_sites = neurons.reshape(len(x), len(theta["b"]), -1)
        mixed = np.einsum("om,pms->pos", theta["V"], at_sites) + theta["c"][:, None]
        return mixed.reshape(len(x), -1)
    if isinstance(field, Swing):
        return np.cos(t) * (x @ theta["A"].T) + theta["c"]
    if isinstance(field, Translation):
        return np.tile(theta["theta"], (len(x), 1))
    own = {name: jnp.asarray(values) for name, values in theta.items()}
    return np.asarray(
        jax.vmap(lambda row: field.velocity(jnp.asarray(t), row, own))(jnp.asarray(x))
    )


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


def _one_step(scheme: Scheme) -> Callable[..., np.ndarray]:
    """The step of a scheme, written a second time or, where it is not, as it is."""
    taken = lambda f, t, x, h: x + h * np.asarray(scheme.slope(f, t, x, h))  # noqa: E731
    return ONE_STEP.get(type(scheme), taken)


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
    for block, field, controls in zip(schedule.blocks, fields(flow), control, strict=True):
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
                    moved = _one_step(flow.scheme)(slope, m * short, state[:, active], short)
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
    if isinstance(cost, ByColumn):
        count = z.shape[1]
        seen = y[:, count:] if cost.masked else jnp.ones_like(z)
        total, alone = 0.0, set(range(count))
        for first, size in cost.groups:
            group = slice(first, first + size)
            p = jnp.exp(z[:, group]) / jnp.sum(jnp.exp(z[:, group]), axis=1, keepdims=True)
            total -= seen[:, first] * jnp.sum(y[:, group] * jnp.log(p), axis=1)
            alone -= set(range(first, first + size))
        return total + sum(seen[:, i] * (z[:, i] - y[:, i]) ** 2 for i in alone)
    if isinstance(cost, ac.SquaredError):
        return jnp.sum((z - y) ** 2, axis=1)
    return jax.vmap(cost)(jnp.asarray(ends), jnp.asarray(y))
