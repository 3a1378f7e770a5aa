"""Controlled velocity fields F(t, x, θ), each written for one particle."""

from autoencodes.fields.field import ControlledField as ControlledField
from autoencodes.fields.perceptron import Perceptron as Perceptron
from autoencodes.fields.registry import build as build
from autoencodes.fields.registry import describe as describe
from autoencodes.fields.translation import Translation as Translation

__all__ = ["ControlledField", "Perceptron", "Translation", "build", "describe"]
