"""How densely ordinary rows lie around a row, and which of its columns speaks against that.

# notation: z row, n reference row, N(n) the K rows nearest to it, C its window, P = C⁻¹, ε the
# window's least variance, w and λ its axes and variances without ε, k features, p density.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from autoencodes.anomaly.neighbours import Features, Neighbours, Seen
from autoencodes.measure.streaming import strips

Near = Int[np.ndarray, "particle near"]
Frames = tuple[Float[np.ndarray, "used window feature"], Float[np.ndarray, "used window"]]
Owner = Int[np.ndarray, " feature"]

_WINDOWS = (10, 20)
_RIDGES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Candidates for K, and for ε in units of the median squared distance to the 5th neighbour."""
_NEAR, _POOL = 20, 100
"""Windows that a density is the sum of: those of the nearest rows; and those where one column
may be anything."""
_JUDGED, _SURE = 500, 0.9
"""Rows that K and ε are chosen by, and the share of them that counts: the densest."""
_NUMBERS, _KEPT = 2**22, 2**23
"""Entries of a block, and of windows that are kept."""
_SEARCHED, _LEAST = 4000, 500
"""Rows that a pool is looked for in: so many, of very wide tables fewer, but at least so many."""
_WIDE = 200
"""Features beyond which windows have the smaller K."""
_BROAD = 4.0
"""The variance of a value that is wrong, in units of its column's."""
_FARTHEST = 1e60


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows beside windows: what does not depend on ε.

    m = cᵀ C⁻¹ c = (|c|² − Σ_i (w_i · c)² / (λ_i + ε)) / ε,
    log det C = k log ε + Σ_i log(1 + λ_i / ε)

    Parameters
    ----------
    offsets : array (N, near, k)
        c = z − n.
    axes, variances : arrays (u, K, k), (u, K)
        w_i, of which w_i · w_i = λ_i, of the windows in use.
    place : array (N, near) of int
        Which window is whose.
    """

    offsets: Float[np.ndarray, "particle near feature"]
    axes: Float[np.ndarray, "used window feature"]
    variances: Float[np.ndarray, "used window"]
    place: Int[np.ndarray, "particle near"]

    @cached_property
    def inner(self) -> Float[np.ndarray, "particle near window"]:
        """w_i · c."""
        return np.asarray((self.axes[self.place] @ self.offsets[..., None])[..., 0])

    def terms(
        self, ridge: float
    ) -> tuple[Float[np.ndarray, "particle near"], Float[np.ndarray, "particle near"]]:
        """m and log det C (N, near)."""
        inside = (self.inner**2 / (self.variances + ridge)[self.place]).sum(axis=-1)
        m = np.maximum((self.offsets**2).sum(axis=-1) - inside, 0.0) / ridge
        volume = np.log1p(self.variances / ridge).sum(axis=-1)
        return m, (volume + self.offsets.shape[-1] * np.log(ridge))[self.place]

    def pulled(self, ridge: float) -> Float[np.ndarray, "particle near feature"]:
        """P c."""
        scaled = self.inner / (self.variances + ridge)[self.place]
        inside = (scaled[..., None, :] @ self.axes[self.place])[..., 0, :]
        return np.asarray((self.offsets - inside) / ridge)

    def diagonal(self, ridge: float) -> Float[np.ndarray, "used feature"]:
        """P_jj, at least a billionth of 1 / ε."""
        inside = (self.axes**2 / (self.variances + ridge)[..., None]).sum(axis=1)
        return np.asarray(np.maximum(1 - inside, 1e-9) / ridge)

    def precision(
        self, column: Int[np.ndarray, " member"], ridge: float
    ) -> Float[np.ndarray, "used member member"]:
        """The block of P of some features."""
        axes = self.axes[:, :, column]
        scaled = axes / (self.variances + ridge)[:, :, None]
        block = np.eye(len(column)) * (1 + 1e-9) - np.swapaxes(axes, 1, 2) @ scaled
        return np.asarray(block / ridge)


@dataclass(frozen=True, eq=False)
class Density:
    """The density of ordinary rows, a sum of windows that follow a curved surface.

    p(z) ∝ Σ_n N(z; n, C_n),   C_n = 1/K Σ_{i ∈ N(n)} (z_i − n)(z_i − n)ᵀ + ε I,

    over the 20 nearest rows n: every window is wide along the surface and thin across it, so that
    few rows tell how far off the surface a row is, where a distance to neighbours is blurred by how
    far these are from each other. K and ε are those under which ordinary rows, each left out in
    turn, are most likely.

    The number q = (−2 log p(z) − c)₊ is 0 of the densest ordinary row. Rows are complete: what is
    missing in one is taken from the nearest ordinary row (``completed``).

    Parameters
    ----------
    rows : array (M, k)
        The ordinary rows, complete.
    count : int
        K.
    ridge : float
        ε > 0.
    least : float
        c, the least −2 log p of ordinary rows.

    Notes
    -----
    Source: Vincent, Bengio, Manifold Parzen windows, NIPS 2002. Left out of its own window, a row
    at c = z − n has m' = m / (1 − m / K) and log det C' = log det C + log(1 − m / K) (Sherman and
    Morrison).
    """

    rows: Float[np.ndarray, "reference feature"]
    count: int
    ridge: float
    least: float

    @classmethod
    def fit(cls, rows: Float[np.ndarray, "reference feature"]) -> Density:
        """K and ε by the likelihood of rows (M, k) left out, M ≥ 2."""
        judged = np.random.default_rng(0).permutation(len(rows))[:_JUDGED]
        near = _nearest(rows, rows[judged], _NEAR, own=True)
        place = min(5, near.shape[1]) - 1
        fifth = np.sum((rows[judged] - rows[near[:, place]]) ** 2, axis=1)
        unit = max(float(np.median(fifth)), 1e-6 * rows.shape[1])
        ridges = [share * unit for share in _RIDGES]
        fits = []
        windows = _WINDOWS if rows.shape[1] <= _WIDE else _WINDOWS[:1]
        for count in dict.fromkeys(min(k, max(1, len(rows) - 2)) for k in windows):
            tried = cls(rows, count, 1.0, 0.0)
            surprises = np.sort(tried._surprises(rows[judged], near, ridges, judged))
            likely = surprises[:, : max(1, int(_SURE * len(judged)))].mean(axis=1)
            fits += [(float(q), count, ridge) for q, ridge in zip(likely, ridges, strict=True)]
        _, count, ridge = min(fits)
        fitted = cls(rows, count, ridge, 0.0)
        return replace(fitted, least=float(fitted._own(np.arange(len(rows))).min()))

    def own(self, rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """q of some of the ordinary rows, each left out in turn."""
        return np.asarray(np.maximum(self._own(rows) - self.least, 0.0))

    def numbers(self, z: Features) -> Float[np.ndarray, " particle"]:
        """q of rows (N, k)."""
        [found] = self._surprises(z, _nearest(self.rows, z, _NEAR), [self.ridge])
        return np.asarray(np.maximum(found - self.least, 0.0))

    def parts(self, z: Features) -> Features:
        """The parts (N, k) of the windows' mean distance: Σ_n p(n | z) c_j (P_n c)_j."""
        parts, near = np.zeros(z.shape), _nearest(self.rows, z, _NEAR)
        for block in self._blocks(len(z), near.shape[1]):
            pairs = self._pairs(z[block], near[block])
            m, volume = pairs.terms(self.ridge)
            likely = -(m + volume) / 2
            likely = np.exp(likely - likely.max(axis=1, keepdims=True))
            likely /= likely.sum(axis=1, keepdims=True)
            pulled = pairs.offsets * pairs.pulled(self.ridge)
            parts[block] = np.einsum("nc,ncd->nd", likely, pulled)
        return parts

    def suspects(
        self, z: Features, owner: Owner, free: Bool[np.ndarray, " column"]
    ) -> tuple[Float[np.ndarray, "particle column"], Features]:
        """How likely every column is the one that is wrong, and what should stand there.

        If one column j of an ordinary row was overwritten by a value of a broad law g,

        P(j | z) ∝ p(z without column j) g(z_j),

        in closed form, as windows are normal: without column j the determinant of C is det C · P_jj
        and the distance m − (P c)_j² / P_jj. In its place stands what the likeliest window says,
        z_j − (P c)_j / P_jj; of a column of several features its row's.

        Parameters
        ----------
        z : rows (N, k)
        owner : array (k,)
            The column of every feature.
        free : array (column,) of bool
            False of categories: their levels are equally likely where they are wrong.

        Returns
        -------
        array (N, column), array (N, k)
            Probabilities and values.
        """
        logs, values = np.full((len(z), len(free)), -np.inf), z.copy()  # of no feature: never
        columns = [np.flatnonzero(owner == j) for j in range(len(free))]
        single = np.array([j for j, column in enumerate(columns) if len(column) == 1], int)
        at = np.array([columns[j][0] for j in single], int)
        for block in self._blocks(len(z), _POOL):
            near = self._pool(z[block], owner)
            pairs = self._pairs(z[block], near)
            m, volume = pairs.terms(self.ridge)
            pulled, every = pairs.pulled(self.ridge), np.arange(len(near))
            inverse = pairs.diagonal(self.ridge)[:, at][pairs.place]
            moved = pulled[:, :, at] / inverse
            likely = m[..., None] - moved**2 * inverse + volume[..., None] + np.log(inverse)
            logs[block, single] = _log_sum(-likely / 2) + self._broad(1, True)
            best = likely.argmin(axis=1)
            values[block, at] -= np.take_along_axis(moved, best[:, None], axis=1)[:, 0]
            for j in (j for j, column in enumerate(columns) if len(column) > 1):
                column = columns[j]
                inverse = pairs.precision(column, self.ridge)
                own = pulled[:, :, column]
                moved = np.linalg.solve(inverse[pairs.place], own[..., None])[..., 0]
                whole = volume + np.linalg.slogdet(inverse)[1][pairs.place]
                likely = m - (own * moved).sum(axis=2) + whole
                logs[block, j] = _log_sum(-likely / 2) + self._broad(len(column), bool(free[j]))
                values[block, column] = self.rows[near[every, likely.argmin(axis=1)]][:, column]
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        return chances / chances.sum(axis=1, keepdims=True), values

    def _broad(self, size: int, free: bool) -> float:
        """log g of a column's value: broad, and on the values it can have as wide as a window."""
        law = -np.log(_BROAD) / 2 if free else -np.log(size)
        return float(law - (size - free) * np.log(self.ridge) / 2)

    def _pool(self, z: Features, owner: Owner) -> Near:
        """The rows nearest to others where the worst column may be anything."""
        among = np.arange(len(self.rows))
        most = max(_LEAST, min(_SEARCHED, _NUMBERS // (4 * z.shape[1])))
        if len(among) > most:
            among = np.random.default_rng(0).permutation(among)[:most]
        order = np.argsort(owner, kind="stable")
        starts = np.unique(owner[order], return_index=True)[1]
        rows, count = self.rows[among][:, order], min(_POOL, len(among))
        pool = np.empty((len(z), count), int)
        for block in strips(len(z), max(1, _NUMBERS // max(1, rows.size))):
            offsets = z[block][:, None, order] - rows
            squares = np.clip(offsets, -_FARTHEST, _FARTHEST) ** 2
            worst = np.add.reduceat(squares, starts, axis=2).max(axis=2)
            pool[block] = np.argpartition(squares.sum(axis=2) - worst, count - 1)[:, :count]
        return among[pool]

    @cached_property
    def _members(self) -> Int[np.ndarray, "reference window"]:
        """N(n) of all rows."""
        return _nearest(self.rows, self.rows, self.count, own=True)

    def _own(self, rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, " row"]:
        """−2 log p of some of the rows, each left out."""
        near = _nearest(self.rows, self.rows[rows], _NEAR, own=True)
        [found] = self._surprises(self.rows[rows], near, [self.ridge], rows)
        return np.asarray(found)

    def _surprises(
        self,
        z: Features,
        near: Near,
        ridges: list[float],
        own: Int[np.ndarray, " particle"] | None = None,
    ) -> Float[np.ndarray, "ridge particle"]:
        """−2 log p by ε, but for a constant; ``own``: which of the ordinary rows these are."""
        result = np.empty((len(ridges), len(z)))
        for block in self._blocks(len(z), near.shape[1]):
            pairs = self._pairs(z[block], near[block])
            for k, ridge in enumerate(ridges):
                m, volume = pairs.terms(ridge)
                if own is not None:
                    inside = (self._members[near[block]] == own[block, None, None]).any(axis=2)
                    left = np.where(inside, np.maximum(1 - m / self.count, 1e-9), 1.0)
                    m, volume = m / left, volume + np.log(left)
                result[k, block] = -2 * _log_sum(-(m + volume) / 2)
        return result

    def _blocks(self, count: int, near: int) -> list[slice]:
        numbers = near * self.count * self.rows.shape[1]
        return list(strips(count, max(1, _NUMBERS // max(1, numbers)))) if count else []

    def _pairs(self, z: Features, near: Near) -> Pairs:
        """Rows (N, k) beside windows of the rows near them."""
        used, place = np.unique(near, return_inverse=True)
        if self.rows.size * self.count <= _KEPT:
            axes, variances = (part[used] for part in self._all_frames)
        else:
            axes, variances = self._frames(used)
        offsets = np.clip(z[:, None] - self.rows[near], -_FARTHEST, _FARTHEST)
        return Pairs(offsets, axes, variances, place.reshape(near.shape))

    @cached_property
    def _all_frames(self) -> Frames:
        """The axes and variances of all windows, where they are few numbers."""
        return self._frames(np.arange(len(self.rows)))

    def _frames(self, used: Int[np.ndarray, " used"]) -> Frames:
        axes = (self.rows[self._members[used]] - self.rows[used][:, None]) / np.sqrt(self.count)
        variances, turned = np.linalg.eigh(axes @ np.swapaxes(axes, 1, 2))
        return np.swapaxes(turned, 1, 2) @ axes, np.maximum(variances, 0.0)


def completed(
    neighbours: Neighbours, z: Features, seen: Seen | None, *, own: bool = False
) -> Features:
    """Rows, with what is missing in them taken from the nearest ordinary rows that have it.

    ``own``: the rows are the ordinary ones themselves.
    """
    if seen is None or seen.all():
        return z
    some = np.flatnonzero(~seen.all(axis=1))
    among = np.ones(len(some), bool) if own else None
    near = neighbours.nearest(z[some], seen[some], _NEAR, among)
    rows = neighbours.rows
    known = np.ones(rows.shape, bool) if neighbours.seen is None else neighbours.seen
    means = (rows * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    there = known[near]
    first = np.take_along_axis(rows[near], there.argmax(axis=1)[:, None], axis=1)[:, 0]
    whole = z.copy()
    whole[some] = np.where(seen[some], z[some], np.where(there.any(axis=1), first, means))
    return whole


def _nearest(
    rows: Float[np.ndarray, "reference feature"], z: Features, count: int, *, own: bool = False
) -> Int[np.ndarray, "particle near"]:
    everywhere = np.ones(len(z), bool) if own else None
    return Neighbours(rows, None).nearest(z, None, min(count, max(1, len(rows) - own)), everywhere)


def _log_sum(logs: Float[np.ndarray, "particle term ..."]) -> Float[np.ndarray, "particle ..."]:
    """log Σ exp over the terms."""
    largest = logs.max(axis=1, keepdims=True)
    return np.asarray(largest[:, 0] + np.log(np.exp(logs - largest).sum(axis=1)))
