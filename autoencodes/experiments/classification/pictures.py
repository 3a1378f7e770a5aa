"""Two classes in the plane, through a bottleneck of one component."""

from __future__ import annotations

from typing import Any

from autoencodes.experiments import Results
from autoencodes.experiments.storing import schedule
from autoencodes.plot.motion import Motion
from autoencodes.plot.phases import panels, phases, sketch
from autoencodes.plot.picture import Picture


def pictures(results: Results, settings: dict[str, Any]) -> list[Picture]:
    """For each architecture the particles phase by phase, and its sketch."""
    drawn = []
    for motion, blocks, written in zip(
        results.motions, settings["blocks"], results.facts["schedules"], strict=True
    ):
        drawn += [
            _particles(results, motion, blocks),
            sketch(f"architecture-{sum(blocks)}", schedule(written), motion.components),
        ]
    return drawn


def _particles(results: Results, motion: Motion, blocks: list[int]) -> Picture:
    layers = sum(blocks)
    (kept,) = [
        name for name, on in zip(motion.components, motion.active[blocks[0] + 1], strict=True) if on
    ]
    rows = results.tables["accuracy"].rows
    accuracy, cost = next(row[2:4] for row in rows if row[0] == layers)
    return Picture(
        f"particles-{layers}",
        phases(motion, panels(blocks)),
        f"Fresh particles, coloured by class, on their way through {layers} layers, seed "
        f"{rows[0][1]}. In the encoding phase {kept} alone is on: there the histogram shows how "
        "the classes lie along it.",
        f"Four panels: particles at the start, before the switch, a histogram of {kept} in the "
        f"bottleneck, and the end, where {accuracy:.1%} are on the side of their class and the "
        f"mean squared distance to the targets is {cost:.2g}.",
    )
