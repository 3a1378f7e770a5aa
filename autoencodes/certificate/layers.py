"""Fields as one layer of neurons, F(x) = A x + B σ(W x + b) + c, and the slopes that σ can have.

# notation: σ activation, A, B, W, b, c of one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Float

from autoencodes.catalogue import ACTIVATIONS
from autoencodes.fields import (
    ControlledField,
    Convolution,
    LinearInControl,
    LowRank,
    Perceptron,
    Pointwise,
    TimeDependent,
    Translation,
    TwoLayer,
    Weighted,
)

Many = Float[np.ndarray, "particle neuron"]


@dataclass(frozen=True)
class Layer:
    """F(x) = A x + B σ(W x + b) + c for an input x; A or B absent stand for 0 and the identity."""

    activation: str
    w: Float[np.ndarray, "neuron in"]
    b: Float[np.ndarray, " neuron"]
    c: Float[np.ndarray, " width"]
    a: Float[np.ndarray, "width in"] | None = None
    outer: Float[np.ndarray, "width neuron"] | None = None

    def value(
        self, x: Float[np.ndarray, "particle in"], sums: Many
    ) -> Float[np.ndarray, "particle width"]:
        """F, given the inputs and W x + b."""
        neurons = np.asarray(ACTIVATIONS[self.activation](jnp.asarray(sums)))
        moved = neurons if self.outer is None else neurons @ self.outer.T
        return moved + self.c + (0 if self.a is None else x @ self.a.T)


Theta = Mapping[str, Float[np.ndarray, "..."]]


@singledispatch
def layer(field: ControlledField, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    """The layer that a field is under the control of a step; None for a field that is not known
    to be one. For a field of your own: ``layer.register(MyField)(function)``."""
    return None


@layer.register
def _(field: Perceptron, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    return Layer(field.activation, theta["W"], theta["b"], np.zeros(width))


@layer.register
def _(field: TwoLayer, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    return Layer(field.activation, theta["W1"], theta["b1"], theta["b2"], outer=theta["W2"])


@layer.register
def _(field: LowRank, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    return Layer(field.activation, theta["V"], theta["b"], np.zeros(width), outer=theta["U"])


@layer.register
def _(field: LinearInControl, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    eye, zero = np.eye(inputs), np.zeros(inputs)
    return Layer(field.activation, eye, zero, theta["c"], theta["A"], theta["B"])


@layer.register
def _(field: Translation, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    return Layer(
        "identity", np.zeros((1, inputs)), np.zeros(1), theta["theta"], None, np.zeros((width, 1))
    )


@layer.register
def _(field: Pointwise, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    eye = np.eye(width)
    return Layer(
        field.activation,
        np.kron(eye, theta["u"][:, None]),
        np.tile(theta["b"], width),
        np.full(width, theta["c"][0]),
        outer=np.kron(eye, theta["v"][None]),
    )


@layer.register
def _(field: Convolution, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    kernel = theta["K"]
    _, h, w = field.grid
    reach = field.kernel // 2
    matrix = np.zeros((kernel.shape[0], h, w, kernel.shape[1], h, w))
    for y, v in np.ndindex(h, w):
        for i, j in np.ndindex(field.kernel, field.kernel):
            row, column = y + i - reach, v + j - reach
            if 0 <= row < h and 0 <= column < w:
                matrix[:, y, v, :, row, column] += kernel[:, :, i, j]
    dense, bias = matrix.reshape(-1, inputs), np.repeat(theta["b"], h * w)
    if field.hidden is None:
        return Layer(field.activation, dense, bias, np.zeros(width))
    mixing = np.kron(theta["V"], np.eye(h * w))
    return Layer(field.activation, dense, bias, np.repeat(theta["c"], h * w), outer=mixing)


@layer.register
def _(field: TimeDependent, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    inner = layer(field.field, theta, width, inputs + 1, t)
    if inner is None:
        return None
    clock = t / field.unit
    fixed = inner.c if inner.a is None else inner.c + inner.a[:, -1] * clock
    return replace(
        inner,
        w=inner.w[:, :-1],
        b=inner.b + inner.w[:, -1] * clock,
        c=fixed,
        a=None if inner.a is None else inner.a[:, :-1],
    )


@layer.register
def _(field: Weighted, theta: Theta, width: int, inputs: int, t: float) -> Layer | None:
    return layer(field.field, field.own(theta), width, inputs, t)


def _density(a: Any) -> Any:
    return np.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)


_DERIVATIVES: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda a: 1 / np.cosh(np.clip(a, -300, 300)) ** 2,
    "softplus": scipy.special.expit,
    "gelu": lambda a: scipy.special.ndtr(a) + a * _density(a),
}
_TURNS = {"tanh": (0.0,), "softplus": (), "gelu": (-math.sqrt(2), math.sqrt(2))}
"""Where the derivative of an activation turns: between, it is monotone."""
SLOPES = {
    "tanh": (0.0, 1.0),
    "relu": (0.0, 1.0),
    "softplus": (0.0, 1.0),
    "identity": (1.0, 1.0),
    "sin": (-1.0, 1.0),
    "gelu": (-0.12894, 1.12895),
}
"""All slopes that an activation has."""
_SLACK = 1e-12


def slopes(activation: str, low: Many, high: Many) -> tuple[Many, Many]:
    """The least and the largest slope of σ, neuron by neuron, for sums between two numbers."""
    least, most = SLOPES[activation]
    if activation == "identity":
        return np.ones_like(low), np.ones_like(low)
    if activation == "relu":
        return np.where(low > 0, 1.0, 0.0), np.where(high < 0, 0.0, 1.0)
    if activation == "sin":
        ends = np.cos(low), np.cos(high)
        first = np.ceil(low / math.pi)  # of the k π in reach, at which the slope is 1 or −1
        even, odd = first + np.mod(first, 2), first + np.mod(first + 1, 2)
        small = np.where(odd * math.pi <= high, -1.0, np.minimum(*ends))
        large = np.where(even * math.pi <= high, 1.0, np.maximum(*ends))
    else:
        slope = _DERIVATIVES[activation]
        small, large = np.minimum(slope(low), slope(high)), np.maximum(slope(low), slope(high))
        for turn in _TURNS[activation]:
            inside = (low <= turn) & (turn <= high)
            small = np.where(inside, np.minimum(small, slope(turn)), small)
            large = np.where(inside, np.maximum(large, slope(turn)), large)
    return np.clip(small - _SLACK, least, most), np.clip(large + _SLACK, least, most)
