"""What is measured along the trainings of Table 1, and what is said of it.

# notation: λ Tikhonov weight, H = 2λ I + H_ℓ Hessian of J in L², λ_min its smallest eigenvalue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import ResultTable, shown

AUTHORS = {0: -1.7e-2, 720: 7e-4}
"""λ_min of the authors by epoch, as far as it is recalled."""

AUTHORS_TURN = 480
"""The epoch near which theirs turns positive, as it is recalled."""

Values = Float[np.ndarray, " epoch"]


class Course(NamedTuple):
    """One training; λ_min lies in [lower, upper]."""

    epoch: Int[np.ndarray, " epoch"]
    lambda_min: Values
    lower: Values
    upper: Values
    objective: Values


class Case(NamedTuple):
    """One reading of the experiment, trained from every seed."""

    order: str
    """ "natural" or "unnatural"."""
    start: str
    """ "random" or "θ = 0"."""
    epoch: str
    """What an epoch is: "Gauss-Newton" or "shooting"."""
    tikhonov: float

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.order}, {self.start}, {self.epoch}, λ = {self.tikhonov:g}"


@dataclass(frozen=True)
class Training:
    """Where the training of one case from one seed ends; ``convex_from`` is an epoch."""

    order: str
    start: str
    epoch: str
    tikhonov: float
    seed: int
    convex_from: int | None
    accuracy: float
    ended: int
    reason: str

    @property
    def case(self) -> Case:
        """That of the training."""
        return Case(self.order, self.start, self.epoch, self.tikhonov)


@dataclass(frozen=True, eq=False)
class TableOneResult(Plain):
    """The trainings and their courses, in one order."""

    courses: tuple[Course, ...]
    trainings: tuple[Training, ...]

    @property
    def cases(self) -> list[Case]:
        """The readings that were run."""
        return list(dict.fromkeys(training.case for training in self.trainings))

    def of(self, case: Case) -> list[tuple[Training, Course]]:
        """The trainings of one reading."""
        pairs = zip(self.trainings, self.courses, strict=True)
        return [(training, course) for training, course in pairs if training.case == case]


def spread(courses: Sequence[Course]) -> tuple[Values, Values, Values]:
    """Median over the seeds; least lower and greatest upper bound, by epoch."""
    middle = np.median([course.lambda_min for course in courses], axis=0)
    low = np.min([course.lower for course in courses], axis=0)
    return middle, low, np.max([course.upper for course in courses], axis=0)


def epoch_table(result: TableOneResult, order: str, start: str, said: str) -> ResultTable:
    """λ_min by epoch for the readings of one order and one start."""
    cases = [case for case in result.cases if (case.order, case.start) == (order, start)]
    columns: dict[str, list[Any]] = {}
    for case in cases:
        middle, low, high = spread([course for _, course in result.of(case)])
        columns[f"{case.epoch}, λ = {case.tikhonov:g}"] = [
            f"{shown(float(m))} [{shown(float(a))}, {shown(float(b))}]"
            for m, a, b in zip(middle, low, high, strict=True)
        ]
    epochs = result.courses[0].epoch.tolist()
    rows = tuple(
        (epoch, AUTHORS.get(epoch), *(column[k] for column in columns.values()))
        for k, epoch in enumerate(epochs)
    )
    return ResultTable(
        f"λ_min(H), {order} order, {start} start: median over {said} [least lower bound, greatest "
        "upper bound]",
        ("epoch", "authors, recalled", *columns),
        rows,
    )


def case_table(result: TableOneResult, said: str) -> ResultTable:
    """A row for each reading."""
    rows = []
    for case in result.cases:
        pairs = result.of(case)
        middle, _, _ = spread([course for _, course in pairs])
        turned = [t.convex_from for t, _ in pairs if t.convex_from is not None]
        rows.append(
            {
                **case._asdict(),
                "first": float(middle[0]),
                "last": float(middle[-1]),
                "turned": len(turned),
                "trained": len(pairs),
                "earliest": min(turned, default=None),
                "latest": max(turned, default=None),
                "accuracy": min(training.accuracy for training, _ in pairs),
            }
        )
    last = int(result.courses[0].epoch[-1])
    columns = {
        "order": "order",
        "start": "start",
        "an epoch is": "epoch",
        "λ": "tikhonov",
        "λ_min at 0": "first",
        f"λ_min at {last}": "last",
        "seeds with λ_min > 0": "turned",
        "of": "trained",
        "from epoch, earliest": "earliest",
        "from epoch, latest": "latest",
        "accuracy, least": "accuracy",
    }
    return ResultTable.of(f"Every reading; medians over {said}", columns, rows)


def training_table(result: TableOneResult) -> ResultTable:
    """A row for each training, with the half-width of its last interval."""
    columns = {
        "order": "order",
        "start": "start",
        "an epoch is": "epoch",
        "λ": "tikhonov",
        "seed": "seed",
        "λ_min at 0": "first",
        "λ_min at the end": "last",
        "±": "error",
        "λ_min > 0 from": "convex_from",
        "accuracy": "accuracy",
        "ended at": "ended",
    }
    rows = [
        {
            **asdict(training),
            "first": float(course.lambda_min[0]),
            "last": float(course.lambda_min[-1]),
            "error": float(course.upper[-1] - course.lower[-1]) / 2,
        }
        for training, course in zip(result.trainings, result.courses, strict=True)
    ]
    return ResultTable.of("Every training", columns, rows)


def sentence(result: TableOneResult, said: str) -> str:
    """In how many trainings λ_min is positive for good; at most 25 words."""
    turned = sum(training.convex_from is not None for training in result.trainings)
    last = int(result.courses[0].epoch[-1])
    return (
        f"λ_min(H) > 0 at epoch {last} in {turned} of {len(result.trainings)} trainings "
        f"({len(result.cases)} readings, {said}); authors: from about {AUTHORS_TURN}."
    )


def notes(result: TableOneResult, particles: int, tau: float) -> tuple[str, ...]:
    """What the readings are, how far they are from the authors', and what the bounds are."""
    widest = max(float(np.max(c.upper - c.lower)) / 2 for c in result.courses)
    weights = dict.fromkeys(training.tikhonov for training in result.trainings)
    starts = [float(course.lambda_min[0]) for course in result.courses]
    nearest = min(starts, key=lambda value: abs(value - AUTHORS[0]))
    early = sum(training.ended < result.courses[0].epoch[-1] for training in result.trainings)
    return (
        "The paper is recalled, not read: on which order its table was measured, from which "
        "control and λ, and what an epoch is. Each is run both ways: natural and unnatural, random "
        f"and zero, λ = {' and '.join(f'{weight:g}' for weight in weights)}, one movement "
        f"(τ ≤ {tau:g}) by the Gauss-Newton model or by the paper's shooting; "
        f"{particles:,} particles.",
        f"The authors' first value is {shown(AUTHORS[0])}; of ours {shown(nearest)} is nearest, "
        f"the others lie in [{shown(min(starts))}, {shown(max(starts))}]. The scale of J or of the "
        "inner product of H may differ.",
        "Where H_ℓ has an eigenvalue of at most 0, λ_min(H) ≤ 2λ: "
        + ", ".join(f"{shown(2 * weight)} (λ = {weight:g})" for weight in weights)
        + f". The authors' last value is {shown(AUTHORS[720])}.",
        f"Every λ_min is that of the whole matrix, its bounds are those of rounding: at most "
        f"± {shown(widest)}."
        + (
            f" {early} of {len(result.trainings)} trainings ended before the last epoch, for they "
            "had converged or nothing improved; their last values are repeated."
            if early
            else ""
        ),
    )
