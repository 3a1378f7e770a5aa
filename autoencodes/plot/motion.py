"""A flow to be looked at: particles at every layer, and which components are on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from autoencodes.control import Control
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import switched_on as switched_on

_PARTICLES = 400
"""How many particles a page shows: more hide each other, and the page stays small."""


@dataclass(frozen=True, eq=False)
class Motion:
    """Particles on their way through the layers."""

    title: str
    times: Float[np.ndarray, " layer"]
    states: Float[np.ndarray, "layer particle dim"]
    """A component that left the state is 0 in it."""
    active: Bool[np.ndarray, "layer dim"]
    """Which components the state at that time has; at a switch, those before it."""
    labels: Int[np.ndarray, " particle"] | None
    """Places in ``label_names``."""
    label_names: tuple[str, ...]
    targets: Float[np.ndarray, "particle output"] | None
    """Where the particles are to arrive."""
    components: tuple[str, ...]
    """The components' names."""

    @classmethod
    def of(
        cls,
        title: str,
        flow: Flow,
        control: Control,
        x: Any,
        *,
        labels: Any = None,
        label_names: tuple[str, ...] = (),
        targets: Any = None,
        particles: int = _PARTICLES,
    ) -> Motion:
        """The first ``particles`` of the rows x (N, d), pushed through a flow.

        ``labels`` may be any values; named by ``label_names`` in their sorted order, else by
        themselves.
        """
        x = np.asarray(x)[:particles]
        schedule = flow.schedule
        states = np.asarray(flow.trajectory(control, x))
        names, members = label_names, None
        if labels is not None:
            values, members = np.unique(np.asarray(labels)[:particles], return_inverse=True)
            names = label_names or tuple(str(value) for value in values)
        return cls(
            title,
            np.linspace(0, schedule.horizon, schedule.steps + 1),
            states,
            switched_on(schedule),
            members,
            names,
            None if targets is None else np.asarray(targets)[:particles],
            tuple(f"x{'₁₂₃₄₅₆₇₈₉'[k]}" if k < 9 else f"x{k + 1}" for k in range(schedule.dim)),
        )

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """What a file holds of it, with ``facts``."""
        values = {n: getattr(self, n) for n in ("times", "states", "active", "labels", "targets")}
        return {name: array for name, array in values.items() if array is not None}

    @property
    def facts(self) -> dict[str, Any]:
        """JSON values."""
        return {"title": self.title, "label_names": self.label_names, "components": self.components}

    @classmethod
    def restored(cls, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Motion:
        """From ``arrays`` and ``facts``."""
        return cls(
            facts["title"],
            arrays["times"],
            arrays["states"],
            arrays["active"].astype(bool),
            arrays.get("labels"),
            tuple(facts["label_names"]),
            arrays.get("targets"),
            tuple(facts["components"]),
        )


def longest(active: Bool[np.ndarray, "layer dim"]) -> list[int]:
    """The two components that are active longest, in their order."""
    return sorted(np.argsort(-active.sum(axis=0), kind="stable")[:2].tolist())
