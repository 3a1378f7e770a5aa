"""The method of successive approximations with exact maximisations, for fields linear in θ.

# notation: θ control, g Hamiltonian gradient, η_l = −g_l/(2λ) maximiser of the Hamiltonian H_l, α
# relaxation, J objective, λ Tikhonov weight, T horizon, <·,·> inner product in L².
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import METHODS
from autoencodes.checks import between
from autoencodes.control import Control, inner
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.schemes import Euler
from autoencodes.training.method import (
    Batch,
    Info,
    Method,
    Point,
    Status,
    all_finite,
    evaluate,
    where,
)
from autoencodes.training.rounding import extent, slack
from autoencodes.training.solvers.solver import gradient
from autoencodes.training.standstill import Standstill, describe, judge, opening

_ARMIJO = 1e-4
"""The share of the decrease that the slope promises which is asked of a step."""


class ExactMSAState(eqx.Module):
    """The last accepted point, the relaxation to try next, and what has been achieved.

    On mini-batches only the point's control matters: the next step's particles are others.
    """

    point: Point
    alpha: Float[Array, ""]
    seen: Standstill
    begun: Int[Array, ""]
    """Gradient evaluations that the point took and no step has counted yet."""
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the point."""
        return self.point.control


class _Attempt(NamedTuple):
    """Steps towards the same maximiser with ever smaller α."""

    point: Point
    alpha: Float[Array, ""]
    next_alpha: Float[Array, ""]
    trials: Int[Array, ""]
    accepted: Bool[Array, ""]


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
    Source: docs/theory.md, sections 4 and 5; Krylov and Chernous'ko (1963), and Li, Chen, Tai and
    E, JMLR 18 (2018), for the basic method; Scagliotti, Deep learning approximation of
    diffeomorphisms via linear-control systems, Math. Control Relat. Fields 13 (2023), for systems
    of this form.
    """

    smallest_alpha: float = eqx.field(
        static=True,
        default=1e-15,
        converter=partial(between, name="smallest_alpha", low=0, high=1, with_low=False),
    )

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> ExactMSAState:
        _check(problem)
        point, seen, begun = opening(problem, control, batch)
        alpha = jnp.ones_like(point.objective)
        return ExactMSAState(point, alpha, seen, begun, jnp.asarray(int(Status.RUNNING), int))

    def step(
        self,
        problem: ControlProblem,
        state: ExactMSAState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[ExactMSAState, Info]:
        start, begun, least = state.point, state.begun, state.seen.objective
        if not batch.whole:
            start, begun = evaluate(problem, state.control, batch), jnp.asarray(1, int)
            least = start.objective
        there = batch.whole & (problem.residual(start.control, start.g) <= tolerance)
        last = self._move(problem, start, least, state.alpha, batch, there)
        point = where(last.accepted, last.point, start)
        residual = problem.residual(point.control, point.g)
        seen, status = judge(state.seen, start, point, last.accepted, residual, batch, tolerance)
        # Where nothing went, on these particles, the next ones begin anew.
        alpha = jnp.where(last.accepted, last.next_alpha, 1).astype(state.alpha.dtype)
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            **({"residual": residual} if batch.whole else {}),
            "gradient_evaluations": begun + last.trials,
            "alpha": last.alpha,
            "retries": jnp.maximum(last.trials - 1, 0),
        }
        status = status.astype(state.status.dtype)
        return ExactMSAState(point, alpha, seen, jnp.zeros_like(state.begun), status), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        least = f"no relaxation with α ≥ {self.smallest_alpha:.0e} decreases the objective"
        if status is Status.STALLED:
            return f"{least} any more beyond rounding, {describe(info['residual'])}"
        if not jnp.isfinite(info["objective"]):
            return (
                "the objective is not finite at the control to start from: take a smaller "
                "initial scale, a shorter horizon or a bounded activation"
            )
        return (
            f"{least}, or the numbers overflow: take a shorter horizon, a smaller initial scale or "
            "float64"
        )

    def _move(
        self,
        problem: ControlProblem,
        start: Point,
        least: Float[Array, ""],
        alpha: Float[Array, ""],
        batch: Batch,
        there: Bool[Array, ""],
    ) -> _Attempt:
        """Steps from ``start`` with shrinking α until J decreases; none if it is there."""
        allowed = slack(start, extent(batch.measure))
        residual = problem.residual(start.control, start.g)
        slope = gradient(problem, start)
        steepness = inner(slope, slope, problem.flow.schedule.step_size) / (2 * problem.tikhonov)

        def undecided(last: _Attempt) -> Bool[Array, ""]:
            possible = (last.next_alpha >= self.smallest_alpha) & jnp.isfinite(start.objective)
            return ~last.accepted & possible & ~there

        def attempt_next(last: _Attempt) -> _Attempt:
            alpha = last.next_alpha
            point = evaluate(problem, _relaxed(problem, start, alpha), batch)
            decrease, promise = start.objective - point.objective, alpha * steepness
            # Of a promise below what rounding shows the gradient tells more than J does.
            hidden = promise <= allowed
            calmer = problem.residual(point.control, point.g) < residual
            quiet = (point.objective <= least + allowed) & calmer
            descends = where(hidden, quiet, decrease >= _ARMIJO * promise)
            accepted = all_finite(point, promise) & (promise > 0) & descends
            grows = (last.trials == 0) & _descending(problem, slope, point)
            # The parabola through J, its slope and the new J has its minimum at this share of α.
            share = 0.5 / jnp.where(hidden, 1, 1 - decrease / jnp.where(hidden, 1, promise))
            shrunk = jnp.where(jnp.isfinite(share), jnp.clip(share, 0.1, 0.5), 0.1)
            change = jnp.where(accepted, jnp.where(grows, 2, 1), shrunk)
            next_alpha = jnp.minimum(alpha * change, 1).astype(alpha.dtype)
            return _Attempt(point, alpha, next_alpha, last.trials + 1, accepted)

        first = _Attempt(start, alpha, alpha, jnp.asarray(0, int), jnp.asarray(False))
        return jax.lax.while_loop(undecided, attempt_next, first)


def _relaxed(problem: ControlProblem, start: Point, alpha: Float[Array, ""]) -> Control:
    """θ + α (η − θ) with η = −g/(2λ); at α = 1 it is η to the last digit."""
    return jax.tree.map(
        lambda theta, g: (1 - alpha) * theta - alpha * g / (2 * problem.tikhonov),
        start.control,
        start.g,
    )


def _descending(problem: ControlProblem, slope: Control, point: Point) -> Bool[Array, ""]:
    """Whether J still falls at the end of a step along −``slope``."""
    return inner(slope, gradient(problem, point), problem.flow.schedule.step_size) > 0


def _check(problem: ControlProblem) -> None:
    """InputError unless every increment is linear in the control, and λ positive."""
    nonlinear = [f for f in problem.flow.fields if not f.linear_in_control]
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
