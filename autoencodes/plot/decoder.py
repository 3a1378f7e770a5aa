"""A decoder as numbers that a page's script evaluates (``report/page/explorer.js``).

# notation: z latent values, k features, σ activation.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from jaxtyping import Float, Num

from autoencodes.catalogue import COSTS, SCHEMES
from autoencodes.cost import ByColumn
from autoencodes.errors import NumericalFailure
from autoencodes.fields import LinearInControl, LowRank, Perceptron, Pointwise, TwoLayer
from autoencodes.flow.sweep import fields
from autoencodes.model.model import Model

_MOST = 150_000
"""Numbers of a decoder that a page carries, some 0.8 MB: beyond, a grid of decoded rows."""
_GRID, _COARSEST, _MOST_DECODED = 17, 7, 250_000
_ROLES: dict[type, tuple[tuple[str, str], ...]] = {
    Perceptron: (("V", "W"), ("b", "b")),
    LowRank: (("V", "V"), ("b", "b"), ("U", "U")),
    TwoLayer: (("V", "W1"), ("b", "b1"), ("U", "W2"), ("c", "b2")),
    LinearInControl: (("U", "B"), ("c", "c"), ("A", "A")),
    Pointwise: (("u", "u"), ("q", "b"), ("v", "v"), ("e", "c")),
}
"""Which of a step's arrays is what in U σ(V x + b) + c + A x, or in e + Σ_k v_k σ(u_k x_i + q_k);
V and U that are not there are the identity."""
_SCHEMES = ("euler", "heun", "rk4")
_LINKS = {"squared": "", "huber": "", "binary-cross-entropy": "sigmoid"}
_ACTIVATIONS = ("tanh", "relu", "softplus", "sin", "identity")


def program(model: Model) -> dict[str, Any] | None:
    """The decoder, step by step; None where the script cannot run it, or it is too large.

    Values that go around the bottleneck are 0, as in ``Model.decode`` without held ones. ``blocks``
    say where their components come from, and the shapes of a step's arrays, which ``numbers``
    holds one after the other; then follow centre and rotation, where there is one, shift and scale.
    """
    schedule = model.flow.schedule
    scheme = SCHEMES.name_of(type(model.flow.scheme))
    cost, coordinates = model.readout.cost, model.coordinates
    link = _LINKS.get(getattr(cost, "numbers", str(COSTS.name_of(type(cost)))))
    if link and isinstance(cost, ByColumn) and coordinates.rotation is not None:
        return None  # there the link comes after the rotation
    if scheme not in _SCHEMES or link is None or schedule.memory == "skip":
        return None
    before = schedule.blocks[schedule.bottleneck].active
    numbers: list[np.ndarray] = []
    blocks = []
    own = zip(schedule.blocks, fields(model.flow), model.control, strict=True)
    for block, field, theta in list(own)[schedule.bottleneck + 1 :]:
        gone = set(before) - set(block.active)
        if type(field) not in _ROLES or (gone and schedule.memory == "hold"):
            return None
        roles = _ROLES[type(field)]
        activation = field.activation  # type: ignore[attr-defined]
        if activation not in _ACTIVATIONS:
            return None
        blocks.append({
            "from": [before.index(i) if i in before else -1 for i in block.active],
            "steps": block.steps,
            "arrays": {role: theta[key].shape[1:] for role, key in roles},
            "activation": activation,
        })  # fmt: skip
        for step in range(block.steps):
            numbers += [np.asarray(theta[key][step]) for _, key in roles]
        before = block.active
    scaling = model.scaling
    if coordinates.rotation is not None:
        centre = (
            np.zeros(coordinates.features) if coordinates.centre is None else coordinates.centre
        )
        numbers += [centre, coordinates.rotation]
    numbers += [scaling.shift, scaling.scale]
    if sum(array.size for array in numbers) > _MOST:
        return None
    return {
        "scheme": scheme,
        "substeps": model.flow.scheme.substeps,
        "step": schedule.step_size,
        "blocks": blocks,
        "out": [before.index(i) if i in before else -1 for i in range(coordinates.features)],
        "rotated": coordinates.rotation is not None,
        "link": link,
        "numbers": packed(np.concatenate([array.ravel() for array in numbers])),
    }


def decoded(
    model: Model,
    centre: Float[np.ndarray, " latent"],
    vectors: Float[np.ndarray, "axis latent"],
    low: Float[np.ndarray, " axis"],
    high: Float[np.ndarray, " axis"],
    grids: int = 1,
) -> dict[str, Any] | None:
    """Features on a grid along one or two axes; None for rows too long, or where decoding fails.

    ``grids`` of them share the room that one may have.

    Those of images are bytes, from the least value to the largest.
    """
    size = model.coordinates.features
    count = min(_GRID, int((_MOST_DECODED / grids / size) ** (1 / len(vectors))))
    if count < _COARSEST:
        return None
    ends = [np.linspace(a, b, count) for a, b in zip(low, high, strict=True)]
    places = np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, len(vectors))
    try:
        features = model.decode_features(centre + places @ vectors)
    except NumericalFailure:
        return None
    least, most = float(features.min()), float(features.max())
    if model.image_shape is None or not most > least:
        return {"count": count, "size": size, "numbers": packed(features)}
    levels = ((features - least) * (255 / (most - least))).round().astype(np.uint8).tobytes()
    greys = {"low": least, "high": most, "numbers": base64.b64encode(levels).decode()}
    return {"count": count, "size": size, "greys": greys}


def packed(values: Num[np.ndarray, "..."]) -> str:  # noqa: UP037
    """Numbers as base64 of little-endian float32."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()
