"""On what it was measured: processor, cores, versions, load, and the rate of one large product."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = (
    "autoencodes",
    "jax",
    "equinox",
    "numpy",
    "torch",
    "diffrax",
    "torchdiffeq",
    "scikit-learn",
)


def machine() -> dict[str, Any]:
    """What stands with every part of a result; nothing that names a person or a host."""
    import jax

    from autoencodes.run.machine import cores

    return {
        "processor": _processor(),
        "cores": cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{jax.devices()[0].platform}",
        "python": platform.python_version(),
        **{name: have for name in PACKAGES if (have := _version(name))},
    }


def load() -> float:
    """The mean number of processes that ran or waited in the last minute."""
    return round(os.getloadavg()[0], 2)


def rate(side: int) -> float:
    """Floating-point operations a second of one large product in float32: the floor's measure."""
    import jax
    import jax.numpy as jnp

    square = jnp.ones((side, side), jnp.float32)
    product = jax.jit(lambda a: a @ a)
    product(square).block_until_ready()
    times = []
    for _ in range(9):
        began = time.perf_counter()
        product(square).block_until_ready()
        times.append(time.perf_counter() - began)
    return 2.0 * side**3 / float(np.median(times))


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
