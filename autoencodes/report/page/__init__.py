"""A report as one HTML page: no network, under 5 MB.

``contents`` says what stands on it, ``document`` writes it; ``tables``, ``flows`` and ``strips``
write a part each. ``page.css``, ``scene.js`` and ``flow.js`` lie beside them.
"""

from autoencodes.report.page.contents import Drawn as Drawn
from autoencodes.report.page.contents import Page as Page
from autoencodes.report.page.contents import Strip as Strip
from autoencodes.report.page.document import html as html

__all__ = ["Drawn", "Page", "Strip", "html"]
