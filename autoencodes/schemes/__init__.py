"""One-step methods: how a flow crosses one step of its control."""

from autoencodes.schemes.runge_kutta import Euler, Heun, RungeKutta4
from autoencodes.schemes.scheme import Scheme, name_of, scheme

__all__ = ["Euler", "Heun", "RungeKutta4", "Scheme", "name_of", "scheme"]
