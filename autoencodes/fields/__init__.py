"""Controlled velocity fields F(t, x, θ), each written for one particle."""

from autoencodes.fields.convolution import Convolution as Convolution
from autoencodes.fields.convolution import convolutions as convolutions
from autoencodes.fields.field import ControlledField as ControlledField
from autoencodes.fields.field import Placed as Placed
from autoencodes.fields.field import build as build
from autoencodes.fields.field import describe as describe
from autoencodes.fields.linear_in_control import LinearInControl as LinearInControl
from autoencodes.fields.low_rank import LowRank as LowRank
from autoencodes.fields.perceptron import Perceptron as Perceptron
from autoencodes.fields.pointwise import Pointwise as Pointwise
from autoencodes.fields.time_dependent import TimeDependent as TimeDependent
from autoencodes.fields.translation import Translation as Translation
from autoencodes.fields.two_layer import TwoLayer as TwoLayer

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
    "build",
    "convolutions",
    "describe",
]
