"""Every method under every memory, with every field; and what a training rests on."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import FAMILY, draw
from test_every_field import MEMORIES, flow
from test_known_answers import known

import autoencodes as ac
from autoencodes import fields
from autoencodes.catalogue import METHODS
from autoencodes.training.method import Batch, Point, evaluate
from autoencodes.training.rounding import slack


def in_turn(names: list[str], memory: str) -> ac.Flow:
    """One flow of many fields: each crosses a wide block, into which two components return, and a
    narrow one."""
    own = [FAMILY[name] for name in (*names, names[0])]
    blocks = [ac.Block(active, 1) for _ in own for active in ((2, 0, 3, 1), (2, 0))]
    schedule = ac.WidthSchedule(4, blocks, 1.0, memory)
    return ac.Flow(schedule, tuple(field for field in own for _ in range(2)))


@pytest.mark.parametrize(
    ("name", "memory"),
    [
        pytest.param(
            name, memory, marks=[] if (name, memory) == ("msa", "skip") else [pytest.mark.slow]
        )
        for name in METHODS
        for memory in MEMORIES
    ],
)
def test_every_method_steps_with_every_field(name: str, memory: str) -> None:
    """A step is traced, in which every shape has to fit; none is compiled."""
    method: Any = METHODS[name]()

    def taken(field: str) -> bool:
        try:
            method.check(ac.ControlProblem(flow(field, memory)))
        except ac.InputError:  # exact-msa: the field is not linear in the control
            return False
        return True

    fields_taken = [field for field in FAMILY if taken(field)]
    everywhere = [f for f in fields_taken if not isinstance(FAMILY[f], fields.Placed)]
    alone = [flow(field, memory) for field in fields_taken if field not in everywhere]
    assert everywhere
    for made in (in_turn(everywhere, memory), *alone):
        problem = ac.ControlProblem(made, tikhonov=0.03)
        control = draw(made, 0, 0.6)
        x = np.random.default_rng(0).normal(size=(5, made.schedule.dim))
        batch = Batch(ac.EmpiricalMeasure(x).astype(float), True)

        def step(theta: Any, batch: Batch, method: Any = method, problem: Any = problem) -> Any:
            state = method.init(problem, theta, batch, 3)
            return method.step(problem, state, batch, jnp.asarray(1e-6))[0].control

        shapes = eqx.filter_eval_shape(step, control, batch)
        assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, control)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["perceptron", "low-rank"])
def test_successive_approximations_descend_where_stored_values_are_seen(field: str) -> None:
    made = flow(field, "skip")
    problem = ac.ControlProblem(made, tikhonov=0.03)
    x = np.random.default_rng(0).normal(size=(5, made.schedule.dim))
    measure, control = ac.EmpiricalMeasure(x), draw(made, 0, 0.6)
    result = ac.fit(problem, control, measure, method=ac.ExtendedMSA(), steps=3)
    assert result.history[-1]["objective"] < float(problem.objective(control, measure))


def movement(tau: float, solver: Any) -> tuple[Any, Any, Any, Any]:
    problem, measure, minimiser, _ = known(1.0, 0.5)
    still = jax.tree.map(jnp.zeros_like, minimiser)
    method = ac.MinimizingMovement(tau, solver)
    return ac.fit(problem, still, measure, method=method, steps=1, tolerance=0.0), *(
        problem,
        measure,
        still,
    )


def test_a_factor_above_the_largest_accepted_is_not_accepted() -> None:
    # q = 2 τ T/(1 + 2 λ τ) = 0.6/1.3 = 0.46.
    allowed = movement(0.3, ac.Contraction(factor=0.5))[0].history[0]
    refused = movement(0.3, ac.Contraction(factor=0.4))[0].history[0]
    assert allowed["retries"] == 0
    assert refused["retries"] > 0
    assert refused["contraction"] <= 0.4


@pytest.mark.parametrize("tolerance", [0.3, 0.03, 0.003])
def test_an_inner_loop_ends_within_its_tolerance(tolerance: float) -> None:
    """‖∇I(θ)‖ ≤ (σ/τ) ‖θ − θ^k‖, with ∇I = ∇J + (θ − θ^k)/τ."""
    tau = 0.3
    result, problem, measure, still = movement(tau, ac.Contraction(tolerance, factor=0.5))
    assert result.history[0]["retries"] == 0
    step = jax.tree.map(jnp.subtract, result.control, still)
    slope = jax.tree.map(lambda g, s: g + s / tau, problem.gradient(result.control, measure), step)
    size = problem.flow.schedule.step_size
    assert ac.norm(slope, size) <= (1 + 1e-9) * tolerance / tau * ac.norm(step, size)


def test_what_rounding_may_hide_of_an_objective_is_some_units_of_it() -> None:
    problem, measure, minimiser, _ = known(1.0, 0.5)
    start: Point = evaluate(problem, minimiser, Batch(measure.astype(float), True))
    hidden = float(slack(start, jnp.asarray(1.0)))
    unit = np.finfo(float).eps
    about = abs(float(start.objective)) + float(start.terminal_cost) ** 0.5
    assert 10 * unit * about < hidden < 1000 * unit * about


@pytest.mark.parametrize(
    ("field", "entry", "size"),
    [
        (fields.Perceptron(), "W", 1.0),
        (fields.TwoLayer(16), "W1", 4.0),
        (fields.LowRank(16), "V", 1.0),
        (fields.LinearInControl(), "A", 1.0),
        (fields.LinearInControl(), "B", 1.0),
        (fields.Convolution((4, 2, 2), kernel=1), "K", 1.0),
    ],
)
def test_the_first_sums_do_not_grow_with_what_is_seen(field: Any, entry: str, size: float) -> None:
    """W_ij ~ N(0, s²/inputs), stored values in sight included."""
    seen = 48
    drawn = [field.init(jax.random.key(k), 16, 0.5, seen)[entry] for k in range(8)]
    rows = np.stack([np.asarray(w).reshape(w.shape[0], -1) for w in drawn])
    expected = size * 0.5 / np.sqrt(rows.shape[2])
    assert rows.shape[2] in (16 + seen, 4 + seen // 4)
    assert rows.std() == pytest.approx(expected, rel=0.15)


def test_a_bottleneck_that_sees_a_returning_component() -> None:
    """Component 0 returns in the bottleneck, which sees what it left with."""
    blocks = [ac.Block(a, 1) for a in ((0, 1, 2), (1, 2), (0,), (0, 1, 2))]
    made = ac.Flow(ac.WidthSchedule(3, blocks, 2.0, "skip"))
    control = draw(made, 0, 0.8)
    x = np.random.default_rng(0).normal(size=(6, 3))
    latent, held = made.encode(control, x, held=True)
    assert latent.shape == (6, 1)
    assert held.shape == (6, 2)  # what 1 and 2 left with: they return later
    np.testing.assert_allclose(made.decode(control, latent, held), made.push(control, x))
    np.testing.assert_allclose(latent, made.encode(control, x))
    alone = made.decode(control, latent)
    np.testing.assert_allclose(alone, made.decode(control, latent, np.zeros((6, 2))))
    assert not np.allclose(alone, made.push(control, x))
