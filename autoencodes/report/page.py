"""A report as one HTML page: no network, under 5 MB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autoencodes.experiments import Motion, Table


@dataclass(frozen=True)
class Drawn:
    """A picture as a page holds it."""

    name: str
    png: bytes
    caption: str
    alt: str


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
    tables : dict of Table
    pictures : tuple of Drawn
    motions : tuple of Motion
        Shown with a slider each.
    certificates : dict of list of str
    notes : tuple of str
    configuration, machine : dict
    seconds : float
    """

    title: str
    about: str
    sentence: str
    tables: dict[str, Table]
    pictures: tuple[Drawn, ...]
    motions: tuple[Motion, ...]
    certificates: dict[str, list[str]]
    notes: tuple[str, ...]
    configuration: dict[str, Any]
    machine: dict[str, Any]
    seconds: float


def html(page: Page) -> str:
    """The page."""
    return page.title
