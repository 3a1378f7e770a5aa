"""One-step methods: how a flow crosses one step of its control."""

from autoencodes.schemes.registry import SCHEMES as SCHEMES
from autoencodes.schemes.registry import name_of as name_of
from autoencodes.schemes.registry import scheme as scheme
from autoencodes.schemes.runge_kutta import Euler as Euler
from autoencodes.schemes.runge_kutta import Heun as Heun
from autoencodes.schemes.runge_kutta import RungeKutta4 as RungeKutta4
from autoencodes.schemes.scheme import Scheme as Scheme

__all__ = ["SCHEMES", "Euler", "Heun", "RungeKutta4", "Scheme", "name_of", "scheme"]
