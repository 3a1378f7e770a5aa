"""Every field under every memory: the same laws for the whole family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import distance, draw

import autoencodes as ac
from autoencodes import fields
from autoencodes.catalogue import FIELDS

FAMILY: dict[str, Any] = {
    "perceptron": fields.Perceptron(),
    "two-layer": fields.TwoLayer(3),
    "low-rank": fields.LowRank(2),
    "linear-in-control": fields.LinearInControl(),
    "translation": fields.Translation(),
    "time-dependent": fields.TimeDependent(fields.Perceptron("sin")),
    "convolution": fields.Convolution((2, 1, 2)),
    "pointwise": fields.Pointwise(3),
}
MEMORIES = ("reset", "hold", "skip")


def flow(name: str, memory: str) -> ac.Flow:
    """Blocks of 4, 2 and 4 of 4 components, each crossed in one step, by the field and others.

    A convolution has the blocks of its grids, of one resolution; the pointwise field, which sees
    no stored values, the last one, where nothing returns.
    """
    if name == "convolution":
        grids = [(2, 1, 2), (1, 1, 2)]
        schedule = ac.WidthSchedule.grids((2, 4), grids, 1, 1.0, memory=memory)
        return ac.Flow(schedule, fields.convolutions(grids))
    order = [2, 0, 3, 1]
    schedule = ac.WidthSchedule.autoencoder(4, [4, 2], 1, 1.0, order, memory)
    if name != "pointwise":
        return ac.Flow(schedule, FAMILY[name])
    blocks = [*schedule.blocks, ac.Block(order, 1)]
    own = (*[fields.Perceptron()] * 3, FAMILY[name])
    return ac.Flow(ac.WidthSchedule(4, blocks, 1.0, memory), own)


def test_the_family_is_all_that_is_built_in() -> None:
    assert set(FAMILY) == set(FIELDS)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("name", FAMILY)
def test_derivatives_are_exact_and_models_come_back(name: str, memory: str, tmp_path: Path) -> None:
    made = flow(name, memory)
    problem = ac.ControlProblem(made, tikhonov=0.03)
    control, eta, zeta = (draw(made, seed, 0.6) for seed in (0, 1, 2))
    measure = ac.EmpiricalMeasure(np.random.default_rng(0).normal(size=(5, made.schedule.dim)))
    inner = jax.jit(lambda a, b: ac.inner(a, b, made.schedule.step_size))

    @jax.jit
    def objective(theta: Any) -> Any:
        return problem.objective(theta, measure)

    found = problem.gradient(control, measure)
    usual = jax.jit(jax.grad(objective))(control)
    scaled = jax.tree.map(lambda a: a / made.schedule.step_size, usual)
    assert distance(found, scaled) < 1e-12

    def moved(step: float) -> Any:
        return jax.tree.map(lambda a, b: a + step * b, control, eta)

    slope = (objective(moved(1e-5)) - objective(moved(-1e-5))) / 2e-5
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
