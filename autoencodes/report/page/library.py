"""Vega, which draws a page's charts: the installed package ``vl-convert-python`` brings it.

https://vega.github.io, BSD 3-Clause, by the University of Washington's Interactive Data Lab.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution
from importlib.util import find_spec

from autoencodes import atomic, cache

PACKAGE, EXTRA = "vl-convert-python", "figures"
_SNIPPET = "window.vegaEmbed = vegaEmbed;"


@dataclass(frozen=True)
class Library:
    """A script that offers ``vegaEmbed``, as a page holds it, and the terms that it comes under."""

    script: str

    @property
    def packed(self) -> str:
        """Base64 of its bytes, compressed: a third of them."""
        return base64.b64encode(zlib.compress(self.script.encode(), 9)).decode()

    @property
    def digest(self) -> str:
        """What a policy calls it by."""
        return base64.b64encode(hashlib.sha256(self.script.encode()).digest()).decode()

    @property
    def terms(self) -> str:
        """Who made it, and the licence that the package states."""
        files = distribution(PACKAGE).files or ()
        licence = [str(f.read_text()).strip() for f in files if f.name.startswith("LICEN")]
        return "\n".join(
            [
                "The packed script holds Vega, Vega-Lite and Vega-Embed (BSD 3-Clause, University "
                "of Washington Interactive Data Lab), as the package that is called "
                f"{PACKAGE} brings them under this licence:",
                *licence,
            ]
        )


@lru_cache(maxsize=1)
def library() -> Library | None:
    """The library, or None where its package is not installed.

    Putting it together takes a second, so that it is kept in the cache folder for later processes.
    """
    if find_spec("vl_convert") is None:
        return None
    kept = cache.folder("charts") / f"vega-embed-{distribution(PACKAGE).version}.js"
    try:
        return Library(kept.read_text("utf-8"))
    except (OSError, ValueError):
        pass
    import vl_convert

    made = Library(vl_convert.javascript_bundle(_SNIPPET))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(kept, made.script)
    except OSError:
        pass  # It is put together again, and there is nothing that its user could do.
    return made
