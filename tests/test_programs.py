"""What is compiled, how often, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

import autoencodes as ac
from autoencodes import precision, run
from autoencodes.plan.settings import Settings

FLOW = ac.Flow(ac.WidthSchedule.autoencoder(3, (3, 2), 2, 3.0))
ROWS = np.random.default_rng(0).normal(size=(24, 3))
MEASURE = ac.EmpiricalMeasure(ROWS)


@pytest.fixture
def programs() -> Iterator[list[str]]:
    """What JAX compiles from here on."""
    made: list[str] = []

    def noted(event: str, duration_secs: float, **about: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            made.append(event)

    jax.monitoring.register_event_duration_secs_listener(noted)
    yield made
    jax.monitoring.unregister_event_duration_listener(noted)


def train(method: ac.Method | None, tikhonov: float, steps: int, seed: int, rows: object) -> None:
    whole = isinstance(method, ac.MinimizingMovement | ac.LBFGS)
    drawn = {} if whole else {"batch_size": 8, "key": jax.random.key(seed)}
    problem = ac.ControlProblem(FLOW, "squared", tikhonov)
    control = FLOW.init(jax.random.key(seed))
    ac.fit(problem, control, ac.EmpiricalMeasure(rows), method=method, steps=steps, **drawn)


@pytest.mark.parametrize(
    "method",
    [
        None,
        ac.Adam(),
        pytest.param(ac.AdamW(), marks=pytest.mark.slow),
        pytest.param(ac.MinimizingMovement(), marks=pytest.mark.slow),
        pytest.param(ac.LBFGS(), marks=pytest.mark.slow),
    ],
    ids=lambda method: type(method).__name__,
)
def test_another_penalty_length_seed_or_other_rows_compile_nothing(
    method: ac.Method | None, programs: list[str]
) -> None:
    train(method, 0.1, 6, 0, ROWS)
    del programs[:]
    for k in range(10):
        train(method, 0.01 * k, 6, 0, ROWS)  # a path of λ, with 0
    for seed in range(1, 11):
        train(method, 0.1, 6, seed, ROWS)  # restarts
    train(method, 0.1, 9, 0, ROWS + 1)
    assert not programs


def test_another_rate_or_step_compiles_nothing(programs: list[str]) -> None:
    train(ac.Adam(0.1), 0.1, 6, 0, ROWS)
    train(ac.MetricMovement(0.1), 0.1, 6, 0, ROWS)
    train(ac.MinimizingMovement(0.1, "contraction"), 0.1, 6, 0, ROWS)
    del programs[:]
    train(ac.Adam(0.2), 0.1, 6, 0, ROWS)
    train(ac.MetricMovement(0.2), 0.1, 6, 0, ROWS)
    train(ac.MinimizingMovement(0.2, "contraction"), 0.1, 6, 0, ROWS)
    assert not programs


def test_a_gradient_under_another_penalty_compiles_nothing_and_is_right(
    programs: list[str],
) -> None:
    control = FLOW.init(jax.random.key(0))
    first = ac.ControlProblem(FLOW, "squared", 0.1)
    values = [first.objective(control, MEASURE), first.gradient(control, MEASURE)]
    del programs[:]
    second = ac.ControlProblem(FLOW, "squared", 0.4)
    others = [second.objective(control, MEASURE), second.gradient(control, MEASURE)]
    assert not programs
    size = first.penalty(control) / 0.1
    assert float(others[0] - values[0]) == pytest.approx(0.3 * float(size), rel=1e-5)
    for a, b, theta in zip(*map(jax.tree.leaves, (*values[1:], *others[1:], control)), strict=True):
        np.testing.assert_allclose(b - a, 0.6 * theta, atol=1e-5)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs of this test are counted from 0."""
    kept = precision._Kept(size=1)
    monkeypatch.setattr(precision, "_kept", kept)
    jax.monitoring.register_event_duration_secs_listener(kept.compiled)
    yield
    jax.monitoring.unregister_event_duration_listener(kept.compiled)


@pytest.mark.parametrize("reason", ["_MOST_PROGRAMS", "_GROWN"])
@pytest.mark.usefixtures("counted")
def test_programs_of_other_shapes_are_not_kept_for_good(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_FEWEST_PROGRAMS", 12)
    monkeypatch.setattr(precision, reason, 12 if reason == "_MOST_PROGRAMS" else -(2**40))
    client = jax.devices()[0].client
    jax.clear_caches()
    kept = []
    for count in range(3, 15):
        problem = ac.ControlProblem(FLOW)
        problem.terminal_cost(FLOW.init(jax.random.key(0)), ac.EmpiricalMeasure(ROWS[:count]))
        kept.append(len(client.live_executables()))
    assert max(kept) < 24
    assert len(set(kept)) < len(kept)  # and not one more for every size


def test_a_whole_training_compiles_few_programs(tmp_path: Path, programs: list[str]) -> None:
    settings = Settings(data="digits", widths=(12, 3), steps_per_block=1, epochs=2)
    outcome = run.train(settings, tmp_path / "run")
    assert np.isfinite(outcome.metrics["test_mse"])
    assert len(programs) <= 22  # 59 once: a program for every array of the control


def test_a_penalty_compiles_nothing_and_is_that_of_compiled_code(programs: list[str]) -> None:
    control = jax.tree.map(np.asarray, FLOW.init(jax.random.key(0)))
    ac.norm(control, 0.5)
    del programs[:]
    other = jax.tree.map(lambda a: a[:, :1], control)  # of shapes that nothing has seen
    value = ac.inner(other, other, 0.5)
    assert len(programs) <= 1
    compiled = jax.jit(lambda c: ac.inner(c, c, 0.5))(other)
    np.testing.assert_allclose(value, compiled, rtol=1e-5)
