"""The field with a known answer: every particle moves alike."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import FIELDS
from autoencodes.fields.field import ControlledField, StepControl


@FIELDS.register("translation", "theta", rank=6, selectable=False)
class Translation(ControlledField):
    """F(t, x, θ) = θ.

    The control of a step is ``{"theta": (width,)}``; ``init`` draws θ_i ~ N(0, scale²).
    With the squared cost, minimiser, minimum, spectrum and contraction factor are known
    in closed form (theory, section 9): the field on which the mathematics is tested.

    Examples
    --------
    >>> field, theta = ac.fields.Translation(), {"theta": jnp.array([3.0, 4.0])}
    >>> field.velocity(jnp.array(0.0), jnp.array([1.0, 2.0]), theta).tolist()
    [3.0, 4.0]
    """

    @property
    def linear_in_control(self) -> bool:
        return True

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        return theta["theta"]

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        return {"theta": scale * jax.random.normal(key, (width,))}
