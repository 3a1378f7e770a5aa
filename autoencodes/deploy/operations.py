"""JAX's primitives in terms of the few operations that exported formats are written from.

An operation is a kind with options: ``unary``, ``binary`` and ``compare`` by a name; ``where``,
``cast``, ``reshape``, ``expand``, ``transpose``, ``slice``, ``take``, ``concatenate``, ``pad``,
``einsum``, ``matmul``; ``reduce`` by a name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np

from autoencodes.errors import InputError

UNARY = {
    "neg": "negative",
    "abs": "abs",
    "exp": "exp",
    "log": "log",
    "log1p": "log1p",
    "expm1": "expm1",
    "tanh": "tanh",
    "sin": "sin",
    "cos": "cos",
    "sqrt": "sqrt",
    "erf": "erf",
    "erfc": "erfc",
    "logistic": "logistic",
    "floor": "floor",
    "round": "rint",
    "sign": "sign",
    "not": "logical_not",
    "is_finite": "isfinite",
    "square": "square",
    "sinh": "sinh",
    "cosh": "cosh",
    "tan": "tan",
    "atan": "arctan",
    "exp2": "exp2",
}
BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "max": "maximum",
    "min": "minimum",
    "pow": "power",
    "and": "logical_and",
    "or": "logical_or",
    "add_any": "add",
    "atan2": "arctan2",
}
COMPARE = {
    "eq": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
}
REDUCE = {
    "reduce_sum": "sum",
    "reduce_max": "max",
    "reduce_min": "min",
    "argmax": "argmax",
    "reduce_and": "all",
    "reduce_or": "any",
}
_SAME = {"copy", "stop_gradient", "optimization_barrier", "copy_p"}

Add = Callable[..., Any]
"""``add(kind, operands, options, shape, dtype)``: writes an operation down; its result."""


def lower(
    kind: str, operands: Sequence[Any], options: dict[str, Any], shape: Any, dtype: Any, add: Add
) -> Any:
    """A primitive as operations; its result, of a known shape and dtype.

    Raises
    ------
    InputError
        For a primitive that is not known here.
    """
    for table, name in ((UNARY, "unary"), (BINARY, "binary"), (COMPARE, "compare")):
        if kind in table:
            return add(name, operands, {"name": table[kind]}, shape, dtype)
    if kind in REDUCE:
        axes = tuple(int(axis) for axis in options["axes"])
        return add("reduce", operands, {"name": REDUCE[kind], "axes": axes}, shape, dtype)
    if kind in _SAME:
        return operands[0]
    if kind in _OTHERS:
        return _OTHERS[kind](operands, options, shape, dtype, add)
    raise InputError(
        f"the model computes {kind!r}, which the export does not know; export it --to jax, which "
        "knows all that JAX does"
    )


def _power(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    y = int(options["y"])
    if y == 2:
        return add("unary", operands, {"name": "square"}, shape, dtype)
    return add("binary", (operands[0], np.asarray(y, dtype)), {"name": "power"}, shape, dtype)


def _root(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    root = add("unary", operands, {"name": "sqrt"}, shape, dtype)
    return add("binary", (np.ones((), dtype), root), {"name": "divide"}, shape, dtype)


def _select(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    which, no, yes = operands
    return add("where", (which, yes, no), {}, shape, dtype)


def _clamp(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    low, x, high = operands
    above = add("binary", (x, low), {"name": "maximum"}, shape, dtype)
    return add("binary", (above, high), {"name": "minimum"}, shape, dtype)


def _cast(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    (x,) = operands
    return x if x.dtype == dtype else add("cast", operands, {}, shape, dtype)


def _broadcast(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    (x,) = operands
    spread: list[Any] = [1] * len(shape)
    for axis, place in enumerate(options["broadcast_dimensions"]):
        spread[int(place)] = x.shape[axis]
    if tuple(spread) != tuple(x.shape):
        x = (
            x.reshape(spread)
            if isinstance(x, np.ndarray)
            else add("reshape", (x,), {}, tuple(spread), dtype)
        )
    return x if tuple(x.shape) == tuple(shape) else add("expand", (x,), {}, shape, dtype)


def _reshape(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    return add("reshape", operands, {}, shape, dtype)


def _transpose(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    order = tuple(int(k) for k in options["permutation"])
    if order == tuple(range(len(order))):
        return operands[0]
    return add("transpose", operands, {"order": order}, shape, dtype)


def _slice(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    (x,) = operands
    strides = options["strides"] or [1] * len(shape)
    cuts = []
    for axis, (first, step) in enumerate(zip(options["start_indices"], strides, strict=True)):
        whole = shape[axis] == x.shape[axis]
        if whole:
            continue
        last = int(first) + (int(shape[axis]) - 1) * int(step) + 1
        cuts.append((axis, int(first), last, int(step)))
    return add("slice", (x,), {"cuts": tuple(cuts)}, shape, dtype) if cuts else x


def _concatenate(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    axis = int(options["dimension"])
    parts = tuple(part for part in operands if part.shape[axis] != 0)
    if len(parts) == 1:
        return parts[0]
    return add("concatenate", parts, {"axis": axis}, shape, dtype)


def _pad(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    x, value = operands
    config = [tuple(map(int, sides)) for sides in options["padding_config"]]
    if any(inside or low < 0 or high < 0 for low, high, inside in config) or not isinstance(
        value, np.ndarray
    ):
        raise InputError("the model pads arrays within, which only export --to jax knows")
    if not any(low or high for low, high, _ in config):
        return x
    pads = {"pads": tuple((low, high) for low, high, _ in config), "value": float(value)}
    return add("pad", (x,), pads, shape, dtype)


def _gather(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    """Of constant places: a slice along an axis, or entries along neighbouring axes."""
    x, places = operands
    numbers, sizes = options["dimension_numbers"], options["slice_sizes"]
    axes = tuple(map(int, numbers.start_index_map))
    first = axes[0]
    neighbours = axes == tuple(range(first, first + len(axes)))
    if not isinstance(places, np.ndarray) or not neighbours or numbers.operand_batching_dims:
        raise _strange("gather")
    if numbers.collapsed_slice_dims == ():
        if places.shape != (len(axes),):
            raise _strange("gather")
        cuts = tuple(
            (axis, int(at), int(at) + int(sizes[axis]), 1)
            for axis, at in zip(axes, places, strict=True)
        )
        return add("slice", (x,), {"cuts": cuts}, shape, dtype)
    before, index = x.shape[:first], places.shape[:-1]
    kept = (*before, *index, *x.shape[first + len(axes) :])
    offset = tuple(k for k in range(len(kept)) if not first <= k < first + len(index))
    if tuple(numbers.collapsed_slice_dims) != axes or tuple(numbers.offset_dims) != offset:
        raise _strange("gather")
    flat, place = _flat(x, axes, places, add)
    taken = add(
        "take",
        (flat,),
        {"axis": first, "places": place.reshape(-1)},
        (*before, place.size, *x.shape[first + len(axes) :]),
        dtype,
    )
    return taken if index == (place.size,) else add("reshape", (taken,), {}, shape, dtype)


def _flat(x: Any, axes: tuple[int, ...], places: np.ndarray, add: Add) -> tuple[Any, np.ndarray]:
    """An array with neighbouring axes made one, and places on that one."""
    sizes = [int(x.shape[axis]) for axis in axes]
    place = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), sizes)
    if len(axes) == 1:
        return x, place
    shape = (*x.shape[: axes[0]], int(np.prod(sizes)), *x.shape[axes[-1] + 1 :])
    return add("reshape", (x,), {}, shape, x.dtype), place


def _scatter(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    """Values put at constant places of the last axis: entries of the two side by side."""
    x, places, values = operands
    numbers = options["dimension_numbers"]
    axis = len(shape) - 1
    usual = (
        isinstance(places, np.ndarray)
        and places.ndim == 2
        and tuple(numbers.scatter_dims_to_operand_dims) == (axis,)
        and tuple(numbers.inserted_window_dims) == (axis,)
        and tuple(numbers.update_window_dims) == tuple(range(axis))
    )
    if not usual:
        raise _strange("scatter")
    source = np.arange(int(shape[axis]))
    source[places[:, 0]] = int(shape[axis]) + np.arange(len(places))
    both = add(
        "concatenate",
        (x, values),
        {"axis": axis},
        (*shape[:axis], int(shape[axis]) + len(places)),
        dtype,
    )
    return add("take", (both,), {"axis": axis, "places": source}, shape, dtype)


def _product(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    a, b = operands
    (over_a, over_b), (batch_a, batch_b) = options["dimension_numbers"]
    if len(a.shape) == len(b.shape) == 2 and not batch_a and len(over_a) == 1:
        left = a if over_a[0] == 1 else _turned(a, add)
        right = b if over_b[0] == 0 else _turned(b, add)
        return add("matmul", (left, right), {}, shape, dtype)
    letters = iter(ascii_lowercase)
    names_a = [""] * len(a.shape)
    names_b = [""] * len(b.shape)
    for i, j in [*zip(batch_a, batch_b, strict=True), *zip(over_a, over_b, strict=True)]:
        names_a[i] = names_b[j] = next(letters)
    names_a = [name or next(letters) for name in names_a]
    names_b = [name or next(letters) for name in names_b]
    shared = [names_a[i] for i in batch_a]
    free_a = [c for k, c in enumerate(names_a) if k not in (*batch_a, *over_a)]
    free_b = [c for k, c in enumerate(names_b) if k not in (*batch_b, *over_b)]
    rule = f"{''.join(names_a)},{''.join(names_b)}->{''.join([*shared, *free_a, *free_b])}"
    return add("einsum", (a, b), {"rule": rule}, shape, dtype)


def _turned(matrix: Any, add: Add) -> Any:
    if isinstance(matrix, np.ndarray):
        return matrix.T
    return add("transpose", (matrix,), {"order": (1, 0)}, matrix.shape[::-1], matrix.dtype)


def _index(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    (x,) = operands
    k = int(options["place"])
    one = add("slice", (x,), {"cuts": ((0, k, k + 1, 1),)}, (1, *x.shape[1:]), dtype)
    return add("reshape", (one,), {}, shape, dtype)


def _stack(operands: Any, options: Any, shape: Any, dtype: Any, add: Add) -> Any:
    parts = [
        part[None]
        if isinstance(part, np.ndarray)
        else add("reshape", (part,), {}, (1, *part.shape), dtype)
        for part in operands
    ]
    return add("concatenate", tuple(parts), {"axis": 0}, shape, dtype)


def _strange(kind: str) -> InputError:
    return InputError(
        f"the model takes entries of arrays in a way ({kind}) that only export --to jax knows"
    )


_OTHERS: dict[str, Callable[..., Any]] = {
    "integer_pow": _power,
    "rsqrt": _root,
    "select_n": _select,
    "clamp": _clamp,
    "convert_element_type": _cast,
    "broadcast_in_dim": _broadcast,
    "reshape": _reshape,
    "squeeze": _reshape,
    "expand_dims": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "concatenate": _concatenate,
    "pad": _pad,
    "gather": _gather,
    "scatter": _scatter,
    "dot_general": _product,
    "index": _index,
    "stack": _stack,
}
