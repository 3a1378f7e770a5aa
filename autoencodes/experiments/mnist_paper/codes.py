"""What latent codes say of their classes: which components are used, and which classes are near.

# notation: z_k latent component k, c class, s_k(c) its root mean square over the rows of c, S the
# pixels that are 0 in every row, p costate.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from autoencodes.experiments.layers import effective_dimensions

Codes = Float[np.ndarray, "row component"]
Labels = Int[np.ndarray, " row"]
PerClass = Float[np.ndarray, "class component"]

CLASSES = 10
TOLERANCES = (0.001, 0.01, 0.1)
TOLERANCE = 0.01
"""The one by which classes are compared."""

NONZERO = (
    "A latent component counts as nonzero over some rows if its root mean square over them is "
    f"above {TOLERANCE:g} of the largest component's over all rows; the table has other "
    "tolerances. The paper, as recalled, finds 13 of 32, the same for all digits."
)

WHY_ZERO = (
    "Where σ(0) = 0 and θ₀ = 0, a kept pixel that is 0 in every training row stays 0 at every "
    "layer and gets no gradient: its latent component is exactly 0 for every digit on which the "
    "pixel is 0. With softplus, σ(0) = log 2, none is; there such pixels move alike instead, as "
    "one component."
)


def root_mean_square(z: Codes) -> Float[np.ndarray, " component"]:
    """(mean over the rows of z_k²)^(1/2)."""
    found: np.ndarray = np.sqrt((z.astype(np.float64) ** 2).mean(axis=0))
    return found


def root_mean_squares(z: Codes, labels: Labels) -> PerClass:
    """s_k(c), the root mean squares over the rows of every class."""
    return np.array([root_mean_square(z[labels == c]) for c in range(CLASSES)])


def nonzero(
    sizes: Float[np.ndarray, "... component"],
    overall: Float[np.ndarray, " component"],
    tolerance: float = TOLERANCE,
) -> Bool[np.ndarray, "... component"]:
    """Which components have a root mean square above ``tolerance`` of the largest over all rows."""
    largest: float = overall.max()
    return sizes > tolerance * largest


def by_class(z: Codes, labels: Labels) -> tuple[PerClass, PerClass]:
    """Means and standard deviations of the components over the rows of every class."""
    of_class = [z[labels == c].astype(np.float64) for c in range(CLASSES)]
    return np.array([c.mean(axis=0) for c in of_class]), np.array([c.std(axis=0) for c in of_class])


def distances(means: PerClass) -> Float[np.ndarray, "class class"]:
    """Euclidean distances between the classes' means."""
    found: np.ndarray = np.linalg.norm(means[:, None] - means[None], axis=-1)
    return found


def rank(between: Float[np.ndarray, "class class"], a: int, b: int) -> int:
    """The place of a pair of classes among all 45 by its distance; 1: the closest."""
    return 1 + sum(
        bool(between[c, d] < between[a, b]) for c, d in combinations(range(len(between)), 2)
    )


def described(z: Codes, labels: Labels, pairs: tuple[tuple[int, int], ...]) -> dict[str, object]:
    """The numbers of a ``Run`` that its codes decide."""
    sizes, overall = root_mean_squares(z, labels), root_mean_square(z)
    of_classes = nonzero(sizes, overall)
    counts = of_classes.sum(axis=1)
    deviations = z.std(axis=0)
    between = distances(by_class(z, labels)[0])
    return {
        "nonzero": {f"{t:g}": int(nonzero(overall, overall, t).sum()) for t in TOLERANCES},
        "exactly_zero": int((np.abs(z).max(axis=0) == 0).sum()),
        "same": bool((of_classes == of_classes[0]).all()),
        "classes": [int(counts.min()), int(counts.max())],
        "varying": int((deviations > TOLERANCE * deviations.max()).sum()),
        "directions": effective_dimensions(z.astype(np.float64)),
        "ranks": {f"{a}/{b}": rank(between, a, b) for a, b in pairs},
    }
