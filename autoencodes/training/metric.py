"""Movements in a variable metric, for mini-batches.

# notation: θ^k control, g_B Hamiltonian gradient on the mini-batch B, m its running mean, v the
# running mean of its squares, P diagonal metric, τ step, λ Tikhonov weight, θ̄ averaged control.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from autoencodes.checks import between, positive
from autoencodes.control import Control, norm
from autoencodes.pontryagin import ControlProblem
from autoencodes.training.breakdown import BatchObjectives
from autoencodes.training.method import (
    Batch,
    Count,
    Info,
    Method,
    all_finite,
    evaluate,
    number,
    setting,
    when,
    where,
)
from autoencodes.training.status import Status, decided, running

_LOOKED_EVERY = 8
"""Steps between two in which θ̄ takes θ in and the metric's mean is taken: in each it would cost
four passes over the control, of some ten that a step must make."""

_HOPELESS = 1e-6
"""The share of τ at which retreating is given up."""

_COSTS = ("objective", "terminal_cost")

_WARM = 0.02
"""The share of the steps over which τ rises."""

_SHORT = 1000
"""The steps up to which a training is short: beyond, τ is smaller."""


class MetricState(eqx.Module):
    """The control that moves, the metric's running means, and what is returned.

    ``average`` is empty on the whole measure, ``before`` on mini-batches: each would only cost
    memory there.
    """

    moving: Control
    mean: Control
    square: Control
    average: Control
    before: Control
    objectives: BatchObjectives
    scale: Float[Array, ""]
    """By how much retreats have made τ smaller."""
    count: Int[Array, ""]
    status: Int[Array, ""]
    steps: Int[Array, ""]
    """Of the whole training."""
    level: Float[Array, ""]
    """The mean of ``square`` over the entries, when it was last taken."""

    @property
    def control(self) -> Control:
        """θ̄ on mini-batches, θ on the whole measure."""
        return self.average or self.moving


def usual_tau(steps: Any) -> Any:
    """0.005 min(1, 1000/``steps``)^(1/4): the largest τ of a training of so many steps.

    A short training needs long steps to arrive at all; in a long one they only leave their noise
    in the control, which fits it worse and generalises less (docs/explanation/training.md has the
    figures).
    """
    if isinstance(steps, int):  # whatever precision JAX is set to
        return 5e-3 * min(1.0, _SHORT / max(steps, 1)) ** 0.25
    return 5e-3 * jnp.minimum(1.0, _SHORT / jnp.maximum(steps, 1)) ** 0.25


class MetricMovement(Method):
    """θ^(k+1) = argmin_θ <m, θ> + λ ‖θ‖² + <θ − θ^k, P (θ − θ^k)> / (2 τ_k), and its average θ̄.

    The movement with its terminal cost linearised and a diagonal metric P in place of the
    identity; it is strongly convex, and solved in closed form, entry by entry:
      θ^(k+1) = (P θ^k − τ_k m) / (P + 2 λ τ_k),
      m = (1 − β) Σ_j β^(k−j) g_B(θ^j) / (1 − β^k),   β = ``momentum``,
      P = v^(1/2),   v ← v + (g_B² − v) / (1 + ``memory`` k).
    P makes a step invariant to the scale of the gradient, as in Adam (Kingma and Ba, 2015); but
    v averages over a share of the steps made, and not over a fixed number: early on gradients
    change fast and what is old misleads, later a short memory only adds noise. The Tikhonov term
    is not linearised but minimised, so that no τ is too large for it. Entries of
    P below ``floor`` times its root mean square, taken in every eighth step, are raised to that:
    where there is no gradient, rounding moves nothing, and the Tikhonov term brings the entry to 0.

    τ_k rises linearly over the first 2 % of the steps, stays at ``tau``, and falls to 0 as a
    half cosine over the last ``decay`` of them. What is returned is the average
      θ̄ ← θ̄ + (θ − θ̄) / (1 + ``average`` k τ_k / (8 τ))   in every eighth step, τ the largest,
    over about the last tenth of the steps made (Polyak and Juditsky, 1992): it takes the noise
    of mini-batches out long before τ falls, and where τ falls, and the noise with it, the average
    follows θ the more closely. The history's objective is that of θ on the batches.

    Training at a large τ can break down from one step to the next, when gradients outgrow what P
    has seen. Where a batch's objective is far above those before it (``BatchObjectives`` says how
    far), or not finite, the method retreats: θ goes back to θ̄, m to 0, and τ is halved for good.
    The history's ``retreats`` is the share of such steps.

    On the whole measure there is no noise to average: θ itself is returned, and the training
    ends when its PMP residual is at most the tolerance. No decrease is promised: there
    ``MinimizingMovement`` is the method.

    Parameters
    ----------
    tau : float, optional
        The largest step, > 0, in units of a control's entries; by default ``usual_tau(steps)``.
    decay : float
        The share of the steps over which τ falls, in (0, 1].
    average : float
        The share of the steps made over which θ̄ averages, in (0, 1]; 0: no average.
    floor : float
        In [0, 1).
    momentum : float
        β in [0, 1).
    memory : float
        The share of the steps made over which v averages, in (0, 1].

    See Also
    --------
    autoencodes.MinimizingMovement : for all rows at once

    Notes
    -----
    Source: docs/explanation/theory.md, section 5.

    Examples
    --------
    >>> ac.MetricMovement(tau=0.005)
    MetricMovement(tau=0.005)
    """

    tau: float | None = number(positive, "tau", None)
    decay: float = setting(between, "decay", 0.3, low=0, high=1, with_low=False)
    average: float = setting(between, "average", 0.1, low=0, high=1)
    floor: float = setting(between, "floor", 1e-6, low=0, high=1, with_high=False)
    momentum: float = setting(between, "momentum", 0.9, low=0, high=1, with_high=False)
    memory: float = setting(between, "memory", 0.1, low=0, high=1, with_low=False)

    def init(
        self, problem: ControlProblem, control: Control, batch: Batch, steps: Count
    ) -> MetricState:
        zero = jax.tree.map(jnp.zeros_like, control)
        averaged = self.average > 0 and not batch.whole
        dtype = jnp.result_type(*jax.tree.leaves(control))
        return MetricState(
            control,
            zero,
            zero,
            jax.tree.map(jnp.copy, control) if averaged else (),
            control if batch.whole else (),
            BatchObjectives.start(dtype),
            jnp.ones((), dtype),
            jnp.asarray(0, int),  # weakly typed, it would compile the first round twice
            running(),
            jnp.asarray(steps),
            jnp.zeros((), dtype),
        )

    def step(
        self, problem: ControlProblem, state: MetricState, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[MetricState, Info]:
        point = evaluate(problem, state.moving, batch)
        count = state.count + 1
        tau = (state.scale * self.step_at(state.count, state.steps)).astype(state.scale.dtype)
        fine, converged = jnp.isfinite(point.objective), jnp.asarray(False)
        objectives, scale, before = state.objectives, state.scale, state.before
        bad = jnp.asarray(False)
        if state.average:
            bad = objectives.broken(point.objective, state.count)
        looked = ~bad & self._looked(count, state.steps)
        mean, square = self._means(state, point.g, bad)
        level = when(looked, lambda _: _mean(square), state.level)
        moving = self._moved(problem, state, mean, square, level, count, tau)
        average = state.average
        if state.average:
            mean, moving = when(
                bad, lambda _: (jax.tree.map(jnp.zeros_like, mean), average), (mean, moving)
            )
            average = when(looked, partial(self._nearer, state, moving, count, tau), average)
        info = {
            "objective": point.objective,
            "terminal_cost": point.terminal_cost,
            "gradient_evaluations": jnp.asarray(1),
            "tau": tau,
        }
        if batch.whole:
            info |= {
                "residual": problem.residual(state.moving, point.g),
                "control_norm": norm(state.moving, problem.flow.schedule.step_size),
            }
            converged = fine & (info["residual"] <= tolerance)
            before = where(fine, state.moving, state.before)
            fine &= all_finite(moving, mean, square)
            mean, square = where(fine, (mean, square), (state.mean, state.square))
            moving = where(fine & ~converged, moving, before)
        elif state.average:
            objectives = where(bad, objectives, objectives.seen(point.objective, state.count))
            scale = jnp.where(bad, scale / 2, scale)
            fine |= bad & (scale > _HOPELESS)
            info["retreats"] = bad.astype(point.objective.dtype)
            # What is reported stays finite: a step that was taken back counts at the mean.
            usual = jnp.exp(objectives.level)
            info |= {name: jnp.where(bad & fine, usual, info[name]) for name in _COSTS}
        status = decided([(~fine, Status.FAILED), (converged, Status.CONVERGED)])
        status = status.astype(state.status.dtype)
        after = (moving, mean, square, average, before, objectives, scale, count, status)
        return MetricState(*after, state.steps, level), info

    def explain(self, status: Status, info: dict[str, float]) -> str:
        return (
            "the objective or its gradient is not finite: take a smaller tau or initial scale, a "
            "shorter horizon or a bounded activation; the control that began the best epoch is kept"
        )

    def step_at(self, count: Count, steps: Count) -> Float[Array, ""]:
        """τ_k of the k-th of ``steps`` steps, k = ``count`` from 0."""
        share = (count + 1) / jnp.maximum(steps, 1)
        fall = jnp.clip((share - (1 - self.decay)) / self.decay, 0, 1)
        rise = jnp.minimum(share / _WARM, 1.0)
        return self.largest(steps) * rise * 0.5 * (1 + jnp.cos(np.pi * fall))

    def largest(self, steps: Any) -> Any:
        """The largest τ of a training of so many steps."""
        return usual_tau(steps) if self.tau is None else self.tau

    # A step passes over the control's entries once for each of m, v and θ. What happens seldom, a
    # retreat and a look at all entries, is left to loops that are not entered in other steps.

    def _looked(self, count: Int[Array, ""], steps: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether a step is one in which all entries are looked at.

        The first steps, where the average's window is short, and the last one always are.
        """
        return (count % _LOOKED_EVERY == 0) | (count < _LOOKED_EVERY) | (count >= steps)

    def _means(
        self, state: MetricState, g: Control, bad: Bool[Array, ""]
    ) -> tuple[Control, Control]:
        """m and v after a step; retreating, v stays, which has not seen g."""
        beta, share = self.momentum, 1 / (1 + self.memory * state.count)

        def mean(m: Any, a: Any) -> Any:
            return beta * m + (1 - beta) * a

        def square(v: Any, a: Any) -> Any:
            return jnp.where(bad, v, v + (share * (a * a - v)).astype(v.dtype))

        return jax.tree.map(mean, state.mean, g), jax.tree.map(square, state.square, g)

    def _moved(
        self,
        problem: ControlProblem,
        state: MetricState,
        mean: Control,
        square: Control,
        level: Float[Array, ""],
        count: Int[Array, ""],
        tau: Float[Array, ""],
    ) -> Control:
        """(P θ − τ m) / (P + 2 λ τ), entry by entry."""
        rate = tau / (1 - self.momentum ** count.astype(tau.dtype))
        tiny = float(np.finfo(tau.dtype).tiny)
        least = jnp.maximum(self.floor * jnp.sqrt(level), tiny**0.5)
        pull = 2 * problem.tikhonov * tau

        def move(theta: Any, m: Any, v: Any) -> Any:
            metric = jnp.maximum(jnp.sqrt(v), least)
            return (metric * theta - rate * m) / (metric + pull)

        moved: Control = jax.tree.map(move, state.moving, mean, square)
        return moved

    def _nearer(
        self,
        state: MetricState,
        moving: Control,
        count: Int[Array, ""],
        tau: Float[Array, ""],
        average: Control,
    ) -> Control:
        """θ̄, nearer to θ."""
        window = self.average * count * (tau / self.largest(state.steps))
        share = 1 / (1 + window / _LOOKED_EVERY)
        nearer: Control = jax.tree.map(
            lambda a, b: (a + share * (b - a)).astype(a.dtype), average, moving
        )
        return nearer


def _mean(square: Control) -> Float[Array, ""]:
    """The mean of all entries."""
    leaves = jax.tree.leaves(square)
    return sum(jnp.sum(v) for v in leaves) / sum(v.size for v in leaves)
