"""What the classifications measure."""

from __future__ import annotations

from dataclasses import dataclass

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule


@dataclass(frozen=True)
class ClassificationResult(Plain):
    """The architectures, in the order of the motions."""

    schedules: tuple[WidthSchedule, ...]
