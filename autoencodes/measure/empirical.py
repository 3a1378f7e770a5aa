"""Empirical measures: weighted particles with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key, Real
from numpy.typing import ArrayLike

from autoencodes.checks import finite_numbers, real
from autoencodes.errors import InputError
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

    def __init__(
        self, x: ArrayLike, y: ArrayLike | None = None, weights: ArrayLike | None = None
    ) -> None:
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

    @property
    def y(self) -> Targets:
        """The targets (N, k)."""
        return self.x if self.own is None else self.own

    @property
    def size(self) -> int:
        """The number N of particles."""
        return int(self.x.shape[0])

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
        own = None if self.own is None else self.own[rows]
        return replaced(self, self.x[rows], own, self.weights[rows] * scale)

    def jittered(self, key: Key[Array, ""], size: float) -> EmpiricalMeasure:
        """The particles moved by N(0, size² I), independently; their targets are not.

        Parameters
        ----------
        key : PRNG key
        size : float
            The deviation, in the units of x.
        """
        x = jnp.asarray(self.x)
        return self.moved(x + size * jax.random.normal(key, x.shape, x.dtype))

    def integrate(
        self, integral: Callable[[EmpiricalMeasure], Integral], batch_size: int | None = None
    ) -> Integral:
        """The integral over the measure as the sum of its integrals over pieces.

        ``integral`` maps a measure to a sum over its particles (any tree of arrays). With
        ``batch_size=b`` it sees b particles at a time, one piece after the other: beside
        the data and the result, memory is what ONE piece needs, whatever N.
        """
        if batch_size is None or batch_size >= self.size:
            return integral(self)
        whole = self.size // batch_size

        def piece(first: int | Int[Array, ""], count: int) -> Integral:
            return integral(
                jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, count), self)
            )

        def add(k: Int[Array, ""], total: Integral) -> Integral:
            return jax.tree.map(jnp.add, total, piece(k * batch_size, batch_size))

        total = jax.lax.fori_loop(1, whole, add, piece(0, batch_size))
        if rest := self.size - whole * batch_size:
            total = jax.tree.map(jnp.add, total, piece(whole * batch_size, rest))
        return total


def pieces(measure: EmpiricalMeasure, batch_size: int | None = None) -> Iterator[EmpiricalMeasure]:
    """The measure in pieces of one size, the last filled up with particles of weight 0.

    By default as many particles pass at a time as keep the cores busy; either way the pieces
    are made equal, so that little is filled up.
    """
    most = batch_size or int(
        np.clip(_PIECE_NUMBERS // measure.dim, _SMALLEST_PIECE, _LARGEST_PIECE)
    )
    size = -(-measure.size // -(-measure.size // most))
    for k, rows in enumerate(blocks(measure.size, size)):
        part = measure.sample(jnp.asarray(rows))
        weights = jnp.asarray(measure.weights)[rows]
        yield part.with_weights(jnp.where(k * size + np.arange(size) < measure.size, weights, 0))


def reach(measure: EmpiricalMeasure) -> float:
    """The largest absolute value of particles and targets."""
    arrays = [measure.x] if measure.reconstructs else [measure.x, measure.y]
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


def checked_weights(
    weights: ArrayLike, count: int, name: str = "weights"
) -> Float[np.ndarray, " particle"]:
    """Weights of ``count`` particles in float64, not normalised, or an error that says why not."""
    given = np.asarray(real(weights, name), np.float64)
    if given.shape != (count,):
        raise InputError(
            f"{name} must have one entry for each of the {count} particles; got shape {given.shape}"
        )
    wrong = ~(np.isfinite(given) & (given >= 0))
    if wrong.any() or not given.any():
        first = int(np.argmax(wrong))
        got = f"{given[first]} in row {first}" if wrong.any() else "0 in every row"
        raise InputError(f"{name} must be finite and non-negative, and not all zero; got {got}")
    return given
