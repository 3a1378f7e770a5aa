"""What a trained model computes, as functions of arrays alone that JAX can trace.

# notation: N rows, c columns, k features, d dimension of the flow; x numbers of a table (N, c).

The numbers of a table are those of ``datasets.Table``: of a column with levels their places, of a
date its seconds since 1970, NaN where a value is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.datasets import Column
from autoencodes.flow import sweep
from autoencodes.flow.layout import State, layouts
from autoencodes.model.encoding import CYCLES, GROUPED, cycles, width
from autoencodes.model.model import Model

Numbers = Float[Array, "particle column"]
Features = Float[Array, "particle feature"]


@dataclass(frozen=True)
class Function:
    """A function of a model: names and widths of what it takes and returns, all of them (N, w)."""

    name: str
    takes: dict[str, int]
    gives: tuple[str, ...]
    call: Callable[..., tuple[Array, ...]]
    says: str


def functions(model: Model) -> tuple[Function, ...]:
    """encode, decode, reconstruct and score; of a model with another target encode and predict."""
    rows = {"x": len(columns(model))}
    schedule, layout = (
        model.flow.schedule,
        layouts(model.flow.schedule)[model.flow.schedule.bottleneck],
    )
    latent = {"latent": schedule.latent}
    if layout.stored:
        latent["held"] = len(layout.stored)
    made = [
        Function("encode", rows, tuple(latent), lambda x: _encoded(model, x), "the latent values")
    ]
    if model.readout.target != "rows":
        what = (
            "the probabilities of the classes"
            if model.readout.gives_probabilities
            else "what is predicted"
        )
        return (
            *made,
            Function("predict", rows, ("predicted",), lambda x: (_answer(model, x),), what),
        )
    return (
        *made,
        Function(
            "decode",
            latent,
            ("x",),
            lambda *z: (_rows(model, _decoded(model, *z)),),
            "the rows that the decoder makes of latent values",
        ),
        Function(
            "reconstruct",
            rows,
            ("x",),
            lambda x: (_rows(model, _pushed(model, x)),),
            "what the flow makes of rows",
        ),
        Function(
            "score",
            rows,
            ("error",),
            lambda x: (_error(model, x),),
            "the mean squared error of every row, in the units of training",
        ),
    )


def columns(model: Model) -> tuple[Column, ...]:
    """The columns of the rows; those of a model without an encoding are numbers."""
    if model.encoding is not None:
        return model.encoding.columns
    return tuple(Column(f"x_{k}") for k in range(model.coordinates.features))


def _encoded(model: Model, x: Numbers) -> tuple[Array, ...]:
    state = sweep.encode(model.flow, model.control, _particles(model, _features(model, x)[0]))
    layout = layouts(model.flow.schedule)[model.flow.schedule.bottleneck]
    held = state.stored[:, len(layout.seen) :]
    return (state.active, held) if layout.stored else (state.active,)


def _decoded(model: Model, latent: Array, held: Array | None = None) -> Array:
    """Final states (N, d), from latent values."""
    layout = layouts(model.flow.schedule)[model.flow.schedule.bottleneck]
    latent = latent.astype(model.dtype)
    if held is None:
        held = jnp.zeros((latent.shape[0], len(layout.stored)), model.dtype)
    held = held.astype(model.dtype)
    if layout.seen:
        held = jnp.pad(held, ((0, 0), (len(layout.seen), 0)))
    return sweep.decode(model.flow, model.control, State(latent, held))


def _pushed(model: Model, x: Numbers) -> Array:
    """Final states (N, d)."""
    state = sweep.encode(model.flow, model.control, _particles(model, _features(model, x)[0]))
    return sweep.decode(model.flow, model.control, state)


def _answer(model: Model, x: Numbers) -> Array:
    """Probabilities of classes, or numbers in their own units."""
    predicted = _predicted(model, _pushed(model, x))
    scaling = model.readout.scaling
    return predicted if scaling is None else scaling.shift + scaling.scale * predicted.astype(float)


def _rows(model: Model, states: Array) -> Numbers:
    """Final states as the numbers of a table."""
    features = model.scaling.shift + model.scaling.scale * _predicted(model, states).astype(float)
    parts, place = [], 0
    for column in columns(model):
        own = features[:, place : place + width(column)]
        place += width(column)
        if column.kind in GROUPED:
            parts.append(jnp.argmax(own, axis=1, keepdims=True).astype(float))
        elif column.kind == "log":
            parts.append(jnp.exp(jnp.clip(own[:, :1], -700.0, 700.0)))
        elif column.kind == "ordinal":
            parts.append(jnp.clip(jnp.round(own[:, :1]), 0, len(column.levels) - 1))
        elif column.kind == "constant":
            value = 0.0 if column.levels else jnp.nan
            parts.append(jnp.full((states.shape[0], 1), value, float))
        else:
            parts.append(own[:, :1])
    plain = all(column.kind == "number" for column in columns(model))
    return features if plain else jnp.concatenate(parts, axis=1)


def _error(model: Model, x: Numbers) -> Float[Array, "particle 1"]:
    features, seen = _features(model, x)
    wanted = (features - model.scaling.shift) / model.scaling.scale
    squares = (_predicted(model, _pushed(model, x)).astype(float) - wanted) ** 2
    if seen is None:
        return jnp.mean(squares, axis=1, keepdims=True)
    count = jnp.maximum(jnp.sum(seen, axis=1, keepdims=True), 1.0)
    return jnp.sum(squares * seen, axis=1, keepdims=True) / count


def _predicted(model: Model, states: Array) -> Array:
    """Predictions in the scaled units of the targets, from final states (N, d)."""
    turns = model.coordinates.rotation is not None
    by_column = model.compares_columns
    compared = _leave(model, states) if by_column else states
    predicted = jax.vmap(model.readout.cost.predict)(compared)
    return (
        predicted
        if model.readout.target != "rows" or by_column or not turns
        else _leave(model, predicted)
    )


def _leave(model: Model, states: Array) -> Array:
    """Particles as scaled rows."""
    coordinates = model.coordinates
    x = states[:, : coordinates.features]
    if coordinates.rotation is None:
        return x
    centre = 0.0 if coordinates.centre is None else coordinates.centre
    return (x.astype(float) @ coordinates.rotation.T + centre).astype(model.dtype)


def _particles(model: Model, features: Features) -> Float[Array, "particle dim"]:
    coordinates = model.coordinates
    z = ((features - model.scaling.shift) / model.scaling.scale).astype(model.dtype)
    if coordinates.rotation is not None:
        centre = 0.0 if coordinates.centre is None else coordinates.centre
        z = ((z.astype(float) - centre) @ coordinates.rotation).astype(model.dtype)
    return jnp.pad(z, ((0, 0), (0, coordinates.dim - coordinates.features)))


def _features(model: Model, x: Numbers) -> tuple[Features, Any]:
    """Features, and 1 where they were observed (None: what is missing counts, or all were)."""
    encoding = model.encoding
    if encoding is None:
        return x.astype(float), None
    parts = []
    for k, column in enumerate(encoding.columns):
        values = x[:, k : k + 1].astype(float)
        if column.kind in GROUPED:
            places = np.arange(len(column.levels), dtype=float)
            parts.append(jnp.where(jnp.isnan(values), jnp.nan, (values == places).astype(float)))
        elif column.kind == "log":
            parts.append(jnp.log(values))
        elif column.kind != "constant":
            parts.append(values)
            for period in (CYCLES[cycle] for cycle in cycles(column)):
                # The whole turns are taken out in float64: what remains is as exact in float32.
                angle = 2 * np.pi * (values / period - jnp.floor(values / period))
                parts += [jnp.sin(angle), jnp.cos(angle)]
    features = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)
    if encoding.missing == "refuse":
        return features, None
    lost = jnp.isnan(features)
    known = jnp.where(lost, encoding.fill, features)
    return known, (~lost).astype(float) if encoding.missing == "mask" else None
