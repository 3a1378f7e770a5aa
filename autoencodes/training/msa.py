"""The extended method of successive approximations: the maximum principle as an algorithm.

# notation: x_l state and p_l costate under the old control θ, η candidate control, v_l and r_l old
# velocity and old costate rate, H_l Hamiltonian, ρ weight of the penalty, w_i weight of particle
# i, λ Tikhonov weight, Δt step size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from autoencodes.catalogue import METHODS
from autoencodes.checks import positive, positive_integer
from autoencodes.control import Control, like
from autoencodes.errors import InputError
from autoencodes.fields.field import StepControl
from autoencodes.flow import sweep
from autoencodes.flow.layout import layouts
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streamed import in_memory
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.method import Batch, Count, Info, Method, Point, setting, where
from autoencodes.training.solvers.quasi_newton import Pairs, two_loops
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


@METHODS.register("msa", "successive approximations, as the maximum principle has them", rank=5)
class ExtendedMSA(Method):
    """Maximise the augmented Hamiltonian of every step, each by itself, and sweep again.

    One forward and one backward pass under the control θ give x_l and p_l (theory, section
    4). Then, for every step l independently, η_l is to maximise
      K_l(η) = H_l(η) − (ρ/2) Σ_i w_i (|F(t_l, x_l^i, η) − v_l^i|²
                                        + |(∂_xF(t_l, x_l^i, η))ᵀ p_(l+1)^i − r_l^i|²),
      H_l(η) = −Σ_i w_i p_(l+1)^i · F(t_l, x_l^i, η) − λ|η|²,
      v_l = F(t_l, x_l, θ_l),   r_l = (∂_xF(t_l, x_l, θ_l))ᵀ p_(l+1) = (p_l − p_(l+1)) / Δt,
    all of it on the active components; under ``skip`` x is also what the
    field sees of the others. ``iterations`` of L-BFGS are made towards it.

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

    Examples
    --------
    >>> ac.ExtendedMSA()
    ExtendedMSA()
    """

    integrates: ClassVar[bool] = False

    rho: float = setting(positive, "rho", 1.0)
    iterations: int = setting(positive_integer, "iterations", 5)
    largest_rho: float = setting(positive, "largest_rho", 1e12)

    def __check_init__(self) -> None:
        if self.rho > self.largest_rho:
            raise InputError(
                "rho must not be above largest_rho; "
                f"got rho={self.rho}, largest_rho={self.largest_rho}"
            )

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> SuccessiveState:
        return begin(problem, control, batch, self.rho)

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
            lambda start, least: self._attempts(problem, start, batch),
            lambda rho: rho <= self.largest_rho,
            self.rho,
        )
        passes = jnp.where(last.trials > 0, 1 + _SWEEP, 0)
        trial = 2 + 10 + 5 * self.iterations + _SWEEP
        work = passes + last.trials * trial
        info["gradient_evaluations"] += (work + _SWEEP - 1) // _SWEEP
        return after, info | {"rho": last.size}

    def explain(self, status: Status, info: dict[str, float]) -> str:
        what = f"no maximisation with ρ ≤ {self.largest_rho:.0e} decreases the objective"
        return explained(what, status, info)

    def _attempts(
        self, problem: ControlProblem, start: Point, batch: Batch
    ) -> Callable[[Attempt], Attempt]:
        """Maximisations from ``start``, with a ρ that grows until J decreases."""
        measure = in_memory(batch.measure)
        old = extremals(problem, start.control, measure)

        judged = armijo(
            problem,
            start,
            batch,
            lambda point, allowed: start.objective - point.objective >= -allowed,
        )

        def attempt(last: Attempt) -> Attempt:
            rho = last.next_size
            control, promise = self._maximise(problem, start, old, rho, measure)
            trial = judged(control, promise)
            kept = trial.decrease / jnp.where(trial.hidden, 1.0, promise)
            kept = jnp.where(trial.hidden, 1.0, kept)
            cases = [~trial.accepted, kept > 0.75, kept > 0.25]
            change = jnp.select(cases, [4.0, 0.25, 0.5], 1.0)
            next_rho = jnp.maximum(rho * change, 1e-12).astype(rho.dtype)
            return Attempt(trial.point, rho, next_rho, last.trials + 1, trial.accepted)

        return attempt

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
        maximised = [jax.lax.map(one, block) for block in blocks]
        gains = jnp.stack([jnp.sum(gain) for _, gain in maximised])
        eta = like(start.control, (eta for eta, _ in maximised))
        return eta, problem.flow.schedule.step_size * jnp.sum(gains)


def extremals(
    problem: ControlProblem, control: Control, measure: EmpiricalMeasure
) -> tuple[Extremal, ...]:
    """(t_l, x_l, p_(l+1), θ_l) for the steps of every block, on its active components."""
    flow = problem.flow
    inputs = sweep.inputs(flow, control, jnp.asarray(measure.x))
    costates = problem.costate(control, measure)
    blocks = []
    for j, (first, x) in enumerate(zip(flow.schedule.first_steps, inputs, strict=True)):
        last = first + flow.schedule.blocks[j].steps
        layout = layouts(flow.schedule)[j]
        p = jax.vmap(lambda rows, at=layout: at.restrict(rows).active)(
            costates[first + 1 : last + 1]
        )
        theta: Any = control[j]
        blocks.append(Extremal(sweep.times(flow, j, x.dtype), x, p, theta, j))
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
            lambda x: sweep.increment(problem.flow, old.block, old.t, theta, x), old.x
        )
        return velocity, pullback(old.p)[0]

    velocity, rate = rates(eta)
    old_velocity, old_rate = rates(old.theta)
    # Under ``skip`` the field also sees stored values, and their costates change too.
    moved, seen = jnp.split(rate - old_rate, [velocity.shape[1]], axis=1)
    strayed = jnp.sum((velocity - old_velocity) ** 2 + moved**2, axis=1) + jnp.sum(seen**2, axis=1)
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
