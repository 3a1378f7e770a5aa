"""Minimizing movements, each solved by the shooting contraction.

# notation: θ^k control before a movement, τ its step, Λ the shooting map, ρ_s residual of the
# inner loop after s sweeps, q its contraction factor, J objective, g Hamiltonian gradient.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from autoencodes.cost import Control, norm
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Info, Method, Point, Status, evaluate

_ROUNDING = 64
"""How many single rounding errors a sum over particles and steps may show."""


_PATIENCE = 100
"""After how many movements in a row without any improvement a training has stalled."""


class _Verdict(enum.IntEnum):
    OPEN = 0
    SOLVED = 1
    BROKEN = 2


class _Inner(NamedTuple):
    """The inner loop: the last point that a sweep evaluated, and how the loop fares."""

    point: Point
    next: Control
    residual: Float[Array, ""]
    contraction: Float[Array, ""]
    sweeps: Int[Array, ""]
    verdict: Int[Array, ""]


class _Attempt(NamedTuple):
    """Movements tried from the same control with ever smaller τ."""

    point: Point
    tau: Float[Array, ""]
    next_tau: Float[Array, ""]
    contraction: Float[Array, ""]
    moved: Float[Array, ""]
    sweeps: Int[Array, ""]
    retries: Int[Array, ""]
    accepted: Bool[Array, ""]


class MovementState(eqx.Module):
    """The last accepted point, the τ with which to try next, and how long nothing has improved."""

    point: Point
    tau: Float[Array, ""]
    least_objective: Float[Array, ""]
    least_residual: Float[Array, ""]
    idle: Int[Array, ""]
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the point."""
        return self.point.control


class MinimizingMovement(Method):
    """θ^(k+1) = argmin_θ J(θ) + ‖θ − θ^k‖² / (2τ), by contraction, guarded.

    The inner loop iterates the shooting map
      Λ(θ) = (θ^k − τ g(θ)) / (1 + 2 λ τ),
    one forward and one backward sweep each, until its residual ρ_s = ‖Λ(θ_s) − θ_s‖ has
    fallen to ``inner_tolerance`` times ρ_0. Its fixed point is the movement's stationarity
    condition. DΛ = −τ H_ℓ / (1 + 2 λ τ) is self-adjoint; where ‖DΛ‖ ≤ q < 1, the movement's
    Hessian H_ℓ + 2 λ + 1/τ ≥ (1 − q)(1 + 2 λ τ)/τ is positive: the fixed point is the
    unique minimiser on a convex set that holds both controls and on which this is so, and
      J(θ^(k+1)) + ‖θ^(k+1) − θ^k‖² / (2τ) ≤ J(θ^k).                                  (D)
    Nothing of this is presumed. A movement is accepted only if every measured ratio
    q = ρ_s / ρ_(s−1) was at most ``contraction``, the tolerance was reached within
    ``sweeps`` sweeps, every number is finite, and (D) holds on the particles it was
    computed with, all up to rounding, below which neither q nor (D) means anything. Else τ
    shrinks and the movement is tried again from θ^k; after an easy one τ doubles, up to
    ``tau``. The control that is accepted is the
    last one that a sweep evaluated, so that (D) is seen, not inferred.

    A mini-batch is held fixed through a movement with all its retries.

    Parameters
    ----------
    tau : float
        The largest τ > 0 tried. With τ → ∞ movements become pure shooting.
    sweeps : int
        The most sweeps of one inner loop, at least 1.
    inner_tolerance : float
        In (0, 1).
    contraction : float
        The largest contraction factor q accepted, in (0, 1).
    smallest_tau : float
        Below it the method gives up and says so.

    Notes
    -----
    Source: MATH 5.
    """

    tau: float = eqx.field(static=True, default=1.0)
    sweeps: int = eqx.field(static=True, default=30)
    inner_tolerance: float = eqx.field(static=True, default=1e-3)
    contraction: float = eqx.field(static=True, default=0.8)
    smallest_tau: float = eqx.field(static=True, default=1e-14)

    def __check_init__(self) -> None:
        if not 0 < self.smallest_tau <= self.tau < float("inf"):
            raise InputError(
                "tau must be finite, and smallest_tau positive and not above it; "
                f"got tau={self.tau}, smallest_tau={self.smallest_tau}"
            )
        if self.sweeps < 1:
            raise InputError(f"sweeps must be at least 1; got {self.sweeps}")
        for name in ("inner_tolerance", "contraction"):
            if not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must lie between 0 and 1; got {getattr(self, name)}")

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: int
    ) -> MovementState:
        point = evaluate(problem, control, batch)
        tau = jnp.asarray(self.tau, point.objective.dtype)
        least = jnp.full_like(tau, jnp.inf)
        return MovementState(
            point, tau, least, least, jnp.asarray(0), jnp.asarray(int(Status.RUNNING))
        )

    def step(
        self,
        problem: ControlProblem,
        state: MovementState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[MovementState, Info]:
        start = state.point if batch.whole else evaluate(problem, state.control, batch)
        attempt = self._move(problem, start, state.tau, batch)
        point = jax.tree.map(
            lambda new, old: jnp.where(attempt.accepted, new, old), attempt.point, start
        )
        residual = problem.residual(point.control, point.g)
        resolution = _resolution(problem, point.control, _extent(batch))
        decreases = point.objective < state.least_objective - _slack(start, _extent(batch))
        improves = decreases | (residual < 0.99 * state.least_residual)
        idle = jnp.where(improves, 0, state.idle + 1)
        stationary = self._reach(problem, point) <= _ROUNDING * resolution
        stalls = stationary & (attempt.moved <= resolution) | (idle >= _PATIENCE)
        # A movement below rounding, at a control that is not stationary, is no movement.
        lost = ~stationary & (attempt.moved <= resolution)
        status = jnp.where(
            ~attempt.accepted | lost,
            Status.FAILED,
            jnp.where(
                batch.whole & (residual <= tolerance),
                Status.CONVERGED,
                jnp.where(batch.whole & stalls, Status.STALLED, Status.RUNNING),
            ),
        )
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            **({"residual": residual} if batch.whole else {}),
            "gradient_evaluations": attempt.sweeps + (0 if batch.whole else 1),
            "tau": attempt.tau,
            "contraction": attempt.contraction,
            "retries": attempt.retries,
        }
        best = (
            jnp.where(decreases, point.objective, state.least_objective),
            jnp.where(improves, jnp.minimum(residual, state.least_residual), state.least_residual),
        )
        status = status.astype(state.status.dtype)
        return MovementState(point, attempt.next_tau, *best, idle, status), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        if status is Status.STALLED:
            return (
                "neither the objective nor the PMP residual decreases any more beyond rounding, at "
                f"a residual of {info['residual']:.1e}: the control is stationary to working "
                "precision, or it sits at a kink of the field (relu)"
            )
        if not jnp.isfinite(info["objective"]):
            return (
                "the objective is not finite at the control to start from: take a smaller "
                "initial scale, a shorter horizon or a bounded activation"
            )
        q = info["contraction"]
        seen = f"last contraction factor {q:.2g}" if np.isfinite(q) else "the last one overflowed"
        return (
            f"no movement with τ ≥ {self.smallest_tau:.0e}, and large enough to be more than "
            f"rounding, contracts and decreases the objective ({seen}): take a shorter horizon, a "
            "smaller initial scale or float64"
        )

    def _move(
        self, problem: ControlProblem, start: Point, tau: Float[Array, ""], batch: Batch
    ) -> _Attempt:
        """Movements from ``start`` with shrinking τ until one is accepted."""

        def undecided(attempt: _Attempt) -> Bool[Array, ""]:
            possible = attempt.next_tau >= self.smallest_tau
            return ~attempt.accepted & possible & jnp.isfinite(start.objective)

        def attempt_next(last: _Attempt) -> _Attempt:
            tau = last.next_tau
            inner = self._contract(problem, start, tau, batch)
            moved = _distance(problem, inner.point.control, start.control)
            slack = _slack(start, _extent(batch))
            descends = inner.point.objective + moved**2 / (2 * tau) <= start.objective + slack
            accepted = (inner.verdict == _Verdict.SOLVED) & descends
            return _Attempt(
                inner.point,
                tau,
                self._next_tau(tau, inner.contraction, accepted),
                inner.contraction,
                moved,
                last.sweeps + inner.sweeps,
                last.retries + 1,
                accepted,
            )

        zero = jnp.zeros_like(tau)
        none = jnp.asarray(0)
        first = _Attempt(start, tau, tau, zero, zero, none, none - 1, jnp.asarray(False))
        return jax.lax.while_loop(undecided, attempt_next, first)

    def _next_tau(
        self, tau: Float[Array, ""], q: Float[Array, ""], accepted: Bool[Array, ""]
    ) -> Float[Array, ""]:
        """Twice τ after an easy movement; after a failed one, about what would halve q's limit.

        q = τ Lip(g) / (1 + 2 λ τ) is proportional to τ while 2 λ τ is small; where it is not,
        it takes more than one failure.
        """
        easy = accepted & (q < 0.4 * self.contraction)
        grown = jnp.where(easy, jnp.minimum(2 * tau, self.tau), tau)
        aim = jnp.where(jnp.isfinite(q) & (q > 0), 0.5 * self.contraction / q, 0.01)
        return jnp.where(accepted, grown, tau * jnp.clip(aim, 0.01, 0.5))

    def _reach(self, problem: ControlProblem, point: Point) -> Float[Array, ""]:
        """How far Λ with the largest τ would carry the control: τ ‖∇J‖ / (1 + 2 λ τ)."""
        shrunk = 1 + 2 * problem.tikhonov * self.tau
        step = jax.tree.map(
            lambda a, g: self.tau * (2 * problem.tikhonov * a + g) / shrunk, point.control, point.g
        )
        return norm(step, problem.flow.schedule.step_size)

    def _contract(
        self, problem: ControlProblem, start: Point, tau: Float[Array, ""], batch: Batch
    ) -> _Inner:
        """The inner loop from θ^k, until it is solved or breaks a rule."""

        def shoot(point: Point) -> Control:
            shrunk = 1 + 2 * problem.tikhonov * tau
            return jax.tree.map(lambda a, g: (a - tau * g) / shrunk, start.control, point.g)

        def sweep(inner: _Inner) -> _Inner:
            point = evaluate(problem, inner.next, batch)
            following = shoot(point)
            residual = _distance(problem, following, point.control)
            q = residual / jnp.where(inner.residual > 0, inner.residual, 1)
            resolution = _resolution(problem, point.control, _extent(batch))
            sweeps = inner.sweeps + 1
            contracts = (q <= self.contraction) & jnp.isfinite(point.objective)
            # Below rounding a ratio of residuals says nothing; above it, it must contract.
            rounded = (residual <= 8 * resolution) & jnp.isfinite(point.objective)
            solved = rounded | (contracts & (residual <= self.inner_tolerance * first))
            verdict = jnp.where(
                solved,
                _Verdict.SOLVED,
                jnp.where(contracts & (sweeps < self.sweeps), _Verdict.OPEN, _Verdict.BROKEN),
            )
            return _Inner(
                point, following, residual, jnp.maximum(inner.contraction, q), sweeps, verdict
            )

        following = shoot(start)
        first = _distance(problem, following, start.control)
        zero = jnp.zeros_like(first)
        begin = _Inner(
            start, following, first, zero, jnp.asarray(0), jnp.asarray(int(_Verdict.OPEN))
        )
        return jax.lax.while_loop(lambda inner: inner.verdict == _Verdict.OPEN, sweep, begin)


def _distance(problem: ControlProblem, control: Control, other: Control) -> Float[Array, ""]:
    difference = jax.tree.map(jnp.subtract, control, other)
    return norm(difference, problem.flow.schedule.step_size)


def _extent(batch: Batch) -> Float[Array, ""]:
    """The root mean square of the particles: what their rounding errors are relative to."""
    measure = batch.measure
    squares = jnp.sum(jnp.asarray(measure.x) ** 2, axis=1)
    return jnp.sqrt(jnp.vdot(measure.weights, squares))


def _resolution(
    problem: ControlProblem, control: Control, extent: Float[Array, ""]
) -> Float[Array, ""]:
    """The size of changes of a control that rounding hides.

    Relative to the control, ε ‖θ‖; and whatever the control, a change that moves particles
    by less than ε |x|: one of L² norm ε |x| / √T for F = θ.
    """
    schedule = problem.flow.schedule
    least = extent / schedule.horizon**0.5
    epsilon = np.finfo(extent.dtype).eps
    return epsilon * jnp.maximum(norm(control, schedule.step_size), least)


def _slack(start: Point, extent: Float[Array, ""]) -> Float[Array, ""]:
    """How far rounding may move the objective.

    Relative to J itself, and by errors δx = ε |x| of the final states in a cost that is
    quadratic near its minimum: δℓ = 2 √ℓ δx + δx².
    """
    epsilon = np.finfo(extent.dtype).eps
    moved = epsilon * extent
    return _ROUNDING * (
        epsilon * jnp.abs(start.objective)
        + moved * jnp.sqrt(jnp.abs(start.terminal_cost))
        + moved**2
    )
