"""What draws: axes and figures from arrays, in one style. It reads no folder and knows no run.

``ac.plot`` has what draws into axes of your own: ``flow``, ``latent``, ``loss``,
``reconstruction``, ``spectrum`` and ``width``.
"""

from __future__ import annotations

from typing import Any

__all__ = ["flow", "latent", "loss", "reconstruction", "spectrum", "width"]


def __getattr__(name: str) -> Any:
    # They know models, which reports of experiments need not load.
    if name in __all__:
        from autoencodes.plot import axes

        return getattr(axes, name)
    raise AttributeError(f"module 'autoencodes.plot' has no attribute {name!r}")
