"""A control's own representation, and that plain tuples of dicts serve as well."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import BY_NAME

import autoencodes as ac

CASE = BY_NAME["permuted, weights, targets, skip"]


def plain(control: Any) -> Any:
    return tuple(dict(block) for block in control)


def test_a_large_control_is_shown_in_ten_lines_of_a_hundred_columns() -> None:
    widths = [784, 500, 300, 200, 100, 50, 32]
    flow = ac.Flow(ac.WidthSchedule.autoencoder(784, widths, 1, 10.0))
    control = flow.init(jax.random.key(0), dtype=np.float32)
    lines = repr(control).splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 100
    entries = sum(leaf.size for leaf in jax.tree.leaves(control))
    assert f"{entries:,} in 13 blocks, float32" in lines[1]
    assert "W (1, 784, 784)" in repr(control)
    assert "7 blocks more" in repr(control)
    assert control._repr_html_().count("<tr>") == len(lines) - 1


def test_it_can_be_shown_inside_compiled_code_and_is_a_tuple_of_the_same_paths() -> None:
    control = CASE.control
    assert jax.jit(lambda theta: jnp.asarray(len(repr(theta))))(control) > 0
    assert isinstance(control, tuple)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(control)]
    assert paths == [jax.tree_util.keystr(p) for p, _ in jax.tree.leaves_with_path(plain(control))]
    again = pickle.loads(pickle.dumps(control))
    assert type(again) is type(control)
    assert repr(again) == repr(control)


@pytest.mark.parametrize("method", [ac.Adam(), ac.ExtendedMSA(iterations=1)])
def test_plain_tuples_train_to_the_same_numbers_and_come_back_plain(method: ac.Method) -> None:
    problem, measure = CASE.problem, CASE.measure
    ours = ac.fit(problem, CASE.control, measure, method=method, steps=1)
    theirs = ac.fit(problem, plain(CASE.control), measure, method=method, steps=1)
    assert type(theirs.control) is tuple
    assert type(ours.control) is type(CASE.flow.init(jax.random.key(0)))
    for a, b in zip(jax.tree.leaves(ours.control), jax.tree.leaves(theirs.control), strict=True):
        np.testing.assert_array_equal(a, b)


def test_plain_tuples_serve_where_two_controls_meet() -> None:
    problem, measure, control = CASE.problem, CASE.measure, CASE.control
    eta = CASE.direction(1)
    product = problem.hvp(control, measure, plain(eta))
    for a, b in zip(
        jax.tree.leaves(product),
        jax.tree.leaves(problem.hvp(plain(control), measure, eta)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert ac.inner(control, plain(eta), 0.1) == ac.inner(plain(control), eta, 0.1)
    assert float(problem.hamiltonian(control, measure, plain(eta))[0]) == float(
        problem.hamiltonian(control, measure, eta)[0]
    )
