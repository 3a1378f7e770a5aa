"""What is seen of the latent codes of two networks, and how well each of them reconstructs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from autoencodes.experiments.storing import Plain
from autoencodes.flow.schedule import WidthSchedule

Layers = Float[np.ndarray, " _"]
"""Of one network: networks differ in how many they have."""
PerClass = Float[np.ndarray, "network class component"]

PAPER, DEFAULT = "paper's network", "default"
PAIRS = ((4, 9), (3, 5))
"""Classes whose means are close in the paper, as recalled."""


@dataclass(frozen=True)
class Run:
    """One network trained from one seed."""

    network: str
    seed: int
    steps: int
    clock: float
    processor: float
    """Seconds of the training, by the clock and of all cores."""
    validation: float
    test: float
    """Mean squared errors per pixel."""
    nonzero: dict[str, int]
    """Of the latent components, by tolerance."""
    exactly_zero: int
    """Components that are 0 in every row."""
    same: bool
    """Whether the same components are nonzero in all classes, at the middle tolerance."""
    classes: tuple[int, int]
    """The least and the greatest number of nonzero components of a class."""
    varying: int
    directions: float
    """The effective number of dimensions of the codes."""
    ranks: dict[str, int]
    """Of the distances between the means of some pairs of classes among all; 1: the closest."""


@dataclass(frozen=True)
class Read:
    """A reading of the paper's network, trained for a shorter time, at one τ."""

    name: str
    offered: bool
    """Whether validation may choose it."""
    tau: float
    steps: int
    parameters: int
    validation: float
    nonzero: int
    """Of the latent components, at the middle tolerance."""
    exactly_zero: int
    lit: int
    """Latent components whose pixel is not 0 in every training row."""
    directions: float
    failure: str
    """Why the training failed; empty where it did not."""


@dataclass(frozen=True, eq=False)
class MnistPaperResult(Plain):
    """Images, codes by class, and layers' statistics of the first seed; all runs in numbers."""

    names: tuple[str, ...]
    """Of the networks, the paper's first."""
    originals: Float[np.ndarray, "image pixel"]
    reconstructions: Float[np.ndarray, "network image pixel"]
    size: PerClass
    """The root mean square of a latent component over the rows of a class."""
    mean: PerClass
    deviation: PerClass
    overall: Float[np.ndarray, "network component"]
    """The root mean square over all rows."""
    distances: Float[np.ndarray, "network class class"]
    averages: Float[np.ndarray, "class pixel"]
    """The mean images of the classes."""
    decoded: Float[np.ndarray, "network class pixel"]
    """The decoded means of the classes' codes."""
    entropy: tuple[Layers, ...]
    dimensions: tuple[Layers, ...]
    widths: tuple[Int[np.ndarray, " _"], ...]
    schedule: WidthSchedule
    """Of the paper's network, as it was chosen."""
    runs: tuple[Run, ...]
    readings: tuple[Read, ...]
    chosen: str
    """The reading and τ that validation chose."""

    def of(self, network: str) -> list[Run]:
        """The runs of a network."""
        return [run for run in self.runs if run.network == network]

    def median(self, network: str, value: str) -> float:
        """The median of a number over a network's seeds."""
        return float(np.median([getattr(run, value) for run in self.of(network)]))
