"""How a convolution is computed fastest: alone and within a compiled loop, as a training has it.

Run:  python benchmarks/convolution.py [--smoke]

For each grid and kernel, at 256 particles in float32, the time in milliseconds of a velocity and
both its transposes (``jax.vjp`` in x and in θ), by
  native  ``jax.lax.conv_general_dilated``,
  columns the neighbourhoods of all sites copied side by side, times the kernel as a matrix,
  banded  what ``fields.Convolution`` does: a banded matrix over the sites of a row,
  dense   the whole convolution as one matrix, for comparison with the perceptron of that width.
Each as "alone / in a loop", the latter a step of a ``jax.lax.scan`` that moves the kernel. Then
perceptrons at MNIST's default widths, and the machine's rate of large matrix products.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gradient import in_turn

from autoencodes.fields import Convolution, Perceptron

LOOP = 4
GRIDS = (((1, 28, 28), 3), ((1, 28, 28), 5), ((4, 14, 14), 3), ((8, 14, 14), 3), ((16, 7, 7), 3))
WIDTHS = (602, 419, 260, 128, 32)

Formulation = Callable[[Any, Any, Any], Any]


def native(kernel: Any, x: Any, grid: Any) -> Any:
    return jax.lax.conv_general_dilated(x.reshape(1, *grid), kernel, (1, 1), "SAME")[0]


def columns(kernel: Any, x: Any, grid: Any) -> Any:
    c, h, w = grid
    side = kernel.shape[-1]
    padded = jnp.pad(x.reshape(grid), ((0, 0), *[(side // 2, side // 2)] * 2))
    shifted = [padded[:, i : i + h, j : j + w] for i in range(side) for j in range(side)]
    return kernel.transpose(0, 2, 3, 1).reshape(c, -1) @ jnp.concatenate(shifted).reshape(-1, h * w)


def dense(kernel: Any, x: Any, grid: Any) -> Any:
    _, h, w = grid
    side = kernel.shape[-1]
    down, across = (
        np.stack([np.eye(n, k=side // 2 - j) for j in range(side)]).astype(np.float32)
        for n in (h, w)
    )
    matrix = jnp.einsum("ocij,ipq,juv->oqvcpu", kernel, down, across)
    return matrix.reshape(x.size, x.size) @ x


def banded(kernel: Any, x: Any, grid: Any) -> Any:
    field = Convolution(grid, kernel.shape[-1], activation="identity")
    return field.velocity(jnp.zeros(()), x, {"K": kernel, "b": jnp.zeros(grid[0])})


def calls(velocity: Callable[[Any, Any], Any], theta: Any, x: Any) -> dict[str, Callable[[], Any]]:
    """A velocity and its transposes, alone and as a step of a loop."""

    def transposed(theta: Any) -> Any:
        values, pullback = jax.vjp(lambda t, x: jax.vmap(lambda r: velocity(t, r))(x), theta, x)
        return pullback(values)

    def moved(theta: Any, _: Any) -> Any:
        slope, costate = transposed(theta)
        return jax.tree.map(lambda a, g: a - 1e-3 * g, theta, slope), costate[0, 0]

    alone = jax.jit(transposed)
    loop = jax.jit(lambda theta: jax.lax.scan(moved, theta, None, length=LOOP))
    return {"alone": lambda: alone(theta), "in a loop": lambda: loop(theta)}


def cell(velocity: Callable[[Any, Any], Any], theta: Any, x: Any, seconds: float) -> str:
    """The two times of a formulation."""
    times = in_turn(calls(velocity, theta, x), seconds)
    return f"{1e3 * times['alone']:8.2f} /{1e3 * times['in a loop'] / LOOP:7.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes: does it run?")
    smoke = parser.parse_args().smoke
    grids, widths = ([((2, 3, 3), 3)], (4,)) if smoke else (GRIDS, WIDTHS)
    particles, side, seconds = (4, 64, 0.0) if smoke else (256, 2048, 1.0)
    square = jnp.ones((side, side), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    taken = in_turn({"product": lambda: product(square)}, seconds)["product"]
    print(f"large matrix products: {2 * side**3 / taken / 1e9:.0f} GFLOP/s")
    formulations: tuple[Formulation, ...] = (native, columns, banded, dense)
    print(f"{'grid':14}{'kernel':8}" + "".join(f"{f.__name__:>17}" for f in formulations))
    for grid, side in grids:
        c, size = grid[0], int(np.prod(grid))
        kernel = 0.1 * jax.random.normal(jax.random.key(0), (c, c, side, side), jnp.float32)
        x = jax.random.normal(jax.random.key(1), (particles, size), jnp.float32)
        row = f"{' x '.join(map(str, grid)):14}{side:<8}"
        for way in formulations:

            def velocity(kernel: Any, row: Any, way: Any = way, grid: Any = grid) -> Any:
                return jnp.tanh(way(kernel, row, grid)).reshape(-1)

            row += cell(velocity, kernel, x, seconds)
        print(row, flush=True)
    for width in widths:
        theta = Perceptron().init(jax.random.key(0), width, 0.5)
        x = jax.random.normal(jax.random.key(1), (particles, width))
        times = cell(lambda t, r: Perceptron().velocity(jnp.zeros(()), r, t), theta, x, seconds)
        print(f"{'perceptron':14}{width:<8}{times}", flush=True)


if __name__ == "__main__":
    main()
