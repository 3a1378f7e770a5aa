"""How abnormal a row is: what the flow makes of it and how far its neighbours are, calibrated.

# notation: z row in the flow's units, r residual x̂ − z, s spread, h latent value, d distance to a
# neighbour, q a part's number, S its tail among ordinary rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from autoencodes.anomaly.conformal import p_values
from autoencodes.anomaly.density import Density, completed
from autoencodes.anomaly.neighbours import Features, Neighbours, Seen
from autoencodes.anomaly.tail import Tail
from autoencodes.checks import between, integer
from autoencodes.errors import InputError
from autoencodes.measure.streaming import strips
from autoencodes.measure.trimming import ordinary
from autoencodes.model.model import Model, Rows, push
from autoencodes.model.storage import DAMAGED, read_tensors, write_tensors

PARTS = ("model", "density", "near", "far", "linear")
"""The flow's residual and latent value; the density; and but for curved laws near and far
neighbours, and the row's own Mahalanobis distance."""

_FORMAT = "autoencodes-anomaly-2"
_NEAR, _FAR = (0.01, 5), (0.05, 20)
"""Which neighbours count: this share of the ordinary rows, at least so many."""
_LEAST, _MOST = 4, 10_000
"""Rows that a detector needs, and those that it keeps at most: of more they are drawn."""
_WIDEST = 2000
"""Features of which a covariance is taken."""
_DRAWN, _AREAS = 2000, (0.52, 0.995)
"""Rows drawn to weigh the parts of a curved law; areas beyond these are taken for these."""
_SMALLEST_SPREAD = 0.01
"""Of a residual, in units of its column's own deviation: less is no structure of the data."""

_FARTHEST = 1e30
"""In units of training; what is farther is judged as if it were so far, which a flow can push."""

Numbers = Float[np.ndarray, " particle"]


@dataclass(frozen=True, eq=False)
class Entered:
    """Rows as the flow has them: scaled features (N, k), which were observed (None: all), and in
    which columns, that were constant, there is another value (None: in none).
    """

    z: Features
    seen: Seen | None
    changed: Bool[np.ndarray, "particle column"] | None = None

    @classmethod
    def of(cls, model: Model, x: Rows) -> Entered:
        """Rows of the data, entered into a model."""
        changed = None
        if model.encoding is not None:
            x = model.table(x, unseen=True)
            constant = np.array([column.kind == "constant" for column in model.encoding.columns])
            changed = (x.x == -1) & constant
        features, seen = model.features(x, unseen=True)
        z = np.clip(model.scaling.apply(features, np.float64), -_FARTHEST, _FARTHEST)
        observed = None if seen is None or bool(np.all(seen)) else np.asarray(seen, bool)
        return cls(z, observed, changed if changed is not None and changed.any() else None)

    @property
    def factor(self) -> Float[np.ndarray, "particle 1"]:
        """k / (number of features observed): what a sum over those that are is multiplied by."""
        if self.seen is None:
            return np.ones((len(self.z), 1))
        return self.z.shape[1] / np.maximum(self.seen.sum(axis=1, keepdims=True), 1)

    def taken(self, rows: Any) -> Entered:
        """Some of the rows."""
        parts = (None if part is None else part[rows] for part in (self.seen, self.changed))
        return Entered(self.z[rows], *parts)


@dataclass(frozen=True, eq=False)
class Detector:
    """A score of how abnormal a row is, fitted to rows among which there may be anomalies.

    score = − Σ_i w_i log S_i(q_i),   each q a sum over columns:

    - q₁ = Σ_j (r_j / s_j)² + (h − m)ᵀ C⁻¹ (h − m), the flow's residual in units of its own spread
      in every column, and the latent value's squared Mahalanobis distance: what contradicts the
      structure that the flow has learned, and what is extreme within it;
    - q₂ = (−2 log p(z) − c)₊, with the density p of windows that follow the surface on which
      ordinary rows lie (``density.Density``): what lies off it, also in their midst;
    - q₃ = d² to a near ordinary row (1 % of them, at least the 5th): what lies where there are
      none;
    - q₄ = d² to a farther one (5 %, at least the 20th): what lies far from the crowd, also where
      some anomalies lie together;
    - q₅ = (z − μ)ᵀ Σ⁻¹ (z − μ), the squared Mahalanobis distance of the row itself: what a linear
      model says, which a flow that bends too far does not.

    S_i are the tails of the q_i among ordinary rows (``Tail``), so that the parts are on one scale
    and add up; the weights are 1. Ordinary are the rows of the fit that
    ``measure.trimming.ordinary`` keeps. Where they follow a curved law, distance from the middle or
    the crowd says nothing against a row, and distance to the nearest rows is blurred by how far
    these are from each other: q₁ is then the residual alone, and of the others only q₂ counts.
    The weights are then by how well each part tells ordinary rows from drawn ones that have their
    mean and covariance but not their structure: w ∝ √2 Φ⁻¹(area under the ROC curve), the best
    linear rule for independent normal parts. A reconstruction error alone would be no such
    score: a flexible flow reconstructs anomalies.

    Parameters
    ----------
    model : Model
        That reconstructs rows.
    units : array (k,)
        What distances are measured in: the deviations of all rows of the fit. The model's own are
        those of the rows that it learned from, of which some columns hardly vary.
    neighbours : Neighbours
        The ordinary rows, in these units.
    spread : array (k,)
        s, the root mean square residual of ordinary rows.
    centre, whitening : arrays (latent,), (latent, latent)
        m, and W with W Wᵀ = C⁻¹.
    middle : array (k,)
        A typical row: that with the least surprising latent value.
    places : tuple of int
        Which neighbours count: two, or none for curved laws.
    tails : tuple of Tail
        S₁, S₂ and, but for curved laws, S₃, S₄ and S₅.
    density : Density
        Of the ordinary rows.
    usual : float
        The median of their scores.
    mean, precision : arrays (k,), (k, k), or None
        μ and Σ⁻¹ of the ordinary rows; None for curved laws.
    weights : array (part,)
        w.
    calibration : array (n,), or None
        Scores of rows that were set apart.
    """

    model: Model
    units: Float[np.ndarray, " feature"]
    neighbours: Neighbours
    spread: Float[np.ndarray, " feature"]
    centre: Float[np.ndarray, " latent"]
    whitening: Float[np.ndarray, "latent latent"]
    middle: Float[np.ndarray, " feature"]
    places: tuple[int, ...]
    tails: tuple[Tail, ...]
    weights: Float[np.ndarray, " part"]
    density: Density
    usual: float = 0.0
    mean: Float[np.ndarray, " feature"] | None = None
    precision: Float[np.ndarray, "feature feature"] | None = None
    calibration: Float[np.ndarray, " calibration"] | None = None

    @classmethod
    def fit(cls, model: Model, x: Rows, *, share: float = 0.3, seed: int = 0) -> Detector:
        """A detector from a trained model and rows, as those that it was trained on.

        Parameters
        ----------
        model : Model
        x : rows, as ``Model.features`` takes them, at least 4
        share : float
            In [0, 0.5): the share of rows that is not taken for ordinary.
        seed : int
            Draws the rows, where there are more than 10,000.

        Raises
        ------
        InputError
            If the model predicts labels, or rows are too few or not of its kind.
        """
        if model.readout.target != "rows":
            raise InputError(
                f"this model predicts {model.readout.target}; anomalies are found by one that "
                "reconstructs rows: train it without --target"
            )
        share = between(share, "share", 0.0, 0.5, with_high=False)
        seed = integer(seed, "seed", at_least=0)
        rows = Entered.of(model, x)
        if len(rows.z) < _LEAST:
            raise InputError(f"a detector is fitted to {_LEAST} rows or more; got {len(rows.z)}")
        if len(rows.z) > _MOST:
            drawn = np.random.default_rng(seed).choice(len(rows.z), _MOST, replace=False)
            rows = rows.taken(np.sort(drawn))
        units = _units(model, rows)
        kept, curved = ordinary(rows.z / units, share)
        return cls._of_ordinary(model, rows.taken(kept), units, curved)

    @classmethod
    def _of_ordinary(cls, model: Model, rows: Entered, units: np.ndarray, curved: bool) -> Detector:
        count = len(rows.z)
        residuals = _residuals(model, rows)
        weights = np.ones(residuals.shape) if rows.seen is None else rows.seen
        mean_square = (residuals**2).sum(axis=0) / np.maximum(weights.sum(axis=0), 1)
        least = np.full(len(mean_square), _SMALLEST_SPREAD)
        groups = () if model.encoding is None else model.encoding.groups
        for first, width in groups:  # a level that no ordinary row has is one in so many at most
            least[first : first + width] = 1 / np.sqrt(count + 2)
        latent = np.asarray(model.encode_particles(_particles(model, rows.z)).latent, np.float64)
        centre, whitening = whitened(latent)
        inner = np.sum(((latent - centre) @ whitening) ** 2, axis=1)
        neighbours = Neighbours(rows.z / units, rows.seen)
        fitted = cls(
            model,
            units,
            neighbours,
            np.maximum(np.sqrt(mean_square), least),
            centre,
            whitening * (not curved),
            rows.z[int(np.argmin(inner))],
            () if curved else tuple(max(k, int(s * count)) for s, k in (_NEAR, _FAR)),
            (),
            np.ones(1),
            Density.fit(completed(neighbours, neighbours.rows, rows.seen, own=True)),
        )
        if not curved and rows.z.shape[1] <= _WIDEST:
            mean, root = whitened(rows.z / units)
            fitted = replace(fitted, mean=mean, precision=root @ root.T)
        numbers = fitted.numbers(rows, np.arange(count))
        tails = tuple(Tail.of(q) for q in numbers)
        fitted = replace(fitted, tails=tails, weights=np.ones(len(tails)))
        if curved and rows.z.shape[1] <= _WIDEST:
            fitted = replace(fitted, weights=_power(fitted, rows))
        return replace(fitted, usual=float(np.median(fitted.surprises(numbers).sum(axis=0))))

    def calibrated(self, x: Rows) -> Detector:
        """The same with the scores of rows that neither it nor its model was fitted to."""
        return replace(self, calibration=self.score(x))

    def score(self, x: Rows) -> Numbers:
        """The scores (N,) of rows: at least 0, the larger, the more abnormal."""
        return self.of_entered(Entered.of(self.model, x))

    def p_values(self, x: Rows) -> Numbers:
        """The conformal p-values (N,) of rows; see ``conformal.p_values`` for what is promised.

        Raises
        ------
        InputError
            If no rows were set apart.
        """
        if self.calibration is None:
            raise InputError(
                "p-values need rows that were set apart: use calibrated(rows), with rows that "
                "neither the model nor the detector was fitted to"
            )
        return p_values(self.score(x), self.calibration)

    def of_entered(self, rows: Entered) -> Numbers:
        """The scores of rows that were entered."""
        scores = self.surprises(self.numbers(rows)).sum(axis=0)
        changed = self.changed_parts(rows)
        return np.asarray(scores if changed is None else scores + changed.sum(axis=1))

    def changed_parts(self, rows: Entered) -> Float[np.ndarray, "particle column"] | None:
        """What columns add that were constant and are not: to every part of the score the surprise
        of what none of n ordinary rows has, − log 1 / (n + 2) by Laplace's rule.
        """
        if rows.changed is None:
            return None
        rare = np.log(len(self.neighbours.rows) + 2) * self.weights.sum()
        return np.asarray(rare * rows.changed)

    def surprises(self, numbers: Float[np.ndarray, "part particle"]) -> np.ndarray:
        """− w_i log S_i of the parts' numbers."""
        parts = zip(self.weights, self.tails, numbers, strict=True)
        return np.stack([weight * tail(q) for weight, tail, q in parts])

    def numbers(
        self, rows: Entered, own: Int[np.ndarray, " particle"] | None = None
    ) -> Float[np.ndarray, "part particle"]:
        """The parts' numbers q (part, N); ``own``: which of the ordinary rows these are, if so."""
        outer = self.residual_squares(rows).sum(axis=1)
        latent = self.latents(rows.z)
        inner = np.sum(((latent - self.centre) @ self.whitening) ** 2, axis=1)
        dense = self.density.own(own) if own is not None else self.density.numbers(self.whole(rows))
        if not self.places:
            return np.stack([outer + inner, dense])
        distances = np.empty((len(self.places), len(rows.z)))
        for part in strips(len(rows.z)):
            some = rows.taken(part)
            near = self.nearest(some, own=own is not None)
            for k, place in enumerate(self.places):
                at = min(place, near.shape[1])
                squares = self.distance_parts(some, near[:, at - 1 : at])
                distances[k, part] = squares.sum(axis=1)
        if self.precision is None:
            return np.stack([outer + inner, dense, *distances])
        linear = np.maximum(self.linear_parts(rows).sum(axis=1), 0.0)
        return np.stack([outer + inner, dense, *distances, linear])

    def whole(self, rows: Entered) -> Features:
        """The rows in the units of distances, completed from ordinary ones."""
        return completed(self.neighbours, rows.z / self.units, rows.seen)

    def linear_parts(self, rows: Entered) -> Features:
        """(z − μ)_j (Σ⁻¹ (z − μ))_j (N, k), 0 where nothing was observed."""
        assert self.mean is not None
        centred = rows.z / self.units - self.mean
        if rows.seen is not None:
            centred = np.where(rows.seen, centred, 0.0)
        parts = centred * (centred @ self.precision)
        return self._with_unseen(parts, rows, len(self.neighbours.rows) + 2)

    def nearest(self, rows: Entered, own: bool = False) -> Int[np.ndarray, "particle near"]:
        """The ordinary rows nearest to every row, as many as count."""
        among = np.ones(len(rows.z), bool) if own else None
        return self.neighbours.nearest(rows.z / self.units, rows.seen, max(self.places), among)

    def distance_parts(self, rows: Entered, near: Int[np.ndarray, "particle near"]) -> Features:
        """The parts (N, k) of the mean squared distance to some ordinary rows of every row."""
        parts = self.neighbours.squares(rows.z / self.units, rows.seen, near)
        return self._with_unseen(parts, rows, 1.0)

    def residual_squares(self, rows: Entered) -> Features:
        """(r_j / s_j)² (N, k): 0 where nothing was observed, the others filling in for it."""
        squares = (_residuals(self.model, rows) / self.spread) ** 2
        parts = self._with_unseen(squares, rows, len(self.neighbours.rows) + 2)
        return np.asarray(parts * rows.factor)

    def _with_unseen(self, parts: Features, rows: Entered, amount: float) -> Features:
        """Parts of rows some of whose categories have none of their levels.

        They have one more, which no ordinary row has: one in n + 2 at most, by Laplace's rule, so
        that a deviation of 1 is n + 2 variances.
        """
        parts = np.array(parts)
        for first, unseen in unseen_levels(self.model, rows.z):
            parts[:, first] += amount * unseen
        return parts

    def latents(self, z: Features) -> Float[np.ndarray, "particle latent"]:
        """The latent values of scaled rows, in float64."""
        return np.asarray(self.model.encode_particles(_particles(self.model, z)).latent, np.float64)

    def save(self, path: str | Path) -> None:
        """Writes all but the model as one safetensors file, atomically.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        arrays["rows"] = self.neighbours.rows
        if self.neighbours.seen is not None:
            arrays["seen"] = self.neighbours.seen
        for name in _OPTIONAL:
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        for part, tail in zip(PARTS, self.tails, strict=False):
            arrays[f"{part}.values"], arrays[f"{part}.surprises"] = tail.values, tail.surprises
        facts = {
            "format": _FORMAT,
            "model": fingerprint(self.model),
            "places": list(self.places),
            "exponents": [tail.exponent for tail in self.tails],
            "density": [self.density.count, self.density.ridge, self.density.least],
            "usual": self.usual,
        }
        write_tensors(Path(path), arrays, facts, finite=True)

    @classmethod
    def load(cls, path: str | Path, model: Model) -> Detector:
        """Reads what ``save`` wrote; ``model`` is the one that it was of.

        Raises
        ------
        InputError
            If there is no such file, it is damaged, or of another model.
        """
        path = Path(path)
        facts, arrays = read_tensors(path, "facts", "a detector")
        try:
            if facts["format"] != _FORMAT:
                raise ValueError(f"format {facts['format']!r}")
            if facts["model"] != fingerprint(model):
                raise ValueError("it belongs to another model, or the model was trained on")
            tails = tuple(
                Tail(arrays[f"{part}.values"], arrays[f"{part}.surprises"], float(exponent))
                for part, exponent in zip(PARTS, facts["exponents"], strict=False)
            )
            own = {name: arrays[name] for name in _ARRAYS}
            neighbours = Neighbours(arrays["rows"], arrays.get("seen"))
            count, ridge, least = facts["density"]
            whole = completed(neighbours, neighbours.rows, neighbours.seen, own=True)
            return cls(
                model=model,
                neighbours=neighbours,
                density=Density(whole, int(count), float(ridge), float(least)),
                tails=tails,
                places=tuple(map(int, facts["places"])),
                usual=float(facts["usual"]),
                mean=arrays.get("mean"),
                precision=arrays.get("precision"),
                calibration=arrays.get("calibration"),
                **own,
            )
        except DAMAGED as error:
            raise InputError(
                f"{path}: expected the detector of this model as autoencodes writes it ({error}); "
                "remove the file, and it is made anew"
            ) from error


_OPTIONAL = ("mean", "precision", "calibration")
_ARRAYS = ("units", "spread", "centre", "whitening", "middle", "weights")


def _units(model: Model, rows: Entered) -> np.ndarray:
    """The deviation of every feature; 1 of levels, and of what does not vary."""
    units = rows.z.std(axis=0)
    units = np.where(units > 1e-12, units, 1.0)
    for first, width in () if model.encoding is None else model.encoding.groups:
        units[first : first + width] = 1.0
    return np.asarray(units)


def whitened(x: Features) -> tuple[np.ndarray, np.ndarray]:
    """The mean of rows (N, k), and W with W Wᵀ the inverse of their shrunk covariance."""
    from sklearn.covariance import ledoit_wolf

    mean = x.mean(axis=0)
    covariance = np.atleast_2d(ledoit_wolf(x - mean, assume_centered=True)[0])
    values, axes = np.linalg.eigh(covariance)
    return mean, axes / np.sqrt(np.maximum(values, max(1e-10 * values[-1], 1e-300)))


def _power(fitted: Detector, rows: Entered) -> Float[np.ndarray, " part"]:
    """Weights by how well each part tells rows from others of their mean and covariance."""
    from scipy.special import ndtri
    from sklearn.metrics import roc_auc_score

    rng, count = np.random.default_rng(0), min(len(rows.z), _DRAWN)
    own = rng.choice(len(rows.z), count, replace=False)
    some = rows.taken(own)
    values, axes = np.linalg.eigh(np.atleast_2d(np.cov(rows.z.T)))
    drawn = rng.normal(size=some.z.shape) * np.sqrt(np.maximum(values, 0)) @ axes.T
    true = fitted.numbers(some, own)
    made = fitted.numbers(Entered(rows.z.mean(axis=0) + drawn, None))
    labels = np.repeat([0, 1], count)
    areas = [roc_auc_score(labels, np.r_[a, b]) for a, b in zip(true, made, strict=True)]
    shifts = np.sqrt(2) * ndtri(np.clip(areas, *_AREAS))
    return np.asarray(shifts / shifts.mean())


def fingerprint(model: Model) -> str:
    """What tells a model's control and scaling from others."""
    digest = hashlib.sha256()
    for leaf in (model.scaling.shift, model.scaling.scale, *jax.tree.leaves(model.control)):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def _particles(model: Model, z: Features) -> np.ndarray:
    return np.asarray(model.coordinates.enter(z, model.dtype))


def unseen_levels(model: Model, z: Features) -> Iterator[tuple[int, Bool[np.ndarray, " particle"]]]:
    """The first feature of every category, and in which scaled rows it has none of its levels."""
    groups = () if model.encoding is None else model.encoding.groups
    if groups:
        features = model.scaling.undo(z, np.float64)
        for first, width in groups:
            yield first, features[:, first : first + width].sum(axis=1) < 0.5


def _residuals(model: Model, rows: Entered) -> Features:
    """x̂ − z (N, k), 0 where nothing was observed."""
    made = model.read(push(model.flow, model.control, _particles(model, rows.z)))
    residuals = np.asarray(made, np.float64) - rows.z
    return residuals if rows.seen is None else np.where(rows.seen, residuals, 0.0)
