"""Reports: what a folder shows, drawn and in words. Reads folders only, trains nothing."""

from autoencodes.report.compose import Report as Report
from autoencodes.report.compose import report as report

__all__ = ["Report", "report"]
