"""The controlled flow of particles whose width varies.

# notation: x_l state after l steps; A_j active components of block j; m_j stored values that the
# field of block j sees; Δt step size; θ_l control of step l.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Literal, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from autoencodes.checks import at_least, real_rows
from autoencodes.control import Control
from autoencodes.errors import InputError
from autoencodes.fields import ControlledField, Perceptron, Placed
from autoencodes.flow import sweep
from autoencodes.flow.inverse import check_invertible, check_preimages
from autoencodes.flow.layout import Latent as Latent
from autoencodes.flow.layout import State, layouts
from autoencodes.flow.layout import finite as finite
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.schemes import Euler, Scheme
from autoencodes.summary import Summarised


class Flow(Summarised, eqx.Module):
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

    See Also
    --------
    autoencodes.WidthSchedule : which components are active when
    autoencodes.ContinuousFlow : the same by adaptive solvers
    autoencodes.ControlProblem : what a flow is trained for

    Notes
    -----
    A control is a tuple with one dict for each block; each array has the block's steps
    as its first axis, then the shape that ``field.init`` gives one step. The control's
    precision is the precision of the computation.
    Source: docs/explanation/theory.md, sections 1 and 2.

    Examples
    --------
    >>> theta = flow.init(jax.random.key(0), scale=0.5)
    >>> flow.push(theta, rows.x).shape  # where the particles end
    (3, 2)
    >>> flow.encode(theta, rows.x).shape  # their latent values
    (3, 1)
    >>> flow.decode(theta, [[0.0], [1.0]]).shape  # rows from latent values
    (2, 2)
    >>> flow.trajectory(theta, rows.x).shape  # at every step
    (4, 3, 2)
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
        for layout, field in zip(layouts(self.schedule), sweep.fields(self), strict=True):
            if isinstance(field, Placed):
                field.check_block(layout.active, layout.seen)

    def _summary(self) -> dict[str, str]:
        runs = [(repr(field), len([*same])) for field, same in groupby(sweep.fields(self))]
        return {
            **self.schedule._summary(),
            "field": ", ".join(f"{count} x {text}" if runs[1:] else text for text, count in runs),
            "scheme": repr(self.scheme),
            "parameters": sweep.parameters(self),
        }

    def init(self, key: Key[Array, ""], scale: float = 0.5, dtype: Any = None) -> Control:
        """A random control, drawn step by step by ``field.init``.

        ``scale`` ≥ 0 is the size of its entries (Perceptron: W_ij ~ N(0, scale²/width));
        ``dtype`` the precision, by default JAX's.

        Parameters
        ----------
        key : PRNG key, as ``jax.random.key(0)``
        scale : float
            ≥ 0.
        dtype : dtype, optional
        """
        control = sweep.drawn(self, key, at_least(scale, "scale", 0))
        return control if dtype is None else jax.tree.map(lambda a: a.astype(dtype), control)

    def push(self, control: Control, x: Any) -> Float[Array, "particle dim"]:
        """Φ^θ_(0,T)(x): the particles (N, d) at the final time.

        A component that is inactive in the last block is 0, but under ``hold``, where it has its
        held value.

        Parameters
        ----------
        control : control of this flow
            As ``init`` draws one.
        x : array (N, d)
            The particles, one a row.

        Raises
        ------
        InputError
            If the control or the particles do not have the flow's shapes.
        NumericalFailure
            If a particle leaves the finite numbers.
        """
        state = sweep.encode(self, control, real_rows(x, "particles", self.schedule.dim))
        return finite(sweep.decode(self, control, state), "the flow", rows=0)

    def trajectory(self, control: Control, x: Any) -> Float[Array, "time particle dim"]:
        """x_l for l = 0..L, in the ambient space: an array (L + 1, N, d).

        At a switch time this is the state BEFORE the switch, so that the first entry is
        x itself and the last is ``push(control, x)``. Inactive components are 0, but under
        ``hold``, where they have their held values.
        """
        x = real_rows(x, "particles", self.schedule.dim)
        return finite(sweep.trajectory(self, control, x), "the trajectory", rows=1)

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
        bottleneck. Under ``hold`` they are those of the d - latent components that are off, under
        ``skip`` of those of them that return; under ``reset`` there are none, and ``held`` is
        (N, 0).
        """
        state = sweep.encode(self, control, real_rows(x, "particles", self.schedule.dim))
        latent = finite(state.active, "the encoder", rows=0)
        around = state.stored[:, len(layouts(self.schedule)[self.schedule.bottleneck].seen) :]
        return Latent(latent, finite(around, "the encoder", rows=0)) if held else latent

    def decode(self, control: Control, z: Any, held: Any = None) -> Float[Array, "particle dim"]:
        """The final state that the blocks after the bottleneck make of latent values (N, latent).

        ``held`` takes back what ``encode`` returned; without it those values are 0, and what the
        decoder makes of it comes through the bottleneck alone.

        Parameters
        ----------
        control : control of this flow
        z : array (N, latent)
        held : array (N, number of held values), optional
        """
        layout = layouts(self.schedule)[self.schedule.bottleneck]
        z = real_rows(z, "latent values", self.schedule.latent, "values")
        width = len(layout.stored)
        stored = np.zeros((z.shape[0], width)) if held is None else held
        stored = real_rows(stored, "held values", width, "values")
        if stored.shape[0] != z.shape[0]:
            raise InputError(
                f"held values must have one row for each latent row: expected {z.shape[0]}, "
                f"got {stored.shape[0]}"
            )
        if layout.seen:  # no field sees them any more
            stored = jnp.pad(stored, ((0, 0), (len(layout.seen), 0)))
        return finite(
            sweep.decode(self, control, State(z, jnp.asarray(stored))), "the decoder", rows=0
        )

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
        check_invertible(self.schedule)
        x, sizes = sweep.invert(self, control, real_rows(y, "particles", self.schedule.dim))
        check_preimages(sizes, self.schedule.step_size)
        return finite(x, "the inverse", rows=0)

    def refined(self, factor: int) -> Flow:
        """The flow on the ``factor`` times finer grid, to which refined controls belong."""
        return Flow(self.schedule.refined(factor), self.field, self.scheme)
