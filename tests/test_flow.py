"""The flow: explicit Euler along a schedule of varying width."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import Swing, states
from plain import velocity as plain_velocity
from problems import BY_NAME, CASES, Case, distance, draw, every_case, inactive, some_cases

import autoencodes as ac
from autoencodes.fields import Perceptron, TwoLayer
from autoencodes.flow.sweep import check_control, increment

AROUND = [case for case in CASES if case.schedule.memory != "reset"]
MANY_BLOCKS = [case for case in CASES if len(case.schedule.blocks) > 1]


def close(found: Any, expected: Any, tolerance: float = 1e-13) -> None:
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@every_case
def test_the_trajectory_is_that_of_plain_loops_over_the_whole_space(case: Case) -> None:
    found = case.flow.trajectory(case.control, case.measure.x)
    close(found, states(case.flow, case.control, case.measure.x))


@every_case
def test_the_trajectory_goes_from_the_particles_to_their_push(case: Case) -> None:
    x = case.measure.x
    path = case.flow.trajectory(case.control, x)
    assert path.shape == (case.schedule.steps + 1, *x.shape)
    np.testing.assert_array_equal(path[0], x)
    close(path[-1], case.flow.push(case.control, x))


@every_case
def test_inactive_components_are_untouched_under_hold_and_else_absent(case: Case) -> None:
    schedule = case.schedule
    path = np.asarray(case.flow.trajectory(case.control, case.measure.x))
    for j, (first, block) in enumerate(zip(schedule.first_steps, schedule.blocks, strict=True)):
        off = inactive(schedule, j)
        during = path[first + 1 : first + block.steps + 1, :, off]
        before = path[first][:, off] if schedule.memory == "hold" else 0
        np.testing.assert_array_equal(during, np.broadcast_to(before, during.shape))


@every_case
def test_decoding_what_was_encoded_is_the_push(case: Case) -> None:
    flow, control, x = case.flow, case.control, case.measure.x
    latent, held = flow.encode(control, x, held=True)
    assert latent.shape == (len(x), case.schedule.latent)
    np.testing.assert_array_equal(flow.encode(control, x), latent)
    close(flow.decode(control, latent, held), flow.push(control, x))
    if case.schedule.memory == "reset":
        assert held.shape == (len(x), 0)
        close(flow.decode(control, latent), flow.push(control, x))


@some_cases
def test_the_latent_values_are_the_active_state_at_the_end_of_the_bottleneck(case: Case) -> None:
    schedule, j = case.schedule, case.schedule.bottleneck
    block = schedule.blocks[j]
    state = states(case.flow, case.control, case.measure.x)[schedule.first_steps[j] + block.steps]
    latent, held = case.flow.encode(case.control, case.measure.x, held=True)
    close(latent, state[:, list(block.active)])
    if schedule.memory == "hold":
        close(held, state[:, inactive(schedule, j)])


@pytest.mark.parametrize("case", AROUND, ids=lambda case: case.name)
@pytest.mark.slow
def test_without_held_values_the_decoder_resumes_from_zero(case: Case) -> None:
    latent, held = case.flow.encode(case.control, case.measure.x, held=True)
    found = case.flow.decode(case.control, latent)
    np.testing.assert_array_equal(found, case.flow.decode(case.control, latent, 0 * held))


@pytest.mark.parametrize("memory", ["reset", "hold", "skip"])
def test_data_that_agree_behind_the_bottleneck_are_decoded_alike_under_reset(memory: str) -> None:
    case = BY_NAME[f"permuted, weights, targets, {memory}"]
    flow, latent = case.flow, case.schedule.blocks[case.schedule.bottleneck].active
    # An encoder that stands still: the bottleneck sees the latent components as they came.
    still = jax.tree.map(jnp.zeros_like, case.control[: case.schedule.bottleneck + 1])
    control = (*still, *case.control[case.schedule.bottleneck + 1 :])
    x = np.asarray(case.measure.x)
    other = x + 1
    other[:, list(latent)] = x[:, list(latent)]
    outputs = [np.asarray(flow.push(control, rows)) for rows in (x, other)]
    assert np.array_equal(*outputs) == (memory == "reset")


@some_cases
def test_permuted_particles_are_permuted_in_the_output(case: Case) -> None:
    x, order = np.asarray(case.measure.x), np.random.default_rng(0).permutation(7)
    close(case.flow.push(case.control, x[order]), case.flow.push(case.control, x)[order])


@pytest.mark.parametrize("case", MANY_BLOCKS[::3], ids=lambda case: case.name)
def test_relabelled_components_are_relabelled_in_the_output(case: Case) -> None:
    old, x = case.schedule, np.asarray(case.measure.x)
    label = np.random.default_rng(1).permutation(old.dim)
    blocks = [ac.Block([int(label[i]) for i in b.active], b.steps) for b in old.blocks]
    schedule = ac.WidthSchedule(old.dim, blocks, old.horizon, old.memory)
    relabelled = np.empty_like(x)
    relabelled[:, label] = x
    output = ac.Flow(schedule, case.field, case.scheme).push(case.control, relabelled)
    close(output[:, label], case.flow.push(case.control, x))


@pytest.mark.parametrize("memory", ["reset", "hold", "skip"])
def test_an_order_with_permuted_data_gives_permuted_output(memory: str) -> None:
    order, arguments = [2, 0, 3, 1], (4, [4, 3, 1], 1, 1.0)
    plain = ac.Flow(ac.WidthSchedule.autoencoder(*arguments, memory=memory))
    ordered = ac.Flow(ac.WidthSchedule.autoencoder(*arguments, order=order, memory=memory))
    control, x = draw(plain, 0), np.random.default_rng(0).normal(size=(5, 4))
    close(plain.push(control, x[:, order]), ordered.push(control, x)[:, order])
    close(plain.encode(control, x[:, order]), ordered.encode(control, x))


def test_the_order_within_a_block_is_the_order_of_its_control() -> None:
    case, order = BY_NAME["overlapping blocks, hold"], [2, 0, 1]
    blocks, control = list(case.schedule.blocks), list(case.control)
    blocks[1] = ac.Block([blocks[1].active[i] for i in order], blocks[1].steps)
    W, b = control[1]["W"], control[1]["b"]
    control[1] = {"W": W[:, order][:, :, order], "b": b[:, order]}
    schedule = ac.WidthSchedule(4, blocks, case.schedule.horizon, "hold")
    found = ac.Flow(schedule).push(tuple(control), case.measure.x)
    close(found, case.flow.push(case.control, case.measure.x))


def _cut(case: Case, values: Any, longest: int = 3) -> Any:
    """A control, cut into shorter blocks."""
    return tuple(
        {name: a[first : first + longest] for name, a in arrays.items()}
        for block, arrays in zip(case.schedule.blocks, values, strict=True)
        for first in range(0, block.steps, longest)
    )


def test_scanned_blocks_are_unrolled_blocks() -> None:
    case = BY_NAME["overlapping in one component, hold"]
    control = _cut(case, case.control)
    steps = iter(len(next(iter(block.values()))) for block in control)
    actives = [b.active for b in case.schedule.blocks for _ in range(0, b.steps, 3)]
    blocks = [ac.Block(active, next(steps)) for active in actives]
    old = case.schedule
    flow = ac.Flow(ac.WidthSchedule(old.dim, blocks, old.horizon, old.memory), case.field)
    close(flow.push(control, case.measure.x), case.flow.push(case.control, case.measure.x))
    unrolled = ac.ControlProblem(flow, tikhonov=case.tikhonov).gradient(control, case.measure)
    scanned = _cut(case, case.problem.gradient(case.control, case.measure))
    assert distance(unrolled, scanned) < 1e-13


@pytest.mark.parametrize(
    ("memory", "field"), [("reset", Perceptron("tanh")), ("hold", Swing()), ("skip", TwoLayer())]
)
def test_the_error_is_of_first_order_in_the_step_size(memory: str, field: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))

    def output(steps: int) -> np.ndarray:
        schedule = ac.WidthSchedule.autoencoder(3, [3, 1], steps, 1.0, memory=memory)
        flow = ac.Flow(schedule, field)
        coarse = ac.WidthSchedule.autoencoder(3, [3, 1], 1, 1.0, memory=memory)
        one = draw(ac.Flow(coarse, field), 0)
        control = jax.tree.map(lambda a: jnp.repeat(a, steps, axis=0), one)
        return np.asarray(flow.push(control, x))

    # Richardson's extrapolation of two fine solutions has an error of second order.
    exact = 2 * output(4000) - output(2000)
    errors = np.array([np.abs(output(steps) - exact).max() for steps in (20, 40, 80)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 1, atol=0.05)


@pytest.mark.parametrize("case", CASES[::4], ids=lambda case: case.name)
def test_the_precision_of_the_control_is_that_of_the_result(case: Case) -> None:
    single = jax.tree.map(lambda a: a.astype(jnp.float32), case.control)
    found = case.flow.push(single, case.measure.x)
    assert found.dtype == jnp.float32
    close(found, case.flow.push(case.control, case.measure.x), 1e-4)


def test_every_result_has_the_precision_of_the_control() -> None:
    case = BY_NAME["overlapping blocks, hold"]
    control = jax.tree.map(lambda a: a.astype(jnp.float32), case.control)
    assert case.flow.trajectory(control, case.measure.x).dtype == jnp.float32
    latent, held = case.flow.encode(control, case.measure.x, held=True)
    assert latent.dtype == held.dtype == jnp.float32
    assert case.flow.decode(control, np.asarray(latent, float)).dtype == jnp.float32
    assert case.flow.init(jax.random.key(0), dtype=jnp.float32)[0]["W"].dtype == jnp.float32


def test_a_drawn_control_has_the_fields_shapes_and_differs_from_step_to_step() -> None:
    case = BY_NAME["overlapping blocks, reset"]
    control = case.flow.init(jax.random.key(0), 0.5)
    check_control(case.flow, control)
    np.testing.assert_array_equal(control[0]["W"], case.flow.init(jax.random.key(0))[0]["W"])
    rows = np.concatenate(
        [block["W"].reshape(-1, block["W"].shape[1] ** 2)[:, :1] for block in control]
    )
    assert len(np.unique(rows)) == case.schedule.steps
    assert case.flow.init(jax.random.key(1))[0]["W"][0, 0, 0] != control[0]["W"][0, 0, 0]


@pytest.mark.slow
def test_the_flow_can_be_compiled_mapped_and_differentiated_from_outside() -> None:
    case = BY_NAME["overlapping blocks, hold"]
    flow, problem, control, measure = case.flow, case.problem, case.control, case.measure
    x, output = jnp.asarray(measure.x), flow.push(control, measure.x)
    close(jax.jit(flow.push)(control, x), output)
    close(jax.vmap(lambda row: flow.push(control, row[None])[0])(x), output)
    close(jax.jit(problem.objective)(control, measure), problem.objective(control, measure))
    two = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), control)
    both = jax.vmap(problem.objective, in_axes=(0, None))(two, measure)
    close(both[0], problem.objective(control, measure))
    usual = jax.jit(jax.grad(problem.objective))(control, measure)
    scaled = jax.tree.map(lambda a: a / case.schedule.step_size, usual)
    assert distance(scaled, problem.gradient(control, measure)) < 1e-12
    jacobian = jax.jacobian(flow.push, argnums=1)(control, x[:1])
    step = 1e-6 * np.eye(4)[:, None]
    ends = [np.stack([flow.push(control, x[:1] + s * e) for e in step]) for s in (1, -1)]
    close(jacobian[0, :, 0], (ends[0] - ends[1])[:, 0].T / 2e-6, 1e-8)


def test_under_skip_the_field_of_the_returning_block_sees_what_was_stored() -> None:
    # By hand: x = (a, b); b is stored and leaves, a moves by h (v a), b re-enters at 0 and moves
    # by h (p a + q 0 + r m), where m = b; then a leaves for good.
    blocks = [ac.Block([0], 1), ac.Block([0, 1], 1), ac.Block([1], 1)]
    flow = ac.Flow(ac.WidthSchedule(2, blocks, 3.0, "skip"), Perceptron("identity"))
    control = jax.tree.map(jnp.zeros_like, draw(flow, 0))
    assert [block["W"].shape for block in control] == [(1, 1, 1), (1, 2, 3), (1, 1, 1)]
    control[0]["W"] = jnp.array([[[0.5]]])
    control[1]["W"] = jnp.array([[[0.0, 0.0, 0.0], [2.0, 7.0, -3.0]]])
    a, b = 1.5, 0.25
    expected = [[a, b], [1.5 * a, 0], [1.5 * a, 2 * 1.5 * a - 3 * b], [0, 3 * a - 3 * b]]
    close(flow.trajectory(control, np.array([[a, b]]))[:, 0], expected)
    latent, held = flow.encode(control, np.array([[a, b]]), held=True)
    close(latent, [[1.5 * a]])
    close(held, [[b]])
    close(flow.decode(control, latent, held), [[0, 3 * a - 3 * b]])


def test_stored_values_are_separate_and_the_decoder_runs_without_them() -> None:
    flow = ac.Flow(ac.WidthSchedule.unet(4, [4, 2, 1], 1, 1.0, order=[3, 1, 0, 2]))
    control, x = draw(flow, 0), np.random.default_rng(0).normal(size=(5, 4))
    latent, held = flow.encode(control, x, held=True)
    path = states(flow, control, x)
    close(latent, path[3][:, [3]])
    # Stored at the first switch: components 0 and 2; at the second: component 1.
    close(held, np.column_stack([path[2][:, 1], path[1][:, 0], path[1][:, 2]]))
    without = flow.decode(control, latent)
    close(without, flow.decode(control, latent, np.zeros_like(held)))
    assert np.abs(without - flow.push(control, x)).max() > 0.01


def test_a_field_that_takes_no_stored_values_is_refused_under_skip_alone() -> None:
    ac.Flow(ac.WidthSchedule.autoencoder(2, [2, 1], 1, 1.0), Swing()).init(jax.random.key(0))
    flow = ac.Flow(ac.WidthSchedule.unet(2, [2, 1], 1, 1.0), Swing())
    with pytest.raises(ac.InputError, match=r"Swing is not made for memory skip.*fourth argument"):
        flow.init(jax.random.key(0))


def test_the_velocity_is_that_of_every_particle() -> None:
    case = BY_NAME["constant, scanned, own field"]
    theta = {name: jnp.asarray(a[0]) for name, a in case.control[0].items()}
    x = jnp.asarray(case.measure.x)
    found = increment(case.flow, 0, jnp.asarray(0.3), theta, x)
    close(found, plain_velocity(case.field, 0.3, np.asarray(x), theta))


def _shape_errors() -> list[tuple[str, Any, str]]:
    case = BY_NAME["permuted, weights, targets, hold"]
    flow, control, x = case.flow, case.control, np.asarray(case.measure.x)
    short = (*control[:1], {**control[1], "b": control[1]["b"][:1]}, *control[2:])
    renamed = ({"W": control[0]["W"], "c": control[0]["b"]}, *control[1:])
    z = np.zeros((3, 2))
    return [
        (
            "short",
            lambda: flow.push(short, x),
            r"control\[1\]\['b'\].*shape \(2, 2\); got \(1, 2\)",
        ),
        ("renamed", lambda: flow.push(renamed, x), "tuple of 3 dicts.*entries W, b"),
        ("blocks", lambda: flow.push(control[:2], x), "tuple of 3 dicts"),
        ("dim", lambda: flow.push(control, x[:, :3]), r"particles.*\(N, 4\).*shape \(7, 3\)"),
        ("vector", lambda: flow.push(control, x[0]), r"particles.*\(N, 4\).*shape \(4,\)"),
        ("path", lambda: flow.trajectory(control, x.T), r"\(N, 4\).*shape \(4, 7\)"),
        ("encode", lambda: flow.encode(control, x.T), r"\(N, 4\).*shape \(4, 7\)"),
        ("latent", lambda: flow.decode(control, x), r"latent values.*\(N, 2\).*shape \(7, 4\)"),
        ("held", lambda: flow.decode(control, z, z[:, :1]), r"held.*\(N, 2\).*shape \(3, 1\)"),
        ("rows", lambda: flow.decode(control, z, z[:2]), "one row for each.*expected 3, got 2"),
        ("scale", lambda: flow.init(jax.random.key(0), -1.0), "scale.*at least 0; got -1"),
        ("truth", lambda: flow.init(jax.random.key(0), True), "scale must be a finite.*got True"),
        ("nan", lambda: flow.init(jax.random.key(0), np.nan), "scale.*finite.*got nan"),
    ]


@pytest.mark.parametrize(("call", "message"), [e[1:] for e in _shape_errors()], ids=lambda v: None)
def test_what_does_not_fit_the_flow_is_refused_by_name(call: Any, message: str) -> None:
    with pytest.raises(ac.InputError, match=message):
        call()


def _explosion(memory: str) -> tuple[ac.Flow, Any, np.ndarray]:
    """A flow that leaves the finite numbers in its first component, in its first block."""
    blocks = [ac.Block([0, 1], 2), ac.Block([1], 1), ac.Block([1, 0], 1)]
    flow = ac.Flow(ac.WidthSchedule(2, blocks, 1.0, memory), Perceptron("identity"))
    control = jax.tree.map(jnp.zeros_like, draw(flow, 0))
    control[0]["W"] = control[0]["W"].at[:, 0, 0].set(1e200)
    return flow, control, np.ones((3, 2))


@pytest.mark.parametrize("method", ["push", "trajectory"])
def test_a_flow_that_leaves_the_finite_numbers_says_so(method: str) -> None:
    flow, control, x = _explosion("hold")
    with pytest.raises(ac.NumericalFailure, match=r"left the finite numbers of float64.*tanh"):
        getattr(flow, method)(control, x)


def test_held_values_that_are_not_finite_are_refused() -> None:
    flow, control, x = _explosion("hold")
    np.testing.assert_array_equal(flow.encode(control, x), 1)
    with pytest.raises(ac.NumericalFailure, match="left the finite numbers"):
        flow.encode(control, x, held=True)


@pytest.mark.parametrize(
    "call", ["objective", "gradient", "costate", "hamiltonian", "pmp_residual"]
)
def test_what_follows_from_an_exploding_flow_fails_too(call: str) -> None:
    flow, control, x = _explosion("hold")
    with pytest.raises(ac.NumericalFailure, match="left the finite numbers"):
        getattr(ac.ControlProblem(flow), call)(control, ac.EmpiricalMeasure(x))


def face(kind: type) -> set[str]:
    """The public names of a class: its data, its properties and its methods."""
    data = {f.name for f in dataclasses.fields(kind)}
    return data | {name for name in dir(kind) if not name.startswith("_")}


def test_a_flow_and_a_schedule_show_what_users_call() -> None:
    assert face(ac.Flow) == {
        *("schedule", "field", "scheme"),
        *("init", "push", "trajectory", "encode", "decode", "inverse", "refined"),
    }
    assert face(ac.WidthSchedule) == {
        *("dim", "blocks", "horizon", "memory"),
        *("steps", "step_size", "widths", "bottleneck", "latent", "first_steps", "invertible"),
        *("constant", "encoder", "decoder", "autoencoder", "sequence", "unet", "grids", "refined"),
    }
    assert face(ac.Block) == {"active", "steps", "width"}


def _large() -> list[Any]:
    order = np.random.default_rng(0).permutation(784).tolist()
    schedule = ac.WidthSchedule.autoencoder(784, [784, 130, 30], 40, 6.0, order, "hold")
    flow = ac.Flow(schedule, (*[Perceptron()] * 4, TwoLayer(50)))
    return [schedule, schedule.blocks[0], flow, ac.ControlProblem(flow)]


@pytest.mark.parametrize("large", _large(), ids=lambda value: type(value).__name__)
def test_a_representation_fits_on_ten_lines(large: Any) -> None:
    lines = repr(large).splitlines()
    assert len(lines) <= 10
    assert max(map(len, lines)) <= 100
    assert type(large).__name__ in lines[0]


def test_the_representation_of_a_flow_says_what_it_is() -> None:
    schedule, _, flow, _ = _large()
    size = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(flow.init, jax.random.key(0))))
    for text in ("784, 130, 30, 130, 784", "200", "6", "hold"):
        assert text in repr(schedule)
        assert text in repr(flow)
        assert text in flow._repr_html_()
    for text in ("4 x Perceptron", "1 x TwoLayer", "Euler", f"{size:,}"):
        assert text in repr(flow)
        assert text in flow._repr_html_()
    assert repr(ac.Block([3, 1], 2)) == "Block(active=(3, 1), steps=2)"


def test_representations_escape_text_and_come_within_compiled_code_and_for_unfit_fields() -> None:
    class Marked(Swing):
        rate: Any

        def __repr__(self) -> str:
            return f"<b>Marked</b>({self.rate})"

    schedule = ac.WidthSchedule.unet(2, [2, 1], 1, 1.0)
    flow = ac.Flow(schedule, Marked(1.0))
    assert "<b>" not in flow._repr_html_()
    assert "not known" in repr(flow)  # Swing does not take stored values
    constant = ac.WidthSchedule.constant(2, 1, 1.0)
    shown = []

    @jax.jit
    def compiled(rate: Any) -> Any:
        shown.append(repr(ac.Flow(constant, Marked(rate))))
        return rate

    compiled(jnp.asarray(2.0))
    assert "6" in shown[0]
