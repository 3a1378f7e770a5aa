"""The contract that every training method keeps."""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from autoencodes.checks import optional
from autoencodes.control import Control
from autoencodes.measure.streamed import Measure
from autoencodes.pontryagin import ControlProblem
from autoencodes.precision import Parameter
from autoencodes.training.status import Status

Count: TypeAlias = int | Int[Array, ""]
"""A number that may be known only when a compiled program runs."""


def setting(check: Callable[..., Any], name: str, default: Any, **bounds: Any) -> Any:
    """A field that is a setting of a method: fixed while it is compiled, and checked by name."""
    return eqx.field(static=True, default=default, converter=partial(check, name=name, **bounds))


def number(check: Callable[..., Any], name: str, default: float | None) -> Any:
    """A setting that a compiled step takes as an array, so that another value compiles nothing."""

    def converted(value: Any) -> Any:
        # Inside compiled code a method is put together again, from arrays.
        if isinstance(value, jax.Array):
            return value
        checked = check(value, name=name) if default is not None else optional(check, value, name)
        return value if checked is None or isinstance(value, Parameter) else Parameter(checked)

    usual = default if default is None else Parameter(default)
    return eqx.field(default=usual, converter=converted)


class Batch(eqx.Module):
    """The particles that one step of a method sees.

    ``whole`` says that they are the full measure, so that objectives compare from one
    step to the next; ``stream`` how many pass at a time (None: all at once).
    """

    measure: Measure
    whole: bool = eqx.field(static=True)
    stream: int | None = eqx.field(static=True, default=None)


class Point(NamedTuple):
    """A control, and what one forward and backward sweep computes of it."""

    control: Control
    terminal_cost: Float[Array, ""]
    objective: Float[Array, ""]
    g: Control


Info = dict[str, Array]
"""What a step reports, scalars by name: always ``objective``, ``terminal_cost`` and
``gradient_evaluations`` (forward and backward sweeps made); on the whole measure ``residual``,
the PMP residual."""


class Method(eqx.Module):
    """A training method: a pure step from state to state, compiled by ``fit``.

    A state is a tree of arrays of the method's own, with a ``control`` and a ``status`` at least.

    In what follows ``problem`` is the ControlProblem, ``control`` where to begin, ``batch`` the
    particles that a step sees, ``steps`` how many there will be at most, ``info`` what the last
    step reported. ``fit`` calls these; a user only makes the method and hands it to ``fit``.

    Examples
    --------
    >>> isinstance(ac.Adam(), ac.Method)
    True
    """

    integrates: ClassVar[bool] = True
    """Whether all that a step needs of the whole measure are integrals over it."""

    def check(self, problem: ControlProblem) -> None:
        """InputError unless the method can train the problem; nothing is compiled yet."""

    @abc.abstractmethod
    def init(self, problem: ControlProblem, control: Control, batch: Batch, steps: Count) -> Any:
        """The initial state of a training of at most ``steps`` steps.

        Their number is an array, which no branch in Python can depend on: then another number
        of steps needs no other program.
        """

    @abc.abstractmethod
    def step(
        self, problem: ControlProblem, state: Any, batch: Batch, tolerance: Float[Array, ""]
    ) -> tuple[Any, Info]:
        """One step on the given particles.

        On the whole measure the status becomes CONVERGED once the PMP residual is at most
        ``tolerance``; the state then carries the control that has it. With FAILED it carries
        the last control whose objective was finite; on mini-batches, if keeping that is too
        dear, it may carry anything, and ``fit`` falls back on an epoch's beginning.
        """

    def ending(self, state: Any) -> Int[Array, ""]:
        """The status of a training whose steps are spent while the method could go on."""
        status: Int[Array, ""] = state.status
        return status

    @abc.abstractmethod
    def explain(self, status: Status, info: dict[str, float]) -> str:
        """Why the method cannot go on, in words, from the last step's report."""


def evaluate(problem: ControlProblem, control: Control, batch: Batch) -> Point:
    """One forward and one backward sweep at a control."""
    terminal_cost, g = problem.sweep(control, batch.measure, batch.stream)
    return Point(control, terminal_cost, terminal_cost + problem.penalty(control), g)


def where(condition: Bool[Array, ""], yes: Any, no: Any) -> Any:
    """One of two trees of arrays."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def when(condition: Bool[Array, ""], change: Callable[[Any], Any], tree: Any) -> Any:
    """``change(tree)`` where the condition holds, else the tree as it is, which then costs nothing.

    ``jax.lax.cond`` would copy what it returns, changed or not; a loop of one turn or none does
    not.
    """
    changed = jax.lax.while_loop(
        lambda at: at[0], lambda at: (at[0] & False, change(at[1])), (condition, tree)
    )
    return changed[1]


def all_finite(*trees: Any) -> Bool[Array, ""]:
    """Whether every entry of every array is finite."""
    leaves = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(trees)]
    return jnp.stack(leaves).all()
