"""A figure with what it says, for those who see it and those who do not."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure of a report."""

    name: str
    """Its file's, without an ending: lower case, words joined by hyphens."""
    figure: Figure
    """Drawn within ``style.context()``."""
    caption: str
    """What is shown, and how to read it; a sentence or two."""
    alt: str
    """What one sees, for those who do not: the finding, not the marks."""
