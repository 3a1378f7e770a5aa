"""The contract that every controlled velocity field keeps."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import FIELDS
from autoencodes.errors import InputError

StepControl = dict[str, Float[Array, "..."]]
"""The control θ_l of one step: named arrays, without a leading step axis."""


class ControlledField(eqx.Module):
    """A velocity field x' = F(t, x, θ) on the active components of a block.

    Derive from this class to bring a field of your own; both methods speak of ONE
    particle and ONE step, the flow adds the axes of particles and of steps. F must be
    differentiable by JAX in x and in θ, and defined at every width, unless it is ``Placed``.
    A field compares by its attributes: make them plain values (``str``, ``int``, ``float``)
    or JAX arrays.

    Source: docs/explanation/theory.md, section 1. A worked example stands in
    docs/howto/own-field.md.

    Examples
    --------
    >>> class Decay(ac.fields.ControlledField):
    ...     def velocity(self, t, x, theta):
    ...         return -theta["r"] * x
    ...
    ...     def init(self, key, width, scale, seen=0):
    ...         return {"r": scale * np.ones(width)}
    >>> Decay().velocity(0.0, np.array([1.0, 2.0]), {"r": np.array([1.0, 0.5])})
    array([-1., -1.])
    """

    @property
    def linear_in_control(self) -> bool:
        """Whether F(t, x, ·) is linear, F = Σ_k θ_k f_k(t, x), so that methods can build on it.

        A field of your own that is linear says so by returning True; nothing checks it.
        """
        return False

    @abc.abstractmethod
    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        """F(t, x, θ).

        Parameters
        ----------
        t : scalar
            The time t_l = l Δt at the beginning of the step.
        x : array (width + seen,)
            The active components, in the order of ``Block.active``; under memory ``skip``,
            after them the stored values m of the components that return with the block, so that
            the velocity is G(t, (x, m), θ).
        theta : dict of arrays
            The control of the step, as ``init`` shapes it.

        Returns
        -------
        array (width,)
            The velocity of the active components.
        """

    @abc.abstractmethod
    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        """A random control θ_l for one step of a block.

        Parameters
        ----------
        key : PRNG key
        width : int
            The number of active components.
        scale : float
            The size of the random entries, ≥ 0; 0 gives the control 0.
        seen : int
            The number of stored values that the velocity is given beside the active components.
            It is passed under memory ``skip`` alone, where there are any: a field that is not
            made for them can do without this argument.
        """


@runtime_checkable
class Placed(Protocol):
    """A field that acts only on blocks whose components have a place in it, as on a grid.

    Examples
    --------
    >>> isinstance(ac.fields.Convolution((1, 4, 4)), ac.fields.Placed)
    True
    >>> isinstance(ac.fields.Perceptron(), ac.fields.Placed)
    False
    """

    def check_block(self, active: Sequence[int], seen: Sequence[int]) -> None:
        """InputError unless the field can move the ``active`` components of a block, given the
        stored
        values of the components ``seen``."""


def describe(field: ControlledField) -> dict[str, Any]:
    """The name and the attributes of a registered field; of a user's own, its class name.

    A field within a field is described within the description.

    Examples
    --------
    >>> ac.fields.describe(ac.fields.LowRank(rank=2))
    {'name': 'low-rank', 'rank': 2, 'activation': 'tanh'}
    """
    name = FIELDS.name_of(type(field))
    if name is None:
        return {"name": f"{type(field).__module__}.{type(field).__qualname__}"}
    inside = {
        key: describe(value) if isinstance(value, ControlledField) else value
        for key, value in vars(field).items()
    }
    return {"name": name, **inside}


def build(description: Mapping[str, Any]) -> ControlledField:
    """The field that ``describe`` described; InputError if one is not registered.

    Parameters
    ----------
    description : mapping
        As ``describe`` gives it: a name, and the field's parameters.

    Examples
    --------
    >>> ac.fields.build({"name": "low-rank", "rank": 2, "activation": "tanh"})
    LowRank(rank=2)
    """
    options = dict(description)
    name = options.pop("name", None)
    if name not in FIELDS:
        raise InputError(
            f"the field {name!r} is not built in ({', '.join(FIELDS)}); "
            "pass the field itself: autoencodes.load(path, field=...)"
        )
    inside = {key: build(v) if isinstance(v, dict) else v for key, v in options.items()}
    return FIELDS[name](**inside)


def configured(name: str, entries: Mapping[str, Any]) -> ControlledField:
    """The field of a name, with those of a configuration's entries that it has; None is absent.

    InputError if a parameter without a default has no value.
    """
    own = inspect.signature(FIELDS[name]).parameters
    given = {k: v for k, v in entries.items() if k in own and v is not None}
    for parameter in own.values():
        if parameter.default is parameter.empty and parameter.name not in given:
            known = parameter.name in entries
            remedy = "set it" if known else f'register it with settings=("{parameter.name}",)'
            raise InputError(
                f"the field {name} needs {parameter.name}: {remedy}, or give the parameter a "
                "default"
            )
    return FIELDS[name](**given)
