"""What a report says, before it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from autoencodes.experiments import ResultTable
from autoencodes.plot.motion import Motion


@dataclass(frozen=True)
class Drawn:
    """A picture as a page holds it."""

    name: str
    png: bytes
    caption: str
    alt: str


@dataclass(frozen=True, eq=False)
class Strip:
    """Small images in rows, such as the same few examples epoch by epoch.

    Parameters
    ----------
    title : str
    captions : tuple of str
        One for each row.
    images : sequence of arrays (example, height, width) or (example, height, width, 3)
        A row each, all of one shape; 0 is black.
    """

    title: str
    captions: tuple[str, ...]
    images: Sequence[UInt8[np.ndarray, "example height width ..."]]

    def __post_init__(self) -> None:
        assert len(self.captions) == len(self.images), "a caption for every row"
        assert len({row.shape for row in self.images}) == 1, "rows of one shape, and at least one"


@dataclass(frozen=True)
class Page:
    """What a report says.

    Parameters
    ----------
    title : str
    about : str
        What was run, in one line.
    sentence : str
        The result.
    tables : dict of ResultTable
    pictures : tuple of Drawn
    motions : tuple of Motion
        Shown with a slider each.
    certificates : dict of list of str
    notes : tuple of str
    configuration, machine : dict
    seconds : float
    strips : tuple of Strip
    """

    title: str
    about: str
    sentence: str
    tables: dict[str, ResultTable]
    pictures: tuple[Drawn, ...]
    motions: tuple[Motion, ...]
    certificates: dict[str, list[str]]
    notes: tuple[str, ...]
    configuration: dict[str, Any]
    machine: dict[str, Any]
    seconds: float
    strips: tuple[Strip, ...] = ()
