"""The method of successive approximations with exact maximisations, for fields linear in θ.

# notation: θ control, g Hamiltonian gradient, η_l = −g_l/(2λ) maximiser of the Hamiltonian H_l, α
# relaxation, J objective, λ Tikhonov weight, T horizon, <·,·> inner product in L².
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from autoencodes.catalogue import METHODS
from autoencodes.checks import between
from autoencodes.control import Control, inner
from autoencodes.errors import InputError
from autoencodes.flow.sweep import fields
from autoencodes.pontryagin import ControlProblem
from autoencodes.schemes import Euler
from autoencodes.training.method import Batch, Count, Info, Method, Point, setting
from autoencodes.training.solvers.solver import gradient
from autoencodes.training.status import Status
from autoencodes.training.successive import (
    Attempt,
    SuccessiveState,
    advance,
    armijo,
    begin,
    explained,
)


@METHODS.register(
    "exact-msa", "exact maximisation, for fields linear in the control", linear=True, rank=6
)
class ExactMSA(Method):
    """θ ← θ + α (η − θ), with η the exact maximiser of the Hamiltonian of every step.

    Where F is linear in the control, F = Σ_k θ_k f_k(t, x), the Hamiltonian of a step is
      H_l(η) = −Σ_i w_i p_(l+1)^i · F(t_l, x_l^i, η) − λ|η|² = −g_l·η − λ|η|²,
    in which g_l (theory, section 4) does not depend on η: a concave quadratic, whose maximiser is
      η_l = −g_l / (2λ).
    α = 1 is the basic method, θ ← −g(θ)/(2λ), which is pure shooting: it contracts where λ is large
    (for F = θ by the factor T/λ), and needs not converge where λ is small. But since
      η − θ = −(2λθ + g)/(2λ) = −∇J(θ)/(2λ),
    the relaxed method IS the gradient method with the step α/(2λ), and its descent can be proved.
    α is found by backtracking until Armijo's condition holds,
      J(θ + α(η − θ)) ≤ J(θ) − 1e-4 α ‖∇J(θ)‖²/(2λ);
    after a step that was accepted at once, and where the slope <∇J, η − θ> at its end still points
    down, α doubles, up to 1. J never increases, beyond rounding; of a step whose promise rounding
    would hide, it is asked that the PMP residual falls. As λ‖θ‖² ≤ J, the controls stay in a ball;
    with ∇J Lipschitz there α stays away from 0, so that ‖∇J‖ → 0, and the steps have the sufficient
    decrease and the bound of the gradient of ``MinimizingMovement``'s proof: the controls converge
    to one stationary control. The rate is the gradient method's, slow where λ is small against J's
    curvature.

    On mini-batches the same holds on the batch of each step, and nothing is claimed from one batch
    to the next. Every α tried is one forward and one backward sweep: ``gradient_evaluations``
    counts them, and one for the control that a step starts from, which on the whole measure is
    needed in the first step only.

    Parameters
    ----------
    smallest_alpha : float
        Below it the method gives up and says so, in (0, 1].

    Raises
    ------
    InputError
        From ``fit``, if the increment of a step is not linear in the control, or λ = 0.

    Notes
    -----
    Source: docs/explanation/theory.md, sections 4 and 5; Krylov and Chernous'ko (1963), and Li,
    Chen, Tai and E, JMLR 18 (2018), for the basic method; Scagliotti, Deep learning approximation
    of diffeomorphisms via linear-control systems, Math. Control Relat. Fields 13 (2023), for
    systems of this form.

    Examples
    --------
    >>> ac.ExactMSA()
    ExactMSA()
    """

    integrates: ClassVar[bool] = False

    smallest_alpha: float = setting(between, "smallest_alpha", 1e-15, low=0, high=1, with_low=False)

    def check(self, problem: ControlProblem) -> None:
        _check(problem)

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> SuccessiveState:
        return begin(problem, control, batch, 1.0)

    def step(
        self,
        problem: ControlProblem,
        state: SuccessiveState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[SuccessiveState, Info]:
        after, last, info = advance(
            problem,
            state,
            batch,
            tolerance,
            lambda start, least: self._attempts(problem, start, least, batch),
            lambda alpha: alpha >= self.smallest_alpha,
            1,
        )
        info["gradient_evaluations"] += last.trials
        return after, info | {"alpha": last.size}

    def explain(self, status: Status, info: dict[str, float]) -> str:
        what = f"no relaxation with α ≥ {self.smallest_alpha:.0e} decreases the objective"
        return explained(what, status, info)

    def _attempts(
        self, problem: ControlProblem, start: Point, least: Float[Array, ""], batch: Batch
    ) -> Callable[[Attempt], Attempt]:
        """Steps from ``start``, with an α that shrinks until J decreases."""
        slope = gradient(problem, start)
        step_size = problem.flow.schedule.step_size
        steepness = inner(slope, slope, step_size) / (2 * problem.tikhonov)
        judged = armijo(
            problem, start, batch, lambda point, allowed: point.objective <= least + allowed
        )

        def attempt(last: Attempt) -> Attempt:
            alpha = last.next_size
            promise = alpha * steepness
            # θ + α (η − θ) with η = −g/(2λ); at α = 1 it is η to the last digit.
            control = jax.tree.map(
                lambda theta, g: (1 - alpha) * theta - alpha * g / (2 * problem.tikhonov),
                start.control,
                start.g,
            )
            trial = judged(control, promise)
            # α doubles where J still falls at the end of the step along −∇J.
            falls = inner(slope, gradient(problem, trial.point), step_size) > 0
            grows = (last.trials == 0) & falls
            # The parabola through J, its slope and the new J has its minimum at this share of α.
            excess = 1 - trial.decrease / jnp.where(trial.hidden, 1, promise)
            share = 0.5 / jnp.where(trial.hidden, 1, excess)
            shrunk = jnp.where(jnp.isfinite(share), jnp.clip(share, 0.1, 0.5), 0.1)
            change = jnp.where(trial.accepted, jnp.where(grows, 2, 1), shrunk)
            next_alpha = jnp.minimum(alpha * change, 1).astype(alpha.dtype)
            return Attempt(trial.point, alpha, next_alpha, last.trials + 1, trial.accepted)

        return attempt


def _check(problem: ControlProblem) -> None:
    """InputError unless every increment is linear in the control, and λ positive."""
    nonlinear = [f for f in fields(problem.flow) if not f.linear_in_control]
    if nonlinear:
        raise InputError(
            "ExactMSA needs a field that is linear in the control (linear_in_control), as "
            f"LinearInControl is; got {type(nonlinear[0]).__name__}: take one, or ExtendedMSA"
        )
    scheme = problem.flow.scheme
    if not isinstance(scheme, Euler) or scheme.substeps != 1:
        raise InputError(
            "ExactMSA needs steps that are linear in the control, those of Euler() with 1 "
            f"sub-step; got {type(scheme).__name__} with substeps={scheme.substeps}: take Euler() "
            "and more steps a block, or ExtendedMSA"
        )
    if problem.tikhonov == 0:
        raise InputError(
            "ExactMSA needs tikhonov (λ) > 0, or the Hamiltonian has no maximum; got 0: give a "
            "positive tikhonov, or take ExtendedMSA"
        )
