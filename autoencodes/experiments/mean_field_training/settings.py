"""What is run of particles and grid."""

from __future__ import annotations

from autoencodes.experiments.experiment import ExperimentSettings, seeds


class MeanFieldSettings(ExperimentSettings):
    """The law, the weights, and the grid."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    clusters: int = 2
    dim: int = 1
    particles: int = 100
    """Of a cluster; of one cluster alone, twice as many."""
    horizon: float = 0.9
    layers: int = 9
    tikhonov: float = 0.1
    bias: float = 1.0
    """The bias's own weight."""
    start: float = 1.0
    """Every entry of θ at first."""
    reach: float = 7.0
    nodes: int = 141
    """The grid's, of every axis, on [−reach, reach]."""
    iterations: int = 10
    """Of shooting."""
    steps: int = 100
    """The most movements."""
    refinements: tuple[int, ...] = (1, 2, 4)
    """By how much both the steps and the spacing are refined."""
    other_starts: tuple[float, ...] = ()
    other_horizons: tuple[float, ...] = (1.0,)

    @property
    def sizes(self) -> str:
        return (
            f"{seeds(self.seeds)}, {2 * self.particles} particles in {self.clusters} "
            f"cluster{'s' if self.clusters > 1 else ''}, dimension {self.dim}, {self.layers} steps "
            f"up to t = {self.horizon:g}, λ = {self.tikhonov:g}, for the bias {self.bias:g}, from "
            f"θ = {self.start:g}, {self.nodes} nodes an axis on [−{self.reach:g}, {self.reach:g}]"
        )
