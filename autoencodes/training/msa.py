"""The extended method of successive approximations: the maximum principle as an algorithm.

# notation: x_l state and p_l costate under the old control θ, η candidate control, v_l and r_l old
# velocity and old costate rate, H_l Hamiltonian, ρ weight of the penalty, w_i weight of particle
# i, λ Tikhonov weight, Δt step size.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from autoencodes.catalogue import METHODS
from autoencodes.checks import positive, positive_integer
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.fields.field import StepControl
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
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
from autoencodes.training.solvers.quasi_newton import Pairs, two_loops
from autoencodes.training.solvers.solver import gradient
from autoencodes.training.standstill import Standstill, describe, judge, opening

_SWEEP = 3
"""Matrix products (width × width, on all particles) of a sweep of a perceptron: one forward,
two backward. The unit in which the work of a step is counted."""


class Extremal(eqx.Module):
    """A block's steps under the old control: time, what the field sees of the states, costates
    after the step, controls."""

    t: Float[Array, "*step"]
    x: Float[Array, "*step particle input"]
    p: Float[Array, "*step particle width"]
    theta: StepControl
    block: int = eqx.field(static=True)


class MSAState(eqx.Module):
    """The last accepted point, the penalty's weight to try next, and what has been achieved.

    On mini-batches only the point's control matters: the next step's particles are others.
    """

    point: Point
    rho: Float[Array, ""]
    seen: Standstill
    begun: Int[Array, ""]
    """Gradient evaluations that the point took and no step has counted yet."""
    status: Int[Array, ""]

    @property
    def control(self) -> Control:
        """The control of the point."""
        return self.point.control


class _Attempt(NamedTuple):
    """Maximisations from the same extremals with ever larger ρ."""

    point: Point
    rho: Float[Array, ""]
    next_rho: Float[Array, ""]
    retries: Int[Array, ""]
    accepted: Bool[Array, ""]


@METHODS.register("msa", "successive approximations, as the maximum principle has them", rank=5)
class ExtendedMSA(Method):
    """Maximise the augmented Hamiltonian of every step, each by itself, and sweep again.

    One forward and one backward pass under the control θ give x_l and p_l (theory, section
    4). Then, for every step l independently, η_l is to maximise
      K_l(η) = H_l(η) − (ρ/2) Σ_i w_i (|F(t_l, x_l^i, η) − v_l^i|²
                                        + |(∂_xF(t_l, x_l^i, η))ᵀ p_(l+1)^i − r_l^i|²),
      H_l(η) = −Σ_i w_i p_(l+1)^i · F(t_l, x_l^i, η) − λ|η|²,
      v_l = F(t_l, x_l, θ_l),   r_l = (∂_xF(t_l, x_l, θ_l))ᵀ p_(l+1) = (p_l − p_(l+1)) / Δt,
    all of it on the active components. ``iterations`` of L-BFGS are made towards it.

    Why the penalty. By summation by parts, with δ the change from θ to η,
      J(η) − J(θ) ≤ −Δt Σ_l (H_l(η_l) − H_l(θ_l)) + C Δt Σ_l Σ_i w_i (|δF|² + |(δ∂_xF)ᵀ p|²),
    since the states, and the costates, of the two controls differ by no more than the sums of
    what F, and (∂_xF)ᵀ p, change along the old extremal. At η = θ the penalty and its gradient
    vanish: K_l has there the value of H_l and the gradient −∇J(θ)_l. So with ρ ≥ 2C every
    increase of K decreases J by as much, and a control that the maximisations leave alone
    satisfies the maximum principle. C is not known: if J does not decrease, ρ grows and the step
    is tried again from the same x and p; how well J keeps K's promise decides ρ afterwards.
    ρ = 0 would be the basic method, which need not decrease J.

    On the whole measure J never increases, beyond rounding; of an increase of K that rounding
    would hide in J, it is asked that the PMP residual falls. On mini-batches the same holds on
    the batch of each step, and nothing is claimed from one batch to the next.

    Gradient evaluations are counted by work, in the matrix products of a perceptron, of which a
    sweep has 3: F takes 1, F with (∂_xF)ᵀp 2, the gradient of K_l in η 5 (those 2, the derivative
    of the second, and two outer products), its directional derivative 10. A step costs
    1 (states) + 3 (costates) + for every ρ tried 2 (v, r) + 10 (first direction) +
    5 ``iterations`` + 3 (the sweep that judges), divided by 3, rounded up.

    All states and costates of the batch are held at once: on whole measures ``stream_size``
    bounds the memory of the judging sweeps only.

    Parameters
    ----------
    rho : float
        The first ρ > 0.
    iterations : int
        L-BFGS iterations towards each maximum, at least 1.
    largest_rho : float
        Above it the method gives up and says so.

    Notes
    -----
    Source: Li, Chen, Tai and E, Maximum principle based algorithms for deep learning, JMLR 18
    (2018), algorithm 2 and lemma 2.
    """

    rho: float = eqx.field(static=True, default=1.0, converter=partial(positive, name="rho"))
    iterations: int = eqx.field(
        static=True, default=5, converter=partial(positive_integer, name="iterations")
    )
    largest_rho: float = eqx.field(
        static=True, default=1e12, converter=partial(positive, name="largest_rho")
    )

    def __check_init__(self) -> None:
        if self.rho > self.largest_rho:
            raise InputError(
                "rho must not be above largest_rho; "
                f"got rho={self.rho}, largest_rho={self.largest_rho}"
            )

    def init(self, problem: ControlProblem, control: Control, batch: Batch, steps: int) -> MSAState:
        point, seen, begun = opening(problem, control, batch)
        rho = jnp.asarray(self.rho, point.objective.dtype)
        return MSAState(point, rho, seen, begun, jnp.asarray(int(Status.RUNNING), int))

    def step(
        self, problem: ControlProblem, state: MSAState, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[MSAState, Info]:
        start, begun = state.point, state.begun
        if not batch.whole:
            start, begun = evaluate(problem, state.control, batch), jnp.asarray(1, int)
        there = batch.whole & (problem.residual(start.control, start.g) <= tolerance)
        last = self._move(problem, start, state.rho, batch, there)
        point = where(last.accepted, last.point, start)
        residual = problem.residual(point.control, point.g)
        seen, status = judge(state.seen, start, point, last.accepted, residual, batch, tolerance)
        # Where nothing went, on these particles, the next ones begin anew.
        rho = jnp.where(last.accepted, last.next_rho, self.rho).astype(state.rho.dtype)
        passes = jnp.where(last.retries > 0, 1 + _SWEEP, 0)
        trial = 2 + 10 + 5 * self.iterations + _SWEEP
        work = passes + last.retries * trial
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            **({"residual": residual} if batch.whole else {}),
            "gradient_evaluations": begun + (work + _SWEEP - 1) // _SWEEP,
            "rho": last.rho,
            "retries": jnp.maximum(last.retries - 1, 0),
        }
        status = status.astype(state.status.dtype)
        return MSAState(point, rho, seen, jnp.zeros_like(state.begun), status), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        if status is Status.STALLED:
            return (
                f"no maximisation with ρ ≤ {self.largest_rho:.0e} decreases the objective any more "
                "beyond rounding, " + describe(info["residual"])
            )
        if not jnp.isfinite(info["objective"]):
            return (
                "the objective is not finite at the control to start from: take a smaller "
                "initial scale, a shorter horizon or a bounded activation"
            )
        return (
            f"no maximisation with ρ ≤ {self.largest_rho:.0e} decreases the objective, or the "
            "numbers overflow: take a shorter horizon, a smaller initial scale or float64"
        )

    def _move(
        self,
        problem: ControlProblem,
        start: Point,
        rho: Float[Array, ""],
        batch: Batch,
        there: Bool[Array, ""],
    ) -> _Attempt:
        """Maximisations from ``start`` with growing ρ until J decreases; none if it is there."""
        allowed = slack(start, extent(batch.measure))
        old = extremals(problem, start.control, batch.measure)
        residual = problem.residual(start.control, start.g)

        def undecided(last: _Attempt) -> Bool[Array, ""]:
            possible = (last.next_rho <= self.largest_rho) & jnp.isfinite(start.objective)
            return ~last.accepted & possible & ~there

        def attempt_next(last: _Attempt) -> _Attempt:
            rho = last.next_rho
            control, promise = self._maximise(problem, start, old, rho, batch.measure)
            point = evaluate(problem, control, batch)
            decrease = start.objective - point.objective
            # Of a promise below what rounding shows the gradient tells more than J does.
            hidden = promise <= allowed
            calmer = problem.residual(control, point.g) < residual
            descends = where(hidden, (decrease >= -allowed) & calmer, decrease >= 1e-4 * promise)
            accepted = all_finite(point, promise) & (promise > 0) & descends
            kept = jnp.where(hidden, 1.0, decrease / jnp.where(hidden, 1.0, promise))
            change = jnp.select([~accepted, kept > 0.75, kept > 0.25], [4.0, 0.25, 0.5], 1.0)
            next_rho = jnp.maximum(rho * change, 1e-12).astype(rho.dtype)
            return _Attempt(point, rho, next_rho, last.retries + 1, accepted)

        first = _Attempt(start, rho, rho, jnp.asarray(0, int), jnp.asarray(False))
        return jax.lax.while_loop(undecided, attempt_next, first)

    def _maximise(
        self,
        problem: ControlProblem,
        start: Point,
        old: tuple[Extremal, ...],
        rho: Float[Array, ""],
        measure: EmpiricalMeasure,
    ) -> tuple[Control, Float[Array, ""]]:
        """η, and by how much K promises J to fall: Δt Σ_l (K_l(η_l) − K_l(θ_l))."""

        weights = jnp.asarray(measure.weights)

        def one(at: Any) -> tuple[StepControl, Float[Array, ""]]:
            extremal, slope = at
            return maximise(problem, weights, extremal, slope, rho, self.iterations)

        blocks = zip(old, gradient(problem, start), strict=True)
        found = [jax.lax.map(one, block) for block in blocks]
        gains = jnp.stack([jnp.sum(gain) for _, gain in found])
        return tuple(eta for eta, _ in found), problem.flow.schedule.step_size * jnp.sum(gains)


def extremals(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure
) -> tuple[Extremal, ...]:
    """(t_l, x_l, p_(l+1), θ_l) for the steps of every block, on its active components."""
    flow = problem.flow
    inputs = flow.inputs(control, jnp.asarray(measure.x))
    costates = problem.costate(control, measure)
    blocks = []
    for j, (first, x) in enumerate(zip(flow.schedule.first_steps, inputs, strict=True)):
        last = first + flow.schedule.blocks[j].steps
        p = jax.vmap(lambda rows, j=j: flow.restrict(rows, j).active)(
            costates[first + 1 : last + 1]
        )
        theta: Any = control[j]
        blocks.append(Extremal(flow.times(j, x.dtype), x, p, theta, j))
    return tuple(blocks)


def augmented_hamiltonian(
    problem: ControlProblem,
    weights: Float[Array, " particle"],
    old: Extremal,
    eta: StepControl,
    rho: Float[Array, ""],
) -> Float[Array, ""]:
    """K_l(η) of one step, given its extremal under the old control (see ``ExtendedMSA``)."""

    def rates(theta: StepControl) -> tuple[Any, Any]:
        """F and (∂_xF)ᵀ p at every particle."""
        velocity, pullback = jax.vjp(
            lambda x: problem.flow.increment(old.block, old.t, theta, x), old.x
        )
        return velocity, pullback(old.p)[0]

    velocity, rate = rates(eta)
    old_velocity, old_rate = rates(old.theta)
    strayed = jnp.sum((velocity - old_velocity) ** 2 + (rate - old_rate) ** 2, axis=1)
    gain = -jnp.sum(old.p * velocity, axis=1) - rho / 2 * strayed
    squares = jnp.stack([jnp.sum(leaf**2) for leaf in jax.tree.leaves(eta)])
    return jnp.vdot(weights, gain) - problem.tikhonov * jnp.sum(squares)


def maximise(
    problem: ControlProblem,
    weights: Float[Array, " particle"],
    old: Extremal,
    slope: StepControl,
    rho: Float[Array, ""],
    iterations: int,
) -> tuple[StepControl, Float[Array, ""]]:
    """Ascend K_l from the old control θ_l, by L-BFGS: (η, K_l(η) − K_l(θ_l)), which is ≥ 0.

    ``slope`` is ∇J(θ)_l = −∇K_l(θ_l). The curvature of K_l along it is the first pair of the
    model, so that the first trial is Cauchy's point, exact for a multiple of the identity. A trial
    that does not increase K_l (Armijo) teaches the model as well, and the next one is a
    quarter as long; a K_l that is not concave along a pair is left out of it.
    """
    flat, unravel = ravel_pytree(old.theta)
    down, _ = ravel_pytree(slope)

    def loss(eta: Float[Array, " entry"]) -> Float[Array, ""]:
        return -augmented_hamiltonian(problem, weights, old, unravel(eta), rho)

    (begin, _), (_, bend) = jax.jvp(jax.value_and_grad(loss), (flat,), (down,))
    empty = jnp.zeros((iterations + 1, flat.size), flat.dtype)
    pairs = Pairs(empty.at[0].set(down), empty.at[0].set(bend), jnp.asarray(1, int))

    def iterate(carry: Any, _: None) -> tuple[Any, None]:
        eta, value, slope, pairs, share = carry
        step = -share * two_loops(pairs, slope, jnp.asarray(jnp.inf, flat.dtype))
        trial, trial_slope = jax.value_and_grad(loss)(eta + step)
        finite = jnp.isfinite(trial) & jnp.isfinite(trial_slope).all() & (step @ step > 0)
        k = pairs.seen % (iterations + 1)
        added = Pairs(
            pairs.s.at[k].set(step), pairs.y.at[k].set(trial_slope - slope), pairs.seen + 1
        )
        better = finite & (trial <= value + 1e-4 * (slope @ step))
        here = where(better, (eta + step, trial, trial_slope), (eta, value, slope))
        share = jnp.where(better, 1.0, share / 4).astype(share.dtype)
        return (*here, where(finite, added, pairs), share), None

    first = (flat, begin, down, pairs, jnp.ones((), flat.dtype))
    (eta, value, *_), _ = jax.lax.scan(iterate, first, None, length=iterations)
    return unravel(eta), begin - value
