"""The certificate: what can be said of a trained control, in numbers and in words."""

from autoencodes.certificate.certificate import Certificate as Certificate
from autoencodes.certificate.certify import Stage as Stage
from autoencodes.certificate.certify import certify as certify

__all__ = ["Certificate", "Stage", "certify"]
