"""Defaults that depend on the data; what a user gives takes precedence.

The figures were found by search on the built-in data (docs/defaults.md tells how) and
carry over to tables of their kind.
"""

from __future__ import annotations

import math
from typing import Any

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

_BY_NAME: dict[str, dict[str, Any]] = {
    "digits": {"latent": 8},
    "mnist": {"latent": 32},
    "gaussian-sign": _PLANE,
    "parabola": _PLANE,
    "moons": _PLANE,
    "circles": _PLANE,
    "bimodal-1d": {
        **_PLANE,
        "widths": (1,),
        "steps_per_block": 10,
        "horizon": 1.0,
        "tikhonov": 0.1,
        "epochs": 200,
    },
}


def scaling_kind(value_range: tuple[float, float] | None) -> str:
    """How data are scaled by default: those of a known range, as images have, to [0, 1]."""
    return "standard" if value_range is None else "unit"


def preset(
    given: dict[str, Any],
    dim: int,
    rows: int,
    variance: float,
    carried: int | None = None,
    outputs: int | None = None,
    resolution: float = 0.0,
    image: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Every entry that depends on the data, in the light of what was given.

    Parameters
    ----------
    given : dict
        The entries that the user decided.
    dim, rows : int
        Dimension and number of the training rows.
    variance : float
        The sum over the features of their variances, in the flow's units.
    carried : int, optional
        The number of components that carry nearly all of it, the most varied first. Where these
        are kept longest, and the others would leave the state, only they are ever active.
    outputs : int, optional
        The number of entries of a target that is not a row; the flow then ends as narrow.
    resolution : float
        The median distance from a row to the nearest other one, in the flow's units: classes are
        learned from rows blurred by noise of 1.5 times that length (docs/targets.md), since
        nothing finer is known of them.
    image : (int, int), optional
        Height and width, where the components are pixels; a convolution needs them.
    """
    known = {**by_name(given["data"]), **given}
    if "latent" in given and "widths" not in given:
        known.pop("widths", None)
    if outputs is not None or given.get("extra"):  # a data set's own shape reconstructs it
        known = {**known, "latent": given.get("latent"), "widths": given.get("widths")}
    latent = known.get("latent") or outputs or max(1, min(dim // 2, max(2, dim // 8)))
    mirror = known.get("mirror", outputs is None)
    order = known.get("order", "variance" if outputs is None else "natural")
    drops = order == "variance" and given["memory"] == "reset"
    first = max(carried, latent) if carried and drops else dim
    grids = known.get("grids") or (_grids(image) if given["field"] == "convolution" else ())
    if grids:
        first = max(latent, min(first, math.prod(grids[-1])))
    widths = tuple(known.get("widths") or falling(first, latent))
    levels = len(grids) + len(widths)
    blocks = 2 * levels - 1 if mirror else levels
    name = known.get("method", default_method())
    batch_size = known.get("batch_size", default_batch_size(name, rows))
    batches = max(1, rows // batch_size) if batch_size else 1
    epochs = known.get("epochs", max(1, round(_UPDATES / batches)))
    general = {
        "order": order,
        "mirror": mirror,
        "cost": "cross-entropy" if given["target"] == "classes" else "squared",
        "steps_per_block": max(1, round(_STEPS / blocks)),
        "horizon": 10.0,
        "init_scale": 0.5,
        "tikhonov": 0.1 * variance / rows,
        "method": name,
        **_step(name, None if not 0 < batch_size < rows else epochs * batches),
        "epochs": epochs,
        "batch_size": batch_size,
        "noise": _BLUR * resolution / math.sqrt(dim) if 0 < batch_size < rows else 0.0,
        "precision": default_precision(given),
    }
    if given["field"] == "low-rank":
        general["rank"] = max(latent, round(widths[0] / 4))
    if grids:
        general |= {"grids": grids, "kernel": _KERNEL, "hidden": _HIDDEN}
    return {**general, **known, "widths": widths, "latent": min(widths)}


def default_precision(given: dict[str, Any]) -> str:
    """The precision where none is given: that of the data set, by its name."""
    return str(given.get("precision") or by_name(given["data"]).get("precision", "float32"))


def _grids(image: tuple[int, int] | None) -> tuple[tuple[int, int, int], ...]:
    """All pixels on one grid: every second one of every second row, in four channels, if it can."""
    height, width = image or (1, 1)
    stride = 1 if height % 2 or width % 2 else 2
    return ((stride**2, height // stride, width // stride),)


def default_method() -> str:
    """The method where none is given."""
    return "movement"


def default_batch_size(method: str, rows: int) -> int:
    """Rows of a mini-batch; 0, all of them, for a method that needs them all."""
    return 0 if method == "lbfgs" else min(128, rows)


def _step(method: str, updates: int | None) -> dict[str, float]:
    """The size of a method's steps, by the name that the method has for it.

    ``updates`` is how many are made on mini-batches; None on all rows.
    """
    if method == "movement":
        return {"tau": 1e10 if updates is None else usual_tau(updates)}
    rates = {"adam": 4e-3, "adamw": 4e-3, "sgd": 1e-2}
    return {"learning_rate": rates[method]} if method in rates else {}


def by_name(data: str) -> dict[str, Any]:
    """What is decided by the name of a built-in data set alone."""
    return dict(_BY_NAME.get(data, {}))


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
