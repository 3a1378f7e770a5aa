"""The plain autoencoder to compare with: fully connected layers, trained by Adam for a given time.

# notation: W_k, b_k weights and biases, h_k hidden values.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from autoencodes.measure.streaming import map_rows

_ROUND = 50
"""Steps between two looks at the clock."""

Layers = tuple[tuple[Array, Array], ...]
"""For each a matrix (inputs, outputs) and a vector (outputs,)."""


@dataclass(frozen=True)
class FullyConnected:
    """h_(k+1) = relu(W_k h_k + b_k), but linear into the latent values, and a sigmoid at the end.

    Parameters
    ----------
    layers : tuple of pairs (W, b)
    latent : int
        The layer after which the latent values stand.
    """

    layers: Layers
    latent: int

    @classmethod
    def drawn(cls, widths: tuple[int, ...], seed: int) -> FullyConnected:
        """Weights N(0, 2 / inputs) (He et al., 2015), for widths down to the latent and back."""
        full = (*widths, *reversed(widths[:-1]))
        keys = jax.random.split(jax.random.key(seed), len(full) - 1)
        layers = tuple(
            (jax.random.normal(key, (a, b)) * (2 / a) ** 0.5, jnp.zeros(b))
            for key, a, b in zip(keys, full[:-1], full[1:], strict=True)
        )
        return cls(layers, len(widths) - 1)

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum(w.size + b.size for w, b in self.layers)

    def reconstruct(self, x: Any) -> np.ndarray:
        """Rows (N, d) in [0, 1], through the latent values and back."""
        return map_rows(lambda rows: _output(self.layers, self.latent, rows), x, size=2048)


def train(
    x: Float[np.ndarray, "particle dim"],
    widths: tuple[int, ...],
    *,
    seconds: float,
    batch_size: int,
    learning_rate: float,
    seed: int,
    advance: Callable[[str, float], None] = lambda text, share: None,
) -> tuple[FullyConnected, int]:
    """Adam on the mean squared error for so many seconds, compilation included.

    The learning rate falls to 0 as a half cosine of the time. Returns the network and its steps.
    """
    began, steps = time.perf_counter(), 0
    network = FullyConnected.drawn(widths, seed)
    layers, random = network.layers, np.random.default_rng(seed)
    state = optax.scale_by_adam().init(layers)
    data = jnp.asarray(x)
    while (share := (time.perf_counter() - began) / seconds) < 1:
        rows = random.integers(0, len(x), (_ROUND, batch_size))
        rate = learning_rate * 0.5 * (1 + np.cos(np.pi * share))
        layers, state, loss = _round(network.latent, layers, state, data, rows, rate)
        steps += _ROUND
        advance(f"step {steps}  mean squared error {float(loss):.4g}", share)
    return FullyConnected(layers, network.latent), steps


@partial(jax.jit, static_argnums=1)
def _output(layers: Layers, latent: int, x: Any) -> Float[Array, "particle dim"]:
    hidden = x
    for k, (weights, bias) in enumerate(layers, 1):
        hidden = hidden @ weights + bias
        if k not in (latent, len(layers)):
            hidden = jax.nn.relu(hidden)
    return jax.nn.sigmoid(hidden)


@partial(jax.jit, static_argnums=0, donate_argnums=(1, 2))
def _round(latent: int, layers: Layers, state: Any, data: Any, rows: Any, rate: Any) -> Any:
    """Some steps of Adam, and the last one's loss."""

    def loss(layers: Layers, batch: Any) -> Any:
        return jnp.mean((_output(layers, latent, batch) - batch) ** 2)

    def step(carry: Any, chosen: Any) -> Any:
        layers, state = carry
        value, slope = jax.value_and_grad(loss)(layers, data[chosen])
        change, state = optax.scale_by_adam().update(slope, state)
        layers = jax.tree.map(lambda a, b: a - rate * b, layers, change)
        return (layers, state), value

    (layers, state), values = jax.lax.scan(step, (layers, state), rows)
    return layers, state, values[-1]
