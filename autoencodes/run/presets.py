"""Defaults that depend on the data; what a user gives takes precedence.

The figures were found by search on the built-in data (docs/defaults.md tells how) and
carry over to tables of their kind.
"""

from __future__ import annotations

from typing import Any

_WIDE = 256
"""Dimension above which steps cost enough to take fewer of them."""

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
    "method": "movement",
    "tau": 1.0,
    "epochs": 3000,
    "batch_size": 0,
    "precision": "float64",
}

_BY_NAME: dict[str, dict[str, Any]] = {
    "digits": {"latent": 8},
    "mnist": {"latent": 32, "epochs": 16},
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


def preset(given: dict[str, Any], dim: int, rows: int, value_range: Any) -> dict[str, Any]:
    """Every entry that depends on the data, in the light of what was given.

    Parameters
    ----------
    given : dict
        The entries that the user decided.
    dim, rows : int
        Dimension and number of the training rows.
    value_range : (float, float) or None
        The known range of the values; without one the data are taken for a table.
    """
    known = {**_BY_NAME.get(given["data"], {}), **given}
    if "latent" in given and "widths" not in given:
        known.pop("widths", None)
    latent = known.get("latent") or max(1, min(dim // 2, max(2, dim // 8)))
    widths = tuple(known.get("widths") or halving(dim, latent))
    batch_size = known.get("batch_size", 64 if rows < 20_000 else 256)
    steps_per_block = known.get("steps_per_block", 4 if dim <= _WIDE else 2)
    blocks = 2 * len(widths) - 1
    updates = rows // batch_size if 0 < batch_size < rows else 1
    general = {
        "scaling": "standard" if value_range is None else "unit",
        "order": "variance",
        "steps_per_block": steps_per_block,
        "horizon": 0.5 * blocks * steps_per_block,
        "init_scale": 0.5,
        "tikhonov": 0.5 / rows,
        "method": "adam",
        "learning_rate": 4e-3,
        "tau": 1.0,
        "epochs": max(1, min(400, (9_000 if dim <= _WIDE else 5_000) // updates)),
        "batch_size": batch_size,
        "precision": "float32",
    }
    return {**general, **known, "widths": widths, "latent": widths[-1]}


def halving(dim: int, latent: int) -> tuple[int, ...]:
    """Widths that halve from the dimension down to the latent width: 64, 32, 16, 8.

    A halved width is taken while it is at least twice the latent one.
    """
    widths = [dim]
    while widths[-1] // 2 >= 2 * latent:
        widths.append(widths[-1] // 2)
    return (*widths, latent) if latent < widths[-1] else tuple(widths)
