"""The one training loop, for every method."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from autoencodes.checks import at_least, instance, integer, optional, positive_integer
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.flow.sweep import check_control
from autoencodes.measure.empirical import EmpiricalMeasure, check_size, reach, replaced
from autoencodes.measure.placement import Placement
from autoencodes.measure.streamed import Measure, StreamedMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import compiled, native
from autoencodes.training.display import ProgressDisplay
from autoencodes.training.feed import BUFFER, Feed, feed
from autoencodes.training.method import Batch, Info, Method
from autoencodes.training.metric import MetricMovement
from autoencodes.training.movement import MinimizingMovement
from autoencodes.training.result import Callback, Progress, Record, Result, Resumption
from autoencodes.training.status import Status

_LONGEST_ROUND = 256
"""The most steps that one compiled round makes."""

_NOISE = 2**32 - 1
"""Makes the keys of noise others than those of the epochs' orders."""

_ROUND_SECONDS = 0.5
"""How long a round should take: between rounds callbacks are called, and may stop the training."""

_LATER = 2
"""The most entries at the end of a state that earlier states had not: ``seen`` and ``steps`` of a
descent, ``steps`` and ``level`` of movements in a metric."""


def fit(
    problem: ControlProblem,
    control: Control,
    measure: Measure,
    *,
    method: Method | None = None,
    steps: int,
    key: Key[Array, ""] | None = None,
    batch_size: int | None = None,
    stream_size: int | None = None,
    buffer_size: int = BUFFER,
    noise: float = 0.0,
    tolerance: float = 1e-6,
    callbacks: Iterable[Callback] = (),
    callback: Callback | None = None,
    progress: bool | Callable[[Progress], object] = False,
    stop: Callable[[], bool] | None = None,
    every: int | None = None,
    resume: Resumption | None = None,
) -> Result:
    """Improve a control by a method, step by step, until a stated reason to stop.

    Parameters
    ----------
    problem : ControlProblem
    control : control of the problem's flow
        Where to begin; its precision is that of the training.
    measure : EmpiricalMeasure or StreamedMeasure
        The training particles, in memory or read a block at a time.
    method : Method, optional
        By default MinimizingMovement() on the whole measure, MetricMovement() on mini-batches.
    steps : int
        The most steps (movements, or optimiser updates); 0 keeps the control.
    key : PRNG key
        Decides the mini-batches; needed with ``batch_size`` only.
    batch_size : int, optional
        Particles of a mini-batch. An epoch visits the particles in a new random order,
        ``N // batch_size`` batches of them; the rest sit this epoch out. None (or N and
        more): every step sees the whole measure, and is an epoch.
    stream_size : int, optional
        For whole-measure steps, how many particles pass at a time (memory, not result).
    buffer_size : int
        For mini-batches of particles that are read, how many are in memory and mixed at a time, and
        as many again that are read meanwhile: a part of the result, as the key is.
    noise : float
        σ ≥ 0, over mini-batches only: each batch's particles are moved by N(0, σ² I), drawn
        anew in every step, and their targets are not. The measure is then μ_0^N smoothed by a
        Gaussian, which regularises the flow where particles are few.
    tolerance : float
        On the whole measure, stop once the PMP residual is at most this.
    callbacks : iterable of callables
        Each is called with a ``Progress`` after every round (about half a second) and may
        return True to stop.
    callback : callable, optional
        One more of them.
    progress : bool or callable
        True shows the training on standard error: a bar in a terminal, elsewhere a line every
        ten seconds. A callable is called with a ``Progress`` after every round; whatever it
        returns, it does not stop the training.
    stop : callable, optional
        Asked after every round; True ends the training, as ``interrupted``. With it, a
        KeyboardInterrupt passes through ``fit``: who gives ``stop`` handles signals.
    every : int, optional
        The most steps of a round, for callbacks that must see every so many.
    resume : Resumption, optional
        Go on from an earlier training of the same problem, method and key. ``steps``
        still counts from that training's beginning.

    Returns
    -------
    Result
        Its history has one record an epoch: ``step``, ``epoch``, ``objective``,
        ``terminal_cost``, ``gradient_evaluations`` (so far), ``seconds`` (so far), and
        what the method adds. Over mini-batches, numbers are means over the epoch.

    Raises
    ------
    InputError
        For shapes that do not match, or numbers out of range.

    See Also
    --------
    autoencodes.MinimizingMovement : the default method
    autoencodes.certify : what can be concluded of the result
    autoencodes.Model : a control with all that makes it a model of rows

    Notes
    -----
    Signal handlers stay as they are. Without ``stop``, a KeyboardInterrupt (Python's answer to
    Ctrl-C) that comes while steps are made, or in a callback, ends the training, as
    ``interrupted``, with the last complete round's control; of that round, later callbacks may
    not have been called.

    Examples
    --------
    >>> result = ac.fit(problem, theta, rows, method=ac.Adam(0.1), steps=3)
    >>> bool(problem.objective(result.control, rows) < problem.objective(theta, rows))
    True
    >>> result.history[-1]["step"]
    3
    """
    steps = integer(steps, "steps", at_least=0)
    batch_size = optional(positive_integer, batch_size, "batch_size")
    stream_size = optional(positive_integer, stream_size, "stream_size")
    tolerance = at_least(tolerance, "tolerance", 0)
    noise = at_least(noise, "noise", 0)
    problem.check_measure(measure)
    control = jax.device_put(native(control), may_alias=False)  # a compiled program less for each
    dtype = check_control(problem.flow, control)
    if isinstance(measure, EmpiricalMeasure):
        check_size(measure, dtype)
        measure = _placed(measure, dtype)
    if batch_size is not None and batch_size >= measure.size:
        batch_size = None
    if noise and batch_size is None:
        raise InputError(
            "noise is drawn anew for every mini-batch: give a batch_size below the number of "
            f"particles, {measure.size}, or noise=0"
        )
    if batch_size is not None and key is None:
        raise InputError("mini-batches are drawn at random: pass key=jax.random.key(seed)")
    if not bool(_finite(control)):
        raise InputError("the control to begin with must be finite; it holds a NaN or an infinity")
    if method is None:
        method = MinimizingMovement() if batch_size is None else MetricMovement()
    instance(method, "method", Method).check(problem)  # type: ignore[type-abstract]
    if isinstance(measure, StreamedMeasure) and batch_size is None and not method.integrates:
        raise InputError(
            f"{type(method).__name__} holds the states of all particles at a time, and these are "
            "read a block at a time: give a batch_size, or take another method"
        )
    loop = _Loop(
        problem,
        feed(measure, key, batch_size, positive_integer(buffer_size, "buffer_size"), dtype),
        method,
        steps,
        key,
        batch_size,
        stream_size,
        noise,
        tolerance,
        optional(positive_integer, every, "every") or _LONGEST_ROUND,
        measure.placement,
    )
    start = Resumption(loop.begin(control)) if resume is None else loop.restore(resume, control)
    callbacks = [*callbacks, *([] if callback is None else [callback])]
    show: Any = progress if callable(progress) else None
    with ProgressDisplay() if progress is True else contextlib.nullcontext(show) as shown:
        return loop.run(start, callbacks, shown, stop)


def _placed(measure: EmpiricalMeasure, dtype: Any) -> EmpiricalMeasure:
    """The measure as JAX arrays; where the particles lie, if they have the precision already."""
    x = measure.x
    if isinstance(x, np.ndarray) and x.dtype == dtype and x.flags.c_contiguous:
        x = jax.device_put(x, may_alias=True)
    return replaced(measure, x, measure.own, measure.weights).astype(dtype)


@dataclass(frozen=True)
class _Loop:
    """A training that is set up: everything that stays the same from round to round."""

    problem: ControlProblem
    feed: Feed
    method: Method
    steps: int
    key: Key[Array, ""] | None
    batch_size: int | None
    stream_size: int | None
    noise: float
    tolerance: float
    every: int
    placement: Placement | None

    @property
    def large(self) -> str:
        """What to do about particles of which the precision does not hold fourth powers."""
        measure = self.feed.held(0, 0).measure
        dtype = np.dtype(measure.x.dtype)
        if not isinstance(measure, EmpiricalMeasure):
            return ""
        if (size := reach(measure)) <= float(np.finfo(dtype).max) ** 0.25:
            return ""
        return (
            f"; values reach {size:.1e}, whose squares {dtype} hardly holds: scale the data "
            "(autoencodes.Scaling)" + (", or take float64" if dtype == np.float32 else "")
        )

    @property
    def batches(self) -> int:
        """The number of steps in an epoch."""
        return self.feed.batches

    def begin(self, control: Control, measure: Measure | None = None) -> Any:
        """The method's state before the first step; ``measure`` is by default what it sees."""
        return _begin(
            self.method,
            self.problem,
            control,
            self.feed.held(0, 0).measure if measure is None else measure,
            jnp.asarray(self.steps),
            self.batch_size,
            self.stream_size,
        )

    def restore(self, resume: Resumption, control: Control) -> Resumption:
        """The given position, its arrays put back into the method's state."""
        expected, structure = jax.tree.flatten(
            eqx.filter_eval_shape(self.begin, control, self.feed.shape)
        )
        leaves = jax.tree.leaves(resume.state)
        if 0 < len(expected) - len(leaves) <= _LATER:
            leaves = [*leaves, *jax.tree.leaves(self.begin(control))[len(leaves) :]]
        if list(map(_kind, leaves)) != list(map(_kind, expected)):
            raise InputError(
                "the training to resume had another control, method or precision; "
                "resume it with the settings it was started with"
            )
        # JAX decides how wide integers are, by its setting in the process that resumes.
        pairs = zip(leaves, expected, strict=True)
        state = jax.tree.unflatten(structure, [jnp.asarray(a, b.dtype) for a, b in pairs])
        # A training that had ended finds out anew whether it has.
        running = jnp.asarray(int(Status.RUNNING), state.status.dtype)
        state = eqx.tree_at(lambda s: s.status, state, running)
        if isinstance(getattr(state, "steps", None), jax.Array):  # so many as are asked for now
            state = eqx.tree_at(lambda s: s.steps, state, jnp.asarray(self.steps))
        return replace(resume, state=state)

    def run(
        self,
        here: Resumption,
        callbacks: Sequence[Callback],
        shown: Callable[[Progress], object] | None,
        stop: Callable[[], bool] | None,
    ) -> Result:
        """Round after round until there is a reason to stop."""
        history: list[Record] = []
        length, reason = 1, "" if here.step < self.steps else _spent(self.steps)
        good, status, last, asked = here, Status.RUNNING, Record(), False
        least = np.inf
        try:
            while not reason:
                began, before = time.perf_counter(), here
                following, records, ending, rows = self._advance(here, length, began)
                first, last = rows[0]["objective"], rows[-1]
                # A failed method may have left a control whose objective is not finite.
                seen = self.batch_size is None or bool(np.isfinite(last["objective"]))
                if ending is Status.FAILED and not (seen and _finite(following.state)):
                    following, records = good, ()
                history.extend(records)
                # At once, or a KeyboardInterrupt between them would leave half a round.
                here, status = following, ending
                if before.step % self.batches == 0 and here.step > before.step and first <= least:
                    good, least = before, first  # what a step made has seen there
                length = min(_paced(length, time.perf_counter() - began), self.every)
                place = here.step, self.steps, self.batches, here.seconds
                progress = Progress(*place, here.state.control, records, here)
                stopped = any([callback(progress) for callback in callbacks])
                if shown is not None:
                    shown(progress)
                asked = stop is not None and stop()
                if self.placement is not None:  # clocks and signals of other processes count too
                    length, *ends = self.placement.highest((length, asked, stopped))
                    asked, stopped = map(bool, ends)
                reason = self._reason(here, status, last, asked, stopped)
        except KeyboardInterrupt:
            if stop is not None:
                raise
            asked = True
            reason = reason or self._reason(here, status, last, asked, False)
        return Result(
            here.state.control,
            [record for record in history if record["step"] <= here.step],
            converged=status is Status.CONVERGED,
            interrupted=asked and status is Status.RUNNING and here.step < self.steps,
            failed=status is Status.FAILED,
            reason=reason,
            resumption=here,
        )

    def _advance(
        self, here: Resumption, length: int, began: float
    ) -> tuple[Resumption, tuple[Record, ...], Status, list[Record]]:
        """One compiled round of steps, never past the end of an epoch or of a buffer.

        With it the reports of its steps.
        """
        epoch, first = divmod(here.step, self.batches)
        held = self.feed.held(epoch, first)
        left = min(self.steps - here.step, held.end - first)
        state, infos, done = _round(
            self.method,
            self.problem,
            here.state,
            held.measure,
            held.order,
            self._noise(here.step - first),
            jnp.asarray(first),
            jnp.asarray(first - held.first),
            jnp.asarray(min(length, left)),
            jnp.asarray(self.tolerance),
            self.batch_size,
            self.stream_size,
        )
        count, status = int(done), Status(int(state.status))
        if status is Status.RUNNING and here.step + count >= self.steps:
            status = Status(int(self.method.ending(state)))
        elapsed = time.perf_counter() - began
        infos = jax.device_get(infos)
        rows = [{name: float(v[k]) for name, v in infos.items()} for k in range(count)]
        # Moments too: infinite ones would freeze the control. And no method can judge by a NaN.
        judged = rows[-1]["objective"] + rows[-1].get("residual", 0.0)
        if not (bool(_finite(state)) and (self.batch_size is not None or np.isfinite(judged))):
            status = Status.FAILED
        # A step that failed moved nothing: it is counted as work, and is no step.
        steps = rows[:-1] if status is Status.FAILED else rows
        step, evaluations = here.step, here.gradient_evaluations
        pending, records = list(here.pending), []
        for k, row in enumerate(steps):
            step += 1
            evaluations += round(row["gradient_evaluations"])
            pending.append(row)
            if step % self.batches == 0 or step == self.steps:
                seconds = here.seconds + elapsed * (k + 1) / count
                records.append(_record(pending, step, self.batches, evaluations, seconds))
                pending = []
        evaluations += sum(round(row["gradient_evaluations"]) for row in rows[len(steps) :])
        following = Resumption(state, step, evaluations, here.seconds + elapsed, tuple(pending))
        return following, tuple(records), status, rows

    def _noise(self, first: int) -> tuple[Key[Array, ""], float] | None:
        """The key of an epoch's noise, a function of the key and its first step, and its size."""
        if not self.noise or self.key is None:
            return None
        return jax.random.fold_in(jax.random.fold_in(self.key, _NOISE), first), self.noise

    def _reason(
        self, here: Resumption, status: Status, last: Record, asked: bool, stopped: bool
    ) -> str:
        if status is Status.CONVERGED:
            return f"converged: the PMP residual is {last['residual']:.1e}, at most the tolerance"
        if status is not Status.RUNNING:
            why = f"{status.name.lower()}: {self.method.explain(status, last)}"
            return why + (self.large if status is Status.FAILED else "")
        if here.step >= self.steps:
            return _spent(self.steps)
        if asked:
            return f"interrupted after step {here.step} of {self.steps}"
        return f"stopped by a callback after step {here.step} of {self.steps}" if stopped else ""


def _kind(array: Any) -> tuple[tuple[int, ...], str]:
    """Shape and precision of an array; integers of any width are alike."""
    dtype = np.dtype(array.dtype)
    return array.shape, "integer" if dtype.kind in "iu" else dtype.name


def _spent(steps: int) -> str:
    return f"budget spent: all {steps:,} steps were made" if steps else "no step was asked for"


def _paced(length: int, seconds: float) -> int:
    """The length of the next round, so that it takes about as long as a round should."""
    fitting = length * _ROUND_SECONDS / max(seconds, 1e-6)
    return int(np.clip(fitting, 1, min(4 * length, _LONGEST_ROUND)))


def _record(
    rows: Sequence[Record], step: int, batches: int, evaluations: int, seconds: float
) -> Record:
    """The history's line for an epoch: means over its steps, and totals so far."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    first = ("objective", "terminal_cost")
    totals = {"gradient_evaluations": evaluations, "seconds": seconds}
    return {
        "step": step,
        "epoch": -(-step // batches),
        **{name: means[name] for name in first},
        **totals,
        **{name: mean for name, mean in means.items() if name not in (*first, *totals)},
    }


def _finite(*trees: Any) -> bool:
    """Whether every entry is finite, as NumPy sees it, which compiles nothing."""
    return all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(jax.device_get(trees)))


@compiled
def _begin(
    method: Method,
    problem: ControlProblem,
    control: Control,
    measure: Measure,
    steps: Int[Array, ""],
    batch_size: int | None,
    stream_size: int | None,
) -> Any:
    if batch_size is not None:
        assert isinstance(measure, EmpiricalMeasure)
        measure = measure.sample(jnp.arange(batch_size))
    batch = Batch(measure, batch_size is None, stream_size)
    return measure.everywhere(method.init(problem, control, batch, steps))


@compiled
def _round(
    method: Method,
    problem: ControlProblem,
    state: Any,
    measure: Measure,
    order: Int[Array, " row"],
    noise: tuple[Key[Array, ""], float] | None,
    first: Int[Array, ""],
    place: Int[Array, ""],
    count: Int[Array, ""],
    tolerance: Float[Array, ""],
    batch_size: int | None,
    stream_size: int | None,
) -> tuple[Any, Info, Int[Array, ""]]:
    """Up to ``count`` steps in one compiled loop, ended early by a status that is not RUNNING.

    They are the steps from ``first`` on of their epoch, and from ``place`` on of the order.
    """

    def step(k: Int[Array, ""], state: Any) -> tuple[Any, Info]:
        if batch_size is None:
            return method.step(problem, state, Batch(measure, True, stream_size), tolerance)
        assert isinstance(measure, EmpiricalMeasure)
        rows = jax.lax.dynamic_slice_in_dim(order, (place + k) * batch_size, batch_size)
        sample = measure.sample(rows)
        if noise is not None:
            key, size = noise
            sample = sample.jittered(jax.random.fold_in(key, first + k), size)
        return method.step(problem, state, Batch(sample, False), tolerance)

    def going(carry: tuple[Int[Array, ""], Any, Info]) -> Any:
        return (carry[0] < count) & (carry[1].status == Status.RUNNING)

    def turn(carry: tuple[Int[Array, ""], Any, Info]) -> tuple[Int[Array, ""], Any, Info]:
        k, state, infos = carry
        state, info = step(k, state)
        return k + 1, state, {name: infos[name].at[k].set(info[name]) for name in infos}

    shapes = jax.eval_shape(step, jnp.asarray(0), state)[1]
    infos = {name: jnp.zeros(_LONGEST_ROUND, shape.dtype) for name, shape in shapes.items()}
    done, state, infos = jax.lax.while_loop(going, turn, (jnp.asarray(0), state, infos))
    return measure.everywhere((state, infos, done))
