"""Terminal costs, and the L² geometry of controls."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import losses
from problems import BY_NAME, CASES, IDS, Case, flat

import autoencodes as ac
from autoencodes.catalogue import COSTS as CATALOGUE
from autoencodes.cost import ByColumn, terminal_cost


class Distance(ac.TerminalCost):
    """A cost of the user's own, on targets of dimension 1: |‖x‖² − y|²."""

    def __call__(self, x, y):
        return (x @ x - y[0]) ** 2

    def target_dim(self, dim: int) -> int:
        return 1


def test_the_squared_error_is_summed_over_components() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 4))
    found = ac.SquaredError()(jnp.asarray(x), jnp.asarray(y))
    assert found == pytest.approx(np.sum((x - y) ** 2), rel=1e-14)
    assert ac.SquaredError().target_dim(4) == 4


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_inner_product_is_that_of_l2(case: Case) -> None:
    step_size = case.schedule.step_size
    a, b = case.control, case.direction(0)
    expected = step_size * sum(
        np.sum(np.asarray(s[name]) * np.asarray(t[name]))
        for s, t in zip(a, b, strict=True)
        for name in s
    )
    assert ac.inner(a, b, step_size) == pytest.approx(expected, rel=1e-13)
    assert ac.inner(a, b, step_size) == ac.inner(b, a, step_size)
    assert ac.norm(a, step_size) ** 2 == pytest.approx(step_size * flat(a) @ flat(a), rel=1e-13)


def test_the_norm_of_a_constant_control_does_not_depend_on_the_number_of_steps() -> None:
    for steps in (1, 5, 64):
        control = ({"theta": jnp.tile(jnp.array([3.0, 4.0]), (steps, 1))},)
        assert ac.norm(control, 2.0 / steps) == pytest.approx(5 * np.sqrt(2.0), rel=1e-14)


def test_a_cost_of_the_users_own_takes_targets_of_its_own_dimension() -> None:
    case = BY_NAME["constant"]
    problem = ac.ControlProblem(case.flow, Distance())
    y = np.ones((case.measure.size, 1))
    x = np.asarray(case.flow.push(case.control, case.measure.x))
    found = problem.terminal_cost(case.control, ac.EmpiricalMeasure(case.measure.x, y))
    assert found == pytest.approx(np.mean((np.sum(x**2, axis=1) - 1) ** 2), rel=1e-13)
    with pytest.raises(ac.InputError, match="targets y must have 1 components; got 3"):
        problem.objective(case.control, case.measure)


def test_a_cost_is_known_by_its_name() -> None:
    own = Distance()
    assert terminal_cost("squared") == ac.SquaredError()
    assert terminal_cost(own) is own
    with pytest.raises(ac.InputError, match=r"squared.*got 'square'"):
        terminal_cost("square")


COSTS = [
    ac.SquaredError(),
    ac.SquaredError((2, 0)),
    ac.Huber(delta=0.4),
    ac.BinaryCrossEntropy((1, 3)),
    ac.CrossEntropy(),
    ac.CrossEntropy((3, 0, 2)),
]
COSTS += [
    ByColumn(groups=((0, 2),), masked=True),
    ByColumn((3, 1, 0), groups=((1, 2),)),
]
COSTS += [
    kind(**CATALOGUE.entries[name].facts.get("example", {}))
    for name in CATALOGUE
    if (kind := CATALOGUE[name]) not in map(type, COSTS)
]


def drawn(cost: ac.Comparison, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Final states in R^4 and targets; for cross-entropies in [0, 1], probabilities if asked."""
    random = np.random.default_rng(0)
    x, y = 2 * random.normal(size=(count, 4)), random.uniform(size=(count, 4))
    y = np.hstack([y, y > 0.5])[:, : cost.target_dim(4)]
    return x, y / y.sum(axis=1, keepdims=True) if isinstance(cost, ac.CrossEntropy) else y


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_costs_are_their_formulas(cost: ac.Comparison) -> None:
    x, y = drawn(cost)
    found = jax.vmap(cost)(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(found, losses(cost, x, y), rtol=1e-13)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_the_prediction_is_the_target_at_which_the_state_is_stationary(cost: Any) -> None:
    x, _ = drawn(cost)
    for state in jnp.asarray(x):
        target = cost.predict(state)
        seen = jnp.ones(cost.target_dim(4) - len(target))  # what is masked has all values there
        slope = jax.grad(cost)(state, jnp.concatenate([target, seen]))
        np.testing.assert_allclose(slope, 0, atol=1e-14)


@pytest.mark.parametrize("cost", COSTS, ids=repr)
def test_costs_stay_finite_far_out(cost: Any) -> None:
    _, y = drawn(cost)
    for far in (-1e4, 1e4):
        state = jnp.asarray([far, -far, far, 0.0])
        value, slope = jax.value_and_grad(cost)(state, jnp.asarray(y[0]))
        assert jnp.isfinite(value)
        assert jnp.isfinite(slope).all()


def test_a_cost_on_some_components_asks_for_as_many_targets() -> None:
    cost = ac.CrossEntropy([2, 1])
    assert cost.components == (2, 1)
    assert cost.target_dim(5) == 2
    with pytest.raises(ac.InputError, match=r"component 2, but the flow has components 0\.\.1"):
        cost.target_dim(2)
    for wrong in ((), (1, 1), (-1, 0)):
        with pytest.raises(ac.InputError, match="distinct indices from 0"):
            ac.SquaredError(wrong)
    with pytest.raises(ac.InputError, match="delta must be a positive finite number; got 0"):
        ac.Huber(delta=0.0)


def test_the_cost_by_column_is_made_for_tables_and_cannot_be_chosen() -> None:
    assert "by-column" in CATALOGUE
    assert "by-column" not in CATALOGUE.choices
