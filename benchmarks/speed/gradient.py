"""Gradients of a small problem: 200 particles of the parabola, 21 Euler steps, float64.

- in the loop: ``ControlProblem.sweep`` inside a compiled loop of gradient steps;
- through fit: a step of ``fit`` with Adam on the whole measure, all of ``fit`` included;
- one sweep, one gradient: a call of the compiled sweep, and of ``ControlProblem.gradient``;
- JAX by hand: autodiff of the network written out, in a compiled loop, particles first and last;
- PyTorch: the same, eager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from autoencodes.precision import precision
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

WIDTHS, STEPS, PENALTY, RATE = (2, 1, 2), 7, 1e-3, 1e-3
SHAPES = [width for width in WIDTHS for _ in range(STEPS)]
SCHEDULE = ac.WidthSchedule.autoencoder(2, (2, 1), STEPS, float(STEPS * len(WIDTHS)))


def particles(count: int = 200) -> np.ndarray:
    s = np.linspace(-1, 1, count)
    return np.stack([s, s**2], axis=1)


def _started() -> tuple[ac.ControlProblem, Any]:
    problem = ac.ControlProblem(ac.Flow(SCHEDULE), tikhonov=PENALTY)
    return problem, problem.flow.init(jax.random.key(0), 0.1)


def _looped(slope: Callable[[Any], Any], theta: Any, count: int) -> Turn:
    """Gradient steps in a compiled loop."""

    @jax.jit
    def loop(theta: Any) -> Any:
        def once(_: Any, theta: Any) -> Any:
            return jax.tree.map(lambda a, g: a - RATE * g, theta, slope(theta))

        return jax.lax.fori_loop(0, count, once, theta)

    return Turn(lambda: jax.block_until_ready(loop(theta)), count)


def in_the_loop(count: int) -> Turn:
    problem, control = _started()
    measure = ac.EmpiricalMeasure(particles()).astype(jnp.float64)

    def slope(theta: Any) -> Any:
        _, g = problem.sweep(theta, measure)
        return jax.tree.map(lambda a, s: 2 * PENALTY * a + s, theta, g)

    return _looped(slope, control, count)


def through_fit(count: int) -> Turn:
    problem, control = _started()
    measure = ac.EmpiricalMeasure(particles())
    named = {"method": ac.Adam(), "steps": count, "tolerance": 0.0}
    return Turn(lambda: ac.fit(problem, control, measure, **named), count)


def one_sweep(count: int) -> Turn:
    problem, control = _started()
    measure = ac.EmpiricalMeasure(particles()).astype(jnp.float64)
    sweep = jax.jit(lambda theta, mu: problem.sweep(theta, mu))

    def turn() -> None:
        for _ in range(count):
            jax.block_until_ready(sweep(control, measure))

    return Turn(turn, count)


def one_gradient(count: int) -> Turn:
    problem, control = _started()
    measure = ac.EmpiricalMeasure(particles()).astype(jnp.float64)

    def turn() -> None:
        for _ in range(count):
            jax.block_until_ready(problem.gradient(control, measure))

    return Turn(turn, count)


def _weights() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(0.1 * rng.normal(size=(w, w)), np.zeros(w)) for w in SHAPES]


def by_hand(count: int, last: bool) -> Turn:
    """``last``: particles are the last axis."""
    axis = 0 if last else 1
    data = jnp.asarray(particles().T if last else particles())

    def resized(x: Any, width: int) -> Any:
        if x.shape[axis] >= width:
            return jax.lax.slice_in_dim(x, 0, width, axis=axis)
        more = [(0, 0), (0, 0)]
        more[axis] = (0, width - x.shape[axis])
        return jnp.pad(x, more)

    def objective(theta: Any) -> Any:
        x = data
        for width, (weights, bias) in zip(SHAPES, theta, strict=True):
            x = resized(x, width)
            x = x + jnp.tanh(weights @ x + bias[:, None] if last else x @ weights.T + bias)
        penalty = sum(jnp.vdot(a, a) for a in jax.tree.leaves(theta))
        return jnp.sum((x - data) ** 2) / data.shape[1 - axis] + PENALTY * penalty

    return _looped(jax.grad(objective), jax.tree.map(jnp.asarray, _weights()), count)


def by_torch(count: int) -> Turn:
    import torch

    data = torch.from_numpy(particles())
    theta = [tuple(torch.from_numpy(a).requires_grad_() for a in pair) for pair in _weights()]
    flat = [a for pair in theta for a in pair]

    def turn() -> None:
        for _ in range(count):
            x = data
            for width, (weights, bias) in zip(SHAPES, theta, strict=True):
                if x.shape[1] >= width:
                    x = x[:, :width]
                else:
                    x = torch.nn.functional.pad(x, (0, width - x.shape[1]))
                x = x + torch.tanh(x @ weights.T + bias)
            penalty = sum((a * a).sum() for a in flat)
            value = ((x - data) ** 2).sum() / len(data) + PENALTY * penalty
            slopes = torch.autograd.grad(value, flat)
            with torch.no_grad():
                for a, g in zip(flat, slopes, strict=True):
                    a -= RATE * g

    return Turn(turn, count)


def rows(settings: Settings) -> list[Row]:
    many, few = settings.of(1000, 3), settings.of(100, 2)
    made: dict[str, Callable[[], Turn]] = {
        "ours, in the loop": partial(in_the_loop, many),
        "ours, through fit": partial(through_fit, settings.of(4000, 3)),
        "ours, one compiled sweep": partial(one_sweep, few),
        "ours, problem.gradient()": partial(one_gradient, few),
        "JAX by hand, in a loop": partial(by_hand, many, False),
        "the same, particles last": partial(by_hand, many, True),
        "PyTorch": partial(by_torch, settings.of(30, 2)),
    }
    with precision("float64"):
        times = in_turn(runs(made), settings.seconds)
    return [{"who": name, **own} for name, own in times.items()]


def parts(settings: Settings) -> Mapping[str, Part]:
    return {"parabola": partial(rows, settings)}


def page(parts: Parts) -> str:
    own = {row["who"]: row["median"] for row in parts["parabola"]}
    loop, sweep = own["ours, in the loop"], own["ours, one compiled sweep"]
    fitted, called = own["ours, through fit"], own["ours, problem.gradient()"]
    last = own["the same, particles last"]
    body = [[who, digits(1e6 * value), f"{value / loop:.2f}"] for who, value in own.items()]
    torch = f" PyTorch, eager, takes {own['PyTorch'] / loop:.0f} times as long as our loop." if (
        "PyTorch" in own
    ) else ""  # fmt: skip
    return f"""\
200 particles on a parabola, blocks of width 2, 1, 2 with seven steps each, float64: the products
are so small that what is measured is everything else. Microseconds a gradient:

{table(["", "µs", "of ours in the loop"], body)}

A step through `fit` (method, reports and stopping included) takes {fitted / loop:.2f} gradients in
the loop, a call of `problem.gradient()` {called / sweep:.2f} sweeps.{torch}

- **What limits the next factor.** With particles as the last axis the same network by hand takes
  {last / loop:.2f} of our loop's time: vector units run over the 200 particles there, and over one
  or two components where particles come first."""


GRADIENT = Measurement("gradient", "A gradient of a small problem", parts, page)
