"""The certificate: what can be said of a trained control, in numbers and in words."""

from autoencodes.certificate.certificate import Certificate
from autoencodes.certificate.certify import Stage, certify

__all__ = ["Certificate", "Stage", "certify"]
