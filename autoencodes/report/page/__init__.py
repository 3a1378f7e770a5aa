"""A report as one HTML page: no network, under 5 MB.

``contents`` says what stands on it, ``document`` writes it; ``tables``, ``flows`` and ``strips``
write a part each. ``page.css``, ``scene.js`` and ``flow.js`` lie beside them.
"""

from autoencodes.report.page.contents import Drawn, Page, Strip
from autoencodes.report.page.document import html

__all__ = ["Drawn", "Page", "Strip", "html"]
