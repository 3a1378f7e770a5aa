"""What a page holds of a motion, and the colours and names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from autoencodes.plot.classes import Classes
from autoencodes.plot.motion import Motion, longest

NUMBERS = 300_000
"""Coordinates on a page, at most: some 2 MB."""
_MOST_PARTICLES, _FEWEST_PARTICLES = 400, 30
_MOST_COMPONENTS = 8
_MOST_ROWS = 16


def scene(motion: Motion, numbers: int = NUMBERS) -> dict[str, Any]:
    """What the script needs of a motion, as JSON values.

    Coordinates have four significant digits. Of more than 8 components those that are active
    longest are carried, of equals the first; of the particles as many as ``numbers`` allows.
    """
    layers, count, dim = motion.states.shape
    on = motion.active
    carried = np.sort(np.argsort(-on.sum(axis=0), kind="stable")[:_MOST_COMPONENTS])
    room = max(numbers // (layers * len(carried)), _FEWEST_PARTICLES)
    count = min(count, room, _MOST_PARTICLES)
    states = motion.states[:, :count][..., carried]
    classes = _classes(motion)
    # Targets of another dimension have no place in this plane.
    targets = motion.targets if motion.targets is not None else np.zeros((0, dim))
    targets = targets[:count][:, carried] if targets.shape[1] == dim else np.zeros((0, 1))
    return {
        "times": _digits(motion.times),
        "components": [motion.components[k] for k in carried],
        "dim": dim,
        "states": [_digits(layer.ravel()) for layer in states],
        "on": _marks(on[:, carried]),
        "plane": longest(on[:, carried]),
        "rows": list(motion.components) if dim <= _MOST_ROWS else None,
        "grid": _marks(on[1:]) if dim <= _MOST_ROWS else None,
        "widths": on[1:].sum(axis=1).tolist(),
        "classes": [
            {"name": name, "colour": colour, "marker": str(marker)}
            for name, colour, marker in zip(
                classes.names, shades(classes), classes.markers, strict=True
            )
        ],
        "members": classes.members[:count].tolist(),
        "targets": [_digits(place) for place in np.unique(targets, axis=0)],
    }


def _classes(motion: Motion) -> Classes:
    return Classes.of(motion.states.shape[1], motion.labels, list(motion.label_names) or None)


def legend(classes: Classes, targets: Sequence[Any]) -> str:
    """Colours and names of the classes; of more than can be told apart, the first and the last."""
    shapes = {
        "o": '<circle cx="5" cy="5" r="4"',
        "^": '<path d="M5 .8 9.4 9H.6z"',
        "s": '<path d="M1.5 1.5h7v7h-7z"',
        "D": '<path d="M5 .5 9.5 5 5 9.5.5 5z"',
    }
    items = []
    if classes.named:
        names, ends = list(classes.names), range(len(classes.names))
        if not classes.distinct:
            ends = range(0, len(names), max(len(names) - 1, 1))
            names[0], names[-1] = f"{names[0]} (first of {classes.count})", f"{names[-1]} (last)"
        for k in ends:
            mark = f'{shapes[str(classes.markers[k])]} fill="{shades(classes)[k]}"/>'
            items.append((mark, names[k]))
    if len(targets):
        items.append(('<path class="target" d="M1.5 1.5l7 7m0-7l-7 7"/>', "target"))
    rows = "\n".join(
        f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{mark}</svg>{escape(name)}</li>'
        for mark, name in items
    )
    return f'<ul class="legend">\n{rows}\n</ul>' if rows else ""


def _digits(values: Float[np.ndarray, " number"]) -> list[float | int]:
    rounded = [float(f"{value:.4g}") for value in values.tolist()]
    return [int(value) if value == int(value) else value for value in rounded]


def _marks(on: Bool[np.ndarray, "layer dim"]) -> list[str]:
    """Rows of 0 and 1."""
    return ["".join("1" if is_on else "0" for is_on in row) for row in on.tolist()]


def shades(classes: Classes) -> list[str]:
    """The colours of classes in a page; where there are none, that of the page itself."""
    if not classes.named:
        return ["var(--accent)"]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in c) for c in classes.colours]
