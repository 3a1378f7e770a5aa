"""Every field under every memory: the same laws for the whole family."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import FAMILY, distance, draw

import autoencodes as ac
from autoencodes import fields

MEMORIES = ("reset", "hold", "skip")


def flow(name: str, memory: str) -> ac.Flow:
    """Blocks of 4, 2 and 4 of 4 components, each crossed in one step, by the field and others.

    A convolution has the blocks of its grids, of one resolution; another field that does not act
    on every block, as the pointwise one, has those on which it does, a perceptron the others.
    """
    if name == "convolution":
        grids = [(2, 1, 2), (1, 1, 2)]
        schedule = ac.WidthSchedule.grids((2, 4), grids, 1, 1.0, memory=memory)
        return ac.Flow(schedule, fields.convolutions(grids))
    order = [2, 0, 3, 1]
    schedule = ac.WidthSchedule.autoencoder(4, [4, 2], 1, 1.0, order, memory)
    if not isinstance(FAMILY[name], fields.Placed):
        return ac.Flow(schedule, FAMILY[name])
    schedule = ac.WidthSchedule(4, [*schedule.blocks, ac.Block(order, 1)], 1.0, memory)
    own = [fields.Perceptron()] * 4
    for j in range(4):
        tried = [*own[:j], FAMILY[name], *own[j + 1 :]]
        with contextlib.suppress(ac.InputError):
            ac.Flow(schedule, tuple(tried))
            own = tried
    assert FAMILY[name] in own
    return ac.Flow(schedule, tuple(own))


@pytest.mark.parametrize(
    ("name", "memory"),
    [  # a quick run takes every field under one memory
        pytest.param(name, memory, marks=[] if (k + j) % 3 == 0 else [pytest.mark.slow])
        for k, name in enumerate(FAMILY)
        for j, memory in enumerate(MEMORIES)
    ],
)
def test_derivatives_are_exact_and_models_come_back(name: str, memory: str, tmp_path: Path) -> None:
    made = flow(name, memory)
    problem = ac.ControlProblem(made, tikhonov=0.03)
    control, eta, zeta = (draw(made, seed, 0.6) for seed in (0, 1, 2))
    measure = ac.EmpiricalMeasure(np.random.default_rng(0).normal(size=(5, made.schedule.dim)))
    inner = jax.jit(lambda a, b: ac.inner(a, b, made.schedule.step_size))

    objective = jax.jit(jax.value_and_grad(lambda theta: problem.objective(theta, measure)))
    found = problem.gradient(control, measure)
    _, usual = objective(control)
    scaled = jax.tree.map(lambda a: a / made.schedule.step_size, usual)
    assert distance(found, scaled) < 1e-12

    def moved(step: float) -> Any:
        return jax.tree.map(lambda a, b: a + step * b, control, eta)

    slope = (objective(moved(1e-5))[0] - objective(moved(-1e-5))[0]) / 2e-5
    assert inner(found, eta) == pytest.approx(float(slope), rel=1e-6)

    products = [problem.hvp(control, measure, direction) for direction in (eta, zeta)]
    one, other = inner(zeta, products[0]), inner(products[1], eta)
    assert one == pytest.approx(float(other), rel=1e-10)
    change = jax.tree.map(
        lambda a, b: (a - b) / 2e-5,
        problem.gradient(moved(1e-5), measure),
        problem.gradient(moved(-1e-5), measure),
    )
    assert distance(products[0], change) < 1e-6

    ac.save(tmp_path / "model.safetensors", ac.Model(made, control))
    again = ac.load(tmp_path / "model.safetensors")
    assert again.flow == made
    for a, b in zip(jax.tree.leaves(again.control), jax.tree.leaves(control), strict=True):
        np.testing.assert_array_equal(a, jnp.asarray(b))
