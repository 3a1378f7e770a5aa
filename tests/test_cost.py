"""Terminal costs, and the L² geometry of controls."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from problems import BY_NAME, CASES, IDS, Case, flat

import autoencodes as ac
from autoencodes.cost import terminal_cost


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
