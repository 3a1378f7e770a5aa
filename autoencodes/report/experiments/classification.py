"""Two classes in the plane, through a bottleneck of one component."""

from __future__ import annotations

from typing import Any

from autoencodes.experiments import Results
from autoencodes.report import width
from autoencodes.report.experiments.phases import phases
from autoencodes.report.experiments.schedules import schedule
from autoencodes.report.picture import Picture


def pictures(results: Results, settings: dict[str, Any]) -> list[Picture]:
    """For each architecture the particles phase by phase, and its sketch."""
    off = settings["switched_off"]
    kept = "x₂" if off == 0 else "x₁"
    drawn = []
    for motion, blocks, written in zip(
        results.motions, settings["blocks"], results.facts["schedules"], strict=True
    ):
        layers = sum(blocks)
        first, second = blocks[0], blocks[0] + blocks[1]
        panels = [
            ("start\nlayer 0", 0),
            (f"initial phase\nlayer {first}", first),
            (f"encoding phase\nlayer {second}", second),
            (f"decoding phase\nlayer {layers}", layers),
        ]
        drawn += [
            Picture(
                f"particles-{layers}",
                phases(motion, panels),
                f"Fresh particles, coloured by class, on their way through {layers} layers. In the "
                f"encoding phase {kept} alone is on: there the histogram shows how the classes lie "
                "along it.",
                f"Four panels: the two classes side by side at the start; moved before the switch; "
                f"apart along {kept} in the bottleneck; each at its own target at the end.",
            ),
            Picture(
                f"architecture-{layers}",
                width.architecture(schedule(written), motion.components),
                f"The architecture of {layers} layers: hollow nodes are switched off.",
                f"Two rows of nodes over {layers} layers; in the middle block one row is hollow.",
            ),
        ]
    return drawn
