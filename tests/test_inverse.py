"""Refined controls, and the inverse of the discrete flow."""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import BY_NAME, CASES, Case, distance, draw

import autoencodes as ac
from autoencodes.fields import Perceptron
from autoencodes.flow.sweep import check_control
from autoencodes.schemes import Euler, Heun, RungeKutta4

FULL = [case for case in CASES if case.schedule.invertible]
VARYING = [case for case in CASES if not case.schedule.invertible]


def named(value: Any) -> str:
    return value.name if isinstance(value, Case) else getattr(value, "__name__", str(value))


@pytest.mark.parametrize(
    ("case", "factor"), [(CASES[0], 1), *((c, 3) for c in CASES[3::12])], ids=named
)
def test_a_refined_control_is_the_same_function_of_time(case: Case, factor: int) -> None:
    fine, flow = ac.refine(case.control, factor), case.flow.refined(factor)
    check_control(flow, fine)
    assert flow.schedule.horizon == case.schedule.horizon
    assert flow.schedule.steps == factor * case.schedule.steps
    coarse_norm = ac.norm(case.control, case.schedule.step_size)
    np.testing.assert_allclose(ac.norm(fine, flow.schedule.step_size), coarse_norm, rtol=1e-13)
    penalties = [
        ac.ControlProblem(f, tikhonov=0.3).penalty(c)
        for f, c in ((flow, fine), (case.flow, case.control))
    ]
    np.testing.assert_allclose(*penalties, rtol=1e-13)
    again = ac.refine(ac.refine(case.control, 2), factor)
    assert distance(again, ac.refine(case.control, 2 * factor)) == 0


@pytest.mark.parametrize(
    ("kind", "case"),
    list(zip([Euler, Heun, RungeKutta4] * 2, CASES[1::5], strict=False)),
    ids=named,
)
def test_a_refined_control_is_crossed_as_by_substeps(case: Case, kind: Any) -> None:
    x = case.measure.x
    shared = ac.Flow(case.schedule, case.field, kind(substeps=3)).push(case.control, x)
    flow = ac.Flow(case.schedule, case.field, kind())
    refined = flow.refined(3).push(ac.refine(case.control, 3), x)
    np.testing.assert_allclose(refined, shared, rtol=1e-12, atol=1e-12)


def test_refining_keeps_numpys_precision_and_refuses_other_factors() -> None:
    control = ({"theta": np.ones((2, 3), np.float64)},)
    (fine,) = ac.refine(control, 2)
    assert isinstance(fine["theta"], np.ndarray)
    np.testing.assert_array_equal(fine["theta"], np.ones((4, 3)))
    for factor in (0, -1, 1.5, True, "2"):
        with pytest.raises(ac.InputError, match=r"factor.*integer, at least 1"):
            inspect.unwrap(ac.refine)(control, factor)  # without the hook that checks types
    with pytest.raises(ac.InputError, match=r"factor of a refinement.*integer, at least 1"):
        ac.WidthSchedule.constant(2, 2, 1.0).refined(0)


@pytest.mark.parametrize(
    ("case", "kind"), [*((c, Euler) for c in FULL[::3]), (FULL[1], RungeKutta4)], ids=named
)
@pytest.mark.slow
def test_the_inverse_undoes_the_push_and_the_push_the_inverse(case: Case, kind: Any) -> None:
    # A control so small that Δt Lip(F) < 1 in every step: the flow is injective.
    flow = ac.Flow(case.schedule, case.field, kind())
    control = jax.tree.map(lambda a: a / 2, case.control)
    x = np.asarray(case.measure.x)
    np.testing.assert_allclose(flow.inverse(control, flow.push(control, x)), x, atol=1e-12)
    np.testing.assert_allclose(flow.push(control, flow.inverse(control, x)), x, atol=1e-12)


def test_newton_takes_over_where_the_fixed_point_does_not_contract() -> None:
    # x ↦ x + 3 tanh(x): injective, with Δt Lip(F) = 3.
    flow = ac.Flow(ac.WidthSchedule.constant(2, 1, 3.0))
    control = ({"W": np.eye(2)[None], "b": np.zeros((1, 2))},)
    x = np.random.default_rng(0).normal(0, 2, (50, 2))
    np.testing.assert_allclose(flow.inverse(control, x + 3 * np.tanh(x)), x, rtol=1e-13, atol=1e-13)


def test_particles_that_pass_in_pieces_are_inverted_alike(monkeypatch: Any) -> None:
    from autoencodes.flow import inverse

    case = BY_NAME["constant"]
    control = jax.tree.map(lambda a: a / 2, case.control)
    whole = case.flow.inverse(control, case.measure.x)
    monkeypatch.setattr(inverse, "_ENTRIES", 27)
    jax.clear_caches()
    pieces = case.flow.inverse(control, case.measure.x)
    np.testing.assert_allclose(pieces, whole, rtol=1e-14, atol=1e-14)


def test_the_inverse_has_the_controls_precision_and_can_be_compiled() -> None:
    case = BY_NAME["constant, scanned, own field"]
    single = jax.tree.map(lambda a: (a / 2).astype(jnp.float32), case.control)
    x = np.asarray(case.measure.x)
    found = case.flow.inverse(single, case.flow.push(single, x))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, x, atol=2e-5)
    compiled = jax.jit(case.flow.inverse)(case.control, x)
    np.testing.assert_allclose(compiled, case.flow.inverse(case.control, x), rtol=1e-12)


@pytest.mark.parametrize("case", VARYING[::2], ids=named)
def test_a_flow_that_is_no_homeomorphism_has_no_inverse(case: Case) -> None:
    with pytest.raises(ac.InputError, match=rf"homeomorphism.*memory {case.schedule.memory}"):
        case.flow.inverse(case.control, case.measure.x)


def test_only_full_blocks_can_be_undone_without_memory_hold() -> None:
    # One block with a component that never is active: it is lost under reset and skip.
    for memory in ("reset", "hold", "skip"):
        assert ac.WidthSchedule(2, [ac.Block([0], 1)], 1.0, memory).invertible == (memory == "hold")
        assert ac.WidthSchedule(2, [ac.Block([1, 0], 1)] * 2, 1.0, memory).invertible


def test_where_no_state_leads_there_the_inverse_says_so() -> None:
    # The second step is x ↦ x − x = 0.
    flow = ac.Flow(ac.WidthSchedule.constant(2, 2, 2.0), Perceptron("identity"))
    control = ({"W": np.stack([np.eye(2), -np.eye(2)]), "b": np.zeros((2, 2))},)
    with pytest.raises(ac.NumericalFailure, match=r"step 1 of the control.*3 of 3.*refine"):
        flow.inverse(control, np.ones((3, 2)))
    with pytest.raises(ac.InputError, match="nan in row 0, column 0"):
        flow.inverse(control, np.full((3, 2), np.nan))


def test_the_inverse_of_a_drawn_flow_is_that_of_its_reversed_steps() -> None:
    # With the identity activation a step is x ↦ x + Δt (W x + b), undone by a linear solve.
    flow = ac.Flow(ac.WidthSchedule.constant(3, 4, 1.0), Perceptron("identity"))
    control = draw(flow, 3)
    y = np.random.default_rng(0).normal(size=(5, 3))
    x = y
    for k in range(3, -1, -1):
        W, b = np.asarray(control[0]["W"][k]), np.asarray(control[0]["b"][k])
        x = np.linalg.solve(np.eye(3) + 0.25 * W, (x - 0.25 * b).T).T
    np.testing.assert_allclose(flow.inverse(control, y), x, rtol=1e-11)
