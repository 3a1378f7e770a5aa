"""bimodal-1d: 1,000 particles on the line, ten steps of tanh(wx + b), λ = 0.1, to its minimum.

Ours by minimizing movements; the same objective by PyTorch and Diffrax, minimised by scipy's
L-BFGS-B; and a grid method, in NumPy and SciPy alone: the law's density carried along its
characteristics, the backward equation for the value function on a grid by cubic splines, and the
gradient from its slope, with the same minimiser. Its measure is the law itself, not the particles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.optimize import minimize

import autoencodes as ac
from autoencodes.datasets.laws import sample
from autoencodes.precision import precision
from benchmarks.speed.measurement import (
    Measurement,
    Part,
    Parts,
    Row,
    Settings,
    Turn,
    in_turn,
    runs,
    spoken,
    table,
)

LAYERS, PENALTY, STEP = 10, 0.1, 0.1
CENTRES, SPREAD = np.array([-1.0, 1.0]), 0.2
Value = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""J and its gradient, of (w_1, ..., w_10, b_1, ..., b_10)."""


def law(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, y, _ = sample("bimodal-1d", count, 0)
    return x, y


def _problem() -> ac.ControlProblem:
    schedule = ac.WidthSchedule.constant(1, LAYERS, 1.0)
    return ac.ControlProblem(ac.Flow(schedule), "squared", PENALTY)


def by_sweep(count: int) -> Value:
    x, y = law(count)
    problem = _problem()
    measure = ac.EmpiricalMeasure(x, y).astype(jnp.float64)

    @jax.jit
    def both(theta: Any) -> Any:
        w, b = theta
        control = ({"W": w[:, None, None], "b": b[:, None]},)
        cost, g = problem.sweep(control, measure)
        slope = jnp.stack([g[0]["W"][:, 0, 0], g[0]["b"][:, 0]])
        return cost + problem.penalty(control), STEP * (slope + 2 * PENALTY * theta)

    return lambda flat: _flat(both(flat.reshape(2, LAYERS)))


def _flat(pair: Any) -> tuple[float, np.ndarray]:
    return float(pair[0]), np.asarray(pair[1], np.float64).ravel()


def by_diffrax(count: int) -> Value:
    import diffrax

    x, y = (jnp.asarray(a) for a in law(count))

    def velocity(t: Any, x: Any, theta: Any) -> Any:
        k = jnp.clip(jnp.floor(t / STEP + 0.5).astype(int), 0, LAYERS - 1)
        return jnp.tanh(theta[0, k] * x + theta[1, k])

    @jax.jit
    @jax.value_and_grad
    def both(theta: Any) -> Any:
        end = diffrax.diffeqsolve(
            diffrax.ODETerm(velocity), diffrax.Euler(), 0.0, 1.0, STEP, x, theta,
            max_steps=LAYERS + 2,
        ).ys[0]  # fmt: skip
        return jnp.mean((end - y) ** 2) + PENALTY * STEP * jnp.sum(theta**2)

    return lambda flat: _flat(both(jnp.asarray(flat.reshape(2, LAYERS))))


def by_torch(count: int) -> Value:
    import torch

    x, y = (torch.from_numpy(a) for a in law(count))

    def both(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = torch.from_numpy(flat.reshape(2, LAYERS).copy()).requires_grad_()
        at = x
        for k in range(LAYERS):
            at = at + STEP * torch.tanh(theta[0, k] * at + theta[1, k])
        value = ((at - y) ** 2).mean() + PENALTY * STEP * (theta**2).sum()
        (slope,) = torch.autograd.grad(value, theta)
        return float(value.detach()), slope.numpy().ravel()

    return both


def by_grid(spacing: float, nodes: int) -> Value:
    """ψ_l = S (ψ_(l+1) ∘ (id + Δt F_l)), S cubic splines; g_l = ∫ ∂_x ψ_(l+1) ∂_θ F dμ_l."""
    start = np.linspace(-2.2, 2.2, nodes)
    scores = (start - CENTRES[:, None]) / SPREAD
    density = np.exp(-(scores**2) / 2) / (2 * SPREAD * np.sqrt(2 * np.pi))
    weights = density * np.gradient(start)
    grid = np.linspace(-4, 4, round(8 / spacing) + 1)
    target = 2 * CENTRES

    def both(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w, b = flat.reshape(2, LAYERS)
        path = [start]
        for k in range(LAYERS):
            path.append(path[-1] + STEP * np.tanh(w[k] * path[-1] + b[k]))
        value = float(np.sum(weights * (path[-1] - target[:, None]) ** 2))
        psi = make_interp_spline(grid, (grid[:, None] - target) ** 2, 3)
        slope = np.empty((2, LAYERS))
        for k in reversed(range(LAYERS)):
            costate = psi.derivative()(path[k + 1]).T
            bent = weights * costate * (1 - np.tanh(w[k] * path[k] + b[k]) ** 2)
            slope[:, k] = np.sum(bent * path[k]), np.sum(bent)
            if k:
                psi = make_interp_spline(grid, psi(grid + STEP * np.tanh(w[k] * grid + b[k])), 3)
        value += PENALTY * STEP * float(np.sum(flat**2))
        return value, (STEP * (slope + 2 * PENALTY * np.stack([w, b]))).ravel()

    return both


def movements(count: int) -> Callable[[], Any]:
    """A whole training by ``fit``, from 0."""
    x, y = law(count)
    problem = _problem()
    start = problem.flow.init(jax.random.key(0), 0.0)
    measure = ac.EmpiricalMeasure(x, y)
    method = ac.MinimizingMovement(inner="newton-cg", first_tau=1.0)
    return lambda: ac.fit(problem, start, measure, method=method, steps=100, tolerance=1e-8)


def minimised(value: Value) -> Any:
    return minimize(
        value, np.zeros(2 * LAYERS), jac=True, method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-9},
    )  # fmt: skip


def rows(settings: Settings) -> list[Row]:
    count = settings.of(1000, 20)
    spacing, nodes = settings.of((0.05, 401), (0.4, 21))
    made: dict[str, Callable[[], Value]] = {
        "ours": partial(by_sweep, count),
        "Diffrax": partial(by_diffrax, count),
        "PyTorch": partial(by_torch, count),
        "a grid, NumPy and SciPy": partial(by_grid, spacing, nodes),
    }
    if settings.smoke:
        del made["Diffrax"]
    with precision("float64"):
        values: dict[str, Value] = {}
        at = np.full(2 * LAYERS, 0.3)

        def turn(name: str, make: Callable[[], Value]) -> Turn:
            values[name] = make()
            return Turn(lambda: [values[name](at) for _ in range(10)], 10)

        single = in_turn(
            runs({name: partial(turn, name, make) for name, make in made.items()}),
            settings.seconds / 2,
        )
        values = {name: values[name] for name in single}
        ends = {f"{name}, L-BFGS-B": minimised(value) for name, value in values.items()}
        turns = {
            f"{name}, L-BFGS-B": Turn(partial(minimised, value)) for name, value in values.items()
        }
        train = movements(count)
        result, reference = train(), values["ours"]
        whole = in_turn({"ours, fit by movements": Turn(train), **turns}, settings.seconds)
    control = result.control[0]
    found = np.concatenate([np.ravel(control["W"]), np.ravel(control["b"])])
    reached = {"ours, fit by movements": (found, result.resumption.gradient_evaluations)}
    reached |= {name: (end.x, end.nfev) for name, end in ends.items()}
    with precision("float64"):
        trainings = [
            {
                "who": name, **whole[name], "gradients": int(spent),
                "objective": reference(np.asarray(theta, np.float64))[0],
            }
            for name, (theta, spent) in reached.items()
        ]  # fmt: skip
    return [{"who": name, "of": "gradient", **own} for name, own in single.items()] + [
        {"of": "training", **row} for row in trainings
    ]


def parts(settings: Settings) -> Mapping[str, Part]:
    return {"bimodal-1d": partial(rows, settings)}


def page(parts: Parts) -> str:
    own = parts["bimodal-1d"]
    single = [row for row in own if row["of"] == "gradient"]
    whole = [row for row in own if row["of"] == "training"]
    least = min(row["objective"] for row in whole)
    gradients = [
        [row["who"], spoken(row["median"]), f"{row['median'] / single[0]['median']:.1f}"]
        for row in single
    ]
    trainings = [
        [row["who"], spoken(row["median"]), row["gradients"], f"{row['objective'] - least:.1e}"]
        for row in whole
    ]
    return f"""\
1,000 particles on the line, ten steps of tanh(wx + b), λ = 0.1, float64. The grid method is written
in NumPy and SciPy: the law's density along its characteristics, the backward equation for the value
function by cubic splines, the gradient from its slope. J and its gradient, called from Python:

{table(["", "a gradient", "of ours"], gradients)}

From 0 to the minimum, without compilation; the last column is J on the particles above the least J
here (the grid's minimum is the law's own, and not that of 1,000 particles):

{table(["", "a training", "gradients", "J above the least"], trainings)}"""


SMALL = Measurement("small", "bimodal-1d, to its minimum", parts, page)
