"""The built-in fields by name, so that a file can say which one it needs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from autoencodes.errors import InputError
from autoencodes.fields.convolution import Convolution
from autoencodes.fields.field import ControlledField
from autoencodes.fields.linear_in_control import LinearInControl
from autoencodes.fields.low_rank import LowRank
from autoencodes.fields.perceptron import Perceptron
from autoencodes.fields.pointwise import Pointwise
from autoencodes.fields.time_dependent import TimeDependent
from autoencodes.fields.translation import Translation
from autoencodes.fields.two_layer import TwoLayer

FIELDS: MappingProxyType[str, type[ControlledField]] = MappingProxyType(
    {
        "perceptron": Perceptron,
        "two-layer": TwoLayer,
        "low-rank": LowRank,
        "linear-in-control": LinearInControl,
        "convolution": Convolution,
        "pointwise": Pointwise,
        "translation": Translation,
        "time-dependent": TimeDependent,
    }
)


def describe(field: ControlledField) -> dict[str, Any]:
    """The name and the attributes of a built-in field; of a user's own, its class name.

    A field within a field is described within the description.
    """
    for name, kind in FIELDS.items():
        if type(field) is kind:
            inside = {key: _described(value) for key, value in vars(field).items()}
            return {"name": name, **inside}
    return {"name": f"{type(field).__module__}.{type(field).__qualname__}"}


def build(description: dict[str, Any]) -> ControlledField:
    """The field that ``describe`` described; InputError if one is not built in."""
    options = dict(description)
    name = options.pop("name", None)
    if name not in FIELDS:
        raise InputError(
            f"the field {name!r} is not built in ({', '.join(FIELDS)}); "
            "pass the field itself: autoencodes.load(path, field=...)"
        )
    inside = {key: build(v) if isinstance(v, dict) else v for key, v in options.items()}
    return FIELDS[name](**inside)


def _described(value: Any) -> Any:
    return describe(value) if isinstance(value, ControlledField) else value
