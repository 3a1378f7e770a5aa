"""Controlled velocity fields F(t, x, θ), each written for one particle."""

from autoencodes.fields.convolution import Convolution, convolutions
from autoencodes.fields.field import ControlledField, Placed, build, describe
from autoencodes.fields.linear_in_control import LinearInControl
from autoencodes.fields.low_rank import LowRank
from autoencodes.fields.perceptron import Perceptron
from autoencodes.fields.pointwise import Pointwise
from autoencodes.fields.time_dependent import TimeDependent
from autoencodes.fields.translation import Translation
from autoencodes.fields.two_layer import TwoLayer
from autoencodes.fields.weighted import Weighted

__all__ = [
    "ControlledField",
    "Convolution",
    "LinearInControl",
    "LowRank",
    "Perceptron",
    "Placed",
    "Pointwise",
    "TimeDependent",
    "Translation",
    "TwoLayer",
    "Weighted",
    "build",
    "convolutions",
    "describe",
]
