"""The contract that every inner solver keeps.

# notation: θ^k control before the movement, τ its step, J objective, η = θ − θ^k,
# I(θ) = J(θ) + ‖η‖²/(2τ) the movement's own objective, B model of J's Hessian.
"""

from __future__ import annotations

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from autoencodes.control import Control, inner, norm
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Point, evaluate


class Inner(NamedTuple):
    """What a solver made of one movement."""

    point: Point
    """The last control that a sweep evaluated."""
    memory: Any
    """What the solver knows at the point, for the next movement."""
    solved: Bool[Array, ""]
    """Whether the solver's own rule accepts the point."""
    contraction: Float[Array, ""]
    """The ratio of inner residuals: the largest one of successive residuals for a fixed-point
    solver, ‖∇I(θ)‖ / ‖∇I(θ^k)‖ for a model solver."""
    evaluations: Int[Array, ""]
    """Gradient evaluations made."""
    growth: Float[Array, ""]
    """By which factor τ may change after this movement, if it is accepted."""
    shrinkage: Float[Array, ""]
    """By which factor, below 1, τ should change if it is not."""


class InnerSolver(eqx.Module):
    """Minimises I(θ) = J(θ) + ‖θ − θ^k‖²/(2τ), as exactly as the outer loop needs.

    ``MinimizingMovement(inner=...)`` calls both methods: ``problem`` is the ControlProblem,
    ``control``
    where to begin, ``batch`` the particles, ``start`` θ^k with its sweep, ``memory`` what the
    solver knows there, ``tau`` the step τ.

    Examples
    --------
    >>> isinstance(ac.NewtonCG(), ac.InnerSolver)
    True
    """

    forgets: ClassVar[bool]
    """Whether its memory speaks of the particles at hand, and not of J in general."""

    @abc.abstractmethod
    def begin(
        self, problem: ControlProblem, control: Control, batch: Batch
    ) -> tuple[Point, Any, Int[Array, ""]]:
        """A point, what the solver must know there, and how many gradient evaluations that took."""

    @abc.abstractmethod
    def solve(
        self,
        problem: ControlProblem,
        start: Point,
        memory: Any,
        tau: Float[Array, ""],
        batch: Batch,
    ) -> Inner:
        """One movement from ``start`` with step τ; it need not be acceptable."""


def plain_begin(
    problem: ControlProblem, control: Control, batch: Batch
) -> tuple[Point, Any, Int[Array, ""]]:
    """``begin`` of a solver that remembers nothing."""
    return evaluate(problem, control, batch), (), jnp.asarray(1)


def gradient(problem: ControlProblem, point: Point) -> Control:
    """∇J = 2 λ θ + g."""
    return jax.tree.map(lambda a, g: 2 * problem.tikhonov * a + g, point.control, point.g)


def distance(problem: ControlProblem, control: Control, other: Control) -> Float[Array, ""]:
    """‖θ − η‖."""
    difference = jax.tree.map(jnp.subtract, control, other)
    return norm(difference, problem.flow.schedule.step_size)


def modelled(
    problem: ControlProblem,
    start: Point,
    point: Point,
    tau: Float[Array, ""],
    slack: Float[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """(contraction, growth, shrinkage) of a step η with (B + 1/τ) η = −∇J(θ^k).

    The model promises J(θ^k) − J(θ^k + η) = −<∇J, η> − <η, B η>/2 = (‖η‖²/τ − <∇J, η>)/2.
    As in a trust region (Nocedal and Wright, 2006, algorithm 4.1; Levenberg and Marquardt)
    τ grows where the promise is kept, and shrinks where it is not. A promise below what
    rounding shows is taken as kept.
    """
    step_size = problem.flow.schedule.step_size
    slope = gradient(problem, start)
    step = jax.tree.map(jnp.subtract, point.control, start.control)
    promise = 0.5 * (inner(step, step, step_size) / tau - inner(slope, step, step_size))
    kept = (start.objective - point.objective) / jnp.where(promise > 0, promise, 1)
    kept = jnp.where(promise <= slack, 1.0, kept)
    growth = jnp.select([kept > 0.75, kept > 0.5, kept > 0.25], [4.0, 2.0, 1.0], 0.5)
    pull = jax.tree.map(lambda a, b: a + b / tau, gradient(problem, point), step)
    size = norm(slope, step_size)
    contraction = norm(pull, step_size) / jnp.where(size > 0, size, 1)
    return contraction, growth.astype(tau.dtype), jnp.full_like(tau, 0.25)
