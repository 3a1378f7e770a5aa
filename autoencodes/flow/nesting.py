"""Nested sets of components: the first so many of an order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from autoencodes.checks import entries_of, integer, positive_integer, short
from autoencodes.errors import InputError


def prefixes(
    dim: int, widths: Sequence[int], order: Sequence[int] | None, monotone: bool = True
) -> tuple[tuple[int, ...], ...]:
    """Prefixes of ``order`` of the given widths, which must not grow where that is asked."""
    dim = positive_integer(dim, "the dimension")
    sizes = [positive_integer(w, "a width") for w in entries_of(widths, "widths")]
    if not sizes:
        raise InputError("widths must list at least one width; got none")
    if max(sizes) > dim and not (monotone and sizes[0] <= dim):
        raise InputError(f"widths must not exceed the dimension {dim}; got {max(sizes)}")
    for wide, narrow in pairwise(sizes):
        if narrow > wide and monotone:
            raise InputError(
                "widths must not grow from the input to the bottleneck; "
                f"got {narrow} after {wide} in {short(sizes)}"
            )
    kept = range(dim) if order is None else permutation(dim, order)
    return tuple(tuple(kept[:w]) for w in sizes)


def permutation(dim: int, order: Sequence[int]) -> tuple[int, ...]:
    """A permutation of the components, or an error that says what came instead."""
    kept = tuple(integer(i, "an entry of order") for i in entries_of(order, "order"))
    if sorted(kept) != list(range(dim)):
        raise InputError(
            f"order must be a permutation of 0..{dim - 1}, each exactly once; got {short(kept)}"
        )
    return kept
