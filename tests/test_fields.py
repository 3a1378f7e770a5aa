"""The fields: their formulas, how controls are drawn, and their descriptions."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
import pytest
from plain import Swing, velocity
from problems import FAMILY, draw

import autoencodes as ac
from autoencodes import fields
from autoencodes.catalogue import ACTIVATIONS
from autoencodes.flow import sweep
from autoencodes.schemes import Euler


class Seeing(Swing):
    """The same field, made for inputs beside its own."""

    def init(self, key: Any, width: int, scale: float, seen: int = 0) -> Any:
        return {"A": scale * jax.random.normal(key, (width, width + seen)), "c": np.zeros(width)}


BUILT_IN = [
    *(fields.Perceptron(name) for name in ACTIVATIONS),
    fields.TwoLayer(),
    fields.TwoLayer(5, "sin"),
    fields.LowRank(2),
    fields.LowRank(7, "gelu"),
    *(fields.LinearInControl(name) for name in ("tanh", "gelu")),
    fields.Convolution((3, 1, 1)),
    fields.Pointwise(5, "gelu"),
    fields.Convolution((1, 1, 3), 5, 2, "sin"),
    fields.Translation(),
    fields.TimeDependent(fields.Perceptron("sin"), 2.0),
    fields.TimeDependent(fields.TwoLayer(5)),
    fields.TimeDependent(fields.LowRank(2, "gelu"), 0.5),
    fields.TimeDependent(fields.LinearInControl()),
]
BUILT_IN += [own for own in FAMILY.values() if type(own) not in map(type, BUILT_IN)]
GRIDS = [((1, 4, 5), 3), ((2, 3, 3), 3), ((3, 6, 2), 5), ((2, 1, 1), 3), ((2, 2, 3), 1)]
DRAWS = 4000
TIMED: Any = fields.TimeDependent


@pytest.mark.parametrize("field", [*BUILT_IN, Swing()], ids=str)
def test_the_velocity_is_the_formula(field: fields.ControlledField) -> None:
    random = np.random.default_rng(0)
    shapes = field.init(jax.random.key(0), 3, 1.0)
    theta = {name: jax.numpy.asarray(random.normal(size=a.shape)) for name, a in shapes.items()}
    for x in 4 * random.normal(size=(20, 3)):
        found = field.velocity(jax.numpy.asarray(0.3), jax.numpy.asarray(x), theta)
        np.testing.assert_allclose(found, velocity(field, 0.3, x[None], theta)[0], 1e-12, 1e-15)


@pytest.mark.parametrize(("width", "scale"), [(1, 0.5), (4, 0.5), (5, 2.0)])
def test_a_perceptron_draws_its_weights_with_variance_scale_squared_over_width(
    width: int, scale: float
) -> None:
    keys = jax.random.split(jax.random.key(1), DRAWS)
    theta = jax.vmap(lambda key: fields.Perceptron().init(key, width, scale))(keys)
    assert theta["W"].shape == (DRAWS, width, width)
    assert theta["b"].shape == (DRAWS, width)
    error = 4 / np.sqrt(DRAWS * width**2)  # four standard deviations of a mean
    assert np.mean(theta["W"] ** 2) * width / scale**2 == pytest.approx(1, abs=2 * error)
    assert np.mean(theta["W"]) == pytest.approx(0, abs=error * scale / np.sqrt(width))
    assert not theta["b"].any()


@pytest.mark.parametrize(
    ("field", "inside", "outside", "neurons"),
    [
        (fields.TwoLayer(), "W1", "W2", 4),
        (fields.TwoLayer(6), "W1", "W2", 6),
        (fields.LowRank(3), "V", "U", 3),
        (fields.LowRank(9), "V", "U", 4),
    ],
    ids=str,
)
def test_two_matrices_are_drawn_with_the_variance_that_keeps_sizes(
    field: fields.ControlledField, inside: str, outside: str, neurons: int
) -> None:
    keys = jax.random.split(jax.random.key(3), DRAWS)
    theta = jax.vmap(lambda key: field.init(key, 4, 0.5))(keys)
    assert theta[inside].shape == (DRAWS, neurons, 4)
    assert theta[outside].shape == (DRAWS, 4, neurons)
    spread = 8 / np.sqrt(DRAWS * 4 * neurons)
    bent = 16 if isinstance(field, fields.TwoLayer) else 1
    assert np.var(theta[inside]) == pytest.approx(bent * 0.25 / 4, rel=spread)
    assert np.var(theta[outside]) == pytest.approx(0.25 / neurons / bent, rel=spread)
    both = np.mean(theta[inside] * np.swapaxes(theta[outside], 1, 2))
    assert both == pytest.approx(0, abs=0.25 / np.sqrt(4 * neurons) * spread)
    for name in set(theta) - {inside, outside}:
        assert not theta[name].any()


def test_a_linear_field_draws_both_matrices_independently_from_one_law() -> None:
    keys = jax.random.split(jax.random.key(4), DRAWS)
    theta = jax.vmap(lambda key: fields.LinearInControl().init(key, 3, 0.5, 1))(keys)
    assert theta["A"].shape == theta["B"].shape == (DRAWS, 3, 4)
    for name in ("A", "B"):
        assert np.var(theta[name]) == pytest.approx(0.25 / 4, rel=8 / np.sqrt(12 * DRAWS))
    both = np.mean(theta["A"] * theta["B"])
    assert both == pytest.approx(0, abs=0.25 / 4 * 4 / np.sqrt(12 * DRAWS))
    assert not theta["c"].any()


@pytest.mark.parametrize("field", [*BUILT_IN, Swing()], ids=str)
def test_a_field_says_that_it_is_linear_in_the_control_where_it_is(
    field: fields.ControlledField,
) -> None:
    def velocity(theta: Any) -> Any:
        return field.velocity(jax.numpy.asarray(0.3), jax.numpy.asarray([0.5, -2.0, 1.0]), theta)

    one, other = (field.init(jax.random.key(k), 3, 1.0) for k in (0, 1))
    mixed = jax.tree.map(lambda a, b: 2 * a - 3 * b, one, other)
    combined = 2 * velocity(one) - 3 * velocity(other)
    linear = np.allclose(velocity(mixed), combined, rtol=1e-12)
    assert linear == field.linear_in_control


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fields.TwoLayer(0), r"hidden must be an integer, at least 1, or None; got 0"),
        (lambda: fields.TwoLayer(activation="tan"), r"activation must be one of"),
        (lambda: fields.LowRank(0), r"rank must be an integer, at least 1; got 0"),
        (lambda: fields.LowRank(2, "tan"), r"activation must be one of"),
        (lambda: fields.LinearInControl("tan"), r"activation must be one of"),
        (lambda: TIMED(fields.Perceptron(), 0.0), r"unit must be a positive finite number; got 0"),
        (lambda: TIMED(fields.Translation()), r"must use it; got Translation, which ignores its"),
        (lambda: TIMED(TIMED(fields.Perceptron())), r"got TimeDependent, which has it: take"),
        (lambda: TIMED(Swing()), r"Swing cannot be given the time: expected an init with a fourth"),
    ],
)
def test_attributes_that_cannot_be_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ac.InputError, match=said):
        make()


@pytest.mark.parametrize(("grid", "kernel"), GRIDS)
@pytest.mark.parametrize("more", [0, 2])
def test_a_convolution_is_the_sum_over_neighbours(grid: Any, kernel: int, more: int) -> None:
    c, h, w = grid
    field, random = fields.Convolution(grid, kernel, None, "identity"), np.random.default_rng(0)
    drawn = field.init(jax.random.key(0), c * h * w, 1.0, more * h * w)
    theta = {name: jax.numpy.asarray(random.normal(size=a.shape)) for name, a in drawn.items()}
    assert theta["K"].shape == (c, c + more, kernel, kernel)
    for x in random.normal(size=(5, (c + more) * h * w)):
        found = field.velocity(jax.numpy.asarray(0.0), jax.numpy.asarray(x), theta)
        np.testing.assert_allclose(found, velocity(field, 0, x[None], theta)[0], 1e-12, 1e-13)


def test_in_the_interior_a_convolution_flows_alike_wherever_the_picture_stands() -> None:
    schedule = ac.WidthSchedule.grids((16, 17), [(2, 16, 17)], 2, 1.0)
    flow = ac.Flow(schedule, fields.convolutions([(2, 16, 17)]))
    (control,) = draw(flow, 0)
    control = ({"K": control["K"], "b": 0 * control["b"]},)  # off the picture all stays 0
    picture = np.zeros((2, 16, 17))
    picture[:, 5:8, 4:9] = np.random.default_rng(1).normal(size=(2, 3, 5))
    here = flow.push(control, picture.reshape(1, -1)).reshape(2, 16, 17)
    there = flow.push(control, np.roll(picture, (3, 4), (1, 2)).reshape(1, -1))
    np.testing.assert_allclose(there.reshape(here.shape), np.roll(here, (3, 4), (1, 2)), 0, 1e-14)
    assert np.abs(here - picture).max() > 0.1


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_draws_its_kernel_with_the_variance_that_keeps_sizes(kernel: int) -> None:
    field = fields.Convolution((2, 3, 4), kernel)
    keys = jax.random.split(jax.random.key(4), DRAWS)
    for more in (0, 1):
        theta = jax.vmap(lambda key, more=more: field.init(key, 24, 0.5, 12 * more))(keys)
        inputs = (2 + more) * kernel**2
        assert theta["K"].shape == (DRAWS, 2, 2 + more, kernel, kernel)
        spread = 8 / np.sqrt(2 * DRAWS * inputs)
        assert np.var(theta["K"]) == pytest.approx(0.25 / inputs, rel=spread)
        assert not theta["b"].any()
    mixing = fields.Convolution((2, 3, 4), kernel, 3)
    theta = jax.vmap(lambda key: mixing.init(key, 24, 0.5))(keys)
    assert theta["K"].shape == (DRAWS, 3, 2, kernel, kernel)
    assert theta["V"].shape == (DRAWS, 2, 3)
    assert np.var(theta["K"]) == pytest.approx(0.25 / (2 * kernel**2), rel=8 / np.sqrt(6 * DRAWS))
    assert np.var(theta["V"]) == pytest.approx(0.25 / 3, rel=8 / np.sqrt(6 * DRAWS))
    assert not theta["b"].any()
    assert not theta["c"].any()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fields.Convolution((2, 3)), r"a grid must be 3 positive integers.*got \(2, 3\)"),
        (lambda: fields.Convolution((2, 0, 3)), r"a grid must be 3 positive integers"),
        (lambda: fields.Convolution((2, 3, 3), 4), r"kernel must be an odd integer.*got 4"),
        (lambda: fields.Convolution((2, 3, 3), hidden=0), r"hidden must be an integer.*got 0"),
        (lambda: fields.Convolution((2, 3, 3), activation="tan"), r"activation must be one of"),
    ],
)
def test_grids_and_kernels_that_cannot_be_are_refused(make: Any, said: str) -> None:
    with pytest.raises(ac.InputError, match=said):
        make()


def test_a_convolution_on_a_block_of_another_size_is_refused() -> None:
    schedule = ac.WidthSchedule.constant(5, 1, 1.0)
    field = fields.Convolution((1, 2, 2))
    with pytest.raises(ac.InputError, match=r"grid 1 x 2 x 2 acts on 4 active .*got 5 active"):
        ac.Flow(schedule, field)
    with pytest.raises(ac.InputError, match="got 5 active components"):
        field.init(jax.random.key(0), 5, 1.0)


@pytest.mark.parametrize("grids", [[(1, 4, 4), (1, 2, 2)], [(1, 4, 4), (3, 2, 2)]])
def test_under_skip_channels_that_return_in_part_are_refused(grids: Any) -> None:
    schedule = ac.WidthSchedule.grids((4, 4), grids, 1, 1.0, memory="skip")
    with pytest.raises(ac.InputError, match=r"stored values in sight that are not whole channels"):
        ac.Flow(schedule, fields.convolutions(grids))
    reset = ac.WidthSchedule.grids((4, 4), grids, 1, 1.0)
    first, *_ = sweep.fields(ac.Flow(reset, fields.convolutions(grids)))
    assert first == fields.Convolution((1, 4, 4))


def test_a_translation_draws_its_entries_with_variance_scale_squared() -> None:
    keys = jax.random.split(jax.random.key(2), DRAWS)
    theta = jax.vmap(lambda key: fields.Translation().init(key, 3, 0.5))(keys)["theta"]
    assert theta.shape == (DRAWS, 3)
    assert np.var(theta) == pytest.approx(0.25, rel=8 / np.sqrt(3 * DRAWS))


@pytest.mark.parametrize("field", BUILT_IN, ids=str)
def test_scale_zero_draws_zero(field: fields.ControlledField) -> None:
    for values in field.init(jax.random.key(0), 3, 0.0).values():
        assert not values.any()


def test_an_unknown_activation_is_refused_with_the_list_of_the_known_ones() -> None:
    with pytest.raises(ac.InputError, match=r"tanh, relu, gelu.*got 'tan'"):
        fields.Perceptron("tan")


@pytest.mark.parametrize("field", BUILT_IN, ids=str)
def test_a_built_in_field_is_built_again_from_its_description(
    field: fields.ControlledField,
) -> None:
    again = fields.build(json.loads(json.dumps(fields.describe(field))))
    assert type(again) is type(field)
    assert again == field


def test_the_time_moves_on_while_sub_steps_share_a_control() -> None:
    # F = A (x, t) + c with A = (0, 1): x(T) = c T + Σ_k h t_k, exactly.
    field = fields.TimeDependent(fields.Perceptron("identity"))
    schedule = ac.WidthSchedule.constant(1, 1, 2.0)
    flow = ac.Flow(schedule, field, Euler(4))
    control = ({"W": jax.numpy.asarray([[[0.0, 1.0]]]), "b": jax.numpy.asarray([[0.5]])},)
    expected = 3.0 + 0.5 * 2.0 + 0.5 * (0 + 0.5 + 1 + 1.5)
    assert flow.push(control, np.array([[3.0]]))[0, 0] == pytest.approx(expected, rel=1e-14)


def test_a_field_of_the_users_own_within_another_is_not_built() -> None:
    description = fields.describe(fields.TimeDependent(Seeing()))
    assert description["field"] == {"name": "test_fields.Seeing"}
    with pytest.raises(ac.InputError, match=r"test_fields\.Seeing.*not built in.*pass the field"):
        fields.build(description)


def test_fields_are_equal_where_their_attributes_are() -> None:
    assert fields.Perceptron("sin") == fields.Perceptron("sin")
    assert fields.Perceptron("sin") != fields.Perceptron("tanh")


def test_a_field_of_the_users_own_is_described_by_its_class_and_not_built() -> None:
    description = fields.describe(Swing())
    assert description == {"name": "plain.Swing"}
    with pytest.raises(ac.InputError, match=r"plain\.Swing.*not built in.*pass the field"):
        fields.build(description)


def test_a_description_without_a_name_is_refused() -> None:
    with pytest.raises(ac.InputError, match="not built in"):
        fields.build({})


def test_a_field_without_a_formula_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="abstract"):
        fields.ControlledField()  # type: ignore[abstract]
