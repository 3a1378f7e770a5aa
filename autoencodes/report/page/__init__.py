"""A report as one HTML page: no network, under 5 MB.

``contents`` says what stands on it, ``document`` writes it; ``tables``, ``flows``, ``explorers``,
``anomalies`` and ``strips`` write a part each. ``page.css`` and the scripts lie beside them.
"""

from autoencodes.report.page.contents import Chart, Drawn, Extremes, Page, Strip
from autoencodes.report.page.document import html

__all__ = ["Chart", "Drawn", "Extremes", "Page", "Strip", "html"]
