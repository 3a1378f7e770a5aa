"""The shapes of width schedules."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
from problems import CASES, IDS, Case, inactive

import autoencodes as ac
from autoencodes.flow.layout import layouts
from autoencodes.flow.schedule import switched_on

autoencoder, encoder, decoder = (
    ac.WidthSchedule.autoencoder,
    ac.WidthSchedule.encoder,
    ac.WidthSchedule.decoder,
)


@st.composite
def nested(draw: Any) -> tuple[int, list[int], int, float, list[int], str]:
    """The arguments of ``autoencoder``."""
    dim = draw(st.integers(1, 8))
    widths = sorted(draw(st.lists(st.integers(1, dim), min_size=1, max_size=4)), reverse=True)
    return (
        dim,
        widths,
        draw(st.integers(1, 5)),
        draw(st.floats(0.01, 100)),
        draw(st.permutations(range(dim))),
        draw(st.sampled_from(["reset", "hold", "skip"])),
    )


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_steps_fill_the_horizon(case: Case) -> None:
    schedule = case.schedule
    assert schedule.steps == sum(block.steps for block in schedule.blocks)
    assert schedule.step_size * schedule.steps == pytest.approx(schedule.horizon, rel=1e-15)
    ends = [f + b.steps for f, b in zip(schedule.first_steps, schedule.blocks, strict=True)]
    assert [0, *ends] == [*schedule.first_steps, schedule.steps]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_active_and_inactive_components_are_all_components(case: Case) -> None:
    schedule = case.schedule
    for j, block in enumerate(schedule.blocks):
        assert sorted((*block.active, *inactive(schedule, j))) == list(range(schedule.dim))
        assert block.width == len(block.active) == schedule.widths[j]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_the_bottleneck_is_the_narrowest_block(case: Case) -> None:
    schedule = case.schedule
    assert schedule.latent == min(schedule.widths) == schedule.widths[schedule.bottleneck]


@hypothesis.given(nested())
def test_an_autoencoder_is_an_encoder_and_its_mirror_image(arguments: Any) -> None:
    dim, widths, steps, horizon, order, memory = arguments
    whole = autoencoder(dim, widths, steps, horizon, order, memory)
    first = encoder(dim, widths, steps, horizon, order, memory)
    last = decoder(dim, widths, steps, horizon, order, memory)
    assert whole.widths == (*widths, *widths[-2::-1])
    assert whole.blocks == whole.blocks[::-1]
    assert whole.blocks == (*first.blocks, *last.blocks[1:])
    assert first.blocks == last.blocks[::-1]
    assert [block.active for block in first.blocks] == [tuple(order[:w]) for w in widths]
    assert {block.steps for block in whole.blocks} == {steps}
    assert whole.memory == first.memory == last.memory == memory
    assert whole.latent == widths[-1]
    assert whole.blocks[whole.bottleneck] == first.blocks[-1]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_stored_and_seen_values_are_those_of_components_that_left(case: Case) -> None:
    schedule, memory = case.schedule, case.schedule.memory
    for j, block in enumerate(schedule.blocks):
        layout = layouts(schedule)[j]
        stored, seen = layout.stored, layout.seen
        assert [i for i in inactive(schedule, j) if i in stored] == list(stored)
        assert layout.active == block.active
        assert set(seen) <= set(block.active)
        assert not (stored and memory == "reset")
        assert not (seen and memory != "skip")
        assert [i for i, _ in layout.coordinates] == [*block.active, *seen, *stored]
        assert len(set(layout.coordinates)) == len(layout.coordinates)
        assert layout.shown == (block.active + stored if memory == "hold" else block.active)
        if j > 0 and memory == "skip":
            assert set(seen) == set(block.active) & set(layouts(schedule)[j - 1].stored)
    if memory == "skip":
        assert layouts(schedule)[-1].stored == ()


def test_a_unet_is_an_autoencoder_that_stores() -> None:
    unet = ac.WidthSchedule.unet(4, [4, 2, 1], 2, 1.0, order=[3, 1, 0, 2])
    assert unet == autoencoder(4, [4, 2, 1], 2, 1.0, order=[3, 1, 0, 2], memory="skip")
    assert [layout.stored for layout in layouts(unet)] == [(), (0, 2), (1, 0, 2), (0, 2), ()]
    assert [layout.seen for layout in layouts(unet)] == [(), (), (), (1,), (0, 2)]


def test_of_several_narrowest_blocks_the_middle_one_is_the_bottleneck() -> None:
    assert autoencoder(4, [4, 2, 2], 1, 1.0).bottleneck == 2
    assert ac.WidthSchedule.constant(3, 5, 1.0).bottleneck == 0
    assert ac.WidthSchedule(3, [ac.Block([i], 1) for i in range(3)], 1.0).bottleneck == 1


def test_components_are_kept_in_their_own_order_by_default() -> None:
    assert autoencoder(3, [3, 1], 1, 1.0) == autoencoder(3, [3, 1], 1, 1.0, order=[0, 1, 2])
    assert autoencoder(3, [3, 1], 1, 1.0).memory == "reset"


def test_the_constant_schedule_has_every_component_active() -> None:
    assert ac.WidthSchedule.constant(3, 5, 2.0).blocks == (ac.Block([0, 1, 2], 5),)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_equal_schedules_have_equal_hashes_and_do_not_change(case: Case) -> None:
    old = case.schedule
    again = ac.WidthSchedule(old.dim, list(old.blocks), old.horizon, old.memory)
    assert again == old
    assert hash(again) == hash(old)
    assert old != ac.WidthSchedule(old.dim, old.blocks, 2 * old.horizon, old.memory)
    with pytest.raises(dataclasses.FrozenInstanceError):
        old.horizon = 3.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        old.blocks[0].steps = 3  # type: ignore[misc]


_one = (ac.Block([0], 1),)
_ERRORS: dict[str, tuple[Callable[[], object], str]] = {
    "no active component": (lambda: ac.Block([], 1), "at least one active component"),
    "twice the same component": (lambda: ac.Block([0, 1, 0], 1), r"distinct.*\(0, 1, 0\)"),
    "a negative component": (lambda: ac.Block([0, -1], 1), r"not negative.*\(0, -1\)"),
    "no steps": (lambda: ac.Block([0], 0), "at least 1; got 0"),
    "negative steps": (lambda: ac.Block([0], -3), "at least 1; got -3"),
    "no dimension": (lambda: ac.WidthSchedule(0, _one, 1.0), "dimension must be .* 1; got 0"),
    "no blocks": (lambda: ac.WidthSchedule(1, [], 1.0), "at least one block"),
    "component out of range": (
        lambda: ac.WidthSchedule(2, [ac.Block([0], 1), ac.Block([0, 2], 1)], 1.0),
        r"block 1 must lie in 0..1; got 2",
    ),
    "memory typo": (
        lambda: ac.WidthSchedule(1, _one, 1.0, "rest"),
        "reset, hold, skip; got 'rest'",
    ),
    "memory typo in a constructor": (
        lambda: autoencoder(2, [2, 1], 1, 1.0, memory="Hold"),
        "reset, hold, skip; got 'Hold'",
    ),
    "growing widths": (lambda: autoencoder(4, [3, 1, 2], 1, 1.0), r"not grow.*2 after 1"),
    "growing encoder": (lambda: encoder(4, [1, 2], 1, 1.0), r"not grow.*2 after 1"),
    "growing decoder": (lambda: decoder(4, [1, 2], 1, 1.0), r"not grow.*2 after 1"),
    "wider than the space": (lambda: autoencoder(3, [4, 1], 1, 1.0), "dimension 3; got 4"),
    "latent 0": (lambda: autoencoder(3, [3, 0], 1, 1.0), "width must be an int.*at least 1; got 0"),
    "no widths": (lambda: autoencoder(3, [], 1, 1.0), "at least one width"),
    "order too short": (lambda: autoencoder(3, [2], 1, 1.0, order=[0, 1]), "permutation of 0..2"),
    "order repeats": (lambda: autoencoder(3, [2], 1, 1.0, order=[0, 1, 1]), r"got \(0, 1, 1\)"),
    "order out of range": (lambda: autoencoder(3, [2], 1, 1.0, order=[1, 2, 3]), "permutation"),
    "constant without steps": (lambda: ac.WidthSchedule.constant(2, 0, 1.0), "at least 1; got 0"),
    "constant without dimension": (lambda: ac.WidthSchedule.constant(0, 1, 1.0), "at least 1"),
}


@pytest.mark.parametrize("name", _ERRORS)
def test_a_schedule_that_cannot_be_says_why(name: str) -> None:
    build, message = _ERRORS[name]
    with pytest.raises(ac.InputError, match=message):
        build()


@pytest.mark.parametrize("horizon", [0.0, -1.0, math.nan, math.inf])
def test_the_horizon_is_positive_and_finite(horizon: float) -> None:
    with pytest.raises(ac.InputError, match="horizon must be a positive finite number"):
        ac.WidthSchedule.constant(2, 1, horizon)


def test_at_a_switch_the_state_has_the_components_before_it() -> None:
    schedule = ac.WidthSchedule(3, [ac.Block((0, 2), 2), ac.Block((1,), 1)], 3.0)
    on = switched_on(schedule)
    assert on.astype(int).tolist() == [[1, 0, 1], [1, 0, 1], [1, 0, 1], [0, 1, 0]]
