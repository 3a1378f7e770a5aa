"""Minimizing movements: the paper's outer loop, with a step that adapts itself.

# notation: θ^k control before a movement, τ its step, J objective, g Hamiltonian gradient,
# I(θ) = J(θ) + ‖θ − θ^k‖²/(2τ) the movement's own objective, λ Tikhonov weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import METHODS, SOLVERS
from autoencodes.checks import choice, positive
from autoencodes.control import Control, norm
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import (
    Batch,
    Count,
    Info,
    Method,
    Point,
    all_finite,
    number,
    setting,
    where,
)
from autoencodes.training.rounding import ROUNDING, extent, resolution, slack
from autoencodes.training.solvers import InnerSolver, choose
from autoencodes.training.solvers.solver import distance, gradient
from autoencodes.training.standstill import PATIENCE, Standstill, unseen, updated
from autoencodes.training.status import NOT_FINITE, Cases, Status, decided, running, stalled
from autoencodes.training.successive import retry


class _Attempt(NamedTuple):
    """Movements tried from the same control with ever smaller τ."""

    point: Point
    memory: Any
    tau: Float[Array, ""]
    next_tau: Float[Array, ""]
    contraction: Float[Array, ""]
    moved: Float[Array, ""]
    evaluations: Int[Array, ""]
    retries: Int[Array, ""]
    accepted: Bool[Array, ""]


class _Trials(NamedTuple):
    """Where every trial begins, the lowest point of all trials so far, and which trial it is."""

    start: Control
    lowest: Point
    ended: Int[Array, ""]
    """The status with which the lowest point's trial ended, or RUNNING."""
    leading: Bool[Array, ""]
    """Whether the lowest point is that of the trial at hand."""
    trial: Int[Array, ""]


class MovementState(eqx.Module):
    """The last accepted point, what the solver knows at it, the τ with which to try next, and
    how long nothing has improved. ``trials`` is empty where there is one trial only.
    """

    point: Point
    memory: Any
    tau: Float[Array, ""]
    seen: Standstill
    uncounted: Int[Array, ""]
    """Gradient evaluations that the point took and no step has counted yet."""
    least: Float[Array, ""]
    """The lowest objective of the trial."""
    trials: Any
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the lowest point."""
        return self.trials.lowest.control if self.trials else self.point.control


def _several(taus: float | Sequence[float]) -> tuple[float, ...]:
    """``first_tau`` as a tuple, each of its numbers positive and finite."""
    many = not isinstance(taus, str) and np.ndim(taus) > 0
    return tuple(positive(tau, "first_tau") for tau in (taus if many else [taus]))  # type: ignore[union-attr]


@METHODS.register("movement", "minimizing movements", settings=("tau", "inner"), rank=0)
class MinimizingMovement(Method):
    """θ^(k+1) ≈ argmin_θ J(θ) + ‖θ − θ^k‖² / (2τ), with τ found along the way.

    A movement is accepted only if every number is finite, its inner solver accepts it, and
      J(θ^(k+1)) + ‖θ^(k+1) − θ^k‖² / (2τ) ≤ J(θ^k)                                     (D)
    holds on the particles it was computed with, up to rounding in its second term. That J does
    not increase is asked to the last digit; but where its last digits are noise, within 64 ε J of
    the lowest so far, a gradient that falls decides in its place.
    The control that is accepted is the last one that a sweep evaluated, so that (D) is seen,
    not inferred. Else τ shrinks and the movement is tried again from θ^k; after an easy one it
    grows, up to ``tau``: by the measured contraction factor for the fixed-point solvers, by
    how well J keeps the model's promise for the others.

    How exactly a movement is solved. (D) is a sufficient decrease, with constant 1/(2 ``tau``).
    With it goes a bound of the gradient by the movement,
      ‖∇J(θ^(k+1))‖ ≤ b ‖θ^(k+1) − θ^k‖:                                               (E)
    - the fixed-point solvers stop at ‖∇I(θ)‖ ≤ (σ/τ) ‖θ − θ^k‖; since ∇I = ∇J + (θ − θ^k)/τ,
      (E) holds with b = (1 + σ)/τ;
    - the model solvers make one step (B + 1/τ) η = −∇J(θ^k), so that ‖∇J(θ^k)‖ ≤ ‖B + 1/τ‖ ‖η‖,
      and ‖∇J(θ^(k+1))‖ ≤ ‖∇J(θ^k)‖ + Lip(∇J) ‖η‖: (E) holds with b = ‖B + 1/τ‖ + Lip(∇J). That
      Newton-CG ends its system early changes nothing: its iterates grow in norm, and the first
      one has ‖η‖ ≥ ‖∇J(θ^k)‖ / ‖H + 1/τ‖ already.
    Where the controls stay bounded (λ > 0 sees to it: λ ‖θ^k‖² ≤ J(θ^0) by (D)), ∇J is Lipschitz
    with some L, and b is one constant: B is at most L for Newton, continuous in θ for
    Gauss-Newton, and for L-BFGS each of its few pairs has ‖y‖ ≤ L ‖s‖ and <s, y'> ≥ c ‖s‖ ‖y'‖,
    which bounds an update. And τ stays away from 0: as τ → 0, τ (B + 1/τ) → 1, uniformly, so that
    the step is −τ ∇J + O(τ²) and (D) holds from some τ on. (D) and (E) are conditions H1 and H2 of
    Attouch, Bolte and Svaiter (Math. Program. 137, 2013, theorem 2.9); J is continuous and has the
    Kurdyka-Łojasiewicz property, being real analytic for the smooth activations: in exact
    arithmetic the movements have finite length in sum and converge to ONE stationary control, from
    every start. Which one, and whether another lies lower, they do not tell.

    Hence several trials. A large first τ leaps far from θ^0; with a small one the movements
    follow the gradient flow from θ^0 into the nearest valley (De Giorgi's minimizing movements)
    before τ grows. Neither is lower in general. So on the whole measure, once a trial has
    converged or stalled, the next begins again at θ^0 with the next of ``first_tau``. What is
    returned and reported is the lowest point of all trials, so that J never increases; the
    history's ``trial`` says which one is at work, and ``tau``, ``contraction``, ``retries`` and
    ``sweeps`` are its own. The training ends with the last trial, for the reason for which the
    lowest one ended.

    A mini-batch is held fixed through a movement with all its retries.

    Parameters
    ----------
    tau : float
        The largest τ > 0 tried. With τ → ∞ contractions become pure shooting.
    inner : str or InnerSolver
        ``contraction``, ``anderson``, ``lbfgs``, ``newton-cg``, ``gauss-newton``; ``auto`` is
        Gauss-Newton for small problems, else L-BFGS (``solvers.choose``).
    first_tau : float or sequence of floats
        The τ to begin with, or ``tau`` where that is smaller. Several: one trial for each, on
        the whole measure and if ``tau`` is above the first of them; mini-batches, where no trial
        ever ends, begin with the first of them.
    smallest_tau : float
        Below it the method gives up and says so.

    See Also
    --------
    autoencodes.MetricMovement : for mini-batches
    autoencodes.InnerSolver : how a movement is solved

    Notes
    -----
    Source: docs/explanation/theory.md, section 5; the inexactness also Solodov and Svaiter, J.
    Convex Anal. 6 (1999).

    Examples
    --------
    >>> ac.MinimizingMovement(inner="lbfgs")
    MinimizingMovement(inner='lbfgs', first_tau=(1000.0, 0.01, 1.0))
    """

    tau: float = number(positive, "tau", 1e10)
    inner: str | InnerSolver = eqx.field(static=True, default="auto")
    first_tau: float | Sequence[float] = eqx.field(
        static=True, default=(1e3, 1e-2, 1.0), converter=_several
    )
    smallest_tau: float = setting(positive, "smallest_tau", 1e-14)
    _beginnings: tuple[int, ...] = eqx.field(static=True, init=False, repr=False)
    """Which of ``first_tau`` begin a trial. Compiled code does not know ``tau``, only these."""

    def __post_init__(self) -> None:
        taus, largest = _several(self.first_tau), positive(self.tau, "tau")
        begun = [min(tau, largest) for tau in taus[: 1 if taus and largest <= taus[0] else None]]
        self._beginnings = tuple(begun.index(tau) for tau in dict.fromkeys(begun))

    def __check_init__(self) -> None:
        if self.smallest_tau > self.tau:
            raise InputError(
                "smallest_tau must not be above tau; "
                f"got tau={self.tau}, smallest_tau={self.smallest_tau}"
            )
        taus = _several(self.first_tau)
        if not taus or min(taus) < self.smallest_tau:
            raise InputError(
                "first_tau must be a number, or several, not below smallest_tau; "
                f"got first_tau={self.first_tau}, smallest_tau={self.smallest_tau}"
            )
        if not isinstance(self.inner, InnerSolver):
            choice(self.inner, "inner", ("auto", *SOLVERS), ", or an InnerSolver")

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> MovementState:
        point, memory, evaluations = choose(self.inner, problem, control).begin(
            problem, control, batch
        )
        tau = self._first_taus(point.objective.dtype)[0]
        none = jnp.asarray(0, int)  # weakly typed, it would compile the first round twice
        uncounted = jnp.asarray(evaluations, int) if batch.whole else none
        several = batch.whole and len(self._beginnings) > 1
        trials = _Trials(control, point, running(), jnp.asarray(True), none) if several else ()
        return MovementState(
            point, memory, tau, unseen(point), uncounted, point.objective, trials, running()
        )

    def step(
        self,
        problem: ControlProblem,
        state: MovementState,
        batch: Batch,
        tolerance: Float[Array, ""],
    ) -> tuple[MovementState, Info]:
        solver = choose(self.inner, problem, state.control)
        start, memory, uncounted = state.point, state.memory, state.uncounted
        if not batch.whole:
            start, fresh, uncounted = solver.begin(problem, state.control, batch)
            # What a solver knows of J in general stays; what it knows of these particles is new.
            memory = fresh if solver.forgets else memory
        # Objectives on other particles do not compare.
        least = state.least if batch.whole else start.objective
        attempt = self._move(problem, solver, start, least, memory, state.tau, batch)
        point = where(attempt.accepted, attempt.point, start)
        memory = where(attempt.accepted, attempt.memory, memory)
        residual = problem.residual(point.control, point.g)
        seen = updated(state.seen, point, residual, slack(start, extent(batch.measure)))
        if not batch.whole:
            seen = seen._replace(idle=jnp.where(attempt.accepted, 0, state.seen.idle + 1))
        status = self._judge(
            problem, state, start, point, residual, attempt, batch, tolerance, seen
        )
        # Where nothing went, on these particles, the next ones begin anew.
        first_tau = self._first_taus(state.tau.dtype)[0]
        next_tau = jnp.where(attempt.accepted, attempt.next_tau, first_tau)
        after = MovementState(
            point,
            memory,
            next_tau.astype(state.tau.dtype),
            seen,
            jnp.zeros_like(state.uncounted),
            jnp.minimum(least, point.objective),
            state.trials,
            status.astype(state.status.dtype),
        )
        if state.trials:
            after = self._advanced(problem, solver, after, batch)
        return after, _report(problem, state, after, attempt, uncounted, batch)

    def ending(self, state: MovementState) -> Int[Array, ""]:
        """Where a later trial has led to nothing lower, the status of the one that did."""
        return state.trials.ended if state.trials else state.status

    def explain(self, status: Status, info: dict[str, float]) -> str:
        if status is Status.STALLED:
            what = "no movement improves the objective or the PMP residual"
            return stalled(what, info["residual"])
        if not np.isfinite(info["objective"]):
            return NOT_FINITE
        q = info["contraction"]
        seen = f"last contraction factor {q:.2g}" if np.isfinite(q) else "the last one overflowed"
        return (
            f"no movement with τ ≥ {self.smallest_tau:.0e}, and large enough to be more than "
            f"rounding, is solved and decreases the objective ({seen}): take a shorter horizon, a "
            "smaller initial scale, another inner solver or float64"
        )

    def _first_taus(self, dtype: Any) -> Float[Array, " trial"]:
        """The τ that trials begin with, each once; one where ``tau`` binds from the beginning."""
        taus = _several(self.first_tau)
        given = jnp.asarray([taus[k] for k in self._beginnings], dtype)
        return jnp.minimum(given, jnp.asarray(self.tau, dtype))

    def _advanced(
        self, problem: ControlProblem, solver: InnerSolver, state: MovementState, batch: Batch
    ) -> MovementState:
        """The lowest point brought up to date; and if its trial is over, the next one started."""
        point, trials = state.point, state.trials
        lower = point.objective < trials.lowest.objective - slack(point, extent(batch.measure))
        leading = trials.leading | lower
        lowest = where(leading, point, trials.lowest)
        ended = jnp.where(leading, state.status, trials.ended).astype(state.status.dtype)
        over = state.status != Status.RUNNING
        # A trial that failed has shrunk τ through all that another could begin with.
        again = over & (state.status != Status.FAILED) & (trials.trial + 1 < len(self._beginnings))
        trial = jnp.where(again, trials.trial + 1, trials.trial).astype(trials.trial.dtype)
        trials = _Trials(trials.start, lowest, ended, leading & ~again, trial)

        def begin() -> MovementState:
            first, memory, evaluations = solver.begin(problem, trials.start, batch)
            tau = self._first_taus(state.tau.dtype)[trial]
            uncounted = jnp.asarray(evaluations, state.uncounted.dtype)
            new = {"point": first, "memory": memory, "tau": tau, "seen": unseen(first)}
            return replace(state, **new, uncounted=uncounted, least=first.objective)

        here = jax.lax.cond(again, begin, lambda: state)
        status = jnp.where(over & ~again, ended, int(Status.RUNNING))
        return replace(here, trials=trials, status=status.astype(state.status.dtype))

    def _judge(
        self,
        problem: ControlProblem,
        state: MovementState,
        start: Point,
        point: Point,
        residual: Float[Array, ""],
        attempt: _Attempt,
        batch: Batch,
        tolerance: Float[Array, ""],
        seen: Standstill,
    ) -> Int[Array, ""]:
        """The status after an attempt."""
        hidden = resolution(problem, point.control, extent(batch.measure))
        # How far Λ with τ = 1, or ``tau``, would carry the control: τ ‖∇J‖ / (1 + 2 λ τ).
        tau = jnp.minimum(self.tau, 1.0)
        size = norm(gradient(problem, point), problem.flow.schedule.step_size)
        stationary = tau * size / (1 + 2 * problem.tikhonov * tau) <= ROUNDING * hidden
        rests = ~attempt.accepted | (attempt.moved <= hidden)
        finite = jnp.isfinite(start.objective)
        cases: Cases = [(~finite, Status.FAILED)]
        if batch.whole:
            # The very first movement, at a control that is not stationary, must succeed.
            lost = rests & ~stationary & (state.seen.objective == unseen(point).objective)
            cases += [(residual <= tolerance, Status.CONVERGED), (lost, Status.FAILED)]
            cases += [(rests | (seen.idle >= PATIENCE), Status.STALLED)]
        else:
            cases += [(seen.idle >= PATIENCE, Status.FAILED)]
        return decided(cases)

    def _move(
        self,
        problem: ControlProblem,
        solver: InnerSolver,
        start: Point,
        least: Float[Array, ""],
        memory: Any,
        tau: Float[Array, ""],
        batch: Batch,
    ) -> _Attempt:
        """Movements from ``start`` with shrinking τ until one is accepted."""
        allowed = slack(start, extent(batch.measure))

        def possible(attempt: _Attempt) -> Bool[Array, ""]:
            return (attempt.next_tau >= self.smallest_tau) & jnp.isfinite(start.objective)

        def attempt_next(last: _Attempt) -> _Attempt:
            tau = last.next_tau
            inner = solver.solve(problem, start, memory, tau, batch)
            moved = distance(problem, inner.point.control, start.control)
            descends = inner.point.objective + moved**2 / (2 * tau) <= start.objective + allowed
            descends &= _lower(problem, inner.point, start, least)
            accepted = inner.solved & descends & all_finite(inner.point, inner.memory)
            change = jnp.where(accepted, inner.growth, inner.shrinkage)
            change = jnp.where((change > 0) & jnp.isfinite(change), change, 0.01)
            return _Attempt(
                inner.point,
                inner.memory,
                tau,
                jnp.minimum(tau * change, self.tau).astype(tau.dtype),
                inner.contraction,
                moved,
                last.evaluations + inner.evaluations,
                last.retries + 1,
                accepted,
            )

        zero, none = jnp.zeros_like(tau), jnp.asarray(0)
        no = jnp.asarray(False)
        first = _Attempt(start, memory, tau, tau, zero, zero, none, none - 1, no)
        return retry(attempt_next, first, possible)


def _lower(
    problem: ControlProblem, point: Point, start: Point, least: Float[Array, ""]
) -> Bool[Array, ""]:
    """Whether J is not higher; if by no more than its last digits, whether ‖∇J‖ is lower.

    Noise is judged by the ``least`` J so far: from one movement to the next, it would add up.
    """
    noise = ROUNDING * float(np.finfo(point.objective.dtype).eps) * jnp.abs(least)
    step_size = problem.flow.schedule.step_size
    sizes = [norm(gradient(problem, at), step_size) for at in (point, start)]
    calmer = (point.objective <= least + noise) & (sizes[0] < sizes[1])
    return (point.objective <= start.objective) | calmer


def _report(
    problem: ControlProblem,
    before: MovementState,
    after: MovementState,
    attempt: _Attempt,
    uncounted: Int[Array, ""],
    batch: Batch,
) -> Info:
    """What a step says of the lowest point, and of the movement that was made."""
    point = after.trials.lowest if after.trials else after.point
    info = {
        "objective": point.objective,
        "terminal_cost": point.terminal_cost,
        "gradient_evaluations": attempt.evaluations + uncounted,
        "tau": attempt.tau,
        "contraction": attempt.contraction,
        "retries": attempt.retries,
        "sweeps": attempt.evaluations,
        "control_norm": norm(point.control, problem.flow.schedule.step_size),
    }
    if batch.whole:
        info["residual"] = problem.residual(point.control, point.g)
    if before.trials:
        info["trial"] = before.trials.trial + 1
    return info
