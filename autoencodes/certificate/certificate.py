"""What can be said of a trained control, in numbers and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

from autoencodes.certificate import words
from autoencodes.certificate.bounds import Bounds
from autoencodes.certificate.descent import Descent
from autoencodes.certificate.generalisation import Gap, Mean, Transport
from autoencodes.certificate.lipschitz import Lipschitz
from autoencodes.certificate.maximum import Maximality
from autoencodes.certificate.new_rows import NewRows
from autoencodes.second_order.curvature import Curvature, Eigenvalue
from autoencodes.second_order.shooting import ShootingFactor


@dataclass(frozen=True)
class Certificate:
    """The result of ``certify``; a part that was not computed is None.

    ``str`` of it says every number with what it lets one conclude and what not; ``lines`` are
    the same: one for who uses the model, one for the theorist, then one a part; ``as_dict`` is for
    files. ``sample`` of ``particles`` training rows carry J^N and hence curvature and residual;
    costs are over them too. ``kink`` is what may keep J from being twice differentiable, or None;
    ``precision`` that of the computation, ``control_precision`` the control's own.

    Parameters
    ----------
    train_cost, test_cost : Mean
        ∫ ℓ dμ_T over the rows trained on and over unseen ones, with the law's interval.
    residual, gradient_norm, control_norm : float
        The PMP residual in [0, 1]; ‖∇J‖ and ‖θ‖ in L².
    curvature : Curvature
        Both ends of the Hessian's spectrum, with bounds; ``lambda_min`` and ``lambda_max``.
    contraction : ShootingFactor
        For which steps τ the shooting map contracts.
    encoder, decoder : Lipschitz
        Singular values of their Jacobians at the rows.
    bounds : Bounds
        Proved bounds: of Lipschitz constants everywhere, of errors near rows that were seen.
    gap : Gap
        Test cost minus training cost.
    transport : Transport
        Wasserstein distances between rows.
    descent : Descent
        Where J curves downwards, how far it was seen to fall, and from where to go on.
    maximality : Maximality
        Whether every θ_l maximises its Hamiltonian.
    tikhonov : float
        λ.
    new_rows : NewRows
        What new rows may expect of the model, in the terms of who uses it; None where the control
        is certified without its model.
    copies : int
        Copies of every training row, from which more values are hidden, that J is taken over too;
        the costs are over the rows as they came.
    parameters, particles, sample, test_particles : int
        Entries of the control, training rows, those that J was taken over, test rows.
    seed, seconds, interrupted
        Of random choices; what it took; whether it was ended early.

    Examples
    --------
    >>> certificate = ac.certify(problem, theta, rows)
    >>> certificate.lambda_min.value <= certificate.lambda_max.value
    True
    >>> certificate.lines()[0][:12]
    'In practice:'
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
    gap: Gap | None = None
    gradient_norm: float = math.nan
    control_norm: float = math.nan
    control_precision: str = ""
    kink: str | None = None
    descent: Descent | None = None
    bounds: Bounds | None = None
    maximality: Maximality | None = None
    new_rows: NewRows | None = None
    copies: int = 0

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
        """Whether J is locally strongly convex: "yes", "no" or "undecided".

        Where J may have kinks it is never "yes", and "no" only where J itself, without a
        derivative, was seen not to be convex.
        """
        if self.kink is not None:
            return "undecided" if self.descent is None or self.descent.bend is None else "no"
        return "undecided" if self.curvature is None else self.curvature.locally_convex

    def lines(self) -> list[str]:
        """Every result, a sentence or more each."""
        bounds, convex = self.bounds or Bounds(), self.locally_convex
        return [
            words.practice(
                self.new_rows, self.test_cost, self.test_particles, self.gap, bounds.error
            ),
            *([self.new_rows.by_column] if self.new_rows and self.new_rows.by_column else []),
            words.theory(convex, self.kink, self._stationary(), self._about()),
            *words.costs(self.train_cost, self.test_cost, self.gap),
            *words.curvature(self.curvature),
            words.convexity(
                convex,
                self.curvature,
                self.kink,
                self.descent,
                self.gradient_norm,
                self.control_norm,
            ),
            words.contraction(self.contraction),
            words.lipschitz("encoder", self.encoder, bounds.encoder),
            words.lipschitz("decoder", self.decoder, bounds.decoder),
            words.lipschitz("whole flow", None, bounds.whole),
            words.certified(self.bounds),
            words.transport(self.transport),
            words.maximality(self.maximality),
        ]

    def _stationary(self) -> str:
        most = None if self.curvature is None else self.curvature.lambda_max
        return words.stationary(
            self.residual, self.gradient_norm, self.control_norm, self.tikhonov, most
        )

    def _about(self) -> str:
        """Of what control and over what rows all this is."""
        rows = f"{self.sample:,} of {self.particles:,} training rows"
        if self.copies:
            own = self.particles // (1 + self.copies)
            rows = f"{own:,} training rows and {self.copies} copies of each with more values hidden"
            if self.sample < self.particles:
                rows = f"{self.sample:,} of {rows}"
        about = (
            f"The loss J has {self.parameters:,} parameters and regularisation λ = "
            f"{self.tikhonov:g}; it is taken over {rows}, in {self.precision}"
        )
        if self.control_precision != self.precision:
            about += f" (the weights are of {self.control_precision})"
        about += "."
        if self.sample < self.particles:
            about += " Curvature and residual are those of this random part's J, not of the whole."
        if self.interrupted:
            about += " Interrupted: what follows is as far as it came."
        return about

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        """For notebooks."""
        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in self.lines()) + "</ul>"

    def as_dict(self) -> dict[str, Any]:
        """All fields and properties as JSON values; None for a number that is infinite."""
        plain = replace(
            self,
            curvature=self.curvature and replace(self.curvature, vector=None),
            descent=self.descent and replace(self.descent, control=None),
        )
        entries = asdict(plain) | {
            "lambda_min": self.lambda_min and asdict(self.lambda_min),
            "lambda_max": self.lambda_max and asdict(self.lambda_max),
            "locally_convex": self.locally_convex,
            "lines": self.lines(),
        }
        for part, name in (("curvature", "vector"), ("descent", "control")):
            if entries[part] is not None:
                del entries[part][name]
        return {name: _json(value) for name, value in entries.items()}


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json(entry) for name, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
