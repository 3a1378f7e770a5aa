"""The flow in continuous time: its control is a step function, between whose jumps ODEs are solved.

# notation: Φ^θ flow; t_l = l Δt; ρ_t density of the law at time t; F field; s = ±1 the direction of
# time; v probes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, overload

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Num

from autoencodes.checks import real_rows
from autoencodes.control import Control
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.flow import sweep
from autoencodes.flow.density import draw_probes, log_volume, retraced
from autoencodes.flow.flow import Flow
from autoencodes.flow.inverse import check_invertible
from autoencodes.flow.layout import Latent, finite
from autoencodes.precision import compiled
from autoencodes.schemes.adaptive import Adaptive
from autoencodes.summary import Summarised


class ContinuousFlow(Summarised, eqx.Module):
    """The flow Φ^θ of x' = F(t, x, θ(t)) itself, with θ(t) = θ_l on [t_l, t_(l+1)).

    Every step of the control is solved by itself and particle by particle, with as many steps of
    the solver as the tolerance asks for: no step crosses a jump of the control or a switch of the
    width. Switches and memories are those of ``Flow``.

    Parameters
    ----------
    flow : Flow
        Its schedule and field; its scheme is not used.
    solver : {"dopri8", "dopri5", "tsit5", "bosh3", "heun", "kvaerno5"}
        Of Diffrax; explicit of order 8, 5, 5, 3, 2; implicit of order 5, for stiff fields.
    rtol, atol : float, optional
        The local errors of the L steps of the control, each kept below (atol + rtol |x_i|) / L in
        every component i, sum up to at most atol + rtol max |x_i|; the flow itself may enlarge or
        shrink an error on the way, at most by exp ∫ Lip(F) dt. By default 1e-8 and 1e-10, for a
        control of float32 1e-5 and 1e-7.
    max_steps : int
        The most steps of the solver within one step of the control.

    Raises
    ------
    InputError
        For an unknown solver, or tolerances that cannot be met in the control's precision.
    MissingExtra
        If Diffrax is not installed (extra ``ode``).

    Notes
    -----
    Every method raises InputError for a control or particles of another shape, and
    NumericalFailure, with the step of the control, where the solver does not come to its end.
    ``inverse`` and the densities need a homeomorphism of R^d: memory ``hold``, or all components
    active throughout. Source: docs/explanation/theory.md, sections 1, 2 and 8.

    Examples
    --------
    >>> smooth = ac.ContinuousFlow(flow)  # push, encode, decode, trajectory and inverse as of Flow
    >>> smooth.flow.schedule == flow.schedule
    True
    """

    flow: Flow
    """The same flow with the solver as its scheme; a ``ControlProblem`` takes it like any other."""

    def __init__(
        self,
        flow: Flow,
        solver: str = "dopri8",
        rtol: float | None = None,
        atol: float | None = None,
        max_steps: int = 4096,
    ) -> None:
        share = 1 / flow.schedule.steps
        scheme = Adaptive(1, solver, rtol, atol, share, max_steps)
        self.flow = Flow(flow.schedule, flow.field, scheme)

    def _summary(self) -> dict[str, str]:
        return self.flow._summary()

    def push(self, control: Control, x: Any) -> Float[Array, "particle dim"]:
        """Φ^θ_(0,T)(x): the particles (N, d) at the final time; see ``Flow.push``."""
        with _explained(self.flow, control, x):
            return self.flow.push(control, x)

    def trajectory(self, control: Control, x: Any) -> Float[Array, "time particle dim"]:
        """x(t_l) for l = 0..L, in the ambient space, as ``Flow.trajectory`` has it."""
        with _explained(self.flow, control, x):
            return self.flow.trajectory(control, x)

    @overload
    def encode(
        self, control: Control, x: Any, held: Literal[False] = False
    ) -> Float[Array, "particle latent"]: ...

    @overload
    def encode(self, control: Control, x: Any, held: Literal[True]) -> Latent: ...

    def encode(
        self, control: Control, x: Any, held: bool = False
    ) -> Float[Array, "particle latent"] | Latent:
        """The latent components (N, latent), and with ``held`` what goes around them."""
        with _explained(self.flow, control, x):
            return self.flow.encode(control, x, held=True) if held else self.flow.encode(control, x)

    def decode(self, control: Control, z: Any, held: Any = None) -> Float[Array, "particle dim"]:
        """The final state (N, d) that the decoder makes of latent values (N, latent).

        Parameters
        ----------
        control : control of this flow
        z : array (N, latent)
        held : array (N, number of held values), optional
            What ``encode`` gave with ``held=True``; by default 0.
        """
        try:
            return self.flow.decode(control, z, held)
        except NumericalFailure as error:
            raise NumericalFailure(_lost("decoder"), error.row) from error

    def inverse(self, control: Control, y: Any) -> Float[Array, "particle dim"]:
        """x with push(control, x) = y, by the same ODE backwards in time: (N, d)."""
        check_invertible(self.flow.schedule)
        x, _ = retraced(self.flow, control, real_rows(y, "particles", self.flow.schedule.dim))
        return _solved(x, "inverse")

    def log_volume(
        self,
        control: Control,
        x: Any,
        *,
        divergence: str = "auto",
        key: Key[Array, ""] | None = None,
        probes: int = 16,
    ) -> Float[Array, "time particle"]:
        """log |det ∂Φ^θ_(0,t_l)(x)| = ∫_0^(t_l) div F(t, x(t), θ(t)) dt, for l = 0..L: (L + 1, N).

        Along a trajectory log ρ_t(x(t)) = log ρ_0(x) − this. The arguments are those of
        ``log_density``.

        Parameters
        ----------
        control : control of this flow
        x : array (N, d)
        divergence, key, probes
            As in ``log_density``.
        """
        check_invertible(self.flow.schedule)
        x = real_rows(x, "particles", self.flow.schedule.dim)
        drawn = draw_probes(self.flow, control, divergence, key, probes, len(x))
        return _solved(log_volume(self.flow, control, x, drawn), "log-volume")

    def log_density(
        self,
        control: Control,
        y: Any,
        log_density_0: Callable[[Float[Array, "particle dim"]], Any],
        *,
        divergence: str = "auto",
        key: Key[Array, ""] | None = None,
        probes: int = 16,
    ) -> Float[Array, " particle"]:
        """log ρ_T(y) = log ρ_0(x) − ∫_0^T div F(t, x(t), θ(t)) dt, with x(0) = x and x(T) = y.

        Parameters
        ----------
        control : tuple of one dict for each block
        y : array (N, d)
            Where the density of the pushed law is wanted.
        log_density_0 : function of an array (N, d), with values (N,)
            The logarithm of the initial density, −∞ where it is 0.
        divergence : {"auto", "exact", "hutchinson"}
            ``exact``: a derivative for each active component. ``hutchinson``: one for each probe;
            an estimate of log ρ_T without bias. ``auto``: exact up to 16 components.
        key : PRNG key
            Needed for ``hutchinson``. Probes are drawn for every particle and step of the control.
        probes : int
            Their number, at least 1.

        Raises
        ------
        InputError
            If the flow is no homeomorphism, or there is no key where one is needed.
        """
        check_invertible(self.flow.schedule)
        y = real_rows(y, "particles", self.flow.schedule.dim)
        drawn = draw_probes(self.flow, control, divergence, key, probes, len(y))
        x, volume = retraced(self.flow, control, y, drawn)
        start = jnp.asarray(log_density_0(_solved(x, "inverse")))
        if start.shape != volume.shape:
            raise InputError(
                f"log_density_0 must have one value for each of the {len(y)} particles it is given "
                f"as rows; got shape {start.shape}"
            )
        if not isinstance(start, jax.core.Tracer) and bool(jnp.isnan(start).any()):
            raise InputError("log_density_0 must have numbers or −inf as values; got a NaN")
        return start - _solved(volume, "log-density")


def _solved(values: Any, name: str) -> Any:
    """The values, where the solver came to its end for every particle."""
    try:
        return finite(values, f"the {name}")
    except NumericalFailure as error:
        raise NumericalFailure(_lost(name)) from error


def _lost(name: str) -> str:
    return (
        f"for some particles the solver did not come to the end of the {name}: the states grow too "
        "fast along the way, or max_steps are not enough; take a smaller control, more max_steps, "
        "or coarser tolerances"
    )


@contextmanager
def _explained(flow: Flow, control: Control, x: Any) -> Iterator[None]:
    """Says where and why the solver failed, if it does on the way from the particles x."""
    try:
        yield
    except NumericalFailure as error:
        raise NumericalFailure(_reason(flow, control, x), error.row) from error


def _reason(flow: Flow, control: Control, x: Any) -> str:
    """The first step of the control that the solver did not cross, and why."""
    assert isinstance(flow.scheme, Adaptive)
    inputs = _inputs(flow, control, real_rows(x, "particles", flow.schedule.dim))
    for j, first in enumerate(flow.schedule.first_steps):
        for k, given in enumerate(inputs[j]):
            t = sweep.times(flow, j, given.dtype)[k]
            theta = jax.tree.map(lambda values, k=k: values[k], control[j])
            reasons = np.asarray(_reasons(flow, j, t, theta, given))
            if reasons.any():
                return (
                    f"the solver {flow.scheme.solver} did not cross step {first + k} of the "
                    f"control, from t = {float(t):.4g}, for {int((reasons > 0).sum())} of "
                    f"{len(given)} particles: {_WORDS[int(reasons.max())](flow.scheme.max_steps)}"
                )
    return "the solver did not cross a step of the control"  # pragma: no cover


_WORDS: dict[int, Callable[[int], str]] = {
    1: lambda most: (
        f"max_steps = {most} were not enough; allow more, or coarser tolerances; take the implicit "
        "solver kvaerno5 if the field is stiff, a smaller control if the states grow too fast"
    ),
    2: lambda most: (
        "the states grow beyond the finite numbers, or too fast for any step; take a bounded "
        "activation (tanh), a smaller control or a shorter horizon"
    ),
}


@compiled
def _inputs(flow: Flow, control: Control, x: Num[Array, "particle dim"]) -> Any:
    return sweep.inputs(flow, control, x.astype(sweep.check_control(flow, control)))


@compiled
def _reasons(
    flow: Flow, block: int, t: Float[Array, ""], theta: Any, x: Float[Array, "particle input"]
) -> Int[Array, " particle"]:
    field, scheme, step = sweep.fields(flow)[block], flow.scheme, flow.schedule.step_size
    width = flow.schedule.blocks[block].width
    assert isinstance(scheme, Adaptive)

    def one(row: Float[Array, " input"]) -> Int[Array, ""]:
        def velocity(s: Float[Array, ""], x: Float[Array, " width"]) -> Float[Array, " width"]:
            return field.velocity(s, jnp.append(x, row[width:]), theta)

        return scheme.solve(velocity, t, row[:width], step).reason

    return jax.vmap(one)(x)
