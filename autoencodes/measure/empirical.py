"""Empirical measures: weighted particles with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key, Real
from numpy.typing import ArrayLike

from autoencodes.checks import finite_numbers, real
from autoencodes.devices import apart, first_where
from autoencodes.errors import InputError
from autoencodes.measure.placement import Placement
from autoencodes.measure.streaming import blocks

Integral = TypeVar("Integral")
Particles = Real[Array, "particle dim"] | Real[np.ndarray, "particle dim"]
Targets = Real[Array, "particle target"] | Real[np.ndarray, "particle target"]
Several = Real[Array, "..."] | Real[np.ndarray, "..."]
Weights = Float[Array, " particle"] | Float[np.ndarray, " particle"]

_PIECE_NUMBERS = 2**20
_SMALLEST_PIECE, _LARGEST_PIECE = 256, 8192


class EmpiricalMeasure(eqx.Module):
    """A probability measure on pairs (x, y) carried by N particles.

    μ^N = Σ_i w_i δ_(x_i, y_i),   w_i ≥ 0,   Σ_i w_i = 1.

    Parameters
    ----------
    x : array (N, d)
        The particles, one a row; N ≥ 1, d ≥ 1, finite numbers.
    y : array (N, k), optional
        Their targets. Absent: the particles themselves (reconstruction).
    weights : array (N,), optional
        Non-negative, not all zero; divided by their sum. Absent: w_i = 1/N.

    Raises
    ------
    InputError
        If an array has another shape, is empty, or holds a NaN or an infinity.

    See Also
    --------
    autoencodes.datasets.load : measures from files

    Notes
    -----
    The arrays stay what they are (NumPy or JAX, any real dtype) until a flow
    pushes them; the computation then runs in the control's precision.
    Source: docs/explanation/theory.md, section 3.

    Examples
    --------
    >>> measure = ac.EmpiricalMeasure([[0.0], [1.0]], weights=[1.0, 3.0])
    >>> measure.size, measure.dim, measure.reconstructs
    (2, 1, True)
    >>> measure.weights
    array([0.25, 0.75])
    """

    x: Particles
    own: Targets | None
    """The targets; None where they are the particles themselves, which then pass once."""
    weights: Weights
    placement: Placement | None = eqx.field(static=True)
    """Where the particles lie; None where one device holds them, or NumPy."""
    filled: int = eqx.field(static=True)
    """Behind the particles, so many of weight 0 that fill up the last shards."""

    def __init__(
        self, x: ArrayLike, y: ArrayLike | None = None, weights: ArrayLike | None = None
    ) -> None:
        self.placement, self.filled = None, 0
        self.x = _matrix(x, "x", "particles, one a row")
        count = self.x.shape[0]
        self.own = None if y is None or y is x else _matrix(y, "y", "targets, one a row")
        if self.y.shape[0] != count:
            raise InputError(
                f"y must have one row for each particle: expected {count} rows, "
                f"got {self.y.shape[0]}"
            )
        if weights is None:
            self.weights = np.full(count, 1.0 / count)
        else:
            given = checked_weights(weights, count)
            given = given / given.max()  # so that the sum cannot overflow
            self.weights = given / given.sum()
        if (placement := Placement.of(self.x, self.own, self.weights)) is not None:
            self.placement, self.filled = placement, -count % placement.shards
            self.x, self.weights = placement.laid(self.x), placement.laid(self.weights, 0)
            self.own = None if self.own is None else placement.laid(self.own)

    @property
    def y(self) -> Targets:
        """The targets (N, k)."""
        return self.x if self.own is None else self.own

    @property
    def size(self) -> int:
        """The number N of particles."""
        return int(self.x.shape[0]) - self.filled

    @property
    def dim(self) -> int:
        """The dimension d of a particle."""
        return int(self.x.shape[1])

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the particles themselves."""
        return self.own is None

    def astype(self, dtype: DTypeLike) -> EmpiricalMeasure:
        """The same measure as JAX arrays of one floating precision."""
        own = None if self.own is None else jnp.asarray(self.own, dtype)
        return replaced(self, jnp.asarray(self.x, dtype), own, jnp.asarray(self.weights, dtype))

    def spread(self, devices: Sequence[jax.Device] | None = None) -> EmpiricalMeasure:
        """The same measure, its particles in shards over devices.

        Whoever computes with it computes on all of them: a sum over particles is a sum over
        shards, which differs by rounding alone. In several processes that JAX has joined
        (``jax.distributed.initialize``) each calls this with the same measure, keeps its own rows
        on its devices, and makes the same calls.

        Parameters
        ----------
        devices : sequence of JAX devices, optional
            By default all there are, of all processes.
        """
        placement = Placement.over(devices)
        if self.placement is not None:
            raise InputError("the particles lie on several devices already")
        own = None if self.own is None else placement.laid(self.own)
        whole = replaced(self, placement.laid(self.x), own, placement.laid(self.weights, 0))
        return whole._lying(placement, -self.size % placement.shards)

    def _lying(self, placement: Placement | None, filled: int) -> EmpiricalMeasure:
        """The same arrays, known to lie so."""
        known = jax.tree.map(lambda a: a, self)
        object.__setattr__(known, "placement", placement)
        object.__setattr__(known, "filled", filled)
        return known

    def with_weights(self, weights: Float[Array, " particle"]) -> EmpiricalMeasure:
        """The same particles under other weights, unchecked and not normalised."""
        return replaced(self, self.x, self.own, weights)

    def moved(self, x: Particles) -> EmpiricalMeasure:
        """Other particles with the same targets and weights, unchecked."""
        return replaced(self, x, self.y, self.weights)

    def sample(self, rows: Int[Array, " batch"]) -> EmpiricalMeasure:
        """The mini-batch of the given rows, as an unbiased estimate of the measure.

        μ^B = Σ_(i∈B) (N/|B|) w_i δ_(x_i, y_i): its integrals have the measure's own as
        expectation over uniformly drawn rows. For equal weights it is a probability.
        """
        scale = self.size / rows.shape[0]
        if self.placement is not None:
            return self._spread_sample(self.placement, rows, scale)
        own = None if self.own is None else self.own[rows]
        return replaced(self, self.x[rows], own, self.weights[rows] * scale)

    def _spread_sample(
        self, placement: Placement, rows: Int[Array, " batch"], scale: float
    ) -> EmpiricalMeasure:
        """The same rows as a mini-batch that lies where this measure does."""
        filled = -rows.shape[0] % placement.shards
        wanted = jnp.concatenate([jnp.asarray(rows), jnp.broadcast_to(rows[:1], (filled,))])
        taken: EmpiricalMeasure = placement.taken(self._lying(None, 0), wanted)
        counted = jnp.arange(wanted.shape[0]) < rows.shape[0]
        weights = jnp.where(counted, jnp.asarray(taken.weights) * scale, 0)
        return taken.with_weights(weights)._lying(placement, filled)

    def jittered(self, key: Key[Array, ""], size: float) -> EmpiricalMeasure:
        """The particles moved by N(0, size² I), independently; their targets are not.

        Parameters
        ----------
        key : PRNG key
        size : float
            The deviation, in the units of x.
        """
        x = jnp.asarray(self.x)
        moves = jax.random.normal(key, (self.size, x.shape[1]), x.dtype)
        return self.moved(x + size * jnp.pad(moves, ((0, self.filled), (0, 0))))

    def everywhere(self, tree: Integral) -> Integral:
        """A tree of what is not of particles, whole on every device: in compiled code."""
        return tree if self.placement is None else self.placement.everywhere(tree)

    def gathered(self) -> EmpiricalMeasure:
        """The same measure whole in this process, in NumPy; as it is where it does not lie apart.

        In several processes all call it, and each then has all particles.
        """
        if (placement := self.placement) is None:
            return self
        own = None if self.own is None else placement.whole(self.own)[: self.size]
        x, weights = (placement.whole(a)[: self.size] for a in (self.x, self.weights))
        return replaced(self, x, own, weights)._lying(None, 0)

    def integrate(
        self,
        integral: Callable[..., Integral],
        batch_size: int | None = None,
        known: tuple[Any, ...] = (),
    ) -> Integral:
        """The integral over the measure as the sum of its integrals over pieces.

        ``integral`` maps a measure, and what is ``known`` beside it, to a sum over its particles
        (any tree of arrays); arrays that are no particles, as a control, it must know so. With
        ``batch_size=b`` it sees b particles at a time, one piece after the other: beside
        the data and the result, memory is what ONE piece needs, whatever N. Where particles lie
        on several devices, each integrates over its own, b at a time.
        """
        if self.placement is not None:

            def own(shard: EmpiricalMeasure, *known: Any) -> Integral:
                return shard.integrate(integral, batch_size, known)

            return self.placement.total(own, self._lying(None, 0), known)
        if batch_size is None or batch_size >= self.size:
            return integral(self, *known)
        whole = self.size // batch_size

        def piece(first: int | Int[Array, ""], count: int) -> Integral:
            part = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, count), self)
            return integral(part, *known)

        def add(k: Int[Array, ""], total: Integral) -> Integral:
            return jax.tree.map(jnp.add, total, piece(k * batch_size, batch_size))

        total = jax.lax.fori_loop(1, whole, add, piece(0, batch_size))
        if rest := self.size - whole * batch_size:
            total = jax.tree.map(jnp.add, total, piece(whole * batch_size, rest))
        return total


def pieces(measure: EmpiricalMeasure, batch_size: int | None = None) -> Iterator[EmpiricalMeasure]:
    """The measure in pieces of one size, the last filled up with particles of weight 0.

    By default as many particles pass at a time as keep the cores busy; either way the pieces
    are made equal, so that little is filled up. Of particles on several devices every piece has as
    many from each.
    """
    most = batch_size or int(
        np.clip(_PIECE_NUMBERS // measure.dim, _SMALLEST_PIECE, _LARGEST_PIECE)
    )
    if (placement := measure.placement) is not None:
        each = measure.x.shape[0] // placement.shards
        for strip, fresh in placement.strips(measure._lying(None, 0), each, most):
            weights = jnp.where(fresh, jnp.asarray(strip.weights), 0)
            yield strip.with_weights(weights)._lying(placement, 0)
        return
    size = -(-measure.size // -(-measure.size // most))
    for k, rows in enumerate(blocks(measure.size, size)):
        part = measure.sample(jnp.asarray(rows))
        weights = jnp.asarray(measure.weights)[rows]
        yield part.with_weights(jnp.where(k * size + np.arange(size) < measure.size, weights, 0))


def reach(measure: EmpiricalMeasure) -> float:
    """The largest absolute value of particles and targets."""
    arrays = [measure.x] if measure.reconstructs else [measure.x, measure.y]
    if measure.placement is not None:
        return max(float(jnp.abs(a).max()) for a in arrays)
    ends = [(float(np.max(a)), float(np.min(a))) for a in map(np.asarray, arrays)]
    return max(abs(end) for pair in ends for end in pair)


def check_size(measure: EmpiricalMeasure, dtype: DTypeLike, large: bool = False) -> None:
    """InputError for values so small, and if asked so large, that a precision loses their squares.

    Objectives and gradients of such data are 0, or no finite numbers: a training on them would end
    at once, with nothing learned.
    """
    numbers, size = np.finfo(np.dtype(dtype)), reach(measure)
    fault: tuple[str, str] | None = None
    if 0 < size < (float(numbers.tiny) / float(numbers.eps)) ** 0.5:
        fault = "at most", "small"
    elif large and size > float(numbers.max) ** 0.5 / 1e3:
        fault = "up to", "large"
    if fault is not None:
        raise InputError(
            f"the data's values are {fault[0]} {size:.1e}, too {fault[1]} for squares in "
            f"{np.dtype(dtype)}: take scaling standard (autoencodes.Scaling in Python)"
            + (", or precision float64" if numbers.dtype == np.float32 else "")
        )


def replaced(
    measure: EmpiricalMeasure, x: Several, own: Several | None, weights: Several
) -> EmpiricalMeasure:
    """The measure with other arrays, unchecked, with leading axes if it stands for several."""
    return eqx.tree_at(
        lambda m: (m.x, m.own, m.weights), measure, (x, own, weights), is_leaf=lambda a: a is None
    )


def _matrix(values: ArrayLike, name: str, meaning: str) -> Particles:
    """A non-empty, finite, real matrix, or an error that says what it was instead."""
    array: Particles = real(values, name)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{name} must be a non-empty matrix of {meaning}; got shape {tuple(array.shape)}"
        )
    if array.dtype == bool:
        raise InputError(f"{name} must hold real numbers; got dtype bool")
    return finite_numbers(array, name)


def checked_weights(weights: ArrayLike, count: int, name: str = "weights") -> Any:
    """Weights of ``count`` particles in float64, not normalised, or an error that says why not."""
    given = real(weights, name)
    if not apart(given):
        given = np.asarray(given, np.float64)
    if given.shape != (count,):
        raise InputError(
            f"{name} must have one entry for each of the {count} particles; got shape {given.shape}"
        )
    wrong = first_where(_no_weight, given)
    if wrong is not None or not bool((given > 0).any()):
        got = "0 in every row" if wrong is None else f"{wrong[1]} in row {wrong[0][0]}"
        raise InputError(f"{name} must be finite and non-negative, and not all zero; got {got}")
    return given


def _no_weight(weights: Any) -> Any:
    return ~((weights >= 0) & (weights < np.inf))
