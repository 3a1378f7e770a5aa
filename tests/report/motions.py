"""Flows to be looked at, small and known."""

from __future__ import annotations

from typing import Any

import numpy as np

from autoencodes.plot.motion import Motion
from autoencodes.plot.passage import Passage


def passage(layers: int = 3) -> Passage:
    """Two images of 2 by 3 pixels that grow darker; the last pixel is off between the ends."""
    shown = np.linspace(1, 0.2, layers)[:, None, None] * np.ones((1, 2, 6))
    on = np.ones((layers, 6), bool)
    on[1:-1, -1] = False
    return Passage("Two images", shown, on, 4 * np.arange(layers), on.sum(axis=1), (2, 3), 6)


def motion(dim: int = 2, particles: int = 7, layers: int = 6, **entries: Any) -> Motion:
    """Particles that go straight out; in the middle third of the steps x1 alone is active."""
    x = np.random.default_rng(dim).normal(size=(particles, dim))
    active = np.ones((layers + 1, dim), bool)
    active[layers // 3 + 1 : 2 * layers // 3 + 1, 1:] = False
    states = np.stack([(1 + 0.2 * k) * x for k in range(layers + 1)]) * active[:, None]
    found: dict[str, Any] = {
        "title": f"{dim} components",
        "times": np.linspace(0, layers / 2, layers + 1),
        "states": states,
        "active": active,
        "labels": np.arange(particles) % 2,
        "label_names": ("below", "above"),
        "targets": None,
        "components": tuple(f"x{k + 1}" for k in range(dim)),
    }
    return Motion(**{**found, **entries})
