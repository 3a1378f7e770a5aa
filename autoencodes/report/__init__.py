"""Reports: what a run folder shows, drawn. Reads run folders only, trains nothing."""

from autoencodes.report.figures import draw as draw

__all__ = ["draw"]
