"""Attempts from one point until one is accepted, and the methods that are made of them.

# notation: J objective, ρ or α the size that an attempt has, promise the decrease it is to bring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from autoencodes.control import Control
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Info, Point, all_finite, evaluate, where
from autoencodes.training.rounding import extent, slack
from autoencodes.training.standstill import Standstill, judge, opening
from autoencodes.training.status import NOT_FINITE, Status, running, stalled

ARMIJO = 1e-4
"""The share of the promised decrease that is asked of a step."""


@runtime_checkable
class Acceptable(Protocol):
    """Anything that was accepted, or not."""

    @property
    def accepted(self) -> Bool[Array, ""]: ...


Tried = TypeVar("Tried", bound=Acceptable)


def retry(
    attempt: Callable[[Tried], Tried], first: Tried, possible: Callable[[Tried], Bool[Array, ""]]
) -> Tried:
    """One attempt after another, until one is accepted or no other is possible."""
    last: Tried = jax.lax.while_loop(lambda last: ~last.accepted & possible(last), attempt, first)
    return last


class Attempt(NamedTuple):
    """Steps tried from the same point with changing sizes: ρ that grow, α that shrink."""

    point: Point
    size: Float[Array, ""]
    next_size: Float[Array, ""]
    trials: Int[Array, ""]
    accepted: Bool[Array, ""]


class Trial(NamedTuple):
    """A control that was tried, and whether it is accepted."""

    point: Point
    decrease: Float[Array, ""]
    hidden: Bool[Array, ""]
    """Whether rounding would hide the promise."""
    accepted: Bool[Array, ""]


def armijo(
    problem: ControlProblem,
    start: Point,
    batch: Batch,
    calm: Callable[[Point, Float[Array, ""]], Bool[Array, ""]],
) -> Callable[[Control, Float[Array, ""]], Trial]:
    """Armijo's rule: J falls from ``start`` by a share of the decrease that a control promises.

    Of a promise that rounding would hide the gradient says more than J does: it is asked that the
    PMP residual falls, and that J is ``calm``, given what rounding may add to it.
    """
    allowed = slack(start, extent(batch.measure))
    residual = problem.residual(start.control, start.g)

    def judged(control: Control, promise: Float[Array, ""]) -> Trial:
        point = evaluate(problem, control, batch)
        decrease = start.objective - point.objective
        hidden = promise <= allowed
        calmer = problem.residual(point.control, point.g) < residual
        descends = where(hidden, calm(point, allowed) & calmer, decrease >= ARMIJO * promise)
        accepted = all_finite(point, promise) & (promise > 0) & descends
        return Trial(point, decrease, hidden, accepted)

    return judged


def explained(what: str, status: Status, info: dict[str, float]) -> str:
    """Why there is no further step, where ``what`` decreases the objective."""
    if status is Status.STALLED:
        return stalled(what, info["residual"])
    if not math.isfinite(info["objective"]):
        return NOT_FINITE
    return (
        f"{what}, or the numbers overflow: take a shorter horizon, a smaller initial scale or "
        "float64"
    )


class SuccessiveState(eqx.Module):
    """The last accepted point, the size (ρ or α) to try next, and what has been achieved.

    On mini-batches only the point's control matters: the next step's particles are others.
    """

    point: Point
    size: Float[Array, ""]
    seen: Standstill
    uncounted: Int[Array, ""]
    """Gradient evaluations that the point took and no step has counted yet."""
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the point."""
        return self.point.control


def begin(problem: ControlProblem, control: Control, batch: Batch, size: float) -> SuccessiveState:
    """The state before the first step."""
    point, seen, evaluations = opening(problem, control, batch)
    first = jnp.asarray(size, point.objective.dtype)
    return SuccessiveState(point, first, seen, evaluations, running())


def advance(
    problem: ControlProblem,
    state: SuccessiveState,
    batch: Batch,
    tolerance: Float[Array, ""],
    attempts: Callable[[Point, Float[Array, ""]], Callable[[Attempt], Attempt]],
    possible: Callable[[Float[Array, ""]], Bool[Array, ""]],
    size: float,
) -> tuple[SuccessiveState, Attempt, Info]:
    """One step: ``attempts`` from the point, given the least J so far, of a ``possible`` size.

    Where none is accepted, on these particles, the next ones begin anew with ``size``.
    """
    start, evaluations, least = state.point, state.uncounted, state.seen.objective
    if not batch.whole:
        start, evaluations = evaluate(problem, state.control, batch), jnp.asarray(1, int)
        least = start.objective
    converged = batch.whole & (problem.residual(start.control, start.g) <= tolerance)
    last = retry(
        attempts(start, least),
        Attempt(start, state.size, state.size, jnp.asarray(0, int), jnp.asarray(False)),
        lambda last: possible(last.next_size) & jnp.isfinite(start.objective) & ~converged,
    )
    point = where(last.accepted, last.point, start)
    residual = problem.residual(point.control, point.g)
    seen, status = judge(state.seen, start, point, last.accepted, residual, batch, tolerance)
    following = jnp.where(last.accepted, last.next_size, size).astype(state.size.dtype)
    info = {
        "objective": point.objective,
        "terminal_cost": point.terminal_cost,
        **({"residual": residual} if batch.whole else {}),
        "gradient_evaluations": evaluations,
        "retries": jnp.maximum(last.trials - 1, 0),
    }
    none = jnp.zeros_like(state.uncounted)
    status = status.astype(state.status.dtype)
    return SuccessiveState(point, following, seen, none, status), last, info
