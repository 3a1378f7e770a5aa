"""Controlled velocity fields F(t, x, θ), each written for one particle."""

from autoencodes.fields.field import ControlledField as ControlledField
from autoencodes.fields.linear_in_control import LinearInControl as LinearInControl
from autoencodes.fields.low_rank import LowRank as LowRank
from autoencodes.fields.perceptron import Perceptron as Perceptron
from autoencodes.fields.registry import build as build
from autoencodes.fields.registry import describe as describe
from autoencodes.fields.time_dependent import TimeDependent as TimeDependent
from autoencodes.fields.translation import Translation as Translation
from autoencodes.fields.two_layer import TwoLayer as TwoLayer

__all__ = [
    "ControlledField",
    "LinearInControl",
    "LowRank",
    "Perceptron",
    "TimeDependent",
    "Translation",
    "TwoLayer",
    "build",
    "describe",
]
