"""How far a row lies from the nearest of the ordinary rows.

# notation: z row, n reference row, o 1 where a value was observed, k features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from autoencodes.measure.streaming import strips

Features = Float[np.ndarray, "particle feature"]
Seen = Bool[np.ndarray, "particle feature"]

_NUMBERS = 2**22
"""Entries of a block of distances or differences."""
_TREE = 15
"""Features up to which a tree finds near rows faster than products of matrices."""
_FARTHEST = 1e100
"""What is farther is as far: its square would be none."""
_ROUNDING = 1e-11
"""How far products of matrices may be off, in units of the squared lengths of both rows."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Squared distances to reference rows, as sums over features.

    d²(z, n) = (k / #{j : o_j = 1}) Σ_j o_j (z_j − n_j)²,   o_j = 1 where both were observed:

    a missing value says nothing, and the distance is what it would be if the missing part were
    like the rest.

    Parameters
    ----------
    rows : array (M, k)
    seen : array (M, k) of bool, or None where all was observed
    """

    rows: Float[np.ndarray, "reference feature"]
    seen: Bool[np.ndarray, "reference feature"] | None

    def nearest(
        self, z: Features, seen: Seen | None, count: int, own: Bool[np.ndarray, " particle"] | None
    ) -> Int[np.ndarray, "particle near"]:
        """The ``count`` nearest reference rows of every row, the nearest first.

        ``own`` rows are themselves among the reference rows; one row at distance 0 is then left
        out.
        """
        more = min(count + (own is not None), len(self.rows))
        masked = seen is not None or self.seen is not None
        if not masked and z.shape[1] <= _TREE and 2 * more < len(self.rows):
            from sklearn.neighbors import NearestNeighbors

            search = NearestNeighbors(n_neighbors=more, algorithm="kd_tree").fit(self.rows)
            found = np.asarray(search.kneighbors(z, return_distance=False))
        else:
            found = np.concatenate(
                [
                    self._nearest(z[part], None if seen is None else seen[part], more)
                    for part in strips(len(z), max(1, _NUMBERS // max(1, len(self.rows))))
                ]
            )
        if own is None:
            return found
        last = max(1, more - 1)
        return np.where(own[:, None], found[:, -last:], found[:, :last])

    def _nearest(self, z: Features, seen: Seen | None, count: int) -> np.ndarray:
        """The nearest by the (masked) distance, as products of matrices.

        These are rounded as it suits the number of rows that are asked for at once. Where rounding
        could decide which rows are near, or which is nearer, it is asked of the differences
        themselves, and of rows equally far the first is taken: which rows are near depends on
        nothing but the row.
        """
        z = np.clip(z, -_FARTHEST, _FARTHEST)
        if seen is None and self.seen is None:
            x2, n2 = (z * z).sum(axis=1)[:, None], (self.rows * self.rows).sum(axis=1)
            squares, size = x2 - 2 * z @ self.rows.T + n2, x2 + n2.max()
        else:
            o = np.ones(z.shape) if seen is None else seen.astype(np.float64)
            p = np.ones(self.rows.shape) if self.seen is None else self.seen.astype(np.float64)
            x, n = o * z, p * self.rows
            squares = (x * x) @ p.T - 2 * x @ n.T + o @ (n * n).T
            both = o @ p.T
            squares /= np.maximum(both, 1e-9)
            squares[both == 0] = np.inf
            size = (x * x).sum(axis=1)[:, None] + (n * n).sum(axis=1).max()
        doubt = _ROUNDING * np.maximum(size[:, 0], 1e-300)
        near = np.argpartition(squares, min(count, squares.shape[1]) - 1, axis=1)[:, :count]
        far = np.take_along_axis(squares, near, 1)
        order = np.argsort(far, axis=1, kind="stable")
        near, far = (np.take_along_axis(part, order, 1) for part in (near, far))
        with np.errstate(invalid="ignore"):  # of two that are infinitely far
            close = ~(np.diff(far, axis=1) > doubt[:, None]).all(axis=1)
        outside = (squares <= (far[:, -1] + doubt)[:, None]).sum(axis=1) > count
        for row in np.flatnonzero(close | outside).tolist():
            among = np.flatnonzero(~(squares[row] > far[row, -1] + doubt[row]))
            alike = np.full(len(among), row)
            own = None if seen is None else seen[alike]
            exact = self.squares(z[alike], own, among[:, None]).sum(axis=1)
            exact[np.isinf(squares[row, among])] = np.inf
            near[row] = among[np.argsort(exact, kind="stable")[:count]]
        return near

    def squares(
        self, z: Features, seen: Seen | None, near: Int[np.ndarray, "particle near"]
    ) -> Features:
        """The parts (N, k) of the mean of d² over some reference rows of every row."""
        width = max(1, z.shape[1] * near.shape[1])
        total = np.empty(z.shape)
        for part in strips(len(z), max(1, _NUMBERS // width)):
            differences = (z[part, None, :] - self.rows[near[part]]) ** 2
            if seen is not None or self.seen is not None:
                o = np.ones(differences.shape, bool) if seen is None else seen[part, None, :]
                o = o & (True if self.seen is None else self.seen[near[part]])
                scale = z.shape[1] / np.maximum(o.sum(axis=2, keepdims=True), 1)
                differences = differences * o * scale
            total[part] = differences.mean(axis=1)
        return total
