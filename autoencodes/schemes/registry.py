"""The one-step methods by name."""

from __future__ import annotations

from types import MappingProxyType

from autoencodes.errors import InputError
from autoencodes.schemes.runge_kutta import Euler, Heun, RungeKutta4
from autoencodes.schemes.scheme import Scheme

SCHEMES: MappingProxyType[str, type[Scheme]] = MappingProxyType(
    {"euler": Euler, "heun": Heun, "rk4": RungeKutta4}
)


def scheme(name: str, substeps: int = 1) -> Scheme:
    """The method of the given name; InputError, with the list of what there is, for another."""
    if name not in SCHEMES:
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}; got {name!r}")
    return SCHEMES[name](substeps)


def name_of(scheme: Scheme) -> str:
    """The name by which ``scheme`` finds the method again."""
    for name, kind in SCHEMES.items():
        if type(scheme) is kind:
            return name
    raise InputError(
        f"the scheme {type(scheme).__name__} is not built in ({', '.join(SCHEMES)}), so that a "
        "file cannot name it"
    )
