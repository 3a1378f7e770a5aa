"""Where the particles of a training's steps come from: all in memory, or a buffer at a time.

# notation: N particles, B those of a mini-batch, K blocks, n_j those that enter buffer j.

An epoch of mini-batches visits the particles in an order that is a function of the key and of the
epoch's number, N // B batches of them; the rest sit this epoch out. In memory the order is any of
all N. Of particles that are read, the blocks come in random order, as many at a time as a buffer
holds; within a buffer the particles come in random order; what is left at its end and fills no
batch, C_j mod B of the C_j = n_1 + ... + n_j so far, comes first in the next. So the step says
what is in memory, and is all that a checkpoint holds of it.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Int, Key

from autoencodes.measure.empirical import EmpiricalMeasure, replaced
from autoencodes.measure.streamed import Measure, StreamedMeasure
from autoencodes.measure.streaming import aligned

BUFFER = 2**18
"""The particles of a buffer where nothing is said."""


class Held(NamedTuple):
    """What is in memory at a step of an epoch: steps from ``first`` on, to before ``end``."""

    measure: Measure
    order: Int[Array, " row"]
    """The rows of the measure as steps take them, the first ones at ``first``."""
    first: int
    end: int


class Feed(abc.ABC):
    """The particles of a training, step by step."""

    size: int
    """The number N of particles."""
    batches: int
    """The steps of an epoch."""

    @property
    @abc.abstractmethod
    def shape(self) -> Measure:
        """The measure of ``held``, of which only shapes matter."""

    @abc.abstractmethod
    def held(self, epoch: int, step: int) -> Held:
        """What is in memory at a step of an epoch."""


@dataclass(eq=False)
class Whole(Feed):
    """Particles that are all in memory; without ``batch_size`` every step sees them all, and they
    may be read.
    """

    measure: Measure
    key: Key[Array, ""] | None
    batch_size: int | None
    orders: dict[int, Int[Array, " particle"]] = field(default_factory=dict)
    """That of the present epoch: of a million particles it takes longer than many steps."""

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.measure.size

    @property
    def batches(self) -> int:  # type: ignore[override]
        return 1 if self.batch_size is None else self.size // self.batch_size

    @property
    def shape(self) -> Measure:
        return self.measure

    def held(self, epoch: int, step: int) -> Held:
        if self.batch_size is None:
            return Held(self.measure, jnp.arange(1), step, step + 2**62)
        assert self.key is not None
        if epoch not in self.orders:
            self.orders.clear()
            key = jax.random.fold_in(self.key, epoch)
            self.orders[epoch] = jax.random.permutation(key, self.size)
        return Held(self.measure, self.orders[epoch], 0, self.batches)


class _Buffer(NamedTuple):
    """Particles and targets (capacity, ...), and the order in which those that are there come."""

    arrays: tuple[np.ndarray, ...]
    order: Int[np.ndarray, " row"]


class Buffered(Feed):
    """Particles that are read, a buffer at a time; a thread fills the next one meanwhile.

    Parameters
    ----------
    measure : StreamedMeasure
    key : PRNG key
        Decides all orders.
    batch_size : int
    rows : int
        The most particles of a buffer, beside what the last one left; at least a block fits.
    dtype : of the training
    """

    def __init__(
        self,
        measure: StreamedMeasure,
        key: Key[Array, ""],
        batch_size: int,
        rows: int,
        dtype: DTypeLike,
    ) -> None:
        self._source, self._batch = measure.source, batch_size
        self._words = np.asarray(jax.random.key_data(key)).ravel().tolist()
        self._most = max(rows, int(measure.source.counts.max()), batch_size)
        self._capacity = self._most + batch_size
        target = measure.source.target
        self._widths = [measure.dim] + ([] if target is None else [target])
        self._dtype = np.dtype(dtype)
        self.size, self.batches = measure.size, measure.size // batch_size
        self._thread = ThreadPoolExecutor(1, "autoencodes-buffers")
        self._filling: dict[tuple[int, int], Future[_Buffer]] = {}
        self._placed: tuple[tuple[int, int], Held, _Buffer] | None = None
        self._groups: tuple[int, list[list[int]]] = (-1, [])

    @property
    def shape(self) -> Measure:
        zero = np.zeros((), self._dtype)  # broadcast: of no size
        arrays = [np.broadcast_to(zero, (self._capacity, width)) for width in self._widths]
        return self._measure(arrays, np.broadcast_to(zero, self._capacity))

    def held(self, epoch: int, step: int) -> Held:
        groups = self._grouped(epoch)
        ends = np.cumsum([self._count(group) for group in groups]) // self._batch
        number = int(np.searchsorted(ends, step, side="right"))
        at = epoch, number
        if self._placed is not None and self._placed[0] == at:
            return self._placed[1]
        before = None
        if self._placed is not None and self._placed[0] == (epoch, number - 1):
            before = self._placed[2]
        self._placed = None  # the last buffer's memory is free before the next is placed
        waiting = self._filling.pop(at, None)
        self._filling.clear()
        buffer = self._filled(epoch, number, before) if waiting is None else waiting.result()
        first = 0 if number == 0 else int(ends[number - 1])
        held = Held(*self._held(buffer), first, int(ends[number]))
        self._placed = at, held, buffer
        following = (epoch, number + 1) if number + 1 < len(groups) else (epoch + 1, 0)
        last = buffer if following[0] == epoch else None
        self._filling[following] = self._thread.submit(self._filled, *following, last)
        return held

    def _random(self, epoch: int, *more: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([*self._words, epoch, *more]))

    def _count(self, group: list[int]) -> int:
        return int(self._source.counts[group].sum())

    def _grouped(self, epoch: int) -> list[list[int]]:
        """The blocks of an epoch in their order, as many together as a buffer holds."""
        if self._groups[0] == epoch:
            return self._groups[1]
        groups: list[list[int]] = [[]]
        for block in self._random(epoch).permutation(self._source.filled).tolist():
            if groups[-1] and self._count([*groups[-1], block]) > self._most:
                groups.append([])
            groups[-1].append(block)
        self._groups = epoch, groups
        return groups

    def _filled(self, epoch: int, number: int, before: _Buffer | None) -> _Buffer:
        """The buffer of a group of blocks, behind what the one before it left."""
        groups = self._grouped(epoch)
        left = sum(map(self._count, groups[:number])) % self._batch
        parts: list[np.ndarray] | list[int] = [0, 0]
        if left:
            last = self._filled(epoch, number - 1, None) if before is None else before
            rows = last.order[len(last.order) - left :]
            parts = [array[rows] for array in last.arrays]
        arrays = tuple(aligned((self._capacity, w), self._dtype) for w in self._widths)
        for array, part in zip(arrays, parts, strict=False):
            array[:left] = part
        end = left
        for block in groups[number]:
            read = self._source.read(block)
            begin, end = end, end + read.size
            for array, part in zip(arrays, (read.x, read.own), strict=False):
                array[begin:end] = part
        for array in arrays:
            array[end:] = 0
        mixed = left + self._random(epoch, number).permutation(end - left)
        return _Buffer(arrays, np.concatenate([np.arange(left), mixed]))

    def _held(self, buffer: _Buffer) -> tuple[EmpiricalMeasure, Int[Array, " row"]]:
        """A buffer as a measure of one size, equally weighted, whose rows beyond the order's are
        never drawn; and the order, of one size too, so that one program serves all buffers.
        """
        order = np.zeros(self._capacity, np.int32)
        order[: len(buffer.order)] = buffer.order
        arrays = [jax.device_put(array, may_alias=True) for array in buffer.arrays]
        weights = jnp.full(self._capacity, 1 / self._capacity, self._dtype)
        return self._measure(arrays, weights), jnp.asarray(order)

    def _measure(self, arrays: Sequence[Any], weights: Any) -> EmpiricalMeasure:
        own = arrays[1] if len(arrays) > 1 else None
        return replaced(EmpiricalMeasure(np.zeros((1, 1))), arrays[0], own, weights)


def feed(
    measure: Measure,
    key: Key[Array, ""] | None,
    batch_size: int | None,
    rows: int,
    dtype: DTypeLike,
) -> Feed:
    """The feed of a training over a measure; ``rows`` are those of a buffer, if there is one."""
    if isinstance(measure, EmpiricalMeasure) or batch_size is None:
        return Whole(measure, key, batch_size)
    assert key is not None
    return Buffered(measure, key, batch_size, rows, dtype)
