"""Several trainings at once: candidates on several measures, as one compiled program.

# notation: f measure (a fold), c candidate, N_f particles of a measure, λ Tikhonov weight,
# σ deviation of the noise.

Trainings of one shape differ by arrays alone: their particles, their first control, λ and σ. So
they are one training over two more axes, and compilation, the loop's overhead and what the cores
do not use of one small training are paid once:

    θ_fc^(k+1) = step(θ_fc^(k); μ_f^B + N(0, σ_c² I), λ_c).

Candidates on one measure see the same mini-batches and the same draws of noise, scaled by their
own σ_c: what differs between them is what they are, and not luck.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure, replaced
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled, precision
from autoencodes.training.method import Batch, Method

_ROUND = 100
"""Steps of a compiled round; between rounds Ctrl-C comes through, and progress is shown."""
_PART = 2
"""The candidates of a thread: products of so few particles keep no more than one core busy."""


class Candidates(eqx.Module):
    """What trainings on one measure differ by; every array has one entry for each.

    Parameters
    ----------
    control : control with a leading axis
        Where each begins.
    tikhonov : array (c,)
        λ_c ≥ 0.
    noise : array (c,)
        σ_c ≥ 0: particles of mini-batches are moved by N(0, σ_c² I), targets are not.
    """

    control: Control
    tikhonov: Float[np.ndarray, " candidate"]
    noise: Float[np.ndarray, " candidate"]


def fit_together(
    problems: Sequence[ControlProblem],
    candidates: Sequence[Candidates],
    measures: Sequence[EmpiricalMeasure],
    *,
    method: Method,
    steps: int,
    batch_size: int,
    seed: int = 0,
    advanced: Callable[[int, int], object] | None = None,
) -> Control:
    """Trains every candidate on every measure, ``steps`` steps of mini-batches each.

    Parameters
    ----------
    problems, candidates, measures : sequences of one length
        For every measure its problem and its candidates: of one shape, with other arrays.
        λ of the problems is not used.
    method : Method
    steps, batch_size : int
        As for ``fit``; of a measure with fewer particles a mini-batch has all.
    seed : int
        Decides mini-batches and noise.
    advanced : callable, optional
        Called with the steps that are made, and all, after every round.

    Returns
    -------
    control
        With two leading axes, (measure, candidate). One that left the finite numbers is not
        finite: who chooses among them looks.

    Raises
    ------
    InputError
        If problems or measures have not one shape.
    """
    structures = {jax.tree.structure(problem) for problem in problems}
    if len(structures) > 1 or not len(problems) == len(candidates) == len(measures):
        raise InputError("trainings at once need as many problems of one shape as measures")
    measures = [measure.gathered() for measure in measures]
    dtype = jnp.result_type(*jax.tree.leaves(candidates[0].control))
    batch_size = min(batch_size, *(measure.size for measure in measures))
    stacked = _stacked(measures, dtype)
    problem: ControlProblem = _along(problems)
    chosen: Candidates = jax.tree.map(lambda a: np.asarray(a, dtype), _along(candidates))
    random = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    batches = np.stack([_batches(random, m.size, batch_size, steps) for m in measures], axis=1)
    parts = _parts(chosen)
    states = [
        _begin(method, problem, part, stacked, batch_size, jnp.asarray(steps)) for part in parts
    ]
    with ThreadPoolExecutor(min(len(parts), os.cpu_count() or 1)) as threads:
        for first in range(0, steps, _ROUND):
            rows = jnp.asarray(batches[first : first + _ROUND])
            shape = (*rows.shape, stacked.x.shape[-1])
            moves = random.standard_normal(shape, np.float32).astype(dtype, copy=False)
            along = partial(_one_round, method, problem, stacked, rows, jnp.asarray(moves))
            # The first round compiles: once, and not in every thread.
            run = map if first == 0 else threads.map
            states = list(run(along, parts, states))
            if advanced is not None:
                advanced(first + len(rows), steps)
    controls = [state.control for state in states]
    control: Control = jax.tree.map(lambda *a: np.concatenate(a, axis=1), *controls)
    return control


def costs_together(
    problems: Sequence[ControlProblem], control: Control, measures: Sequence[EmpiricalMeasure]
) -> list[Float[np.ndarray, "candidate particle"]]:
    """ℓ(x_T, y) of every candidate on every particle of every measure, finite or not.

    ``control`` has the axes (measure, candidate), as ``fit_together`` returns it.
    """
    measures = [measure.gathered() for measure in measures]
    dtype = jnp.result_type(*jax.tree.leaves(control))
    losses = _costs(_along(problems), control, _stacked(measures, dtype))
    pairs = zip(losses, measures, strict=True)
    return [np.asarray(own[:, : measure.size], np.float64) for own, measure in pairs]


def _parts(candidates: Candidates) -> list[Candidates]:
    """The candidates in parts of one shape, for threads: a part keeps one core busy.

    However many cores there are, they are the same parts, and so are the results.
    """
    count = candidates.tikhonov.shape[1]
    size = _PART if count % _PART == 0 else count
    return [
        jax.tree.map(lambda a, k=k: a[:, k : k + size], candidates) for k in range(0, count, size)
    ]


def _along(trees: Sequence[Any]) -> Any:
    """Trees of one shape as one, with a leading axis."""
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(a) for a in leaves]), *trees)


def _stacked(measures: Sequence[EmpiricalMeasure], dtype: Any) -> EmpiricalMeasure:
    """Measures as one with a leading axis, filled up with particles of weight 0.

    Weights are N_f w_i: those of a mini-batch of b particles divided by b are a probability on
    average.
    """
    most = max(measure.size for measure in measures)

    def filled(array: Any) -> np.ndarray:
        rows = np.zeros((most - len(array), *np.shape(array)[1:]), dtype)
        return np.concatenate([np.asarray(array, dtype), rows])

    x = jnp.asarray(np.stack([filled(measure.x) for measure in measures]))
    same = all(measure.reconstructs for measure in measures)
    own = None if same else jnp.asarray(np.stack([filled(measure.y) for measure in measures]))
    weights = jnp.asarray(np.stack([filled(np.asarray(m.weights) * m.size) for m in measures]))
    return replaced(measures[0], x, own, weights)


def _batches(
    random: np.random.Generator, count: int, batch_size: int, steps: int
) -> Int[np.ndarray, "step batch"]:
    """The rows of every mini-batch: epochs in new random orders, as ``fit`` makes them."""
    each = count // batch_size
    epochs = [random.permutation(count)[: each * batch_size] for _ in range(-(-steps // each))]
    rows = np.concatenate(epochs).reshape(-1, batch_size)
    return rows[:steps].astype(np.int32)


def _one_round(
    method: Method,
    problem: ControlProblem,
    measures: EmpiricalMeasure,
    batches: Int[Array, "step measure batch"],
    moves: Float[Array, "step measure batch dim"],
    candidates: Candidates,
    states: Any,
) -> Any:
    """Steps of a part of the candidates, in a thread, which has a precision of its own."""
    with precision(moves.dtype):
        after = _round(method, problem, candidates, measures, states, batches, moves)
        return jax.block_until_ready(after)


@compiled
def _begin(
    method: Method,
    problem: ControlProblem,
    candidates: Candidates,
    measures: EmpiricalMeasure,
    batch_size: int,
    steps: Int[Array, ""],
) -> Any:
    def one(
        problem: ControlProblem, control: Control, tikhonov: Any, measure: EmpiricalMeasure
    ) -> Any:
        rows = jnp.arange(batch_size)
        batch = Batch(_sampled(measure, rows), False)
        return method.init(problem.penalising(tikhonov), control, batch, steps)

    own = jax.vmap(one, (None, 0, 0, None))
    return jax.vmap(own)(problem, candidates.control, candidates.tikhonov, measures)


@compiled
def _round(
    method: Method,
    problem: ControlProblem,
    candidates: Candidates,
    measures: EmpiricalMeasure,
    states: Any,
    batches: Int[Array, "step measure batch"],
    moves: Float[Array, "step measure batch dim"],
) -> Any:
    """Steps of every training."""

    def step(states: Any, at: Any) -> tuple[Any, None]:

        def on_one(
            problem: ControlProblem, candidates: Candidates, measure: Any, state: Any, own: Any
        ) -> Any:
            rows, noise = own
            batch = _sampled(measure, rows)

            def one(state: Any, tikhonov: Any, size: Any) -> Any:
                moved = batch.moved(batch.x + size * noise)
                weighed = problem.penalising(tikhonov)
                return method.step(weighed, state, Batch(moved, False), jnp.zeros(()))[0]

            return jax.vmap(one)(state, candidates.tikhonov, candidates.noise)

        return jax.vmap(on_one)(problem, candidates, measures, states, at), None

    return jax.lax.scan(step, states, (batches, moves))[0]


@partial(compiled, once=True)
def _costs(
    problem: ControlProblem, control: Control, measures: EmpiricalMeasure
) -> Float[Array, "measure candidate particle"]:
    def on_one(problem: ControlProblem, control: Control, measure: EmpiricalMeasure) -> Any:
        def one(control: Control) -> Any:
            states = problem.flow.push(control, measure.x)
            return jax.vmap(problem.cost)(states, jnp.asarray(measure.y))

        return jax.vmap(one)(control)

    return jax.lax.map(lambda at: on_one(*at), (problem, control, measures))


def _sampled(measure: EmpiricalMeasure, rows: Int[Array, " batch"]) -> EmpiricalMeasure:
    """A mini-batch of one of the stacked measures."""
    own = None if measure.own is None else measure.own[rows]
    return replaced(measure, measure.x[rows], own, measure.weights[rows] / rows.shape[0])
