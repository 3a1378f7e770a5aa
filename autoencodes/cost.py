"""Terminal costs.

# notation: x final state, A the components that are compared, y target, z = x_A.

A registration says by ``targets`` what a cost can compare (rows, classes, numbers), by
``default_for`` where it is taken by default, and by ``probabilities`` that targets lie in [0, 1].
"""

from __future__ import annotations

import abc
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from autoencodes.catalogue import COSTS
from autoencodes.checks import choice, entries_of, integer, optional, positive, shown
from autoencodes.errors import InputError


class TerminalCost(eqx.Module):
    """The cost ℓ(x, y) of one particle at the final time."""

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
    """

    components: tuple[int, ...] | None = eqx.field(
        static=True, default=None, converter=partial(optional, _indices, name="components")
    )

    def __call__(self, x: Float[Array, " dim"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return self.loss(self.compared(x), y)

    def target_dim(self, dim: int) -> int:
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


@COSTS.register(
    "squared",
    "|z-y|^2",
    rank=0,
    targets=("rows", "classes", "numbers"),
    default_for=("rows", "numbers"),
)
class SquaredError(Comparison):
    """c(z, y) = |z − y|², summed over the components. Source: docs/theory.md, section 3."""

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jnp.sum((z - y) ** 2)

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
class Huber(Comparison):
    """c(z, y) = Σ_i h(z_i − y_i): h(r) = r² where |r| ≤ δ, else δ (2 |r| − δ).

    The squared error where it is small, and linear where it is large: few rows that are far off
    do not rule. It is twice the function that Huber (1964) has, so as to agree with |z − y|².

    Parameters
    ----------
    components : see ``Comparison``
    delta : float
        δ > 0, in the target's units.
    """

    delta: float = eqx.field(static=True, default=1.0, converter=partial(positive, name="delta"))

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        r = jnp.abs(z - y)
        return jnp.sum(jnp.where(r <= self.delta, r**2, self.delta * (2 * r - self.delta)))

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return z


@COSTS.register(
    "binary-cross-entropy",
    "sum_i log(1+exp z_i)-y_i z_i",
    rank=2,
    targets=("rows",),
    probabilities=True,
)
class BinaryCrossEntropy(Comparison):
    """c(z, y) = Σ_i log(1 + exp z_i) − y_i z_i, for targets in [0, 1].

    That is −Σ_i y_i log s(z_i) + (1 − y_i) log(1 − s(z_i)) with s(z) = 1 / (1 + exp(−z)), which is
    the prediction: the states at the end are log-odds.
    """

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jnp.sum(jax.nn.softplus(z) - y * z)

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
    """

    def loss(self, z: Float[Array, " target"], y: Float[Array, " target"]) -> Float[Array, ""]:
        return jax.nn.logsumexp(z) * jnp.sum(y) - jnp.dot(y, z)

    def link(self, z: Float[Array, " target"]) -> Float[Array, " target"]:
        return jax.nn.softmax(z)


def terminal_cost(cost: str | TerminalCost) -> TerminalCost:
    """The cost of the given name on all components, or the given cost itself."""
    if isinstance(cost, TerminalCost):
        return cost
    return COSTS[choice(cost, "cost", COSTS.names, ", or a TerminalCost")]()
