"""What a result was computed on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import jax

from autoencodes import __version__

_PACKAGES = ("jax", "equinox", "optax", "numpy", "scipy")


def machine() -> dict[str, Any]:
    """Versions, system, device and cores, as JSON values; nothing that names a person or a host."""
    device = jax.devices()[0]
    return {
        "autoencodes": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{device.platform} {device.device_kind}",
        "cores": _cores(),
    }


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
