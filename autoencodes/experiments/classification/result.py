"""What the classifications measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule


class Training(NamedTuple):
    """A row of the table: one architecture trained from one seed; errors on fresh particles."""

    layers: int
    seed: int
    accuracy: float
    fresh_cost: float
    objective: float
    norm: float
    lambda_min: float
    starts: int


COLUMNS = ("layers", "seed", "accuracy", "cost on fresh", "J", "‖θ‖", "λ_min", "starts")


@dataclass(frozen=True)
class ClassificationResult(Plain):
    """The architectures, in the order of the motions."""

    schedules: tuple[WidthSchedule, ...]
