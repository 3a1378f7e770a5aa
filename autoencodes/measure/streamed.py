"""Measures whose particles are in no memory: they are read a block at a time, and summed over.

Nothing above knows where particles lie: integrals come from ``integrate``, as those of an
``EmpiricalMeasure`` do, which inside a compiled program asks the host for one piece after the
other (``jax.pure_callback``). So the objective, its gradient, Hessian products and every method
that sees the whole measure run over any number of rows in the memory of a block or three.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Int

from autoencodes.measure.empirical import EmpiricalMeasure, replaced
from autoencodes.measure.streaming import strips

Integral = TypeVar("Integral")

PIECE = 1024
"""Particles that pass at a time."""


class Blocks(abc.ABC):
    """Particles in numbered blocks, each of which can be read at any time, and always the same.

    Two blocks are in memory at most: the last one that was asked for, and the next, which a thread
    reads meanwhile.
    """

    counts: Int[np.ndarray, " block"]
    """The particles of each block."""
    dim: int
    target: int | None
    """Entries of a target; None where the particles are their own."""
    dtype: np.dtype[Any]

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "autoencodes-blocks")
        self._fault: Exception | None = None
        self._kept: dict[int, Future[EmpiricalMeasure]] = {}
        self._places: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @abc.abstractmethod
    def read(self, block: int) -> EmpiricalMeasure:
        """The particles of a block and their targets, equally weighted; there must be some."""

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keeps an error of reading, of which a compiled program would tell in its own words."""
        try:
            yield
        except Exception as error:
            self._fault = error
            raise

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Raises what went wrong in reading, and not what became of it in a compiled program."""
        try:
            yield
        except jax.errors.JaxRuntimeError:
            if self._fault is None:
                raise
            raise self._fault from None

    @property
    def size(self) -> int:
        """The number N of particles."""
        return int(self.counts.sum())

    @property
    def filled(self) -> list[int]:
        """The blocks that have particles."""
        return np.flatnonzero(self.counts).tolist()

    def following(self, block: int, then: int | None) -> EmpiricalMeasure:
        """The particles of a block, while a thread begins to read the one that comes ``then``."""
        wanted = {block} if then is None else {block, then}
        for old in set(self._kept) - wanted:
            self._kept.pop(old)
        if block not in self._kept:
            self._kept[block] = self._thread.submit(self.read, block)
        found = self._kept[block].result()
        if then is not None and then not in self._kept:
            self._kept[then] = self._thread.submit(self.read, then)
        return found

    def all(self) -> Iterator[EmpiricalMeasure]:
        """One block after the other, the next read meanwhile."""
        filled = self.filled
        for place, block in enumerate(filled):
            then = filled[place + 1] if place + 1 < len(filled) else None
            yield self.following(block, then)

    def places(self, size: int) -> tuple[Int[np.ndarray, " piece"], Int[np.ndarray, " piece"]]:
        """Of every piece of ``size`` particles its block, and its first particle there."""
        if size not in self._places:
            pairs = [(k, r.start) for k in self.filled for r in strips(int(self.counts[k]), size)]
            block, first = np.array(pairs).T
            self._places[size] = block, first
        return self._places[size]

    def piece(self, number: int, size: int) -> tuple[np.ndarray, ...]:
        """Particles, targets and weights 1/N of a piece, filled up with particles of weight 0."""
        block, first = self.places(size)
        at, start = int(block[number]), int(first[number])
        other = block[number:][block[number:] != at]
        part = self.following(at, int(other[0]) if other.size else int(block[0]))
        count = min(size, part.size - start)
        arrays = [np.asarray(part.x)] + ([] if part.own is None else [np.asarray(part.own)])
        made = []
        for array in arrays:
            whole = np.empty((size, array.shape[1]), self.dtype)
            whole[:count] = array[start : start + count]
            whole[count:] = array[start]
            made.append(whole)
        weights = np.zeros(size, self.dtype)
        weights[:count] = 1 / self.size
        return (*made, weights)


class StreamedMeasure(eqx.Module):
    """μ^N = (1/N) Σ_i δ_(x_i, y_i), of particles that are read a block at a time.

    It has of an ``EmpiricalMeasure`` what a sum over particles needs. ``x`` and ``y`` are shapes
    alone: what needs all particles at a time cannot be done with it.

    Parameters
    ----------
    source : Blocks
    """

    source: Blocks = eqx.field(static=True)

    @property
    def size(self) -> int:
        """The number N of particles."""
        return self.source.size

    @property
    def dim(self) -> int:
        """The dimension d of a particle."""
        return self.source.dim

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the particles themselves."""
        return self.source.target is None

    @property
    def x(self) -> jax.ShapeDtypeStruct:
        """The shape of the particles."""
        return jax.ShapeDtypeStruct((self.size, self.dim), self.source.dtype)

    @property
    def y(self) -> jax.ShapeDtypeStruct:
        """The shape of the targets."""
        return jax.ShapeDtypeStruct((self.size, self.source.target or self.dim), self.source.dtype)

    def astype(self, dtype: DTypeLike) -> StreamedMeasure:
        """The same measure: pieces take the precision of the control that they meet."""
        return self

    @property
    def placement(self) -> None:
        """Over which devices particles lie: read a block at a time, they lie nowhere."""

    def everywhere(self, tree: Integral) -> Integral:
        """As ``EmpiricalMeasure.everywhere``: all of it is on one device."""
        return tree

    def integrate(
        self,
        integral: Callable[..., Integral],
        batch_size: int | None = None,
        known: tuple[Any, ...] = (),
    ) -> Integral:
        """The integral over the measure as the sum of its integrals over pieces, each in turn.

        As ``EmpiricalMeasure.integrate``; without ``batch_size`` 1,024 particles pass at a time.
        """
        size = min(batch_size or PIECE, int(self.source.counts.max()))
        count = len(self.source.places(size)[0])
        dtype = jax.dtypes.canonicalize_dtype(self.source.dtype)
        widths = [self.dim] + ([] if self.reconstructs else [self.y.shape[1]])
        shapes = [jax.ShapeDtypeStruct((size, width), dtype) for width in widths]
        shapes.append(jax.ShapeDtypeStruct((size,), dtype))

        def fetch(number: Int[Array, ""]) -> tuple[np.ndarray, ...]:
            with self.source.noting():
                pieces = self.source.piece(int(number), size)
            return tuple(array.astype(dtype, copy=False) for array in pieces)

        def piece(number: int | Int[Array, ""]) -> Integral:
            x, *own, weights = jax.pure_callback(fetch, tuple(shapes), jnp.asarray(number))
            return integral(_measure(x, own[0] if own else None, weights), *known)

        def add(number: Int[Array, ""], total: Integral) -> Integral:
            return jax.tree.map(jnp.add, total, piece(number))

        return jax.lax.fori_loop(1, count, add, piece(0))


Measure = EmpiricalMeasure | StreamedMeasure
"""Particles that are in memory, or are read."""


def in_memory(measure: Measure) -> EmpiricalMeasure:
    """A measure whose particles are in memory, for what needs all of them at a time."""
    assert isinstance(measure, EmpiricalMeasure), "these particles are read a block at a time"
    return measure


def _measure(x: Any, own: Any, weights: Any) -> EmpiricalMeasure:
    """Particles with their weights, unchecked."""
    one = EmpiricalMeasure(np.zeros((1, 1)))
    return replaced(one, x, own, weights)
