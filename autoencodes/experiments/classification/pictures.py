"""Two classes in the plane, through a bottleneck of one component."""

from __future__ import annotations

from autoencodes.experiments import Results
from autoencodes.experiments.classification.problem import ClassificationSettings
from autoencodes.experiments.classification.result import ClassificationResult
from autoencodes.plot.phases import panels, phases, sketch
from autoencodes.plot.picture import Picture


def pictures(
    results: Results[ClassificationResult], settings: ClassificationSettings
) -> list[Picture]:
    """For each architecture the particles phase by phase, and its sketch."""
    table = results.tables["accuracy"]
    trainings = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    drawn = []
    for motion, blocks, schedule in zip(
        results.motions, settings.blocks, results.measured.schedules, strict=True
    ):
        layers = sum(blocks)
        shown = next(training for training in trainings if training["layers"] == layers)
        alone = motion.active[blocks[0] + 1]
        (kept,) = [name for name, on in zip(motion.components, alone, strict=True) if on]
        drawn += [
            Picture(
                f"particles-{layers}",
                phases(motion, panels(blocks)),
                f"Fresh particles, coloured by class, on their way through {layers} layers, "
                f"seed {shown['seed']}. In the encoding phase {kept} alone is on: there the "
                "histogram shows how the classes lie along it.",
                f"Four panels: particles at the start, before the switch, a histogram of {kept} in "
                f"the bottleneck, and the end, where {shown['accuracy']:.1%} are on the side of "
                "their class and the mean squared distance to the targets is "
                f"{shown['cost on fresh']:.2g}.",
            ),
            sketch(f"architecture-{layers}", schedule, motion.components),
        ]
    return drawn
