"""The test rows that a model reconstructs best and worst, in users' own names and units."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from autoencodes.anomaly.repair import shown
from autoencodes.measure.streaming import strips
from autoencodes.model.model import Model
from autoencodes.model.readout import row_means
from autoencodes.run.job import Job

_MOST_ROWS, _MOST_COLUMNS = 5, 3
_MOST_IMAGES = 10


def extremes(
    job: Job, model: Model, predicted: Num[np.ndarray, "particle feature"]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and JSON values of the test rows with the least and the largest errors.

    An error is a row's mean square over what was observed of it, in the units trained in;
    ``errors`` (N,) are those of all. Of images ``best`` and ``worst`` are the pixels, (row, 2, k):
    each with its reconstruction. Of others the entries of that name hold the columns with the
    largest shares of the error.
    """
    x, observed = job.features("test"), job.observed("test")
    errors = np.empty(len(x))
    for strip in strips(len(x)):
        squares = (predicted[strip].astype(np.float64) - x[strip]) ** 2
        seen = None if observed is None else observed[strip]
        errors[strip] = row_means(squares if seen is None else squares * seen, seen)
    images = job.data.image_shape is not None
    count = min(_MOST_IMAGES if images else _MOST_ROWS, len(x) // 2)
    order = np.argsort(errors, kind="stable")
    chosen = {"best": order[:count], "worst": order[::-1][:count]} if count else {}
    arrays: dict[str, np.ndarray] = {"errors": errors}
    facts: dict[str, Any] = {}
    numbers = np.arange(job.data.size)[job.data.rows("test")]
    for name, rows in chosen.items():
        arrays[f"{name}_errors"] = errors[rows]
        if images:
            arrays[name] = np.stack([x[rows], predicted[rows]], axis=1)
        else:
            facts[name] = _worded(job, model, numbers[rows], x[rows], predicted[rows])
    return arrays, {"extremes": facts, "tested": len(x)}


def _worded(
    job: Job,
    model: Model,
    numbers: Int[np.ndarray, " row"],
    x: Float[np.ndarray, "row feature"],
    made: Float[np.ndarray, "row feature"],
) -> list[dict[str, Any]]:
    """For each row its name, and the columns that are farthest off: value, and what is made."""
    encoding = model.named
    features = job.data.observed
    squares = (made.astype(np.float64) - x) ** 2
    if features is not None:
        squares = squares * features[numbers]
    owner = encoding.owner
    given = [model.scaling.undo(x, np.float64), model.scaling.undo(made, np.float64)]
    left, remade = (encoding.leave(part) for part in given)
    # As they came: on the way through the flow's units a 0 becomes 2e-7.
    came = (job.data.x if job.data.table is None else job.data.table.x)[numbers].astype(np.float64)
    came = came if came.shape == left.shape else left
    old, new = encoding.values(np.where(np.isnan(came), left, came)), encoding.values(remade)
    found = []
    for k, name in enumerate(row_names(job, numbers)):
        shares = np.bincount(owner, squares[k], minlength=len(encoding.names))
        worst = np.argsort(-shares, kind="stable")[:_MOST_COLUMNS].tolist()
        columns = [
            {
                "name": encoding.names[j],
                "value": shown(old[encoding.names[j]][k]),
                "reconstruction": shown(new[encoding.names[j]][k]),
                "share": float(shares[j] / shares.sum()),
            }
            for j in worst
            if shares[j] > 0
        ]
        found.append({"name": name, "columns": columns})
    return found


def row_names(job: Job, numbers: Int[np.ndarray, " row"]) -> list[str]:
    """What the data's rows of these numbers are called: by their identifiers, else by number."""
    table = job.data.table
    beside = {} if table is None else table.identifiers
    noun = "image" if job.data.image_shape is not None else "row"
    noun = noun if job.data.windows is None else "window"
    return [
        ", ".join(f"{name} {values[number]}" for name, values in beside.items())
        or f"{noun} {job.data.numbers[number]}"
        for number in numbers.tolist()
    ]
