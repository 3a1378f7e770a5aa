"""One-step methods: how a flow crosses one step of its control."""

from autoencodes.schemes.runge_kutta import Euler as Euler
from autoencodes.schemes.runge_kutta import Heun as Heun
from autoencodes.schemes.runge_kutta import RungeKutta4 as RungeKutta4
from autoencodes.schemes.scheme import Scheme as Scheme
from autoencodes.schemes.scheme import name_of as name_of
from autoencodes.schemes.scheme import scheme as scheme

__all__ = ["Euler", "Heun", "RungeKutta4", "Scheme", "name_of", "scheme"]
