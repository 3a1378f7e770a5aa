"""Flows as charts that play, layer by layer."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from autoencodes.plot.motion import Motion
from autoencodes.report.charts.flow import flow
from autoencodes.report.page.charts import chart
from autoencodes.report.page.contents import Chart
from autoencodes.report.page.scenes import NUMBERS, scene


def flows(motions: tuple[Motion, ...]) -> str:
    """A section with every flow; empty if there are none."""
    if not motions:
        return ""
    parts = [_flow(motion, k, NUMBERS // len(motions)) for k, motion in enumerate(motions, 1)]
    heading = "The flow, layer by layer" if len(motions) == 1 else "The flows, layer by layer"
    return (
        f"<section>\n<h2>{heading}</h2>\n"
        "<noscript><p>To move through the layers, allow this page its script.</p></noscript>\n"
        f'<p class="remarks">{_guide(motions)}</p>\n' + "\n".join(parts) + "\n</section>"
    )


def _guide(motions: tuple[Motion, ...]) -> str:
    """How to use them, and how to read a switch where there is one."""
    lines = ["Move the sliders, play, or point at a particle."]
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


def _flow(motion: Motion, number: int, numbers: int) -> str:
    held = scene(motion, numbers)
    alt = f"Particles of {motion.title} at the layer that is chosen; their places are told below."
    shown = Chart(f"flow-{number}", flow(held), _remarks(motion, held), alt)
    return f"<h3>{escape(motion.title)}</h3>\n{chart(shown, '')}"


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
    return " ".join(lines)
