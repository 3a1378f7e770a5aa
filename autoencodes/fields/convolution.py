"""Neurons that all see alike: a convolution on a grid of channels, rows and columns.

# notation: c, h, w channels, height and width of the grid; n kernel size, r = (n − 1)/2;
# m hidden channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import ACTIVATIONS, FIELDS
from autoencodes.checks import optional, positive_integer, positive_integers
from autoencodes.errors import InputError
from autoencodes.fields.activation import activation
from autoencodes.fields.field import ControlledField, StepControl
from autoencodes.fields.perceptron import Perceptron


def _grid(sizes: object) -> tuple[int, ...]:
    return positive_integers(sizes, "a grid", 3, "channels, height and width")


def _odd(kernel: object) -> int:
    size = positive_integer(kernel, "kernel")
    if size % 2 == 0:
        raise InputError(f"kernel must be an odd integer, at least 1; got {size}")
    return size


@FIELDS.register(
    "convolution",
    "V s(K*x+b)+c on --grids",
    rank=4,
    settings=("hidden", "grids", "kernel"),
    example={"grid": (2, 1, 2)},
)
class Convolution(ControlledField):
    """F(t, x; K, b) = σ(K * x + b), and with hidden channels V σ(K * x + b) + c.

    (K * x)_(o,y,v) = Σ_(k,i,j) K_(o,k,i,j) x_(k, y+i−r, v+j−r), with x = 0 outside the grid.

    The field of blocks whose active components are a grid, by channel, row and column
    (``WidthSchedule.grids``). With n = ``kernel`` the control of a step is ``{"K": (channels,
    channels, n, n), "b": (channels,)}``; ``init`` draws K ~ N(0, scale²/(channels n²)) and sets
    b = 0. With m = ``hidden`` it is ``{"K": (m, channels, n, n), "b": (m,), "V": (channels, m),
    "c": (channels,)}``: V and c act on every site alike, V ~ N(0, scale²/m), c = 0. Stored values
    in sight must be whole channels; K then has the more inputs, and its variance follows.

    The sum over k and j is computed as one product with a banded matrix that has a row for every
    site of a row of the grid, and that over i by shifts of rows: on all grids but the finest with
    one channel the machine's matrix product is so much faster than its convolution, within compiled
    loops by an order of magnitude, that the zeros outside the band cost less
    (benchmarks/convolution.py measures it).

    Parameters
    ----------
    grid : (int, int, int)
        Channels, height and width.
    kernel : int
        n, odd.
    hidden : int, optional
        m; by default there are no hidden channels, and every velocity is bounded as σ is.
    activation : {"tanh", "relu", "gelu", "softplus", "identity", "sin"}
        The function σ, as for ``Perceptron``.

    Raises
    ------
    InputError
        If the grid is not three positive integers, the kernel not an odd one, hidden not a
        positive one, or the activation none of these.

    Notes
    -----
    Source: docs/explanation/theory.md, section 1; LeCun et al., Gradient-based learning applied to
    document recognition, Proc. IEEE 86 (1998).

    Examples
    --------
    >>> theta = ac.fields.Convolution((1, 4, 4)).init(jax.random.key(0), width=16, scale=1.0)
    >>> {name: array.shape for name, array in theta.items()}
    {'K': (1, 1, 3, 3), 'b': (1,)}
    """

    grid: tuple[int, ...] = eqx.field(static=True, converter=_grid)
    kernel: int = eqx.field(static=True, default=3, converter=_odd)
    hidden: int | None = eqx.field(
        static=True, default=None, converter=partial(optional, positive_integer, name="hidden")
    )
    activation: str = eqx.field(static=True, default="tanh", converter=activation)

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        _, h, w = self.grid
        sums = _convolved(theta["K"], x.reshape(-1, h, w)) + theta["b"][:, None, None]
        neurons = ACTIVATIONS[self.activation](sums)
        if self.hidden is None:
            return neurons.reshape(-1)
        mixed = jnp.einsum("om,mhw->ohw", theta["V"], neurons)
        return (mixed + theta["c"][:, None, None]).reshape(-1)

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        c, h, w = self.grid
        if width != c * h * w or seen % (h * w):
            raise InputError(self._unfit(width, f"{seen} stored values in sight"))
        inputs, neurons = c + seen // (h * w), self.hidden or c
        inside, outside = jax.random.split(key)
        spread = scale / math.sqrt(inputs * self.kernel**2)
        shape = (neurons, inputs, self.kernel, self.kernel)
        theta = {"K": spread * jax.random.normal(inside, shape), "b": jnp.zeros(neurons)}
        if self.hidden is None:
            return theta
        mixing = scale / math.sqrt(neurons) * jax.random.normal(outside, (c, neurons))
        return {**theta, "V": mixing, "c": jnp.zeros(c)}

    def check_block(self, active: Sequence[int], seen: Sequence[int]) -> None:
        """InputError unless the ``active`` components are as many as the sites, and those whose
        stored values are in sight (``seen``) whole channels of them."""
        c, h, w = self.grid
        returning = set(seen)
        kept = [i for k in range(c) if (i := active[k * h * w : (k + 1) * h * w])]
        whole = [i for channel in kept if returning.issuperset(channel) for i in channel]
        if len(active) != c * h * w or tuple(whole) != tuple(seen):
            said = f"{len(seen)} stored values in sight that are not whole channels"
            raise InputError(self._unfit(len(active), said if seen else "no stored values"))

    def _unfit(self, width: int, seen: str) -> str:
        c, h, w = self.grid
        return (
            f"a convolution on the grid {c} x {h} x {w} acts on {c * h * w} active components and "
            f"sees stored values of whole channels of {h * w}; got {width} active components and "
            f"{seen}: give the block the components of that grid, or under memory skip grids of "
            "one resolution, or take memory reset or hold"
        )


def convolutions(
    grids: Sequence[Sequence[int]],
    widths: Sequence[int] = (),
    kernel: int = 3,
    hidden: int | None = None,
    activation: str = "tanh",
) -> tuple[ControlledField, ...]:
    """One field for each block of ``WidthSchedule.grids(image, grids, ..., widths)``.

    A ``Convolution`` on every grid and a ``Perceptron`` on every plain width, mirrored.

    Parameters
    ----------
    grids : sequence of (channels, height, width)
    widths : sequence of int
        After the grids, as for ``WidthSchedule.grids``.
    kernel, hidden, activation
        Of every ``Convolution``.

    Examples
    --------
    >>> fields = ac.fields.convolutions([(1, 8, 8), (1, 4, 4)], widths=(3,))
    >>> [type(field).__name__ for field in fields]
    ['Convolution', 'Convolution', 'Perceptron', 'Convolution', 'Convolution']
    """
    encoder: list[ControlledField] = [
        Convolution(tuple(grid), kernel, hidden, activation) for grid in grids
    ]
    encoder += [Perceptron(activation) for _ in positive_integers(widths, "widths", least=0)]
    return (*encoder, *reversed(encoder[:-1]))


def _convolved(
    kernel: Float[Array, "out in side side"], x: Float[Array, "in height width"]
) -> Float[Array, "out height width"]:
    """Σ_(k,i,j) K_(o,k,i,j) x_(k, y+i−r, v+j−r), as one matrix product.

    The matrix is B_((i,k,u),(o,v)) = K_(o,k,i,u−v+r).
    """
    channels, h, w = x.shape
    out, side = kernel.shape[0], kernel.shape[-1]
    if side == 1:  # the band would be diagonal
        return jnp.einsum("ok,khw->ohw", kernel[:, :, 0, 0], x)
    band = jnp.einsum("ocij,juv->icuov", kernel, jnp.asarray(_diagonals(side, w), kernel.dtype))
    padded = jnp.pad(x, ((0, 0), (side // 2, side // 2), (0, 0)))
    shifted = jnp.stack([padded[:, i : i + h] for i in range(side)])
    rows = shifted.transpose(2, 0, 1, 3).reshape(h, side * channels * w)
    sums = rows @ band.reshape(side * channels * w, out * w)
    return sums.reshape(h, out, w).transpose(1, 0, 2)


def _diagonals(side: int, width: int) -> Float[np.ndarray, "side width width"]:
    """D_(j,u,v) = 1 where u = v + j − r, else 0."""
    return np.stack([np.eye(width, k=side // 2 - j) for j in range(side)])
