"""Sub-grids of images: which components of the state are the sites of a coarser resolution.

# notation: H, W height and width of the image; c, h, w channels, height and width of a grid;
# s stride; (a, b) offset of a channel's sites within the s x s squares of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from autoencodes.checks import positive_integers
from autoencodes.errors import InputError

Grid = tuple[int, int, int]
"""Channels, height and width."""


def sites(image: Sequence[int], grid: Sequence[int]) -> tuple[int, ...]:
    """The components that are the sites of a grid, by channel, row and column.

    The stride s = H/h = W/w divides the image into h x w squares of s x s pixels. A channel is
    one pixel of every square: channel k has the offset (a, b) = ``offsets(s)[k mod s²]`` in the
    plane q = k div s², and its site (i, j) is the component q H W + (s i + a) W + s j + b. Plane
    0 is the image; further planes, which only more than s² channels need, lie beyond the data.
    So the grid (s², h, w) has all pixels, (1, h, w) every s-th of every s-th row, and a grid with
    fewer channels or a coarser one is a part of it wherever c/s² does not grow.

    Parameters
    ----------
    image : (int, int)
        H and W.
    grid : (int, int, int)
        c, h and w.

    Raises
    ------
    InputError
        If an entry is not a positive integer, or h and w do not divide H and W alike.
    """
    height, width = positive_integers(image, "an image", 2, "height and width")
    channels, rows, columns = positive_integers(grid, "a grid", 3, "channels, height and width")
    stride = height // rows
    if (rows * stride, columns * stride) != (height, width):
        raise InputError(
            f"a grid's height and width must divide the image's {height} x {width} by the same "
            f"number; got {rows} x {columns}"
        )
    places = offsets(stride)
    result = []
    for k in range(channels):
        plane, (a, b) = k // stride**2, places[k % stride**2]
        first = (plane * height + a) * width + b
        result += [first + stride * (i * width + j) for i in range(rows) for j in range(columns)]
    return tuple(result)


def offsets(stride: int) -> tuple[tuple[int, int], ...]:
    """The s² offsets within a square of pixels, in the order in which channels take them.

    For a prime s by the diagonals a − b = 0, 1, ... mod s, so that two channels of stride 2 are
    a quincunx. For s = r p, p its largest prime factor, every offset of stride r in turn is split
    into the p² that lie at r times an offset of stride p from it. Where the coarser of two strides
    is p times the finer one, the first p² channels of the one are so the first of the other.
    """
    places = [(0, 0)]
    for prime, reach in _factors(stride):
        squares = range(prime)
        split = sorted(
            ((a, b) for a in squares for b in squares), key=lambda e: ((e[0] - e[1]) % prime, e[0])
        )
        places = [(a + reach * da, b + reach * db) for a, b in places for da, db in split]
    return tuple(places)


def nested(image: Sequence[int], grids: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The sites of grids of which each is a part of the one before; InputError if one is not."""
    if not grids:
        raise InputError("grids must list at least one (channels, height, width); got none")
    every = [sites(image, grid) for grid in grids]
    for k, (fine, coarse) in enumerate(pairwise(every)):
        if not set(coarse) <= set(fine):
            raise InputError(
                f"every grid must be a part of the one before it; got {tuple(grids[k + 1])} after "
                f"{tuple(grids[k])}: take fewer channels, no more than four times as many at half "
                "the height and width"
            )
    return every


def planes(image: Sequence[int], grids: Sequence[Sequence[int]]) -> int:
    """How many planes of the image's size the grids lie in; more than one goes beyond the data."""
    height, width = image
    return 1 + max(max(sites(image, grid)) // (height * width) for grid in grids)


def _factors(stride: int) -> list[tuple[int, int]]:
    """The prime factors of a stride in rising order, each with the product of those before it."""
    factors, reach, prime = [], 1, 2
    while reach < stride:
        if stride // reach % prime:
            prime += 1
        else:
            factors.append((prime, reach))
            reach *= prime
    return factors
