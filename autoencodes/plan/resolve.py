"""The rules: what is decided where the user did not, in the light of the data.

The figures come from a search on the built-in data (docs/explanation/defaults.md tells how) and
carry over to tables of their kind.
"""

from __future__ import annotations

import math
from typing import Any

from autoencodes.catalogue import COSTS, DATASETS, FIELDS, METHODS
from autoencodes.datasets.parts import SHARE
from autoencodes.plan import tables
from autoencodes.plan.conflicts import refuse, refuse_shapes
from autoencodes.plan.facts import Facts
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.training.metric import usual_tau

_STEPS = 20
"""Euler steps of a flow, about; more for many blocks."""

_UPDATES = 8000
"""Updates of the control in a training."""

_BLUR = 1.5
"""Length of the noise that classes are learned with, in distances to the nearest row."""
_KERNEL, _HIDDEN = 1, 16
"""Size and hidden channels of convolutions."""

# The toy laws, as the paper has them: 21 Euler steps of Δt = 1, the second component off in
# the middle; small enough for whole-measure steps in double precision.
_PLANE = {
    "widths": (2, 1),
    "steps_per_block": 7,
    "horizon": 21.0,
    "order": "index",
    "scaling": "none",
    "init_scale": 1.0,
    "tikhonov": 1e-4,
    "epochs": 3000,
    "batch_size": 0,
    "precision": "float64",
}


def resolve(settings: Settings, facts: Facts) -> Plan:
    """The plan of a training: what was given, and for every other entry what its rule says.

    Raises
    ------
    InputError
        If entries contradict each other or the data, or one that was given would do nothing.
    """
    refuse_shapes(settings, facts)
    known = {**_named(settings.data), **settings.entries}
    if settings.latent is not None and settings.widths is None:
        known.pop("widths", None)
    if facts.outputs is not None or settings.extra:  # a data set's own shape reconstructs it
        known |= {"latent": settings.latent, "widths": settings.widths}
    known = {name: value for name, value in known.items() if value is not None}
    shape = _shape(settings, known, facts)
    course = _course(known, facts)
    ruled = tables.entries(settings, facts, shape["latent"]) if settings.effort else {}
    costs = COSTS.entries.items()
    entries = {
        # On digits any λ from 1e-4 to 6e-4 and any scale from 0.1 to 1 does as well.
        "cost": next(n for n, e in costs if settings.target in e.facts.get("default_for", ())),
        "horizon": 10.0,
        "init_scale": 0.5,
        "tikhonov": 0.1 * facts.variance / facts.rows,
        "scaling": scaling(settings, facts.value_range),
        "precision": precision(settings),
        # What was published with its rows keeps them, so that its figures stay comparable.
        "validation_fraction": 0.0 if facts.own_split else SHARE,
        **shape,
        **course,
        **ruled,
        **known,
        "widths": ruled.get("widths", shape["widths"]),
        "latent": shape["latent"],
    }
    plan = Plan.of(Settings(**entries))
    refuse(settings, plan, facts)
    return plan


def _named(data: str) -> dict[str, Any]:
    """What the name of a built-in data set decides."""
    facts = DATASETS.entries[data].facts if data in DATASETS else {}
    return {**(_PLANE if facts.get("law") else {}), **facts.get("defaults", {})}


def scaling(settings: Settings, value_range: tuple[float, float] | None) -> str:
    """How rows are scaled: as given, else as the data set asks; those of a known range, as images
    have, to [0, 1], and so all that are compared as probabilities.
    """
    known = settings.scaling or _named(settings.data).get("scaling")
    bounded = value_range is not None or compares_probabilities(settings)
    return str(known or ("unit" if bounded else "standard"))


def compares_probabilities(settings: Settings) -> bool:
    """Whether targets must lie in [0, 1]."""
    facts = {} if settings.cost is None else COSTS.entries[settings.cost].facts
    return bool(facts.get("probabilities"))


def precision(settings: Settings) -> str:
    """The precision: as given, else that of the data set, by its name."""
    named = _named(settings.data).get("precision", "float32")
    return str(settings.precision or named)


def _shape(settings: Settings, known: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """The widths, and all that depends on them."""
    dim, outputs = facts.dim, facts.outputs
    # N rows span N − 1 dimensions: that many numbers would rebuild each by heart. A target that is
    # no row is read from as many components as it has entries.
    spanned = min(dim, max(1, facts.rows - 1))
    usual = max(1, min(spanned // 2, max(2, dim // 8))) if outputs is None else outputs
    latent = known.get("latent", usual)
    mirror = known.get("mirror", outputs is None)
    order = known.get("order", "variance" if outputs is None else "natural")
    # Where the least varied leave the state for good, those that carry nothing need no width.
    drops = order == "variance" and settings.memory == "reset"
    first = max(facts.carried, latent) if facts.carried and drops else dim
    convolves = settings.field == "convolution"
    grids = known.get("grids", _grids(facts.image) if convolves else ())
    if grids:
        first = max(latent, min(first, math.prod(grids[-1])))
    widths = known["widths"] if "widths" in known else falling(first, latent)
    levels = len(grids) + len(widths)
    blocks = 2 * levels - 1 if mirror else levels
    shape = {
        "widths": widths,
        "latent": min(widths),
        "order": order,
        "mirror": mirror,
        "steps_per_block": max(1, round(_STEPS / blocks)),
    }
    if "rank" in FIELDS.entries[settings.field].settings:
        shape["rank"] = max(latent, round(widths[0] / 4))
    if grids:
        shape |= {"grids": grids, "kernel": _KERNEL, "hidden": _HIDDEN}
    return shape


def _course(known: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """The method, its steps and its mini-batches."""
    rows, method = facts.learned or facts.rows, known.get("method", "movement")
    # Movements over all of few rows are exact, and dear where the control is large.
    usual = rows // 2 if facts.dim > rows > 1 else rows
    batch_size = known.get(
        "batch_size", 0 if METHODS.entries[method].facts.get("whole") else min(128, usual)
    )
    batches = max(1, rows // batch_size) if batch_size else 1
    epochs = known.get("epochs", max(1, round(_UPDATES / batches)))
    blurred = 0 < batch_size < rows
    course = {
        "method": method,
        "epochs": epochs,
        "batch_size": batch_size,
        # Classes are learned from rows blurred by noise of 1.5 times the distance to the nearest
        # other row (docs/howto/targets.md), since nothing finer is known of them.
        "noise": _BLUR * facts.resolution / math.sqrt(facts.dim) if blurred else 0.0,
    }
    entry = METHODS.entries[method]
    if "tau" in entry.settings:  # on all rows it finds its own step, below a bound that never binds
        course["tau"] = usual_tau(epochs * batches) if blurred else 1e10
    if "learning_rate" in entry.settings:
        course["learning_rate"] = entry.facts.get("rate", 4e-3)
    return course


def falling(first: int, latent: int) -> tuple[int, ...]:
    """Widths from the first one down to the latent one, slowly where they are wide.

    w_i^p = w_0^p + (k^p − w_0^p) i/r with p = 2/3, which lies between a linear (p = 1) and a
    geometric fall (p → 0), and r = round(2 log2(w_0/k)), at least 1, at most 9 so that ``_STEPS``
    suffice for a step in every block: 64, 52, 42, 32, 23, 15, 8.
    """
    falls = min(_STEPS // 2 - 1, max(1, round(2 * math.log2(first / latent))))
    high, low = first ** (2 / 3), latent ** (2 / 3)
    widths = (round((high + (low - high) * i / falls) ** 1.5) for i in range(falls + 1))
    return tuple(dict.fromkeys(widths))  # small ones may coincide


def _grids(image: tuple[int, ...] | None) -> tuple[tuple[int, int, int], ...]:
    """All pixels on one grid: every second one of every second row, in four channels, if it can."""
    height, width, *_ = image or (1, 1)
    stride = 1 if height % 2 or width % 2 else 2
    return ((stride**2, height // stride, width // stride),)
