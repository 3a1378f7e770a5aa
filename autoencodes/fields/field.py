"""The contract that every controlled velocity field keeps."""

from __future__ import annotations

import abc

import equinox as eqx
from jaxtyping import Array, Float, Key

StepControl = dict[str, Float[Array, "..."]]
"""The control θ_l of one step: named arrays, without a leading step axis."""


class ControlledField(eqx.Module):
    """A velocity field x' = F(t, x, θ) on the active components of a block.

    Derive from this class to bring a field of your own; both methods speak of ONE
    particle and ONE step, the flow adds the axes of particles and of steps. F must be
    differentiable by JAX in x and in θ, and defined at every width. A field compares by
    its attributes: make them plain values (``str``, ``int``, ``float``) or JAX arrays.

    Source: MATH 1. A worked example stands in docs/own-field.md.
    """

    @abc.abstractmethod
    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " width"], theta: StepControl
    ) -> Float[Array, " width"]:
        """F(t, x, θ).

        Parameters
        ----------
        t : scalar
            The time t_l = l Δt at the beginning of the step.
        x : array (width,)
            The active components, in the order of ``Block.active``.
        theta : dict of arrays
            The control of the step, as ``init`` shapes it.

        Returns
        -------
        array (width,)
            The velocity of the active components.
        """

    @abc.abstractmethod
    def init(self, key: Key[Array, ""], width: int, scale: float) -> StepControl:
        """A random control θ_l for one step of a block.

        Parameters
        ----------
        key : PRNG key
        width : int
            The number of active components.
        scale : float
            The size of the random entries, ≥ 0; 0 gives the control 0.
        """
