"""Terminal costs.

# notation: x final state, A the components that are compared, y target, z = x_A.

A registration says by ``targets`` what a cost can compare (rows, classes, numbers), by
``default_for`` where it is taken by default, and by ``probabilities`` that targets lie in [0, 1].
"""

from __future__ import annotations

import abc
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from autoencodes.catalogue import COSTS
from autoencodes.checks import (
    at_least,
    choice,
    entries_of,
    flag,
    integer,
    optional,
    positive,
    shown,
)
from autoencodes.errors import InputError


class TerminalCost(eqx.Module):
    """The cost ℓ(x, y) of one particle at the final time.

    Examples
    --------
    >>> isinstance(ac.SquaredError(), ac.TerminalCost)
    True
    >>> ac.SquaredError().target_dim(3)  # for states of 3 components
    3
    """

    @abc.abstractmethod
    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        """ℓ(x, y) for the final state x and the target y; differentiable in x."""

    @abc.abstractmethod
    def target_dim(self, dim: int) -> int:
        """The number of components that y must have for a state of dimension ``dim``."""


def _indices(values: object, name: str) -> tuple[int, ...]:
    """Distinct indices from 0, at least one."""
    try:
        indices = tuple(integer(i, name, at_least=0) for i in entries_of(values, name))
    except InputError:
        indices = ()
    if not indices or len(set(indices)) < len(indices):
        raise InputError(
            f"{name} must be distinct indices from 0, at least one; got {shown(values)}"
        )
    return indices


class Comparison(TerminalCost):
    """A cost that compares components of the final state with the target, ℓ(x, y) = c(x_A, y).

    Parameters
    ----------
    components : sequence of int, optional
        A, in the order of the target's entries: the components that are active at the end of a
        classifier, the data's own in an augmented space. By default all of them.

    Raises
    ------
    InputError
        If they are not distinct, negative or none.

    Examples
    --------
    >>> ac.SquaredError(components=(2, 0)).target_dim(3)
    2
    """

    components: tuple[int, ...] | None = eqx.field(
        static=True, default=None, converter=partial(optional, _indices, name="components")
    )
    masked: ClassVar[bool] = False
    """Whether a target has, behind its entries, a 1 or 0 for each: whether it was observed."""
    bounded: ClassVar[bool] = False
    """Whether targets are shares or probabilities, which lie in [0, 1]."""

    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return self.loss(self.compared(x), y)

    def target_dim(self, dim: int) -> int:
        return self._compares(dim) * (2 if self.masked else 1)

    def _compares(self, dim: int) -> int:
        """The number of components that are compared, of ``dim``."""
        if self.components is None:
            return dim
        if max(self.components) >= dim:
            raise InputError(
                f"the cost compares component {max(self.components)}, but the flow has components "
                f"0..{dim - 1}: give others, or a schedule of more dimensions"
            )
        return len(self.components)

    def compared(self, x: Float[Array, " dim"]) -> Float[Array, " target"]:
        """x_A."""
        if self.components is None:
            return x
        if self.components == tuple(range(len(self.components))):
            return x[: len(self.components)]
        return x[jnp.array(self.components)]

    def predict(self, x: Float[Array, " dim"]) -> Float[Array, " target"]:
        """What the final state says of the target, in the target's own units."""
        return self.link(self.compared(x))

    @abc.abstractmethod
    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        """c(z, y)."""

    @abc.abstractmethod
    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        """The target for which z is optimal, ∇_z c(z, y) = 0: the prediction that z stands for."""


class Separable(Comparison):
    """A comparison entry by entry, c(z, y) = Σ_i c_i(z_i, y_i)."""

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jnp.sum(self.entries(z, y))

    @abc.abstractmethod
    def entries(
        self, z: Float[Array, " target"], y: Float[Array, " target"]
    ) -> Float[Array, " target"]:
        """c_i(z_i, y_i) for every i."""


@COSTS.register(
    "squared",
    "|z-y|^2",
    rank=0,
    targets=("rows", "classes", "numbers"),
    default_for=("rows", "numbers"),
)
class SquaredError(Separable):
    """c(z, y) = |z − y|², summed over the components.

    Source: docs/explanation/theory.md, section 3.

    Examples
    --------
    >>> float(ac.SquaredError()(jnp.array([1.0, 2.0]), jnp.zeros(2)))
    5.0
    """

    def entries(
        self, z: Float[Array, " target"], y: Float[Array, " target"]
    ) -> Float[Array, " target"]:
        return (z - y) ** 2

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return z


@COSTS.register(
    "huber",
    "the squared error up to delta, then linear",
    rank=1,
    targets=("rows", "classes", "numbers"),
    settings=("delta",),
    example={"delta": 0.4},
)
class Huber(Separable):
    """c(z, y) = Σ_i h(z_i − y_i): h(r) = r² where |r| ≤ δ, else δ (2 |r| − δ).

    The squared error where it is small, and linear where it is large: few rows that are far off
    do not rule. It is twice the function that Huber (1964) has, so as to agree with |z − y|².

    Parameters
    ----------
    components : see ``Comparison``
    delta : float
        δ > 0, in the target's units.

    Examples
    --------
    >>> float(ac.Huber(delta=1.0)(jnp.array([0.5, 3.0]), jnp.zeros(2)))  # 0.25 + 5
    5.25
    """

    delta: float = eqx.field(static=True, default=1.0, converter=partial(positive, name="delta"))

    def entries(
        self, z: Float[Array, " target"], y: Float[Array, " target"]
    ) -> Float[Array, " target"]:
        r = jnp.abs(z - y)
        return jnp.where(r <= self.delta, r**2, self.delta * (2 * r - self.delta))

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return z


@COSTS.register(
    "binary-cross-entropy",
    "sum_i log(1+exp z_i)-y_i z_i",
    rank=2,
    targets=("rows",),
    probabilities=True,
)
class BinaryCrossEntropy(Separable):
    """c(z, y) = Σ_i log(1 + exp z_i) − y_i z_i, for targets in [0, 1].

    That is −Σ_i y_i log s(z_i) + (1 − y_i) log(1 − s(z_i)) with s(z) = 1 / (1 + exp(−z)), which is
    the prediction: the states at the end are log-odds.

    Examples
    --------
    >>> round(float(ac.BinaryCrossEntropy()(jnp.zeros(1), jnp.ones(1))), 4)  # log 2
    0.6931
    """

    bounded: ClassVar[bool] = True

    def entries(
        self, z: Float[Array, " target"], y: Float[Array, " target"]
    ) -> Float[Array, " target"]:
        return jax.nn.softplus(z) - y * z

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return jax.nn.sigmoid(z)


@COSTS.register(
    "cross-entropy", "log sum_k exp z_k-y.z", rank=3, targets=("classes",), default_for=("classes",)
)
class CrossEntropy(Comparison):
    """c(z, y) = log Σ_k exp z_k − y·z, for targets that are probabilities of classes.

    That is −Σ_k y_k log p_k with p = exp z / Σ_k exp z_k, which is the prediction. For a class
    y is 1 there and 0 elsewhere. With a flow that ends narrow, A are the active components of
    its last block, one for each class.

    Examples
    --------
    >>> likely = ac.CrossEntropy()(jnp.array([2.0, 0.0]), jnp.array([1.0, 0.0]))
    >>> wrong = ac.CrossEntropy()(jnp.array([2.0, 0.0]), jnp.array([0.0, 1.0]))
    >>> round(float(likely), 4), round(float(wrong), 4)
    (0.1269, 2.1269)
    """

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jax.nn.logsumexp(z) * jnp.sum(y) - jnp.dot(y, z)

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return jax.nn.softmax(z)


def _groups(values: object, name: str) -> tuple[tuple[int, int], ...]:
    """Pairs of a first entry and a number of entries, at least 2, no entry in two groups."""
    pairs = []
    for pair in entries_of(values, name):
        first, count = (integer(v, name, at_least=0) for v in entries_of(pair, name))
        pairs.append((first, integer(count, f"{name}: the size of one", at_least=2)))
    end = 0
    for first, count in sorted(pairs):
        if first < end:
            raise InputError(f"{name} must have no entry in two of them; got {shown(values)}")
        end = first + count
    return tuple(pairs)


@COSTS.register(
    "by-column",
    "the error of numbers, the cross-entropy of categories, over what was observed",
    rank=4,
    targets=("rows",),
    selectable=False,
    example={"groups": ((1, 2),)},
)
class ByColumn(Comparison):
    """Each column by its kind, over the values that were observed.

    c(z, (y, m)) = Σ_(i in no group) m_i c_i(z_i, y_i)
                   + Σ_g m_g Σ_(k∈g) y_k (log Σ_(j∈g) exp z_j − z_k)

    with c_i those of the cost of numbers, and groups g of entries that are the levels of one
    category: y is 1 at the row's level and 0 elsewhere, z are logits. m is 1 where a value was
    observed and 0 where it is missing, so that what is missing says nothing.

    Parameters
    ----------
    components : see ``Comparison``
    groups : sequence of (int, int)
        The first entry of a group, and how many it has, at least 2.
    masked : bool
        Whether the target is (y, m), 2 k entries; else it is y, and m = 1.
    numbers : str
        The name of the cost of numbers: one that is a sum over entries.
    delta : float, optional
        That of the huber cost.
    sharpness : float
        s ≥ 0. Above 0 the logits of a group of K entries are (s + log(K − 1)) z_k: where z is
        near 1 at one level and 0 elsewhere, as indicators and their projections are, that
        level has a share near 1 / (1 + exp(−s)). 0: the logits are z.
    """

    groups: tuple[tuple[int, int], ...] = eqx.field(
        static=True, default=(), converter=partial(_groups, name="groups")
    )
    masked: bool = eqx.field(  # type: ignore[misc]  # a field where others have a constant
        static=True, default=False, converter=partial(flag, name="masked")
    )
    numbers: str = eqx.field(static=True, default="squared")
    delta: float | None = eqx.field(
        static=True, default=None, converter=partial(optional, positive, name="delta")
    )
    sharpness: float = eqx.field(
        static=True, default=0.0, converter=partial(at_least, name="sharpness", bound=0)
    )

    @property
    def bounded(self) -> bool:  # type: ignore[override]  # decided by the cost of numbers
        return self._base.bounded

    def __check_init__(self) -> None:
        if not isinstance(self._base, Separable):
            raise InputError(f"the cost {self.numbers} is no sum over entries; take squared")

    def loss(self, z: Float[Array, " entry"], y: Float[Array, " target"]) -> Float[Array, ""]:
        size = z.shape[0]
        last = max((first + count for first, count in self.groups), default=0)
        if last > size:
            raise InputError(f"the groups have entries up to {last - 1}; a target has {size}")
        y, seen = y[:size], y[size:] if self.masked else jnp.ones_like(z)
        alone = np.ones(size, bool)
        for first, count in self.groups:
            alone[first : first + count] = False
        cost = jnp.sum(jnp.where(alone, seen * self._base.entries(z, y), 0))
        if self.groups:
            place, real = self._places
            scores = z[place] * self._gains(real)
            logits = jnp.where(real, scores, -jnp.inf)
            fit = jnp.sum(jnp.where(real, y[place] * scores, 0), axis=1)
            whole = jnp.sum(jnp.where(real, y[place], 0), axis=1)
            level = jax.nn.logsumexp(logits, axis=1)
            cost += jnp.sum(seen[place[:, 0]] * (whole * level - fit))
        return cost

    def link(self, z: Float[Array, " entry"]) -> Float[Array, " entry"]:
        predicted = self._base.link(z)
        if not self.groups:
            return predicted
        place, real = self._places
        logits = jnp.where(real, z[place] * self._gains(real), -jnp.inf)
        shares = jax.nn.softmax(logits, axis=1)
        return predicted.at[place[real]].set(shares[real])

    def _gains(self, real: np.ndarray) -> np.ndarray:
        """What the entries of every group are multiplied by to be logits, as a column."""
        if not self.sharpness:
            return np.ones((len(real), 1), np.float32)
        return (self.sharpness + np.log(real.sum(axis=1) - 1)).astype(np.float32)[:, None]

    @property
    def _base(self) -> Separable:
        options = {} if self.delta is None else {"delta": self.delta}
        made: Separable = COSTS[self.numbers](**options)
        return made

    @property
    def _places(self) -> tuple[np.ndarray, np.ndarray]:
        """The entries of every group as rows of one length, and which of them are real."""
        most = max(count for _, count in self.groups)
        offset = np.arange(most)
        real = np.array([offset < count for _, count in self.groups])
        place = np.array([first for first, _ in self.groups])[:, None] + offset
        return np.where(real, place, place[:, :1]), real


class Turned(TerminalCost):
    """ℓ(x, y) = c(Q x + m, y): a comparison of what particles in rotated coordinates stand for.

    Parameters
    ----------
    cost : Comparison
        c, of the k features of a row.
    rotation : array (k, k)
        Q, orthogonal.
    centre : array (k,)
        m.

    Notes
    -----
    The squared error is the same on both sides of a rotation and needs none of this; one that
    knows columns does.
    """

    cost: Comparison
    rotation: Float[Array, "feature feature"] | Float[np.ndarray, "feature feature"]
    centre: Float[Array, " feature"] | Float[np.ndarray, " feature"]

    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        rotation, centre = jnp.asarray(self.rotation, x.dtype), jnp.asarray(self.centre, x.dtype)
        return self.cost(rotation @ x[: len(centre)] + centre, y)

    def target_dim(self, dim: int) -> int:
        return self.cost.target_dim(min(dim, self.centre.shape[0]))


def terminal_cost(cost: str | TerminalCost) -> TerminalCost:
    """The cost of the given name on all components, or the given cost itself."""
    if isinstance(cost, TerminalCost):
        return cost
    return COSTS[choice(cost, "cost", COSTS.names, ", or a TerminalCost")]()


def outside(y: Any) -> Any:
    """Where targets are none that a ``bounded`` cost knows: below 0 or above 1."""
    return (y < 0) | (y > 1)
