"""Flows with a slider: the data of each, and the bare elements that ``flow.js`` fills."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from autoencodes.plot.classes import Classes
from autoencodes.plot.motion import Motion, longest

_NUMBERS = 300_000
"""Coordinates on a page, at most: some 2 MB."""
_MOST_PARTICLES, _FEWEST_PARTICLES = 400, 30
_MOST_COMPONENTS = 8
_MOST_ROWS = 16


def flows(motions: tuple[Motion, ...]) -> str:
    """A section with every flow; empty if there are none."""
    if not motions:
        return ""
    parts = [_flow(motion, k, _NUMBERS // len(motions)) for k, motion in enumerate(motions, 1)]
    heading = "The flow, layer by layer" if len(motions) == 1 else "The flows, layer by layer"
    return (
        f"<section>\n<h2>{heading}</h2>\n"
        "<noscript><p>To move through the layers, allow this page its script.</p></noscript>\n"
        f'<p class="remarks">{_guide(motions)}</p>\n' + "\n".join(parts) + "\n</section>"
    )


def _guide(motions: tuple[Motion, ...]) -> str:
    """How to use them, and how to read a switch where there is one."""
    lines = ["Move the slider, play, or point at a particle."]
    if any(_drops(motion) for motion in motions):
        lines.append(
            "A component that is switched off becomes 0 at once; it is drawn as if that took the "
            "next layer, so that the eye can follow."
        )
    return " ".join(lines)


def _drops(motion: Motion) -> bool:
    """Whether something is lost where a component is switched off."""
    dropped = motion.active[:-1] & ~motion.active[1:]
    moved = np.abs(motion.states[1:] - motion.states[:-1]).max(axis=1)
    return bool((moved * dropped).any())


def scene(motion: Motion, numbers: int = _NUMBERS) -> dict[str, Any]:
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


def _flow(motion: Motion, number: int, numbers: int) -> str:
    content = scene(motion, numbers)
    last = len(content["times"]) - 1
    # Within a script "<" could end it, or open a comment.
    data = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _FLOW.format(
        number=number,
        title=escape(motion.title),
        last=last,
        choice="" if len(content["components"]) > 2 else " hidden",
        legend=legend(_classes(motion), content["targets"]),
        remarks=_remarks(motion, content),
        data=data.replace("<", "\\u003c"),
    )


_FLOW = """\
<section class="flow" id="flow-{number}" aria-labelledby="flow-{number}-title">
<div class="head">
<h3 id="flow-{number}-title">{title}</h3>
<div class="choice"{choice}>
<label>across <select class="across"></select></label>
<label>up <select class="up"></select></label>
</div>
</div>
<div class="stage">
<svg class="plane" role="application" tabindex="0" aria-labelledby="flow-{number}-title" \
aria-describedby="flow-{number}-use"></svg>
<div class="tip" hidden></div>
</div>
<div class="time">
<svg class="layers" aria-hidden="true"></svg>
<button type="button" class="play" aria-label="Play" title="Play (space)"><svg viewBox="0 0 16 16" \
aria-hidden="true"><path d="M4 2.5v11l9-5.5z"></path></svg></button>
<input type="range" min="0" max="{last}" step="0.1" value="0" aria-label="layer of {title}">
<output aria-live="off">layer 0 of {last}</output>
</div>
{legend}
<p class="remarks">{remarks}</p>
<p class="unseen" id="flow-{number}-use">Slider: arrow keys go layer by layer, space plays. Plane: \
arrow keys go from particle to particle, escape leaves them.</p>
<p class="unseen said" aria-live="polite"></p>
<script type="application/json">{data}</script>
</section>"""


def legend(classes: Classes, targets: Sequence[Any]) -> str:
    """Colours and names of the classes; of more than can be told apart, the first and the last."""
    shapes = {"o": '<circle cx="5" cy="5" r="4"', "^": '<path d="M5 .8 9.4 9H.6z"'}
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


def _remarks(motion: Motion, content: dict[str, Any]) -> str:
    """What one has to know to read the picture."""
    count, particles = len(content["members"]), motion.states.shape[1]
    shown = f"{count} of {particles} particles" if count < particles else f"{count} particles"
    lines = [f"{shown}; between two layers they are drawn along straight lines."]
    if len(content["components"]) < content["dim"]:
        lines.append(
            f"Of {content['dim']} components the {len(content['components'])} that are active "
            "longest can be chosen."
        )
    return escape(" ".join(lines))


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
