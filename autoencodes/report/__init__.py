"""Reports: what a folder shows, drawn and in words. Reads folders only, trains nothing."""

from autoencodes.report.compose import Report, report

__all__ = ["Report", "report"]
