"""What a page needs to decode latent values that its reader chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Int, Num

from autoencodes.datasets.texts import padded
from autoencodes.model.model import Model
from autoencodes.plot.decoder import decoded, program

_MOST_AXES, _AXES_OF_MANY = 6, 4
_MOST_CODES = 300
_GREY = 256


@dataclass(frozen=True)
class Explorer:
    """A decoder with axes to move along, latent values to begin with, and what is shown of a row.

    ``facts`` are JSON values, the same for the same model and rows.
    """

    title: str
    facts: dict[str, Any]
    plane: str = ""
    """What is said of the axes where there are several explorers of one model to choose from."""

    @classmethod
    def planes(cls, title: str, model: Model, *rows: Any) -> tuple[Explorer, ...]:
        """The explorers that a page offers of a model: one, or where it must be decoded on a grid
        one for each pair of the first three axes. ``rows`` are as in ``of``; none if none can be.
        """
        pairs = [(0, 1), (0, 2), (1, 2)]
        if program(model) is not None or model.flow.schedule.latent < 3:
            pairs = pairs[:1]
        found = [cls.of(title, model, *rows, pair=pair, grids=len(pairs)) for pair in pairs]
        if len(pairs) == 1:
            return tuple(each for each in found if each is not None)
        return tuple(
            replace(each, plane=f"axes {i + 1} and {j + 1}")
            for (i, j), each in zip(pairs, found, strict=True)
            if each is not None
        )

    @classmethod
    def of(
        cls,
        title: str,
        model: Model,
        codes: Num[np.ndarray, "particle latent"],
        rows: Num[np.ndarray, "row feature"],
        labels: Int[np.ndarray, " particle"] | None = None,
        label_names: list[str] | None = None,
        *,
        pair: tuple[int, int] = (0, 1),
        grids: int = 1,
    ) -> Explorer | None:
        """The explorer of a model that reconstructs; None if it cannot be shown.

        Of at most 6 latent values each is an axis, of more the four principal axes of the codes;
        where the script cannot run the decoder one or two of them, decoded on a grid beforehand.

        Parameters
        ----------
        codes : array (N, latent)
            Latent values of rows; the first 300 are places to begin with.
        rows : array (n, k)
            Features in the data's units: they say which values are usual.
        labels : array of int (N,), optional
            Places in ``label_names``.
        pair : the principal axes that a grid is of
        grids : how many of them share the room of one
        """
        if model.readout.target != "rows" or not len(codes):
            return None
        codes = codes.astype(np.float64)
        runs = program(model)
        latent = codes.shape[1]
        if latent <= (_MOST_AXES if runs else 2):
            centre, vectors = np.zeros(latent), np.eye(latent)
            names = [f"z{'₁₂₃₄₅₆'[k]}" for k in range(latent)]
        else:
            centre = codes.mean(axis=0)
            values, axes = np.linalg.eigh(np.cov(codes.T))
            kept = list(range(_AXES_OF_MANY)) if runs else list(pair)
            vectors = axes[:, ::-1][:, kept].T
            # As in the picture of the codes: an axis points to where its largest entry is positive.
            vectors *= np.sign(vectors[range(len(kept)), np.abs(vectors).argmax(axis=1)])[:, None]
            shares = np.clip(values[::-1][kept], 0, None) / (values.clip(0).sum() or 1.0)
            names = [
                f"axis {k + 1} ({100 * share:.0f} %)"
                for k, share in zip(kept, shares.tolist(), strict=True)
            ]
        places = (codes - centre) @ vectors.T
        low, high = places.min(axis=0), places.max(axis=0)
        high = np.where(high > low, high, low + 1)
        grid = None if runs else decoded(model, centre, vectors, low, high, grids)
        if runs is None and grid is None:
            return None
        shown = _image(model, rows) if model.image_shape else {"columns": _columns(model, rows)}
        return cls(
            title,
            {
                "decoder": runs,
                "grid": grid,
                "names": names,
                "of": latent,
                "centre": _rounded(centre),
                "vectors": [_rounded(vector) for vector in vectors],
                "low": _rounded(low),
                "high": _rounded(high),
                "start": _rounded(_central(places[:_MOST_CODES])),
                "codes": [_rounded(place) for place in places[:_MOST_CODES]],
                "labels": None if labels is None else labels[:_MOST_CODES].tolist(),
                "label_names": label_names,
                "held": model.flow.schedule.memory == "hold",
                **shown,
            },
        )


def _central(places: Num[np.ndarray, "particle axis"]) -> Num[np.ndarray, " axis"]:
    """The place that is nearest to the median: that of a row."""
    return places[int(np.argmin(np.sum((places - np.median(places, axis=0)) ** 2, axis=1)))]


def _rounded(values: Num[np.ndarray, " number"]) -> list[float]:
    return [float(f"{value:.5g}") for value in values.tolist()]


def _image(model: Model, rows: Num[np.ndarray, "row feature"]) -> dict[str, Any]:
    low, high = limits(model.scaling.apply(rows, np.float64))
    ends = model.scaling.undo(np.array([[low], [high]]) * np.ones(rows.shape[1]), np.float64)
    return {"shape": list(model.image_shape or ()), "black": float(ends[0].min()),
            "white": float(ends[1].max())}  # fmt: skip


def _columns(model: Model, rows: Num[np.ndarray, "row feature"]) -> list[dict[str, Any]]:
    """Of every column its name, its features, and how people read them."""
    encoding = model.named
    owner, values = encoding.owner, encoding.leave(rows)
    found = []
    for k, column in enumerate(encoding.columns):
        own = np.flatnonzero(owner == k)
        entry: dict[str, Any] = {"name": column.name, "kind": column.kind}
        entry["at"] = int(own[0]) if len(own) else -1
        if column.levelled:
            entry["levels"] = [str(level) for level in column.levels]
        else:
            entry |= {"low": float(values[:, k].min()), "high": float(values[:, k].max())}
            entry["whole"] = column.whole
            entry["clock"] = column.moments and "%H" in padded(column.dtype)
        found.append(entry)
    return found


def limits(originals: Num[np.ndarray, "..."]) -> tuple[float, float]:  # noqa: UP037
    """The values that are black and white: 0 and 1, if they hold the originals."""
    low, high = float(originals.min()), float(originals.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
