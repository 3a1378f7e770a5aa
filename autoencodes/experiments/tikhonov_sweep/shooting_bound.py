"""What the theory says beforehand: the λ above which pure shooting contracts, from the data alone.

# notation: λ Tikhonov weight, g gradient of ∫ ℓ dμ_T in L², H_ℓ its derivative, Θ = (W, b) control,
# X = (x, 1), T horizon, Δt step size, R radius of a ball of controls.
"""

from __future__ import annotations

import jax
import numpy as np

from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem

_SECOND = 4 / (3 * np.sqrt(3))
"""The largest |tanh''|."""


class ShootingBound:
    """What the theory says of Lip(g) before any training.

    All of it follows from |Θ_l X| ≤ |Θ_l| |X|, |tanh a| ≤ min(|a|, √d), |tanh'| ≤ 1 and
    |tanh''| ≤ c = 4/(3√3), for one particle on its way from x_0, of the flow x' = tanh(ΘX) with
    ‖Θ‖ ≤ R, hence ∫|Θ| ≤ S = √T R. Projections, as at a switch, increase no norm. Grönwall's lemma
    (its discrete form, Π(1 + Δt a_l) ≤ exp Σ Δt a_l, holds for the Euler steps as they are) gives
      |X| ≤ M = min(|X_0| e^S, ((|x_0| + √d T)² + 1)^½),
      |x_T − y| ≤ r = |x_T^0 − y| + min(S M, √d T),     x_T^0 where the control 0 leads;
    along a direction η with ‖η‖ = 1, ẋ' = D(Wẋ + ηX) with |D| ≤ 1, so that
      |ẋ| ≤ A = √T M e^S;
    and ẍ' = D(Wẍ + 2ηẋ) + tanh''(ΘX)(Wẋ + ηX)² entry by entry, so that, as the L² norm of
    |Wẋ + ηX| is at most RA + M,
      |ẍ| ≤ B = e^S (2√T A + c (RA + M)²).
    With ℓ = |x − y|², <η, H_ℓ η> = E[2|ẋ|² + 2(x − y)·ẍ] and <η, g> = E[2(x − y)·ẋ]:
      Lip(g) = sup ‖H_ℓ‖ ≤ K(R) = E[2A² + 2rB],     ‖g‖ ≤ G(R) = E[2rA]     on ‖θ‖ ≤ R.

    A minimiser that is no worse than θ = 0, hence the global one, has λ‖θ‖² ≤ J(θ) ≤ J(0), and
    being stationary 2λ‖θ‖ = ‖g(θ)‖ ≤ G: it lies in the ball R(λ), the limit of
    R ← min(R, G(R)/(2λ)) from (J(0)/λ)^½. Where K(R(λ)) < 2λ, J is strongly convex there and has
    one such minimiser, Λ contracts by K/(2λ), and where R(λ) = G/(2λ) it maps the ball into itself:
    pure shooting from 0 converges. R(λ) falls with λ and K rises with R, so that one λ parts the
    two.

    Parameters
    ----------
    problem : ControlProblem
        Perceptrons with tanh, the squared cost, Euler steps, memory ``reset``.
    measure : EmpiricalMeasure
    """

    def __init__(self, problem: ControlProblem, measure: EmpiricalMeasure) -> None:
        schedule = problem.flow.schedule
        zero = jax.tree.map(np.zeros_like, problem.flow.init(jax.random.key(0), scale=1.0))
        x, y = np.asarray(measure.x, float), np.asarray(measure.y, float)
        rest = np.asarray(problem.flow.push(zero, x)) - y
        self._horizon = schedule.horizon
        self._reach = np.sqrt(schedule.dim) * schedule.horizon
        self._size = np.linalg.norm(x, axis=1)
        self._miss = np.linalg.norm(rest, axis=1)
        self._weights = np.asarray(measure.weights, float)
        self.at_zero = float(self._weights @ self._miss**2)

    def slopes(self, radius: float) -> tuple[float, float]:
        """(G(R), K(R)); infinite where they overflow."""
        T, R = self._horizon, radius
        with np.errstate(over="ignore", invalid="ignore"):
            e = np.exp(np.sqrt(T) * R)
            M = np.minimum(np.hypot(self._size, 1) * e, np.hypot(self._size + self._reach, 1))
            r = self._miss + np.minimum(np.sqrt(T) * R * M, self._reach)
            A = np.sqrt(T) * M * e
            B = e * (2 * np.sqrt(T) * A + _SECOND * (R * A + M) ** 2)
            return float(self._weights @ (2 * r * A)), float(self._weights @ (2 * A**2 + 2 * r * B))

    def radius(self, weight: float) -> float:
        """R(λ)."""
        radius = float(np.sqrt(self.at_zero / weight))
        for _ in range(100):
            radius = min(radius, self.slopes(radius)[0] / (2 * weight))
        return radius

    def factor(self, weight: float) -> float:
        """K(R(λ))/(2λ): below 1, pure shooting contracts on the ball."""
        return self.slopes(self.radius(weight))[1] / (2 * weight)

    def threshold(self) -> float:
        """The λ from which on ``factor`` is below 1, by bisection."""
        low, high = -12.0, 12.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.factor(10**middle) < 1 else (middle, high)
        return float(10**high)
