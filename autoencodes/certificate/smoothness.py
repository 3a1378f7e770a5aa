"""Whether J is known to be twice continuously differentiable, which a Hessian needs to say much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from autoencodes.catalogue import ACTIVATIONS
from autoencodes.cost import (
    BinaryCrossEntropy,
    ByColumn,
    CrossEntropy,
    SquaredError,
    TerminalCost,
    Turned,
)
from autoencodes.fields import (
    ControlledField,
    Convolution,
    LinearInControl,
    LowRank,
    Perceptron,
    Pointwise,
    TimeDependent,
    Translation,
    TwoLayer,
    Weighted,
)
from autoencodes.flow.layout import layouts
from autoencodes.flow.sweep import fields
from autoencodes.pontryagin import ControlProblem

_SMOOTH_ACTIVATIONS = ("tanh", "softplus", "sin", "gelu", "identity")
_NEURONS = (Perceptron, TwoLayer, LowRank, LinearInControl, Pointwise, Convolution)
_SMOOTH_COSTS = (SquaredError, BinaryCrossEntropy, CrossEntropy)
_SMOOTH = frozenset(
    [
        "add",
        "add_any",
        "sub",
        "mul",
        "neg",
        "dot_general",
        "conv_general_dilated",
        "tanh",
        "sin",
        "cos",
        "exp",
        "exp2",
        "expm1",
        "logistic",
        "erf",
        "erfc",
        "sinh",
        "cosh",
        "atan",
        "asinh",
        "integer_pow",
        "square",
        "reduce_sum",
        "cumsum",
        "transpose",
        "reshape",
        "broadcast_in_dim",
        "concatenate",
        "slice",
        "dynamic_slice",
        "gather",
        "pad",
        "rev",
        "squeeze",
        "expand_dims",
        "copy",
        "convert_element_type",
        "iota",
        "stop_gradient",
        "mul_const",
        "split",
    ]
)
"""What a field or cost of one's own may be made of; anything else may have a kink."""
_CALLS = frozenset(["pjit", "jit", "closed_call", "core_call", "remat", "checkpoint", "scan"])


def kink(problem: ControlProblem) -> str | None:
    """What may keep J from being twice continuously differentiable; None if it is.

    What is built in is known by name. A field, activation or cost of one's own is traced: it counts
    as smooth where all that it is made of is.
    """
    flow = problem.flow
    for field, layout, block in zip(
        fields(flow), layouts(flow.schedule), flow.schedule.blocks, strict=True
    ):
        if (reason := _of_field(field, block.width, len(layout.seen))) is not None:
            return reason
    return _of_cost(problem.cost, flow.schedule.dim)


def _of_field(field: ControlledField, width: int, seen: int) -> str | None:
    if isinstance(field, TimeDependent):
        return _of_field(field.field, width, seen + 1)
    if isinstance(field, Weighted):
        return _of_field(field.field, width, seen)
    if type(field) is Translation:
        return None
    if type(field) in _NEURONS:
        name = str(getattr(field, "activation", ""))
        if name in _SMOOTH_ACTIVATIONS or _traced(ACTIVATIONS[name], jnp.zeros(())):
            return None
        return f"the activation {name}"
    key = jax.random.key(0)
    theta = field.init(key, width, 1.0, seen) if seen else field.init(key, width, 1.0)
    if _traced(field.velocity, jnp.zeros(()), jnp.zeros(width + seen), theta):
        return None
    return f"the field {type(field).__name__}"


def _of_cost(cost: TerminalCost, dim: int) -> str | None:
    if isinstance(cost, Turned):
        return _of_cost(cost.cost, dim)
    if type(cost) is ByColumn:
        return _of_cost(cost._base, dim)
    if type(cost) in _SMOOTH_COSTS:
        return None
    if _traced(cost, jnp.zeros(dim), jnp.zeros(cost.target_dim(dim))):
        return None
    return f"the cost {type(cost).__name__}"


def _traced(function: Callable[..., Any], *arguments: Any) -> bool:
    """Whether all that a function is made of is smooth."""
    return _smooth(jax.make_jaxpr(function)(*arguments).jaxpr)


def _smooth(jaxpr: Any) -> bool:
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in _CALLS:
            inner = equation.params.get("jaxpr") or equation.params.get("call_jaxpr")
            if inner is None or not _smooth(getattr(inner, "jaxpr", inner)):
                return False
        elif name not in _SMOOTH:
            return False
    return True
