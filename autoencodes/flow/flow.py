"""The controlled flow of particles whose width varies.

# notation: x_l state after l steps; A_j active components of block j; m_j stored values that the
# field of block j sees; Δt step size; θ_l control of step l; a layout lists which coordinate
# stands where in a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, Num

from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.fields import ControlledField, Perceptron, Placed
from autoencodes.fields.drawing import draw
from autoencodes.fields.field import StepControl
from autoencodes.flow.inverse import check_preimages, preimages
from autoencodes.flow.layout import Latent as Latent
from autoencodes.flow.layout import State, beside, rearrange, rows
from autoencodes.flow.layout import finite as finite
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.schemes import Euler, Scheme

Undo = Callable[[int, Float[Array, ""], Any, Float[Array, "particle width"]], Any]


class Flow(eqx.Module):
    """The flow Φ^θ of a controlled field along a width schedule, step by step.

    On block j, with G the field and θ_l the control of step l,
      x_(l+1, A_j) = x_(l, A_j) + Δt G(t_l, x_(l, A_j), θ_l)
    by explicit Euler; another scheme has its increment function in place of G (``schemes``);
    at a switch the state is restricted to the components that stay, and lifted by those
    that enter: at 0 under ``reset``, at their own value under ``hold``. Under ``skip`` they enter
    at 0, and G(t_l, (x_(l, A_j), m_j), θ_l) also sees the values m_j that they left with: a flow on
    R^(d + number of stored values), in which those are frozen.

    Parameters
    ----------
    schedule : WidthSchedule
    field : ControlledField, or a tuple with one for each block; default Perceptron("tanh")
    scheme : Scheme, default Euler()

    Notes
    -----
    A control is a tuple with one dict for each block; each array has the block's steps
    as its first axis, then the shape that ``field.init`` gives one step. The control's
    precision is the precision of the computation.
    Source: docs/theory.md, sections 1 and 2.
    """

    schedule: WidthSchedule = eqx.field(static=True)
    field: ControlledField | tuple[ControlledField, ...] = eqx.field(default_factory=Perceptron)
    scheme: Scheme = eqx.field(default_factory=Euler)

    def __check_init__(self) -> None:
        blocks = len(self.schedule.blocks)
        if isinstance(self.field, tuple) and len(self.field) != blocks:
            raise InputError(
                f"fields must be one for all blocks or one for each of the {blocks}; "
                f"got {len(self.field)}"
            )
        for j, field in enumerate(self.fields):
            if isinstance(field, Placed):
                field.check_block(self.schedule.blocks[j].active, self.schedule.seen(j))

    @property
    def fields(self) -> tuple[ControlledField, ...]:
        """The field of every block."""
        if isinstance(self.field, tuple):
            return self.field
        return (self.field,) * len(self.schedule.blocks)

    def init(self, key: Key[Array, ""], scale: float = 0.5, dtype: Any = None) -> Control:
        """A random control, drawn step by step by ``field.init``.

        ``scale`` ≥ 0 is the size of its entries (Perceptron: W_ij ~ N(0, scale²/width));
        ``dtype`` the precision, by default JAX's.
        """
        if not (np.isfinite(scale) and scale >= 0):
            raise InputError(f"scale must be a finite number, at least 0; got {scale}")
        control = _draw(self, key, scale)
        return control if dtype is None else jax.tree.map(lambda a: a.astype(dtype), control)

    def push(self, control: Control, x: Any) -> Float[Array, "particle dim"]:
        """Φ^θ_(0,T)(x): the particles (N, d) at the final time.

        A component that is inactive in the last block is 0, but under ``hold``, where it has its
        held value.

        Raises
        ------
        InputError
            If the control or the particles do not have the flow's shapes.
        NumericalFailure
            If a particle leaves the finite numbers.
        """
        state = _encode(self, control, self.rows(x))
        return finite(_decode(self, control, state), "the flow")

    def trajectory(self, control: Control, x: Any) -> Float[Array, "time particle dim"]:
        """x_l for l = 0..L, in the ambient space: an array (L + 1, N, d).

        At a switch time this is the state BEFORE the switch, so that the first entry is
        x itself and the last is ``push(control, x)``. Inactive components are 0, but under
        ``hold``, where they have their held values.
        """
        return finite(_trajectory(self, control, self.rows(x)), "the trajectory")

    @overload
    def encode(
        self, control: Control, x: Any, held: Literal[False] = False
    ) -> Float[Array, "particle latent"]: ...

    @overload
    def encode(self, control: Control, x: Any, held: Literal[True]) -> Latent: ...

    def encode(
        self, control: Control, x: Any, held: bool = False
    ) -> Float[Array, "particle latent"] | Latent:
        """The latent components: the active state at the end of the bottleneck block.

        With ``held=True`` a pair ``Latent(latent, held)``: also the values that go around the
        bottleneck, those of ``schedule.stored(schedule.bottleneck)``. Under ``hold`` they are the
        d - latent components that are off, under ``skip`` those of them that return; under
        ``reset`` there are none, and ``held`` is (N, 0).
        """
        state = _encode(self, control, self.rows(x))
        latent = finite(state.active, "the encoder")
        around = state.stored[:, len(self.schedule.seen(self.schedule.bottleneck)) :]
        return Latent(latent, finite(around, "the encoder")) if held else latent

    def decode(self, control: Control, z: Any, held: Any = None) -> Float[Array, "particle dim"]:
        """The final state that the blocks after the bottleneck make of latent values (N, latent).

        ``held`` takes back what ``encode`` returned; without it those values are 0, and what the
        decoder makes of it comes through the bottleneck alone.
        """
        bottleneck = self.schedule.bottleneck
        z = rows(z, self.schedule.latent, "latent values")
        width = len(self.schedule.stored(bottleneck))
        stored = np.zeros((z.shape[0], width)) if held is None else held
        stored = rows(stored, width, "held values")
        if stored.shape[0] != z.shape[0]:
            raise InputError(
                f"held values must have one row for each latent row: expected {z.shape[0]}, "
                f"got {stored.shape[0]}"
            )
        if seen := len(self.schedule.seen(bottleneck)):  # no field sees them any more
            stored = jnp.pad(stored, ((0, 0), (seen, 0)))
        return finite(_decode(self, control, State(z, jnp.asarray(stored))), "the decoder")

    def inverse(self, control: Control, y: Any) -> Float[Array, "particle dim"]:
        """x with push(control, x) = y: each step x_(l+1) = x_l + Δt Φ(x_l), solved for x_l.

        It is the inverse of the discrete flow, to rounding. One x is sure to exist, and to be the
        only one, where Δt Lip(Φ) < 1 in every step.

        Raises
        ------
        InputError
            If the flow is no homeomorphism: memory ``reset`` or ``skip`` with widths that vary.
        NumericalFailure
            If a step could not be solved.
        """
        self.schedule.check_invertible()
        x, sizes = _inverse(self, control, self.rows(y))
        check_preimages(sizes, self.schedule.step_size)
        return finite(x, "the inverse")

    def refined(self, factor: int) -> Flow:
        """The flow on the ``factor`` times finer grid, to which refined controls belong."""
        return Flow(self.schedule.refined(factor), self.field, self.scheme)

    # What follows is for use inside compiled code; nothing is checked there.

    def increment(
        self, block: int, t: Float[Array, ""], theta: StepControl, x: Float[Array, "particle input"]
    ) -> Float[Array, "particle width"]:
        """(x_(l+1) − x_l) / Δt of every particle, given what its field sees, of one block.

        By Euler it is the field's velocity. This is the one place that maps over particles.
        """
        field, width = self.fields[block], self.schedule.blocks[block].width

        def one(row: Float[Array, " input"]) -> Float[Array, " width"]:
            def velocity(s: Float[Array, ""], active: Float[Array, " width"]) -> Any:
                seen = row[width:]
                return field.velocity(s, jnp.append(active, seen) if seen.size else active, theta)

            return self.scheme.increment(velocity, t, row[:width], self.schedule.step_size)

        return jax.vmap(one)(x)

    def times(self, block: int, dtype: Any) -> Float[Array, " step"]:
        """t_l for the steps of a block."""
        first = self.schedule.first_steps[block]
        steps = np.arange(first, first + self.schedule.blocks[block].steps)
        return jnp.asarray(steps * self.schedule.step_size, dtype)

    def unroll(self, block: int) -> int:
        """How many steps of the block one turn of its compiled loop takes."""
        steps = self.schedule.blocks[block].steps
        return steps if steps <= self.scheme.unrolled else 1

    def enter(self, x: Float[Array, "particle dim"]) -> State:
        """The state of the first block that the particles begin with."""
        return self._split(0, rearrange(x, self.schedule.beginning, self.schedule.coordinates(0)))

    def leave(self, costate: State) -> Float[Array, "particle dim"]:
        """The adjoint of ``enter``."""
        return rearrange(
            jnp.concatenate(costate, axis=-1), self.schedule.coordinates(0), self.schedule.beginning
        )

    def lift(self, state: State, block: int) -> Float[Array, "particle dim"]:
        """The state of a block in the ambient space, absent components at 0."""
        shown = self.schedule.shown(block)
        row = jnp.concatenate(state, axis=-1)[:, : len(shown)]
        return rearrange(row, shown, tuple(range(self.schedule.dim)))

    def restrict(self, x: Float[Array, "particle dim"], block: int) -> State:
        """The adjoint of ``lift``."""
        row = rearrange(x, tuple(range(self.schedule.dim)), self.schedule.shown(block))
        width = len(self.schedule.coordinates(block))
        return self._split(block, jnp.pad(row, ((0, 0), (0, width - row.shape[1]))))

    def switch(self, state: State, source: int, target: int) -> State:
        """The state of one block, restricted and lifted to another's components.

        From block j to j + 1 this is the flow's map at the switch; from j + 1 to j it is
        that map's adjoint, since the map only moves, drops and zeroes components.
        """
        row = jnp.concatenate(state, axis=-1)
        return self._split(
            target,
            rearrange(row, self.schedule.coordinates(source), self.schedule.coordinates(target)),
        )

    def seen(self, state: State, block: int) -> Float[Array, "particle seen"]:
        """The stored values that the block's field sees."""
        return state.stored[:, : len(self.schedule.seen(block))]

    def cross(
        self, control: Control, state: State, block: int
    ) -> tuple[State, Float[Array, "step particle width"]]:
        """The steps of one block: the state after it, and after each step."""
        seen = self.seen(state, block)

        def step(
            x: Float[Array, "particle width"], at: tuple[Float[Array, ""], StepControl]
        ) -> tuple[Float[Array, "particle width"], Float[Array, "particle width"]]:
            t, theta = at
            x = x + self.schedule.step_size * self.increment(block, t, theta, beside(x, seen))
            return x, x

        steps: Any = (self.times(block, state.active.dtype), control[block])
        active, path = jax.lax.scan(step, state.active, steps, unroll=self.unroll(block))
        return State(active, state.stored), path

    def retrace(
        self, along: tuple[Any, ...], y: Float[Array, "particle dim"], undo: Undo
    ) -> tuple[Float[Array, "particle dim"], Float[Array, "step particle"]]:
        """x_0 from x_L of an invertible schedule, taking back step after step.

        ``undo(j, t_l, along_l, x_(l+1))`` is x_l and a number for every particle; the numbers of
        all steps are returned too. ``along`` has, for every block, arrays with one entry a step.
        """
        last = len(self.schedule.blocks) - 1
        state, noted = self.restrict(y, last), []
        for j in range(last, -1, -1):
            step: Any = lambda x, at, j=j: undo(j, at[0], at[1], x)  # noqa: E731
            steps = (self.times(j, y.dtype), along[j])
            active, notes = jax.lax.scan(step, state.active, steps, reverse=True)
            state = State(active, state.stored)
            state = self.switch(state, j, j - 1) if j > 0 else state
            noted.append(notes)
        return self.leave(state), jnp.concatenate(noted[::-1])

    def inputs(
        self, control: Control, x: Float[Array, "particle dim"]
    ) -> tuple[Float[Array, "step particle input"], ...]:
        """What the field sees at every step, for every block."""
        state, found = self.enter(x), []
        for j in range(len(self.schedule.blocks)):
            if j > 0:
                state = self.switch(state, j - 1, j)
            after, path = self.cross(control, state, j)
            before = jnp.concatenate([state.active[None], path[:-1]])
            found.append(jax.vmap(beside, (0, None))(before, self.seen(state, j)))
            state = after
        return tuple(found)

    def check_control(self, control: Control) -> Any:
        """The control's precision, once its structure and shapes are the flow's.

        Shapes are known when a function is compiled: checked there, the check is free
        afterwards. Raises InputError that names the first array that differs.
        """
        expected = jax.eval_shape(lambda: _draw(self, jax.random.key(0), 1.0))
        if jax.tree.structure(control) != jax.tree.structure(expected):  # type: ignore[operator]
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

    def _split(self, block: int, row: Float[Array, "particle row"]) -> State:
        width = self.schedule.blocks[block].width
        return State(row[:, :width], row[:, width:])

    def rows(self, x: Any) -> Any:
        """Particles as an array (N, d), or an error that says what came instead."""
        return rows(x, self.schedule.dim, "particles")


@eqx.filter_jit
def _draw(flow: Flow, key: Key[Array, ""], scale: float) -> Control:
    keys, blocks = jax.random.split(key, len(flow.schedule.blocks)), flow.schedule.blocks
    return tuple(
        draw(field, key, block.steps, block.width, scale, len(flow.schedule.seen(j)))
        for j, (field, key, block) in enumerate(zip(flow.fields, keys, blocks, strict=True))
    )


@eqx.filter_jit
def _encode(flow: Flow, control: Control, x: Num[Array, "particle dim"]) -> State:
    state = flow.enter(x.astype(flow.check_control(control)))
    for j in range(flow.schedule.bottleneck + 1):
        if j > 0:
            state = flow.switch(state, j - 1, j)
        state, _ = flow.cross(control, state, j)
    return state


@eqx.filter_jit
def _decode(flow: Flow, control: Control, state: State) -> Float[Array, "particle dim"]:
    dtype = flow.check_control(control)
    state = State(state.active.astype(dtype), state.stored.astype(dtype))
    last = len(flow.schedule.blocks) - 1
    for j in range(flow.schedule.bottleneck + 1, last + 1):
        state, _ = flow.cross(control, flow.switch(state, j - 1, j), j)
    return flow.lift(state, last)


@eqx.filter_jit
def _inverse(
    flow: Flow, control: Control, y: Num[Array, "particle dim"]
) -> tuple[Float[Array, "particle dim"], Float[Array, "step particle"]]:
    def undo(block: int, t: Any, theta: Any, x: Any) -> Any:
        def one(row: Float[Array, " width"]) -> Float[Array, " width"]:
            return flow.increment(block, t, theta, row[None])[0]

        return preimages(one, flow.schedule.step_size, x)

    return flow.retrace(control, y.astype(flow.check_control(control)), undo)


@eqx.filter_jit
def _trajectory(
    flow: Flow, control: Control, x: Num[Array, "particle dim"]
) -> Float[Array, "time particle dim"]:
    x = x.astype(flow.check_control(control))
    pieces = [x[None]]
    state = flow.enter(x)
    for j in range(len(flow.schedule.blocks)):
        if j > 0:
            state = flow.switch(state, j - 1, j)
        state, path = flow.cross(control, state, j)
        pieces.append(jax.vmap(lambda x, at=state.stored, j=j: flow.lift(State(x, at), j))(path))
    return jnp.concatenate(pieces)
