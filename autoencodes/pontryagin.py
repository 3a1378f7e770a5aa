"""Pontryagin's maximum principle for the mean-field control problem.

# notation: x_l state, p_l costate, θ_l control, g_l its Hamiltonian gradient, w_i weight of
# particle i, λ Tikhonov weight, ℓ terminal cost, Δt step size, μ^N empirical measure.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.checks import at_least, flag, optional, positive_integer
from autoencodes.control import Control, inner, like, norm
from autoencodes.cost import TerminalCost, outside, terminal_cost
from autoencodes.devices import first_where
from autoencodes.errors import InputError
from autoencodes.fields.field import StepControl
from autoencodes.flow import sweep
from autoencodes.flow.flow import Flow
from autoencodes.flow.layout import State, beside, finite, layouts
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streamed import Measure
from autoencodes.precision import Parameter, compiled
from autoencodes.summary import Summarised


class Sweep(NamedTuple):
    """What one forward and one backward sweep of the particles yield."""

    terminal_cost: Float[Array, ""]
    """∫ ℓ dμ_T."""
    gradient: Control
    """g_l = Σ_i w_i (∂_θ F)ᵀ p_(l+1)^i: the gradient of ∫ ℓ dμ_T in L²."""
    costate: Float[Array, "time particle dim"]
    """w_i p_l^i, in the ambient space, at a switch before it."""


class ControlProblem(Summarised, eqx.Module):
    """Minimise J(θ) = ∫ ℓ dμ_T + λ ‖θ‖² over the controls of a flow.

    The discrete maximum principle, exact for the Euler scheme (for another, with its increment
    function in place of F), gives every derivative:
      p_L = ∇_x ℓ(x_L, y),   p_l = p_(l+1) + Δt (∂_x F_l)ᵀ p_(l+1),
      g_l(θ) = Σ_i w_i (∂_θ F_l)ᵀ p_(l+1)^i,   ∇J(θ)_l = 2 λ θ_l + g_l(θ),
    gradients, Hessians and norms with respect to <θ, η> = Δt Σ_l θ_l·η_l. For the stacked
    arrays they are the usual ones divided by Δt.

    Parameters
    ----------
    flow : Flow
    cost : "squared" or TerminalCost
        ℓ; the squared cost is |x − y|², summed over components.
    tikhonov : float
        λ ≥ 0.
    checkpoint : bool
        Whether a sweep keeps the states at the beginnings of segments alone, of at most some √L of
        the L steps, and makes what lies between anew on its way back: the same numbers from the
        memory of about 2 √L steps, for one more pass forward. A block divides into equal segments;
        where its number of steps is prime, and larger, into single steps, whose states are all
        kept. For long flows of wide states; otherwise let fewer particles pass at a time.

    See Also
    --------
    autoencodes.fit : to minimise it
    autoencodes.certify : what can be concluded of a control

    Notes
    -----
    ``measure`` below is an EmpiricalMeasure of the schedule's dimension. ``batch_size=b``
    streams it: particles pass b at a time, and beside the data the memory in use does not
    grow with N; the result is the same up to rounding. InputError is raised for a control
    or measure of another shape, NumericalFailure where a result would not be finite.
    Source: docs/explanation/theory.md, sections 3 and 4.

    Examples
    --------
    >>> problem.costate(theta, rows).shape  # (L + 1, N, d)
    (4, 3, 2)
    >>> bool(problem.pmp_residual(theta, rows) <= 1)
    True
    """

    flow: Flow
    cost: TerminalCost
    tikhonov: float
    checkpoint: bool = eqx.field(static=True)

    def __init__(
        self,
        flow: Flow,
        cost: str | TerminalCost = "squared",
        tikhonov: float = 1e-4,
        checkpoint: bool = False,
    ) -> None:
        self.flow = flow
        self.checkpoint = flag(checkpoint, "checkpoint")
        self.cost = terminal_cost(cost)
        self.tikhonov = Parameter(at_least(tikhonov, "tikhonov (λ)", 0))

    def _summary(self) -> dict[str, str]:
        return {**self.flow._summary(), "cost": f"{self.cost!r}, λ = {self.tikhonov:g}"}

    def objective(
        self, control: Control, measure: Measure, batch_size: int | None = None
    ) -> Float[Array, ""]:
        """J(θ) = ∫ ℓ dμ_T + λ ‖θ‖²."""
        cost = self.terminal_cost(control, measure, batch_size)
        return finite(cost + self.penalty(control), "the objective")

    def terminal_cost(
        self, control: Control, measure: Measure, batch_size: int | None = None
    ) -> Float[Array, ""]:
        """∫ ℓ dμ_T = Σ_i w_i ℓ(x_L^i, y^i)."""
        _check_values(self, measure)
        batch_size = optional(positive_integer, batch_size, "batch_size")
        return finite(_terminal_cost(self, control, measure, batch_size), "the terminal cost")

    def penalising(self, tikhonov: Float[Array, ""]) -> ControlProblem:
        """The problem with another λ, an array: for use inside compiled code."""
        return eqx.tree_at(lambda problem: problem.tikhonov, self, tikhonov)

    def penalty(self, control: Control) -> Float[Array, ""]:
        """λ ‖θ‖²."""
        step_size = self.flow.schedule.step_size
        return self.tikhonov * inner(control, control, step_size)

    def costate(
        self, control: Control, measure: EmpiricalMeasure
    ) -> Float[Array, "time particle dim"]:
        """p_l for l = 0..L along every particle, in the ambient space: (L + 1, N, d).

        p_l is the gradient of ℓ(x_L, y) in x_l, with x_l as ``Flow.trajectory`` has it:
        at a switch time, before the switch. Components that the switch drops have
        costate 0 there under ``reset`` and ``skip``; p_0 is the gradient in the initial
        particles. The costates of stored values stand in no ambient component.
        """
        _check_values(self, measure)
        return finite(_costate(self, control, measure), "the costate")

    def hamiltonian(
        self, control: Control, measure: EmpiricalMeasure, candidate: Control | None = None
    ) -> Float[Array, " step"]:
        """H_l(η_l) = −Σ_i w_i p_(l+1)^i · F(t_l, x_l^i, η_l) − λ |η_l|², for l = 0..L−1.

        States and costates are those of ``control``; η is ``candidate``, by default the
        control itself. At an optimal control each H_l is maximal in its own control, and
        in general its gradient there is −∇J(θ)_l.
        """
        _check_values(self, measure)
        values = _hamiltonian(self, control, measure, control if candidate is None else candidate)
        return finite(values, "the Hamiltonian")

    def gradient(
        self, control: Control, measure: Measure, batch_size: int | None = None
    ) -> Control:
        """∇J(θ)_l = 2 λ θ_l + g_l(θ), the gradient in L², with the control's structure."""
        _check_values(self, measure)
        batch_size = optional(positive_integer, batch_size, "batch_size")
        return _all_finite(_gradient(self, control, measure, batch_size), "the gradient")

    def hvp(
        self,
        control: Control,
        measure: Measure,
        direction: Control,
        batch_size: int | None = None,
    ) -> Control:
        """H(θ) η = 2 λ η + d/ds g(θ + s η) at s = 0: the Hessian of J in L², on ``direction``.

        It is symmetric: <ζ, H η> = <H ζ, η>.
        """
        _check_values(self, measure)
        batch_size = optional(positive_integer, batch_size, "batch_size")
        product = _hvp(self, control, measure, direction, batch_size)
        return _all_finite(product, "the Hessian-vector product")

    def pmp_residual(
        self, control: Control, measure: Measure, batch_size: int | None = None
    ) -> Float[Array, ""]:
        """‖2 λ θ + g(θ)‖ / (‖2 λ θ‖ + ‖g(θ)‖), in [0, 1]; 0 at a stationary control.

        With λ = 0 it says nothing: it is 1 unless g vanishes exactly.
        """
        _check_values(self, measure)
        batch_size = optional(positive_integer, batch_size, "batch_size")
        residual = _pmp_residual(self, control, measure, batch_size)
        return finite(residual, "the PMP residual")

    # What follows is for use inside compiled code; nothing is checked there.

    def sweep(
        self, control: Control, measure: Measure, batch_size: int | None = None
    ) -> tuple[Float[Array, ""], Control]:
        """(∫ ℓ dμ_T, g(θ)): one forward and one backward sweep, streamed if asked."""

        dtype = jnp.result_type(*jax.tree.leaves(control))

        def piece(
            part: EmpiricalMeasure, problem: ControlProblem, control: Control
        ) -> tuple[Float[Array, ""], Control]:
            swept = _sweep(problem, control, part.astype(dtype))
            return swept.terminal_cost, swept.gradient

        return measure.integrate(piece, batch_size, (self, control))

    def residual(self, control: Control, g: Control) -> Float[Array, ""]:
        """The PMP residual, from the control and its g."""
        size = partial(norm, step_size=self.flow.schedule.step_size)
        pull = jax.tree.map(lambda theta: 2 * self.tikhonov * theta, control)
        total = size(pull) + size(g)
        return size(jax.tree.map(jnp.add, pull, g)) / jnp.where(total == 0, 1, total)

    def check_measure(self, measure: Measure) -> None:
        """InputError unless the measure has the problem's dimensions."""
        dim = self.flow.schedule.dim
        if measure.dim != dim:
            raise InputError(
                f"the measure must live in dimension {dim}, the schedule's; got {measure.dim}"
            )
        wanted = self.cost.target_dim(dim)
        if measure.y.shape[1] != wanted:
            raise InputError(
                f"the targets y must have {wanted} components; got {measure.y.shape[1]}"
            )
        y, bounded = measure.y, getattr(self.cost, "bounded", False)
        known = isinstance(y, np.ndarray | jax.Array) and not isinstance(y, jax.core.Tracer)
        if bounded and known and (found := first_where(outside, y)) is not None:
            (row, entry), value = found
            raise InputError(
                f"targets of {type(self.cost).__name__} lie in [0, 1]; got {value} in row {row}, "
                f"column {entry} (counted from 0): scale them (Scaling.of('unit', x)), or take "
                "another cost"
            )


def _check_values(problem: ControlProblem, measure: Measure) -> None:
    """InputError for targets that the cost does not know.

    Shapes are checked where a program is made for them, since the check takes as long as a small
    gradient.
    """
    if getattr(problem.cost, "bounded", False):
        problem.check_measure(measure)


def _sweep(problem: ControlProblem, control: Control, measure: EmpiricalMeasure) -> Sweep:
    """Forward step by step, keeping each step's linearisation; backward by the costate recursion.

    The costate is carried as q_l^i = w_i p_l^i, so that the sum over particles in g_l is
    the one matrix product that transposing the field in θ yields.
    """
    layout = layouts(problem.flow.schedule)
    state = layout[0].enter(jnp.asarray(measure.x))
    tape = []
    for j in range(len(layout)):
        if j > 0:
            state = layout[j - 1].switch(state, layout[j])
        state, kept = _forward(problem, control, state, j)
        tape.append(kept)
    x = layout[-1].lift(state)
    losses, slopes = jax.vmap(jax.value_and_grad(problem.cost))(x, jnp.asarray(measure.y))
    q = measure.weights[:, None] * slopes
    path = [q[None]]
    costate = layout[-1].restrict(q)
    gradient: list[StepControl] = []
    for j in reversed(range(len(layout))):
        costate, before, g = _backward(problem, control, tape[j], costate, j)
        path.append(before[1:])
        if j > 0:
            costate = layout[j].switch(costate, layout[j - 1])
            path.append(layout[j - 1].lift(costate)[None])
        gradient.append(g)
    path.append(layout[0].leave(costate)[None])
    return Sweep(
        jnp.vdot(measure.weights, losses),
        like(control, reversed(gradient)),
        jnp.concatenate(path[::-1]),
    )


def _forward(
    problem: ControlProblem, control: Control, state: State, block: int
) -> tuple[State, Any]:
    """The steps of a block: the state after it, and what the way back needs of them.

    That is the transposed field at every step, or, checkpointed, the state at some of the steps.
    """
    flow, along = problem.flow, _along(problem.flow, control, state, block)
    if not problem.checkpoint:
        return _linearised(flow, along, state, block)

    def cross(active: Float[Array, "particle width"], part: Any) -> tuple[Any, Any]:
        after, _ = _linearised(flow, part, State(active, state.stored), block)
        return after.active, active

    active, kept = jax.lax.scan(cross, state.active, _segments(flow, block, along))
    return State(active, state.stored), State(kept, state.stored)


def _backward(
    problem: ControlProblem, control: Control, kept: Any, costate: State, block: int
) -> tuple[State, Float[Array, "step particle dim"], StepControl]:
    """What ``_costate_steps`` returns, from what ``_forward`` kept."""
    flow = problem.flow
    if not problem.checkpoint:
        return _costate_steps(flow, kept, costate, block, flow.schedule.blocks[block].steps)

    def cross(costate: State, at: Any) -> tuple[State, Any]:
        active, part = at
        _, pullbacks = _linearised(flow, part, State(active, kept.stored), block)
        before, path, g = _costate_steps(flow, pullbacks, costate, block, len(part[0]))
        return before, (path, g)

    along = _segments(flow, block, _along(flow, control, costate, block))
    costate, steps = jax.lax.scan(cross, costate, (kept.active, along), reverse=True)
    path, g = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), steps)
    return costate, path, g


def _along(flow: Flow, control: Control, state: State, block: int) -> Any:
    """Times and controls of a block's steps."""
    return sweep.times(flow, block, state.active.dtype), control[block]


def _segments(flow: Flow, block: int, along: Any) -> Any:
    """A block's steps in segments of one length, at most about √L."""
    steps = flow.schedule.blocks[block].steps
    most = math.isqrt(flow.schedule.steps - 1) + 1
    length = max(n for n in range(1, min(most, steps) + 1) if steps % n == 0)
    return jax.tree.map(lambda a: a.reshape(-1, length, *a.shape[1:]), along)


def _linearised(flow: Flow, along: Any, state: State, block: int) -> tuple[State, Any]:
    """Steps of a block: the state after them, and the transposed field at every one."""
    increment = partial(sweep.increment, flow, block)
    seen = layouts(flow.schedule)[block].sight(state)

    def step(x: Float[Array, "particle width"], at: Any) -> tuple[Any, Any]:
        t, theta = at
        velocity, pullback = jax.vjp(partial(increment, t), theta, beside(x, seen))
        return x + flow.schedule.step_size * velocity, pullback

    unroll = sweep.unroll(flow, block)
    active, pullbacks = jax.lax.scan(step, state.active, along, unroll=unroll)
    return State(active, state.stored), pullbacks


def _costate_steps(
    flow: Flow, pullbacks: Any, costate: State, block: int, steps: int
) -> tuple[State, Float[Array, "step particle dim"], StepControl]:
    """The costate before steps of a block, in the ambient space before each, and g over them.

    The field moves the active components alone, but what it sees of the others has a costate too:
    that of a stored value m grows by Δt (∂_m F)ᵀ p_(l+1) in every step.
    """
    layout, width = layouts(flow.schedule)[block], flow.schedule.blocks[block].width
    seen = layout.sight(costate)

    def step(carry: tuple[Any, Any], pullback: Any) -> tuple[Any, Any]:
        p, seen = carry
        g, slope = pullback(p)
        p = p + flow.schedule.step_size * slope[:, :width]
        seen = seen + flow.schedule.step_size * slope[:, width:]
        return (p, seen), (layout.lift(State(p, costate.stored)), g)

    (active, after), (path, g) = jax.lax.scan(
        step,
        (costate.active, seen),
        pullbacks,
        length=steps,  # of some fields nothing is kept
        reverse=True,
        unroll=sweep.unroll(flow, block),
    )
    stored = jnp.concatenate([after, costate.stored[:, seen.shape[1] :]], axis=1)
    return State(active, stored), path, g


@compiled
def _terminal_cost(
    problem: ControlProblem, control: Control, measure: Measure, batch_size: int | None
) -> Float[Array, ""]:
    problem.check_measure(measure)
    dtype = sweep.check_control(problem.flow, control)

    def own(part: EmpiricalMeasure, problem: ControlProblem, control: Control) -> Float[Array, ""]:
        part = part.astype(dtype)  # a piece at a time, or memory would grow with N
        losses = jax.vmap(problem.cost)(problem.flow.push(control, part.x), jnp.asarray(part.y))
        return jnp.vdot(part.weights, losses)

    return measure.integrate(own, batch_size, (problem, control))


@compiled
def _gradient(
    problem: ControlProblem, control: Control, measure: Measure, batch_size: int | None
) -> Control:
    problem.check_measure(measure)
    sweep.check_control(problem.flow, control)
    _, g = problem.sweep(control, measure, batch_size)
    return jax.tree.map(lambda theta, slope: 2 * problem.tikhonov * theta + slope, control, g)


@compiled
def _hvp(
    problem: ControlProblem,
    control: Control,
    measure: Measure,
    direction: Control,
    batch_size: int | None,
) -> Control:
    problem.check_measure(measure)
    sweep.check_control(problem.flow, direction)
    dtype = sweep.check_control(problem.flow, control)
    direction = like(control, direction)

    def own(
        part: EmpiricalMeasure, problem: ControlProblem, control: Control, direction: Control
    ) -> Control:
        part = part.astype(dtype)
        return jax.jvp(lambda t: _sweep(problem, t, part).gradient, (control,), (direction,))[1]

    curved = measure.integrate(own, batch_size, (problem, control, direction))
    return jax.tree.map(lambda eta, c: 2 * problem.tikhonov * eta + c, direction, curved)


@compiled
def _pmp_residual(
    problem: ControlProblem, control: Control, measure: Measure, batch_size: int | None
) -> Float[Array, ""]:
    problem.check_measure(measure)
    sweep.check_control(problem.flow, control)
    return problem.residual(control, problem.sweep(control, measure, batch_size)[1])


@compiled
def _costate(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure
) -> Float[Array, "time particle dim"]:
    problem.check_measure(measure)
    measure = measure.astype(sweep.check_control(problem.flow, control))
    unweighted = measure.with_weights(jnp.ones_like(measure.weights))
    return _sweep(problem, control, unweighted).costate


@compiled
def _hamiltonian(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure, candidate: Control
) -> Float[Array, " step"]:
    problem.check_measure(measure)
    flow = problem.flow
    sweep.check_control(flow, candidate)
    measure = measure.astype(sweep.check_control(flow, control))
    inputs = sweep.inputs(flow, control, jnp.asarray(measure.x))
    costates = _sweep(problem, control, measure).costate
    values = []
    for j, first in enumerate(flow.schedule.first_steps):
        last = first + flow.schedule.blocks[j].steps
        gains = jax.vmap(partial(_gain, flow, j))(
            sweep.times(flow, j, measure.x.dtype),
            candidate[j],
            inputs[j],
            costates[first + 1 : last + 1],
        )
        values.append(-gains - problem.tikhonov * _squares(candidate[j]))
    return jnp.concatenate(values)


def _gain(
    flow: Flow,
    block: int,
    t: Float[Array, ""],
    theta: Any,
    x: Float[Array, "particle input"],
    q: Float[Array, "particle dim"],
) -> Float[Array, ""]:
    """Σ_i w_i p^i · F(t, x^i, θ) at one step, from its inputs and ambient weighted costates."""
    velocity = sweep.increment(flow, block, t, theta, x)
    return jnp.vdot(layouts(flow.schedule)[block].restrict(q).active, velocity)


def _squares(control: Any) -> Float[Array, " step"]:
    """|θ_l|² for every step of a block."""
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(control)]
    return sum(jnp.sum(a**2, axis=tuple(range(1, a.ndim))) for a in leaves)  # type: ignore[return-value]


def _all_finite(control: Control, name: str) -> Control:
    for leaf in jax.tree.leaves(control):
        finite(leaf, name)
    return control
