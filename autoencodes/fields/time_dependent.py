"""Any field, given the time as one more input."""

from __future__ import annotations

import inspect
from functools import partial

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import FIELDS
from autoencodes.checks import instance, positive
from autoencodes.errors import InputError
from autoencodes.fields.field import ControlledField, StepControl
from autoencodes.fields.translation import Translation


@FIELDS.register(
    "time-dependent",
    "any field, of (x, t/unit)",
    rank=7,
    selectable=False,
    example={"field": {"name": "perceptron", "activation": "sin"}},
)
class TimeDependent(ControlledField):
    """F(t, x; θ) = G((x, t / unit), θ), with G any field that can see more than it moves.

    The control of a step is that of G for one more input: W of a perceptron is
    (width, width + 1), its last column how the neurons drift in time; with stored values in sight
    the input is (x, m, t / unit). It matters where several evaluations of F share a control, in a
    step (``Scheme.substeps``, or the stages of Heun and Runge-Kutta): there F moves on while θ
    stands still. With one Euler step for each control the time is a constant of the step, which
    a bias does as well.

    Parameters
    ----------
    field : ControlledField
        G.
    unit : float
        The unit in which the time is seen, positive; 1 is the time as it is. A field does not know
        the horizon: with ``unit`` = T the input lies in [0, 1].

    Raises
    ------
    InputError
        If the field ignores its inputs, as ``Translation`` does, is given the time already, or has
        an ``init`` without the argument ``seen``; or ``unit`` is no positive number.

    Notes
    -----
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> field = ac.fields.TimeDependent(ac.fields.Perceptron())
    >>> field.init(jax.random.key(0), width=2, scale=1.0)["W"].shape  # a column more, for the time
    (2, 3)
    """

    field: ControlledField = eqx.field(
        converter=partial(instance, name="field", kind=ControlledField)  # type: ignore[type-abstract]
    )
    unit: float = eqx.field(static=True, default=1.0, converter=partial(positive, name="unit"))

    def __check_init__(self) -> None:
        name = type(self.field).__name__
        if isinstance(self.field, TimeDependent | Translation):
            reason = "ignores its inputs" if isinstance(self.field, Translation) else "has it"
            raise InputError(
                f"the field to be given the time must use it; got {name}, which {reason}: take "
                "Perceptron() or another"
            )
        try:
            inspect.signature(self.field.init).bind(None, 1, 1.0, 1)
        except TypeError as error:
            raise InputError(
                f"the field {name} cannot be given the time: expected an init with a fourth "
                "argument, the number of values that the velocity sees beside the active "
                "components; add it, or use t in the velocity itself"
            ) from error

    @property
    def linear_in_control(self) -> bool:
        return self.field.linear_in_control

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        clock = (t / self.unit).astype(x.dtype)
        return self.field.velocity(t, jnp.append(x, clock), theta)

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        return self.field.init(key, width, scale, seen + 1)
