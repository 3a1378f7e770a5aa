"""Sums over rows that come a block at a time, and all that is fitted to rows by them.

# notation: x_i features of row i, o_i 1 where one was observed, c shift, u = o (x − c), f fill.

One pass over the training rows takes in

    A = Σ u uᵀ,   B = Σ u oᵀ,   O = Σ o oᵀ,   the smallest and the largest value,

with c the means of a sample, so that nothing cancels: c is as near to the means as a sample's are.
With s_i = B_ii and n_i = O_ii the means of what was observed are c + s/n. Of rows with f in the
place of what is missing, e = f − c, mean and covariance are

    m = c + d,   d = (s + (N − n) e) / N,   C = A' / N − d dᵀ,
    A'_ij = A_ij + (s_i − B_ij) e_j + (s_j − B_ji) e_i + (N − n_i − n_j + O_ij) e_i e_j;

of the training rows f are the means of what was observed. All else follows from m and C by linear
algebra: scaling, principal axes, orders, variances, the error of PCA. To rounding they are what
all rows at a time give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from autoencodes.model.coordinates import Coordinates
from autoencodes.model.pca import Pca
from autoencodes.model.scaling import Scaling, too_close


class Sums:
    """The sums of a pass, into which blocks of features are taken.

    Parameters
    ----------
    shift : array (k,)
        c, finite.
    """

    def __init__(self, shift: Float[np.ndarray, " feature"]) -> None:
        k = len(shift)
        self._shift, self.count = shift, 0
        self._squares, self._crossed, self._seen = (np.zeros((k, k)) for _ in range(3))
        self._low, self._high = np.full(k, np.inf), np.full(k, -np.inf)

    def add(self, x: Float[np.ndarray, "particle feature"]) -> None:
        """Takes rows in; NaN where a value was not observed."""
        if not len(x):
            return
        u = x - self._shift
        gone = np.isnan(u)
        n = len(u)
        self.count += n
        with np.errstate(invalid="ignore"):
            self._low = np.fmin(self._low, np.fmin.reduce(x, axis=0))
            self._high = np.fmax(self._high, np.fmax.reduce(x, axis=0))
        if gone.any():
            o = (~gone).astype(np.float64)
            u[gone] = 0
            self._squares += u.T @ u
            self._crossed += u.T @ o
            self._seen += o.T @ o
        else:
            self._squares += u.T @ u
            self._crossed += u.sum(axis=0)[:, None]
            self._seen += n

    def moments(self, fill: Float[np.ndarray, " feature"] | None = None) -> Moments:
        """What the sums are of all rows that were taken in; by default f are their own means."""
        n, s = np.diag(self._seen).copy(), np.diag(self._crossed).copy()
        e = s / np.maximum(n, 1) if fill is None else fill - self._shift
        across = (s[:, None] - self._crossed) * e
        gaps = self.count - n[:, None] - n + self._seen
        squares = self._squares + across + across.T + gaps * np.outer(e, e)
        d = (s + (self.count - n) * e) / self.count
        C = squares / self.count - np.outer(d, d)
        return Moments(self.count, n, self._shift + d, (C + C.T) / 2, self._low, self._high)


@dataclass(frozen=True, eq=False)
class Moments:
    """Means and covariances of features over rows, with f in the place of what is missing.

    Parameters
    ----------
    count : int
        N.
    seen : array (k,)
        In how many rows each feature was observed.
    mean : array (k,)
    covariance : array (k, k)
    low, high : arrays (k,)
        The smallest and largest value; infinite of a feature that was never observed.
    """

    count: int
    seen: Float[np.ndarray, " feature"]
    mean: Float[np.ndarray, " feature"]
    covariance: Float[np.ndarray, "feature feature"]
    low: Float[np.ndarray, " feature"]
    high: Float[np.ndarray, " feature"]

    def scaling(self, kind: str, value_range: tuple[float, float] | None, masked: bool) -> Scaling:
        """As ``Scaling.of``, where the deviation is of what was observed if ``masked``."""
        dim = len(self.mean)
        if kind == "none":
            return Scaling(np.zeros(dim), np.ones(dim))
        if kind == "unit":
            low, high = value_range or (float(self.low.min()), float(self.high.max()))
            return Scaling.checked(np.full(dim, low), np.full(dim, (high - low) or 1.0))
        variance = np.maximum(np.diag(self.covariance), 0)
        if masked:
            variance = variance * self.count / np.maximum(self.seen, 1)
        deviation = np.sqrt(variance)
        varied = self.high > self.low
        tiny = varied & (deviation <= 1e-12 * np.maximum(np.abs(self.mean), 1e-300))
        if tiny.any():
            k = int(np.argmax(tiny))
            raise too_close(k, float(self.low[k]), float(self.high[k]))
        return Scaling.checked(self.mean, np.where(varied, deviation, 1.0))

    def scaled(self, scaling: Scaling) -> Moments:
        """The moments of scaled rows."""
        shift, scale = scaling.shift, scaling.scale
        return Moments(
            self.count,
            self.seen,
            (self.mean - shift) / scale,
            self.covariance / np.outer(scale, scale),
            (self.low - shift) / scale,
            (self.high - shift) / scale,
        )

    def entered(self, coordinates: Coordinates) -> Moments:
        """The moments of particles, from those of scaled rows."""
        mean, C = self.mean, self.covariance
        if coordinates.rotation is not None:
            centre = 0 if coordinates.centre is None else coordinates.centre
            mean = (mean - centre) @ coordinates.rotation
            C = coordinates.rotation.T @ C @ coordinates.rotation
        more = coordinates.dim - coordinates.features
        nothing = np.zeros(coordinates.dim)
        return Moments(
            self.count,
            np.full(coordinates.dim, float(self.count)),
            np.pad(mean, (0, more)),
            np.pad(C, (0, more)),
            nothing - np.inf,
            nothing + np.inf,
        )

    @property
    def variance(self) -> Float[np.ndarray, " feature"]:
        """Of every feature."""
        return np.maximum(np.diag(self.covariance), 0.0)

    @property
    def axes(self) -> Float[np.ndarray, "feature axis"]:
        """The principal axes as columns, those of the largest variance first."""
        return np.linalg.eigh(self.covariance)[1][:, ::-1]

    def linear_error(self, pca: Pca) -> float:
        """The mean squared error of PCA over the rows: tr((I − V Vᵀ) E (z − c)(z − c)ᵀ) / k."""
        off = self.mean - pca.mean
        second = self.covariance + np.outer(off, off)
        kept = np.sum(pca.axes * (second @ pca.axes))
        return float(max(np.trace(second) - kept, 0.0) / len(off))
