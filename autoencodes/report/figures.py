"""The pictures of a training run, and what each says: made from the run."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from autoencodes.plot import images
from autoencodes.plot.architecture import architecture
from autoencodes.plot.classes import Classes
from autoencodes.plot.codes import scattered
from autoencodes.plot.passage import Passage
from autoencodes.plot.picture import Picture
from autoencodes.plot.words import number
from autoencodes.report import course, loss, predictions, reconstructions
from autoencodes.report.findings import Findings

Said = tuple[Figure, str, str]
"""A figure, its caption, and what one sees in it."""


def pictures(findings: Findings) -> list[Picture]:
    """The pictures that apply to a run, in the order of a report."""
    made = {name: draw(findings) for name, draw in _FAMILIES.items()}
    return [Picture(name, *said) for name, said in made.items() if said is not None]


def _loss(findings: Findings) -> Said | None:
    figure = loss.picture(findings)
    if figure is None:
        return None
    first, last = (findings.history[k]["objective"] for k in (0, -1))
    epochs = findings.history[-1]["epoch"]
    drawn = findings.cost == "squared" and findings.error("pca_test_mse") is not None
    beside = ", beside PCA of as many components" if drawn else ""
    caption = f"Objective and errors over {epochs:,} epochs{beside}."
    if first is None or last is None:
        return figure, caption, "Curves of objective and errors; some of it was no finite number."
    alt = f"Curves over the epochs: the objective goes from {number(first)} to {number(last)}."
    return figure, caption, alt


def _course(findings: Findings) -> Said | None:
    figure = course.picture(findings)
    if figure is None:
        return None
    values = loss.series(findings.history, "lambda_min")[1]
    return (
        figure,
        "Curvature, residual of the maximum principle and size of the control over the training.",
        f"Curves, one below the other; λ_min goes from {number(values[0])} to "
        f"{number(values[-1])}.",
    )


def _reconstructions(findings: Findings) -> Said | None:
    figure = reconstructions.picture(findings)
    if figure is None:
        return None
    rivals = {"the flow": findings.error("test_mse")}
    if findings.reconstructs:
        rivals["PCA"] = findings.error("pca_test_mse")
    errors = ", ".join(f"{name} {number(e)}" for name, e in rivals.items() if e is not None)
    said = f"mean squared test error per {findings.entry}: {errors}" if errors else "unmeasured"
    noun = "images" if findings.samples.facts["image_shape"] else "rows"
    beside = f", beside PCA of {findings.schedule.latent}" if "PCA" in rivals else ""
    if noun == "rows" and findings.entries > 2:
        return (
            figure,
            f"The mean squared test error of every {findings.entry} through "
            f"{findings.schedule.latent} components{beside}.",
            f"A dot for every {findings.entry}; {said}.",
        )
    return (
        figure,
        f"Test {noun} and what the flow makes of them through {findings.schedule.latent} "
        f"components{beside}.",
        f"Test {noun} beside their reconstructions; {said}.",
    )


def passages(findings: Findings) -> tuple[Passage, ...]:
    """Test images at the ends of the blocks; none where rows are no images."""
    arrays, shape = findings.samples.arrays, findings.samples.facts["image_shape"]
    if "passage" not in arrays:
        return ()
    names: list[str] = []
    if "sample_labels" in arrays:
        labels = arrays["sample_labels"]
        classes = Classes.of(len(labels), labels, findings.names)
        names = [classes.names[member] for member in classes.members]
    return (Passage.kept("Test images", arrays, shape, findings.schedule.dim, names),)


def _passage(findings: Findings) -> Said | None:
    """The same as a picture."""
    found = [passage.picture() for passage in passages(findings)]
    return (found[0].figure, found[0].caption, found[0].alt) if found else None


def _extreme(which: str) -> Callable[[Findings], Said | None]:
    """The images with the least or the largest error."""

    def draw(findings: Findings) -> Said | None:
        arrays, facts = findings.samples.arrays, findings.samples.facts
        if which not in arrays:
            return None
        pairs, errors = arrays[which], arrays[f"{which}_errors"]
        rows = [("original", pairs[:, 0]), ("reconstruction", pairs[:, 1])]
        heads = [number(float(error)) for error in errors]
        size = "least" if which == "best" else "largest"
        return (
            images.grid(
                rows, facts["image_shape"], heads=heads, greys=images.limits(arrays["originals"])
            ),
            f"The {len(pairs)} of {facts['tested']:,} test images with the {size} error, which "
            "stands above each (mean square per pixel).",
            f"Pairs of images; errors from {heads[0]} to {heads[-1]}.",
        )

    return draw


def _predictions(findings: Findings) -> Said | None:
    figure = predictions.picture(findings)
    count = len(findings.samples.arrays.get("predictions", ()))
    if figure is None:
        return None
    return (
        figure,
        f"What is predicted of {count:,} test rows, against what is true.",
        f"{count:,} predictions over the truth; the title says how good they are.",
    )


def _width(findings: Findings) -> Said | None:
    schedule = findings.schedule
    widths = ", ".join(map(str, schedule.widths))
    return (
        architecture(schedule),
        f"The architecture: which of {schedule.dim} components are active over "
        f"{schedule.steps} layers.",
        f"For every layer the components that are active; the blocks' widths are {widths}.",
    )


def _latent(findings: Findings) -> Said | None:
    """Test codes by class: on a line, in their plane, or along their two principal axes."""
    arrays = findings.samples.arrays
    codes = arrays["latent"]
    if not len(codes):
        return None
    classes = Classes.of(len(codes), arrays.get("labels"), findings.names)
    count, latent = codes.shape
    kinds = {1: "their latent value", 2: "their two latent values"}
    where = kinds.get(latent, f"the two principal axes of {latent} latent values")
    by = f", coloured by {len(classes.names)} classes" if classes.named else ""
    return (
        scattered(codes, classes),
        f"{count:,} test rows by {where}.",
        f"{count:,} points by {where}{by}.",
    )


_FAMILIES: dict[str, Callable[[Findings], Said | None]] = {
    "loss": _loss,
    "course": _course,
    "reconstructions": _reconstructions,
    "passage": _passage,
    "best": _extreme("best"),
    "worst": _extreme("worst"),
    "predictions": _predictions,
    "width": _width,
    "latent": _latent,
}
