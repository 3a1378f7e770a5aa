"""How rows of the data lie in the ambient space of a flow.

# notation: z row in the flow's units, k features, d ambient dimension, Q orthogonal, c centre.
"""

from __future__ import annotations

import equinox as eqx
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, DTypeLike

from autoencodes.checks import choice, finite_numbers, integer, positive_integer, real_rows
from autoencodes.errors import InputError
from autoencodes.measure.streaming import map_rows, strips
from autoencodes.model.pca import Weights, mean, principal_axes
from autoencodes.summary import Summarised, first

ROTATIONS = ("none", "pca", "random")


class Coordinates(Summarised, eqx.Module):
    """x = ((z − c) Q, 0): rows of k features as particles in R^d, d ≥ k.

    Components beyond the data's begin at 0 (an augmented neural ODE: blocks may be wider than the
    data). A rotation is a part of the model: distances, and with them the squared error, are the
    same on both sides of it.

    Parameters
    ----------
    dim : int
        The ambient dimension d.
    features : int
        k ≤ d, at least 1.
    rotation : array (k, k), optional
        Q, orthogonal: column i is the direction that component i measures. By default the identity.
    centre : array (k,), optional
        c, taken out with a rotation; by default 0.

    Arrays come back in the precision ``dtype`` that is asked for.

    Raises
    ------
    InputError
        If d < k, or Q is not orthogonal.

    Notes
    -----
    Source: Dupont, Doucet, Teh, Augmented neural ODEs, NeurIPS 2019.

    Examples
    --------
    >>> raised = ac.Coordinates(dim=3, features=2)
    >>> raised.enter([[1.0, 2.0]], np.float64)  # a component more, which begins at 0
    array([[1., 2., 0.]])
    >>> turned = ac.Coordinates.of("pca", [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], dim=2)
    >>> bool(np.allclose(turned.enter([[1.0, 1.0]], np.float64), 0))  # the mean
    True
    """

    dim: int = eqx.field(static=True)
    features: int = eqx.field(static=True)
    rotation: Float[np.ndarray, "feature feature"] | None
    centre: Float[np.ndarray, " feature"] | None

    def __init__(
        self,
        dim: int,
        features: int,
        rotation: ArrayLike | None = None,
        centre: ArrayLike | None = None,
    ) -> None:
        self.dim = positive_integer(dim, "dim")
        self.features = positive_integer(features, "features")
        if self.features > self.dim:
            raise InputError(
                f"rows of {features} features do not fit into {dim} dimensions; give the flow at "
                "least as many"
            )
        self.rotation = None if rotation is None else _float64(rotation, "rotation")
        self.centre = None if centre is None else _float64(centre, "centre")
        if self.centre is not None and self.centre.shape != (features,):
            raise InputError(
                f"a centre must have {features} entries; got shape {self.centre.shape}"
            )
        if self.rotation is not None:
            Q = self.rotation
            square = Q.shape == (features, features)
            if not (square and np.allclose(Q.T @ Q, np.eye(features), atol=1e-8)):
                raise InputError(
                    f"a rotation must be an orthogonal matrix ({features}, {features}); got shape "
                    f"{Q.shape}" + (", which is not orthogonal" if square else "")
                )

    @classmethod
    def of(
        cls, kind: str, z: ArrayLike, dim: int, seed: int = 0, weights: Weights | None = None
    ) -> Coordinates:
        """The coordinates of a kind, fitted to rows (N, k) in the flow's units.

        ``none``: the features themselves. ``pca``: c the mean and Q the principal axes, the most
        varied first. ``random``: c the mean and Q drawn uniformly (Haar). Rows count as their
        ``weights`` (N,) say.

        Parameters
        ----------
        kind : {"none", "pca", "random"}
        z : array (N, k)
        dim : int
            d ≥ k.
        seed : int
            Of the random rotation.
        weights : array (N,), optional
        """
        z = np.asarray(real_rows(z, "rows"))
        features = z.shape[1]
        kind, seed = choice(kind, "rotation", ROTATIONS), integer(seed, "seed", at_least=0)
        if kind == "none":
            return cls(dim, features)
        axes = principal_axes(z, weights) if kind == "pca" else None
        return cls.rotated(mean(z, weights), axes, dim, seed)

    @classmethod
    def rotated(
        cls,
        centre: Float[np.ndarray, " feature"],
        axes: Float[np.ndarray, "feature feature"] | None,
        dim: int,
        seed: int,
    ) -> Coordinates:
        """The coordinates along axes about a centre.

        Parameters
        ----------
        centre : array (k,)
            c, in the flow's units.
        axes : array (k, k), optional
            Q, orthogonal: the directions as columns. By default drawn uniformly (Haar).
        dim : int
            d, at least k.
        seed : int
            Of what is drawn.

        Returns
        -------
        Coordinates
        """
        features = len(centre)
        if axes is None:
            Q, R = np.linalg.qr(np.random.default_rng(seed).normal(size=(features, features)))
            axes = Q * np.sign(np.diag(R))
        return cls(dim, features, axes, centre)

    def _summary(self) -> dict[str, str]:
        """How rows lie in the flow's space."""
        rotated = "not rotated" if self.rotation is None else "rotated"
        summary = {"rows": f"{self.features} features in {self.dim} dimensions, {rotated}"}
        return summary if self.centre is None else {**summary, "centre": first(self.centre)}

    @property
    def plain(self) -> bool:
        """Whether the particles are the rows as they are."""
        return self.rotation is None and self.dim == self.features

    def enter(self, z: ArrayLike, dtype: DTypeLike) -> Float[np.ndarray, "particle dim"]:
        """Rows (N, k) as particles (N, d)."""
        z = np.asarray(real_rows(z, "rows", self.features))
        if self.plain:
            return z.astype(dtype, copy=False)
        x = np.zeros((len(z), self.dim), dtype)
        for rows in strips(len(z)):
            x[rows, : self.features] = self._turned(z[rows])
        return x

    def leave(self, x: ArrayLike, dtype: DTypeLike) -> Float[np.ndarray, "particle feature"]:
        """The rows (N, k) that particles (N, d), or their first k components, stand for."""
        x = np.asarray(real_rows(x, "particles"))[:, : self.features]
        if self.rotation is None:
            return x.astype(dtype, copy=False)
        back, centre = self.rotation.T, 0 if self.centre is None else self.centre
        return map_rows(lambda rows: rows @ back + centre, x, dtype=dtype)

    def _turned(self, z: np.ndarray) -> np.ndarray:
        if self.rotation is None:
            return z
        turned: np.ndarray = (z - (0 if self.centre is None else self.centre)) @ self.rotation
        return turned


def _float64(values: ArrayLike, name: str) -> np.ndarray:
    return np.asarray(finite_numbers(values, name), np.float64)
