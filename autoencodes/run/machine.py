"""What a result was computed on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import jax

from autoencodes import __version__

_PACKAGES = ("jax", "jaxlib", "equinox", "optax", "numpy", "scipy")

_SETTINGS = ("jax_default_matmul_precision", "jax_default_prng_impl", "jax_threefry_partitionable")
"""Of JAX: those that decide about numbers. In which precision it computes, a run decides."""

_VARIABLES = ("XLA_FLAGS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Of the environment: they may decide in which order sums are taken."""


def machine() -> dict[str, Any]:
    """Versions, system, device and cores, as JSON values; nothing that names a person or a host."""
    device = jax.devices()[0]
    return {
        **versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{device.platform} {device.device_kind}",
        "cores": cores(),
        **{name: str(getattr(jax.config, name, None)) for name in _SETTINGS},
        **{name: _without_paths(os.environ[name]) for name in _VARIABLES if name in os.environ},
    }


def versions() -> dict[str, str]:
    """Those that decide about numbers, by name."""
    own = {"autoencodes": __version__, "python": platform.python_version()}
    return {**own, **{name: version(name) for name in _PACKAGES}}


def _without_paths(text: str) -> str:
    return " ".join(word for word in text.split() if "/" not in word and "\\" not in word)


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
