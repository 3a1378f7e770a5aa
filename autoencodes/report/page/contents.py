"""What a report says, before it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from autoencodes.experiments import ResultTable
from autoencodes.plot.explorer import Explorer
from autoencodes.plot.motion import Motion
from autoencodes.plot.passage import Passage
from autoencodes.run.worst import Odd, Worst


@dataclass(frozen=True)
class Drawn:
    """A picture as a page holds it."""

    name: str
    png: bytes
    caption: str
    alt: str


@dataclass(frozen=True, eq=False)
class Chart:
    """A chart that its reader moves; it takes the place of the picture of its name, if there is."""

    name: str
    spec: dict[str, Any]
    """For Vega or Vega-Lite: JSON values."""
    caption: str
    alt: str
    rows: dict[str, Any] | None = None
    """Names and columns of rows, of which those within the chart's frame are listed below it."""


@dataclass(frozen=True, eq=False)
class Strip:
    """Small images in rows, such as the same few examples epoch by epoch."""

    title: str
    captions: tuple[str, ...]
    """One for each row."""
    images: Sequence[UInt8[np.ndarray, "example height width ..."]]
    """A row each, all of one shape; 0 is black."""

    def __post_init__(self) -> None:
        assert len(self.captions) == len(self.images), "a caption for every row"
        assert len({row.shape for row in self.images}) == 1, "rows of one shape, and at least one"


@dataclass(frozen=True)
class Extremes:
    """The test rows with the least and the largest errors, in users' names and units."""

    best: tuple[Odd, ...]
    worst: tuple[Odd, ...]
    of: int


@dataclass(frozen=True)
class Page:
    """What a report says."""

    title: str
    about: str
    """What was run, in one line."""
    sentence: str
    """The result."""
    tables: dict[str, ResultTable]
    motions: tuple[Motion, ...]
    """Shown with a slider each."""
    certificates: dict[str, list[str]]
    notes: tuple[str, ...]
    configuration: dict[str, Any]
    machine: dict[str, Any]
    seconds: float
    strips: tuple[Strip, ...] = ()
    pictures: tuple[Drawn, ...] = ()
    anomalies: Mapping[str, Worst] = field(default_factory=dict)
    """By the title of their section."""
    explorers: tuple[Explorer, ...] = ()
    extremes: Extremes | None = None
    charts: tuple[Chart, ...] = ()
    """Left out where the library that draws them is not installed."""
    columns: Mapping[str, ResultTable] = field(default_factory=dict)
    """By the name of a certificate: how well columns of new rows come back."""
    passages: tuple[Passage, ...] = ()
    """Of rows that are images: their way is a film, and pixels are not shown against others."""
