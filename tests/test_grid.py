"""Sub-grids of images, and the schedules that they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autoencodes as ac
from autoencodes.flow import grid

grids = ac.WidthSchedule.grids


def test_the_sites_of_a_grid_are_every_second_pixel_of_every_second_row() -> None:
    pixels = np.arange(4 * 6).reshape(4, 6)
    assert grid.sites((4, 6), (1, 4, 6)) == tuple(range(24))
    assert grid.sites((4, 6), (1, 2, 3)) == tuple(pixels[::2, ::2].ravel())
    quincunx = (*pixels[::2, ::2].ravel(), *pixels[1::2, 1::2].ravel())
    assert grid.sites((4, 6), (2, 2, 3)) == quincunx


@pytest.mark.parametrize("shape", [(12, 1, 1), (36, 2, 2), (4, 6, 6), (9, 4, 4), (144, 1, 1)])
def test_a_site_neighbours_the_pixels_around_it(shape: Any) -> None:
    _, h, w = shape
    rows, columns = np.divmod(np.array(grid.sites((12, 12), shape)), 12)
    squares = (rows * h // 12).reshape(shape), (columns * w // 12).reshape(shape)
    np.testing.assert_array_equal(squares[0], np.broadcast_to(np.arange(h)[:, None], shape))
    np.testing.assert_array_equal(squares[1], np.broadcast_to(np.arange(w), shape))


@pytest.mark.parametrize(
    ("fine", "factor"), [(1, 2), (1, 6), (2, 2), (2, 3), (3, 3), (4, 2), (2, 4), (4, 5), (6, 3)]
)
def test_channels_of_a_coarser_grid_split_those_of_a_finer_one(fine: int, factor: int) -> None:
    image = (fine * factor, 2 * fine * factor)
    for channels in range(1, fine**2 + 3):  # two of them in the second plane
        one = grid.sites(image, (channels, factor, 2 * factor))
        many = grid.sites(image, (channels * factor**2, 1, 2))
        assert len(set(one)) == len(one) == channels * factor * 2 * factor
        if factor == 2 or fine == 1 or channels % fine**2 == 0:
            assert set(one) == set(many)


def test_all_channels_are_all_pixels_and_more_lie_beyond_them() -> None:
    for stride in (1, 2, 4, 5):
        size = 20 // stride
        whole = grid.sites((20, 20), (stride**2, size, size))
        assert sorted(whole) == list(range(400))
        more = grid.sites((20, 20), (stride**2 + 1, size, size))
        assert more[:400] == whole
        assert min(more[400:]) >= 400
        assert grid.planes((20, 20), [(stride**2 + 1, size, size)]) == 2


def test_grids_are_nested_then_widths_then_the_mirror_image() -> None:
    shapes = [(1, 8, 8), (2, 4, 4), (5, 2, 2)]
    schedule = grids((8, 8), shapes, 2, 3.0, widths=[10, 4])
    assert schedule.widths == (64, 32, 20, 10, 4, 10, 20, 32, 64)
    assert schedule.blocks == schedule.blocks[::-1]
    assert schedule.dim == 64
    for wide, narrow in zip(schedule.blocks[:4], schedule.blocks[1:5], strict=True):
        assert set(narrow.active) < set(wide.active)
    for block, shape in zip(schedule.blocks, shapes, strict=False):
        assert block.active == grid.sites((8, 8), shape)
    assert schedule.blocks[4].active == schedule.blocks[2].active[:4]


def test_widths_keep_the_components_of_the_last_grid_in_the_given_order() -> None:
    order = [int(i) for i in np.random.default_rng(0).permutation(16)]
    schedule = grids((4, 4), [(1, 4, 4), (2, 2, 2)], 1, 1.0, widths=[5], order=order)
    last = schedule.blocks[1].active
    assert schedule.blocks[2].active == tuple(i for i in order if i in last)[:5]


def test_more_channels_than_pixels_make_an_ambient_space_beyond_the_data() -> None:
    schedule = grids((4, 4), [(3, 4, 4), (5, 2, 2)], 1, 1.0, memory="hold")
    assert schedule.dim == 48
    assert schedule.blocks[0].active[:16] == tuple(range(16))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (((4, 4), []), r"grids must list at least one"),
        (((4, 4), [(1, 3, 3)]), r"must divide the image's 4 x 4 by the same number; got 3 x 3"),
        (((4, 4), [(1, 2, 4)]), r"by the same number; got 2 x 4"),
        (((4, 4), [(1, 8, 8)]), r"by the same number; got 8 x 8"),
        (((4, 4), [(1, 4)]), r"a grid must be 3 positive integers"),
        (((4, 4, 1), [(1, 4, 4)]), r"an image must be 2 positive integers"),
        (((4, 4), [(1, 2, 2), (1, 4, 4)]), r"got \(1, 4, 4\) after \(1, 2, 2\)"),
        (((4, 4), [(1, 4, 4), (5, 2, 2)]), r"every grid must be a part of the one before it"),
        (((4, 4), [(1, 4, 4)], 1, 1.0, [17]), r"must not exceed the dimension 16; got 17"),
        (((4, 4), [(1, 4, 4)], 1, 1.0, [4, 5]), r"widths must not grow"),
        (((4, 4), [(1, 4, 4)], 1, 1.0, [4], [0, 1]), r"order must be a permutation of 0..15"),
    ],
)
def test_grids_that_cannot_be_are_refused(arguments: Any, said: str) -> None:
    image, shapes, *rest = arguments
    with pytest.raises(ac.InputError, match=said):
        grids(image, shapes, *(rest or (1, 1.0)))
