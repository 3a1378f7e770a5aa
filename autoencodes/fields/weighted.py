"""Any field, whose controls have a Tikhonov weight for each of their entries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Key

from autoencodes.catalogue import FIELDS
from autoencodes.checks import instance, positive, shown
from autoencodes.errors import InputError
from autoencodes.fields.field import ControlledField, Placed, StepControl


def _pairs(weights: object) -> tuple[tuple[str, float], ...]:
    """Names and weights, from a mapping or from pairs, as a model file has them."""
    pairs = weights.items() if isinstance(weights, Mapping) else weights
    try:
        named = [(name, weight) for name, weight in pairs]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        named = []
    if not named or not all(isinstance(name, str) for name, _ in named):
        raise InputError(
            "weights must give the control's entries by name each a number, as "
            f"{{'b': 10.0}}; got {shown(weights)}"
        )
    if len({name for name, _ in named}) < len(named):
        raise InputError(f"weights must name an entry once; got {shown(weights)}")
    return tuple((name, positive(weight, f"the weight of {name}")) for name, weight in named)


@FIELDS.register(
    "weighted",
    "any field, of controls with a Tikhonov weight for each entry",
    rank=8,
    selectable=False,
    example={"field": {"name": "perceptron", "activation": "tanh"}, "weights": [["b", 4.0]]},
)
class Weighted(ControlledField):
    """F(t, x; η) = G(t, x; θ) with η_k = √w_k θ_k, so that λ ‖η‖² = λ ∫ Σ_k w_k |θ_k|² dt.

    The space of controls with the inner product Σ_k w_k <θ_k, θ'_k> is carried to the one with
    <η, η'> by θ ↦ η, which keeps inner products: an isometry. J, its gradient and Hessian, λ_min,
    the PMP residual, movements and certificates of the problem in η are those of G's with the
    weighted norm, exactly, in every method (docs/explanation/theory.md, section 1). The control
    that a flow of this field has is η; ``own`` gives θ, in G's units, ``weighted`` the way back.

    Parameters
    ----------
    field : ControlledField
        G.
    weights : mapping of str to float
        w_k > 0 of the control's entries by their names; of those that are not named, 1. With
        ``tikhonov`` λ an entry is penalised by λ w_k: a bias by 1 beside W by 0.1 is λ = 0.1 and
        {"b": 10}.

    Raises
    ------
    InputError
        If a weight is not positive (an entry without a penalty would have no norm), or the control
        has no entry of that name.

    Notes
    -----
    Source: docs/explanation/theory.md, section 1.

    Examples
    --------
    >>> import autoencodes as ac
    >>> field = ac.fields.Weighted(ac.fields.Perceptron(), {"b": 4.0})
    >>> field.own({"W": 1.0, "b": 1.0})
    {'W': 1.0, 'b': 0.5}
    """

    field: ControlledField = eqx.field(
        converter=partial(instance, name="field", kind=ControlledField)  # type: ignore[type-abstract]
    )
    weights: Mapping[str, float] | tuple[tuple[str, float], ...] = eqx.field(
        static=True, converter=_pairs
    )

    @property
    def linear_in_control(self) -> bool:
        return self.field.linear_in_control

    def own(self, theta: Mapping[str, Any]) -> dict[str, Any]:
        """θ_k = η_k / √w_k: the control ``theta`` of a step, or of many, in the field's own
        units.
        """
        return self._scaled(theta, -0.5)

    def weighted(self, theta: Mapping[str, Any]) -> dict[str, Any]:
        """η_k = √w_k θ_k, of a control ``theta`` in the field's own units."""
        return self._scaled(theta, 0.5)

    def _scaled(self, theta: Mapping[str, Any], power: float) -> dict[str, Any]:
        factors = {name: math.pow(weight, power) for name, weight in dict(self.weights).items()}
        _check_names(factors, theta)
        return {name: factors.get(name, 1.0) * values for name, values in theta.items()}

    def velocity(
        self, t: Float[Array, ""], x: Float[Array, " input"], theta: StepControl
    ) -> Float[Array, " width"]:
        return self.field.velocity(t, x, self.own(theta))

    def init(self, key: Key[Array, ""], width: int, scale: float, seen: int = 0) -> StepControl:
        more = (seen,) if seen else ()
        return self.weighted(self.field.init(key, width, scale, *more))

    def check_block(self, active: Sequence[int], seen: Sequence[int]) -> None:
        """InputError unless the field within can move the ``active`` ones with ``seen`` in
        sight.
        """
        if isinstance(self.field, Placed):
            self.field.check_block(active, seen)


def _check_names(weights: Iterable[str], theta: Mapping[str, Any]) -> None:
    absent = [name for name in weights if name not in theta]
    if absent:
        raise InputError(
            f"weights name {', '.join(absent)}, but the control of this field has the entries "
            f"{', '.join(sorted(theta))}: give weights of these"
        )
