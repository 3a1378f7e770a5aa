"""L-BFGS on the whole measure, the classical baseline.

# notation: θ control, J objective, ∇J = 2λθ + g its gradient in L², Δt step size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import METHODS
from autoencodes.checks import positive_integer
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import (
    Batch,
    Count,
    Info,
    Method,
    Point,
    all_finite,
    evaluate,
    setting,
    where,
)
from autoencodes.training.rounding import extent, slack
from autoencodes.training.standstill import PATIENCE, Standstill, updated
from autoencodes.training.status import Cases, Status, decided, running, stalled


class LBFGSState(eqx.Module):
    """The last accepted point, the differences known at it, and what has been achieved so far."""

    point: Point
    memory: optax.ScaleByLBFGSState
    seen: Standstill
    uncounted: Int[Array, ""]
    """Gradient evaluations that the point took and no step has counted yet."""
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the point."""
        return self.point.control


class _Search(NamedTuple):
    """The result of one line search."""

    point: Point
    memory: optax.ScaleByLBFGSState
    evaluations: Int[Array, ""]
    accepted: Bool[Array, ""]


@METHODS.register("lbfgs", "L-BFGS on all rows", whole=True, rank=4)
class LBFGS(Method):
    """L-BFGS with optax's zoom line search (strong Wolfe conditions), for whole measures.

    The direction is −B⁻¹∇J, with B⁻¹ from the last ``memory`` differences of controls and of
    gradients. The line search demands Armijo's decrease or, once J changes by no more than
    rounding hides, the slope condition of Hager and Zhang. Its result is accepted only if J does
    not exceed the least value seen by more than rounding: J never increases. Else the control
    stays, the memory is emptied, and the next step searches along −∇J; where that finds
    nothing either, the method has stalled.

    Every trial of the line search is one forward and one backward sweep, and the last one's
    serves the next step, so that ``gradient_evaluations`` is the number of trials, and one for
    the control to start from.

    Parameters
    ----------
    memory : int
        How many pairs of differences are kept, at least 1.
    trials : int
        The most trials of one line search, at least 1.

    Raises
    ------
    InputError
        From ``fit``, on mini-batches: differences of gradients over other particles are noise.

    Notes
    -----
    Source: Liu and Nocedal, Math. Program. 45 (1989); Nocedal and Wright, Numerical
    Optimization (2006), algorithms 3.5 and 3.6; Hager and Zhang, ACM TOMS 32 (2006).

    Examples
    --------
    >>> ac.LBFGS(memory=5)
    LBFGS(memory=5)
    """

    memory: int = setting(positive_integer, "memory", 10)
    trials: int = setting(positive_integer, "trials", 20)

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> LBFGSState:
        if not batch.whole:
            raise InputError(
                "LBFGS needs the whole measure in every step: leave batch_size out (stream_size "
                "bounds the memory instead), or take MinimizingMovement, Adam, AdamW or SGD"
            )
        point = evaluate(problem, control, batch)
        seen = Standstill(point.objective, problem.residual(control, point.g), jnp.asarray(0, int))
        return LBFGSState(point, self._empty(control), seen, jnp.asarray(1, int), running())

    def step(
        self, problem: ControlProblem, state: LBFGSState, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[LBFGSState, Info]:
        start = state.point
        converged = problem.residual(start.control, start.g) <= tolerance
        stayed = _Search(start, state.memory, jnp.asarray(0, int), jnp.asarray(False))
        search = jax.lax.cond(
            converged, lambda: stayed, lambda: self._search(problem, state, batch, stayed)
        )
        residual = problem.residual(search.point.control, search.point.g)
        seen = updated(state.seen, search.point, residual, slack(start, extent(batch.measure)))
        # Without a memory the direction was −∇J: there is no other to try.
        stuck = ~search.accepted & (state.memory.count == 0)
        cases: Cases = [
            (~jnp.isfinite(start.objective + residual), Status.FAILED),
            (residual <= tolerance, Status.CONVERGED),
            (stuck | (seen.idle >= PATIENCE), Status.STALLED),
        ]
        info = {
            "objective": search.point.objective,
            "terminal_cost": search.point.terminal_cost,
            "residual": residual,
            "gradient_evaluations": search.evaluations + state.uncounted,
        }
        status = decided(cases).astype(state.status.dtype)
        uncounted = jnp.zeros_like(state.uncounted)
        return LBFGSState(search.point, search.memory, seen, uncounted, status), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        if status is Status.STALLED:
            return stalled("no step along the gradient decreases the objective", info["residual"])
        return (
            "the objective or the size of its gradient is not finite at the control to start "
            "from: take a smaller initial scale, a shorter horizon or a bounded activation, or "
            "scale the data"
        )

    def _search(
        self, problem: ControlProblem, state: LBFGSState, batch: Batch, stayed: _Search
    ) -> _Search:
        """One line search from the state's point; ``stayed`` with its work where it fails."""
        start, step_size = state.point, problem.flow.schedule.step_size
        allowed = slack(start, extent(batch.measure))
        # Of the stacked arrays J has the gradient Δt ∇J: the slopes that the search compares
        # with differences of J must be made of it.
        slope = _stacked(problem, start)
        hidden = allowed / jnp.maximum(jnp.abs(start.objective), np.finfo(allowed.dtype).tiny)
        line = optax.scale_by_zoom_linesearch(
            self.trials, approx_dec_rtol=hidden, initial_guess_strategy="one"
        )
        direction: Any
        memory: Any
        search: Any
        direction, memory = self._model().update(slope, state.memory, start.control)
        updates, search = line.update(
            jax.tree.map(jnp.negative, direction),
            line.init(start.control),
            start.control,
            value=start.objective,
            grad=slope,
            value_fn=_objective(problem, batch),
        )
        control: Any = optax.apply_updates(start.control, updates)
        g = jax.tree.map(
            lambda s, a: s / step_size - 2 * problem.tikhonov * a, search.grad, control
        )
        cost = search.value - problem.penalty(control)
        point = Point(control, cost, search.value, g)
        accepted = all_finite(point) & (search.learning_rate > 0)
        accepted &= search.value <= state.seen.objective + allowed
        reached = _Search(point, memory, jnp.asarray(0, int), accepted)
        # A model that leads nowhere is forgotten.
        kept = stayed._replace(memory=self._empty(start.control))
        chosen = where(accepted, reached, kept)
        return chosen._replace(evaluations=search.info.num_linesearch_steps)

    def _empty(self, control: Control) -> optax.ScaleByLBFGSState:
        """No differences yet; optax's weights are given the control's precision."""
        empty: Any = self._model().init(control)
        dtype = jnp.result_type(*jax.tree.leaves(control))
        return empty._replace(weights_memory=empty.weights_memory.astype(dtype))

    def _model(self) -> optax.GradientTransformation:
        return optax.scale_by_lbfgs(memory_size=self.memory)


def _stacked(problem: ControlProblem, point: Point) -> Control:
    """Δt (2λθ + g): the gradient of J in the stacked arrays."""
    step_size = problem.flow.schedule.step_size
    return jax.tree.map(
        lambda a, g: step_size * (2 * problem.tikhonov * a + g), point.control, point.g
    )


def _objective(problem: ControlProblem, batch: Batch) -> Callable[[Control], Float[Array, ""]]:
    """J as a function that JAX differentiates by the one sweep that evaluates it."""

    @jax.custom_vjp
    def objective(control: Control) -> Float[Array, ""]:
        return evaluate(problem, control, batch).objective

    def forward(control: Control) -> tuple[Float[Array, ""], Control]:
        point = evaluate(problem, control, batch)
        return point.objective, _stacked(problem, point)

    def backward(slope: Control, cotangent: Float[Array, ""]) -> tuple[Control]:
        return (jax.tree.map(lambda s: cotangent * s, slope),)

    objective.defvjp(forward, backward)
    return objective
