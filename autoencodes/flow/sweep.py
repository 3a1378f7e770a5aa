"""Sweeps of particles along a flow, for use inside compiled code: nothing but shapes is checked.

# notation: x_l state after l steps; Δt step size; θ_l control of step l.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Num

from autoencodes.control import Control, ControlTuple
from autoencodes.errors import InputError
from autoencodes.fields import ControlledField
from autoencodes.fields.drawing import draw
from autoencodes.fields.field import StepControl
from autoencodes.flow.inverse import preimages
from autoencodes.flow.layout import Layout, State, beside, layouts
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.precision import compiled
from autoencodes.schemes import Scheme

Undo = Callable[[int, Float[Array, ""], Any, Float[Array, "particle width"]], Any]


@runtime_checkable
class Dynamics(Protocol):
    """What moves particles: a ``Flow``, seen from below."""

    @property
    def schedule(self) -> WidthSchedule: ...

    @property
    def field(self) -> ControlledField | tuple[ControlledField, ...]: ...

    @property
    def scheme(self) -> Scheme: ...


def fields(flow: Dynamics) -> tuple[ControlledField, ...]:
    """The field of every block."""
    if isinstance(flow.field, tuple):
        return flow.field
    return (flow.field,) * len(flow.schedule.blocks)


def increment(
    flow: Dynamics,
    block: int,
    t: Float[Array, ""],
    theta: StepControl,
    x: Float[Array, "particle input"],
) -> Float[Array, "particle width"]:
    """(x_(l+1) − x_l) / Δt of every particle, given what its field sees, of one block.

    By Euler it is the field's velocity. This is the one place that maps over particles.
    """
    field, width = fields(flow)[block], flow.schedule.blocks[block].width

    def one(row: Float[Array, " input"]) -> Float[Array, " width"]:
        def velocity(s: Float[Array, ""], active: Float[Array, " width"]) -> Any:
            seen = row[width:]
            return field.velocity(s, jnp.append(active, seen) if seen.size else active, theta)

        return flow.scheme.increment(velocity, t, row[:width], flow.schedule.step_size)

    return jax.vmap(one)(x)


def times(flow: Dynamics, block: int, dtype: Any) -> Float[Array, " step"]:
    """t_l for the steps of a block."""
    first = flow.schedule.first_steps[block]
    steps = np.arange(first, first + flow.schedule.blocks[block].steps)
    return jnp.asarray(steps * flow.schedule.step_size, dtype)


def unroll(flow: Dynamics, block: int) -> int:
    """How many steps of the block one turn of its compiled loop takes."""
    steps = flow.schedule.blocks[block].steps
    return steps if steps <= flow.scheme.unrolled else 1


def cross(
    flow: Dynamics, control: Control, state: State, block: int
) -> tuple[State, Float[Array, "step particle width"]]:
    """The steps of one block: the state after it, and after each step."""
    seen = layouts(flow.schedule)[block].sight(state)

    def step(
        x: Float[Array, "particle width"], at: tuple[Float[Array, ""], StepControl]
    ) -> tuple[Float[Array, "particle width"], Float[Array, "particle width"]]:
        t, theta = at
        x = x + flow.schedule.step_size * increment(flow, block, t, theta, beside(x, seen))
        return x, x

    steps: Any = (times(flow, block, state.active.dtype), control[block])
    active, path = jax.lax.scan(step, state.active, steps, unroll=unroll(flow, block))
    return State(active, state.stored), path


def retrace(
    flow: Dynamics, along: tuple[Any, ...], y: Float[Array, "particle dim"], undo: Undo
) -> tuple[Float[Array, "particle dim"], Float[Array, "step particle"]]:
    """x_0 from x_L of an invertible schedule, taking back step after step.

    ``undo(j, t_l, along_l, x_(l+1))`` is x_l and a number for every particle; the numbers of
    all steps are returned too. ``along`` has, for every block, arrays with one entry a step.
    """
    layout = layouts(flow.schedule)
    last = len(layout) - 1
    state, notes = layout[last].restrict(y), []
    for j in range(last, -1, -1):
        step: Any = lambda x, at, j=j: undo(j, at[0], at[1], x)  # noqa: E731
        steps = (times(flow, j, y.dtype), along[j])
        active, noted = jax.lax.scan(step, state.active, steps, reverse=True)
        state = State(active, state.stored)
        state = layout[j].switch(state, layout[j - 1]) if j > 0 else state
        notes.append(noted)
    return layout[0].leave(state), jnp.concatenate(notes[::-1])


def inputs(
    flow: Dynamics, control: Control, x: Float[Array, "particle dim"]
) -> tuple[Float[Array, "step particle input"], ...]:
    """What the field sees at every step, for every block."""
    layout = layouts(flow.schedule)
    state, seen = layout[0].enter(x), []
    for j in range(len(layout)):
        if j > 0:
            state = layout[j - 1].switch(state, layout[j])
        after, path = cross(flow, control, state, j)
        before = jnp.concatenate([state.active[None], path[:-1]])
        seen.append(jax.vmap(beside, (0, None))(before, layout[j].sight(state)))
        state = after
    return tuple(seen)


def check_control(flow: Dynamics, control: Control) -> Any:
    """The control's precision, once its structure and shapes are the flow's.

    Shapes are known when a function is compiled: checked there, the check is free
    afterwards. Raises InputError that names the first array that differs.
    """
    expected = shapes(flow)
    tupled = isinstance(control, tuple) and tuple(control)
    if jax.tree.structure(tupled) != jax.tree.structure(tuple(expected)):  # type: ignore[operator]
        names = ", ".join(dict.fromkeys(name for block in expected for name in block))
        raise InputError(
            f"the control must be a tuple of {len(expected)} dicts, one for each block, "
            f"with the entries {names}; got {jax.tree.structure(control)}"
        )
    for (path, given), wanted in zip(
        jax.tree.leaves_with_path(control), jax.tree.leaves(expected), strict=True
    ):
        if jnp.shape(given) != wanted.shape:
            raise InputError(
                f"control{jax.tree_util.keystr(path)} must have shape {wanted.shape}; "
                f"got {jnp.shape(given)}"
            )
    dtype = jnp.result_type(*jax.tree.leaves(control))
    if not jnp.issubdtype(dtype, jnp.floating):
        raise InputError(f"the control must hold floating-point numbers; got {dtype}")
    return dtype


def shapes(flow: Dynamics) -> Any:
    """The shape of every array of a control."""
    try:
        return _shapes(flow)  # type: ignore[arg-type]  # most are hashable
    except TypeError:  # a field that holds arrays
        return _shapes.__wrapped__(flow)


@lru_cache(maxsize=32)
def _shapes(flow: Dynamics) -> Any:
    return jax.eval_shape(lambda: drawn(flow, jax.random.key(0), 1.0))


def parameters(flow: Dynamics) -> str:
    """The number of a control's entries, in words; a field that cannot be drawn has none known."""
    try:
        control = shapes(flow)
    except Exception:  # a representation must come, whatever a user's field does
        return "not known: the field's init fails"
    return f"{sum(a.size for a in jax.tree.leaves(control)):,}"


@partial(compiled, once=True)
def drawn(flow: Dynamics, key: Key[Array, ""], scale: float) -> Control:
    """A random control, block by block."""
    layout, keys = layouts(flow.schedule), jax.random.split(key, len(flow.schedule.blocks))
    return ControlTuple(
        draw(field, key, block.steps, block.width, scale, len(layout[j].seen))
        for j, (field, key, block) in enumerate(
            zip(fields(flow), keys, flow.schedule.blocks, strict=True)
        )
    )


@compiled
def encode(flow: Dynamics, control: Control, x: Num[Array, "particle dim"]) -> State:
    """The state at the end of the bottleneck."""
    layout = layouts(flow.schedule)
    state = layout[0].enter(x.astype(check_control(flow, control)))
    for j in range(flow.schedule.bottleneck + 1):
        if j > 0:
            state = layout[j - 1].switch(state, layout[j])
        state, _ = cross(flow, control, state, j)
    return state


@compiled
def decode(flow: Dynamics, control: Control, state: State) -> Float[Array, "particle dim"]:
    """Where the particles end that have the given state at the end of the bottleneck."""
    dtype, layout = check_control(flow, control), layouts(flow.schedule)
    state = State(state.active.astype(dtype), state.stored.astype(dtype))
    for j in range(flow.schedule.bottleneck + 1, len(layout)):
        state, _ = cross(flow, control, layout[j - 1].switch(state, layout[j]), j)
    return layout[-1].lift(state)


@compiled
def invert(
    flow: Dynamics, control: Control, y: Num[Array, "particle dim"]
) -> tuple[Float[Array, "particle dim"], Float[Array, "step particle"]]:
    """x with push(control, x) = y, and the size of what is left of every step's equation."""

    def undo(block: int, t: Any, theta: Any, x: Any) -> Any:
        def one(row: Float[Array, " width"]) -> Float[Array, " width"]:
            return increment(flow, block, t, theta, row[None])[0]

        return preimages(one, flow.schedule.step_size, x)

    return retrace(flow, control, y.astype(check_control(flow, control)), undo)


@compiled
def trajectory(
    flow: Dynamics, control: Control, x: Num[Array, "particle dim"]
) -> Float[Array, "time particle dim"]:
    """x_l for l = 0..L, in the ambient space, at a switch before it."""
    layout, x = layouts(flow.schedule), x.astype(check_control(flow, control))
    pieces = [x[None]]
    state = layout[0].enter(x)
    for j, at in enumerate(layout):
        if j > 0:
            state = layout[j - 1].switch(state, at)
        state, path = cross(flow, control, state, j)
        pieces.append(jax.vmap(partial(_lifted, at, state.stored))(path))
    return jnp.concatenate(pieces)


def _lifted(
    layout: Layout, stored: Float[Array, "particle stored"], active: Float[Array, "particle width"]
) -> Float[Array, "particle dim"]:
    return layout.lift(State(active, stored))
