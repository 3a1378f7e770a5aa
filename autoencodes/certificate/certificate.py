"""What can be said of a trained control, in numbers and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from autoencodes.certificate import words
from autoencodes.certificate.generalisation import Mean, Transport
from autoencodes.certificate.lipschitz import Lipschitz
from autoencodes.second_order.curvature import Curvature, Eigenvalue
from autoencodes.second_order.shooting import ShootingFactor


@dataclass(frozen=True)
class Certificate:
    """The result of ``certify``; a part that was not computed is None.

    ``str`` of it says every number with what it lets one conclude and what not; ``lines`` are
    the same, one a part; ``as_dict`` is for files. ``sample`` of ``particles`` training rows
    carry J^N and hence curvature and residual; costs are over them too.
    """

    train_cost: Mean
    test_cost: Mean | None
    residual: float
    curvature: Curvature | None
    contraction: ShootingFactor | None
    encoder: Lipschitz | None
    decoder: Lipschitz | None
    transport: Transport | None
    tikhonov: float
    parameters: int
    particles: int
    sample: int
    test_particles: int
    precision: str
    seed: int
    seconds: float
    interrupted: bool

    @property
    def lambda_min(self) -> Eigenvalue | None:
        """The smallest eigenvalue of H in L²."""
        return None if self.curvature is None else self.curvature.smallest

    @property
    def lambda_max(self) -> Eigenvalue | None:
        """The largest eigenvalue of H in L²."""
        return None if self.curvature is None else self.curvature.largest

    @property
    def locally_convex(self) -> str:
        """Whether J is locally strongly convex: "yes", "no" or "undecided"."""
        return "undecided" if self.curvature is None else self.curvature.locally_convex

    @property
    def gap(self) -> Mean | None:
        """Test cost − train cost; the errors of both as if they were independent."""
        if self.test_cost is None:
            return None
        error = math.hypot(self.test_cost.error, self.train_cost.error)
        return Mean(self.test_cost.value - self.train_cost.value, error)

    def lines(self) -> list[str]:
        """Every result, a sentence or more each."""
        about = (
            f"J has {self.parameters:,} parameters and λ = {self.tikhonov:g}; it is taken over "
            f"{self.sample:,} of {self.particles:,} training rows, in {self.precision}."
        )
        if self.sample < self.particles:
            about += " Curvature and residual are those of this random part's J, not of the whole."
        if self.interrupted:
            about += " Interrupted: what follows is as far as it came."
        return [
            about,
            *words.costs(self.train_cost, self.test_cost, self.gap),
            words.residual(self.residual),
            *words.curvature(self.curvature),
            words.contraction(self.contraction),
            words.lipschitz("encoder", self.encoder),
            words.lipschitz("decoder", self.decoder),
            words.transport(self.transport),
        ]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def as_dict(self) -> dict[str, Any]:
        """All fields and properties as JSON values; None for a number that is infinite."""
        entries = asdict(self) | {
            "lambda_min": self.lambda_min and asdict(self.lambda_min),
            "lambda_max": self.lambda_max and asdict(self.lambda_max),
            "locally_convex": self.locally_convex,
            "gap": self.gap and asdict(self.gap),
            "lines": self.lines(),
        }
        return {name: _json(value) for name, value in entries.items()}


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
