"""What the pictures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autoencodes.flow.schedule import WidthSchedule
from autoencodes.plot.words import number
from autoencodes.run.folder import RunFolder, Samples


@dataclass(frozen=True, eq=False)
class Findings:
    """The contents of a run folder, read once."""

    schedule: WidthSchedule
    history: list[dict[str, Any]]
    """The lines of ``history.jsonl``; an entry may be absent from a line, or None."""
    metrics: dict[str, Any]
    """The entries of ``metrics.json``."""
    samples: Samples
    """Test rows in the flow's units, and what the model made of them."""

    @classmethod
    def read(cls, folder: RunFolder) -> Findings:
        """What a folder holds; InputError names the file that is absent or damaged."""
        return cls(folder.model.flow.schedule, folder.history, folder.metrics, folder.samples)

    @property
    def reconstructs(self) -> bool:
        """Whether the targets are the rows themselves."""
        return bool(self.samples.facts["reconstructs"])

    @property
    def target(self) -> str:
        """What is predicted: rows, classes or numbers."""
        return str(self.samples.facts.get("target", "rows"))

    @property
    def cost(self) -> str:
        """The name of the terminal cost."""
        return str(self.samples.facts.get("cost", "squared"))

    @property
    def entries(self) -> int:
        """The number of a target's entries: for rows, that of their features."""
        return int(self.samples.facts.get("entries", self.schedule.dim))

    @property
    def features(self) -> list[str] | None:
        """The features' names; None where they are numbered, and in folders of before."""
        names = self.samples.facts.get("features")
        return None if names is None or self.target != "rows" else [str(name) for name in names]

    @property
    def entry(self) -> str:
        """What an entry of a target is."""
        return {"rows": "feature", "classes": "class", "numbers": "row"}[self.target]

    @property
    def symbol(self) -> str:
        """The letter for the number of entries."""
        return "d" if self.target == "rows" else "m"

    @property
    def names(self) -> list[str] | None:
        """The names that labels count, from 0; None if labels speak for themselves."""
        names: list[str] | None = self.samples.facts.get("label_names")
        return names

    def error(self, name: str) -> float | None:
        """An error per feature among the metrics, or None where it was not measured.

        None also for PCA's where that is rounding alone: drawn, it would say nothing.
        """
        value = None if self._exact(name) else self.metrics.get(name)
        return None if value is None else float(value)

    @property
    def scale(self) -> str:
        """What follows the name of a quantity that is not in the data's own units."""
        scales = {"unit": " (scaled to [0, 1])", "standard": " (standardised)"}
        return scales.get(self.samples.facts["units"], "")

    def titled(self, name: str, error: str) -> str:
        """A name, and below it its test error where that was measured."""
        if self._exact(error):
            return f"{name}\nexact"
        value = self.error(error)
        return name if value is None else f"{name}\ntest MSE {number(value)}"

    def _exact(self, name: str) -> bool:
        """Whether an error is PCA's, and nothing but rounding."""
        return name == "pca_test_mse" and bool(self.metrics.get("pca_exact"))
