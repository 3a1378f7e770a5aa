"""A traced function as a list of plain operations on arrays, of which formats are written.

A field, a scheme or a cost is written once, in JAX; what JAX traces of it here is unrolled until
only operations on whole arrays are left, and what depends on no input is computed. So every model
can be exported, one with a field of the user's own too, as long as its operations are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
from jax import export

from autoencodes.deploy.operations import lower
from autoencodes.errors import InputError
from autoencodes.precision import precision

ROWS = "n"
"""The number of rows, in a shape."""


@dataclass(frozen=True)
class Value:
    """An array that is computed: a name, the shape (``ROWS`` stands for the rows) and dtype."""

    name: str
    shape: tuple[int | str, ...]
    dtype: np.dtype[Any]


Operand = Value | np.ndarray


@dataclass(frozen=True)
class Step:
    """One operation, as ``operations`` has them."""

    kind: str
    operands: tuple[Operand, ...]
    options: dict[str, Any]
    result: Value


@dataclass
class Graph:
    """Steps in order, from inputs to outputs."""

    inputs: tuple[Value, ...]
    outputs: list[Operand] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def traced(function: Callable[..., Any], widths: dict[str, int], wide: bool) -> Graph:
    """The graph of a function of arrays (N, w), float64 ones if ``wide``."""
    dtype = np.dtype(np.float64 if wide else np.float32)
    with precision(np.float64):
        (rows,) = export.symbolic_shape(ROWS)
        shapes = [jax.ShapeDtypeStruct((rows, width), dtype) for width in widths.values()]
        closed = jax.make_jaxpr(function)(*shapes)
        inputs = tuple(Value(name, (ROWS, width), dtype) for name, width in widths.items())
        graph = Graph(inputs)
        graph.outputs = _Unrolled(graph).run(closed.jaxpr, closed.consts, inputs)
    return _live(_straightened(graph))


_INSIDE = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""Where operations that stand for others keep these."""


class _Unrolled:
    """Walks a jaxpr, and writes down what depends on the inputs."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def run(self, jaxpr: Any, constants: Sequence[Any], given: Sequence[Operand]) -> list[Operand]:
        known: dict[Any, Operand] = {}

        def read(atom: Any) -> Operand:
            return np.asarray(atom.val) if hasattr(atom, "val") else known[atom]

        known.update(zip(jaxpr.constvars, map(np.asarray, constants), strict=True))
        known.update(zip(jaxpr.invars, given, strict=True))
        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            results = self._apply(equation, operands)
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]

    def _apply(self, equation: Any, operands: list[Operand]) -> Sequence[Operand]:
        kind, options = equation.primitive.name, equation.params
        if kind == "scan":
            return self._loop(options, operands)
        inside = next((options[key] for key in _INSIDE if key in options), None)
        if inside is not None and kind != "while":
            closed = hasattr(inside, "consts")
            body = inside.jaxpr if closed else inside
            return self.run(body, inside.consts if closed else (), operands)
        shapes = [_shape(out.aval.shape) for out in equation.outvars]
        fixed = not any(isinstance(a, Value) for a in operands)
        if fixed and not any(ROWS in shape for shape in shapes):
            made = equation.primitive.bind(*map(jax.numpy.asarray, operands), **options)
            return [
                np.asarray(a) for a in (made if equation.primitive.multiple_results else [made])
            ]
        if len(shapes) != 1:
            raise InputError(f"the model computes {kind!r}, which only export --to jax knows")
        (out,) = equation.outvars
        return [lower(kind, operands, options, shapes[0], np.dtype(out.aval.dtype), self._add)]

    def _loop(self, options: dict[str, Any], operands: list[Operand]) -> list[Operand]:
        """A loop over the steps of a block, one after the other."""
        fixed, carried = options["num_consts"], options["num_carry"]
        shared, state = operands[:fixed], operands[fixed : fixed + carried]
        tables, length = operands[fixed + carried :], options["length"]
        order = range(length - 1, -1, -1) if options["reverse"] else range(length)
        body = options["jaxpr"]
        made: list[list[Operand]] = []
        for k in order:
            own = [self._at(table, k) for table in tables]
            results = self.run(body.jaxpr, body.consts, [*shared, *state, *own])
            state, path = results[:carried], results[carried:]
            made.append(list(path))
        paths = [self._stacked(parts) for parts in zip(*made, strict=True)]
        return [*state, *paths]

    def _at(self, table: Operand, k: int) -> Operand:
        if isinstance(table, np.ndarray):
            return np.asarray(table[k])
        return lower("index", (table,), {"place": k}, table.shape[1:], table.dtype, self._add)

    def _stacked(self, parts: Sequence[Operand]) -> Operand:
        """The results of a loop's turns as one array; most are never looked at."""
        if not any(isinstance(part, Value) for part in parts):
            return np.stack([np.asarray(part) for part in parts])
        first = next(part for part in parts if isinstance(part, Value))
        shape = (len(parts), *first.shape)
        return lower("stack", parts, {}, shape, first.dtype, self._add)

    def _add(
        self,
        kind: str,
        operands: Sequence[Operand],
        options: dict[str, Any],
        shape: Any,
        dtype: Any,
    ) -> Value:
        """One more step."""
        result = Value(f"v{len(self._graph.steps)}", tuple(shape), np.dtype(dtype))
        self._graph.steps.append(Step(kind, tuple(operands), options, result))
        return result


def _shape(shape: Sequence[Any]) -> tuple[int | str, ...]:
    """A shape with plain numbers, and ``ROWS`` for the rows."""
    return tuple(ROWS if str(size) == ROWS else int(size) for size in shape)


def _straightened(graph: Graph) -> Graph:
    """(W xᵀ)ᵀ as x Wᵀ: rows stay rows, which is faster where nothing else sees to it."""
    made: dict[str, Step] = {}
    for k, step in enumerate(graph.steps):
        inner = _maker(made, step.operands[0]) if _turns(step) else None
        if inner is not None and inner.kind == "matmul":
            left, right = (_turned(made, operand) for operand in inner.operands)
            if left is not None and right is not None:
                step = replace(step, kind="matmul", operands=(right, left), options={})
                graph.steps[k] = step
        made[step.result.name] = step
    return graph


def _maker(made: dict[str, Step], operand: Operand) -> Step | None:
    return made.get(operand.name) if isinstance(operand, Value) else None


def _turns(step: Step | None) -> bool:
    return step is not None and step.kind == "transpose" and step.options["order"] == (1, 0)


def _turned(made: dict[str, Step], operand: Operand) -> Operand | None:
    """The transpose of a matrix, where it is there already or constant."""
    if isinstance(operand, np.ndarray):
        return np.ascontiguousarray(operand.T)
    step = _maker(made, operand)
    return step.operands[0] if step is not None and _turns(step) else None


def _live(graph: Graph) -> Graph:
    """The graph without steps that no output needs."""
    wanted = {out.name for out in graph.outputs if isinstance(out, Value)}
    kept = []
    for step in reversed(graph.steps):
        if step.result.name in wanted:
            kept.append(step)
            wanted |= {a.name for a in step.operands if isinstance(a, Value)}
    graph.steps = kept[::-1]
    return graph
