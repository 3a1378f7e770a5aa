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
    own = settings.networks[0].order
    for motion, network, schedule in zip(
        results.motions, settings.networks, results.measured.schedules, strict=True
    ):
        named = {"order": network.order, "steps": network.steps}
        shown = next(training for training in trainings if named.items() <= training.items())
        alone = motion.active[network.blocks[0] + 1]
        (kept,) = [name for name, on in zip(motion.components, alone, strict=True) if on]
        steps = network.steps.replace("/", "-")
        other = "" if network.order == own else f"{network.order}-"
        drawn.append(
            Picture(
                f"particles-{other}{steps}",
                phases(motion, panels(network.blocks)),
                f"{network.name} ({network.origin}), seed {shown['seed']}: {motion.states.shape[1]}"
                f" fresh particles by class; in the bottleneck {kept} alone is on.",
                f"Four panels: particles at the start, before the switch, a histogram of {kept} in "
                f"the bottleneck, and the end, where {shown['accuracy']:.1%} are on the side of "
                "their class and the mean squared distance to the targets is "
                f"{shown['cost on fresh']:.2g}.",
            )
        )
        if not other:
            drawn.append(sketch(f"architecture-{steps}", schedule, motion.components))
    return drawn
