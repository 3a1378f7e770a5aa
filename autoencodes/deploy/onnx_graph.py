"""Graphs as ONNX models.

A column of text is entered as strings, which the graph looks up among its levels; what is no level
is missing. Numbers are float64, and the flow computes in its own precision.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoencodes.datasets import Column
from autoencodes.deploy.graph import ROWS, Graph, Operand, Step, Value
from autoencodes.errors import InputError, MissingExtra

OPSET = 17
_UNARY = {
    "negative": "Neg",
    "abs": "Abs",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "sin": "Sin",
    "cos": "Cos",
    "sqrt": "Sqrt",
    "erf": "Erf",
    "logistic": "Sigmoid",
    "floor": "Floor",
    "rint": "Round",
    "sign": "Sign",
    "logical_not": "Not",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "tan": "Tan",
    "arctan": "Atan",
}
_BINARY = {
    "add": "Add",
    "subtract": "Sub",
    "multiply": "Mul",
    "divide": "Div",
    "maximum": "Max",
    "minimum": "Min",
    "power": "Pow",
    "logical_and": "And",
    "logical_or": "Or",
}
_COMPARE = {
    "equal": "Equal",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}
_REDUCE = {"sum": "ReduceSum", "max": "ReduceMax", "min": "ReduceMin"}
_ONLY_SINGLE = {"Sin", "Cos", "Erf", "Tan", "Atan", "Sinh", "Cosh", "Sign"}
"""Operations that runtimes have in float32 alone."""


def library() -> Any:
    """The package onnx.

    Raises
    ------
    MissingExtra
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("onnx", "export", "writing ONNX files") from error
    return onnx


class _Writer:
    """The nodes and constants of one ONNX graph."""

    def __init__(self) -> None:
        self._onnx = library()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[Any, str] = {}
        self.count = ""

    def node(self, kind: str, of: Sequence[str], result: str | None = None, **options: Any) -> str:
        name = result or f"t{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, list(of), [name], **options))
        return name

    def constant(self, array: np.ndarray) -> str:
        array = np.asarray(array)
        key = (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        if key not in self._known:
            name = self._known[key] = f"c{len(self.constants)}"
            whole = np.ascontiguousarray(array).reshape(array.shape)
            self.constants.append(self._onnx.numpy_helper.from_array(whole, name))
        return self._known[key]

    def code(self, dtype: Any) -> int:
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def cast(self, name: str, dtype: Any) -> str:
        return self.node("Cast", [name], to=self.code(dtype))

    def rows(self, name: str) -> None:
        """Takes the number of rows from an input."""
        shape = self.node("Shape", [name], start=0, end=1)
        self.count = shape

    def shape(self, shape: Sequence[int | str]) -> str:
        """A shape as an array."""
        if ROWS not in shape:
            return self.constant(np.array(shape, np.int64))
        parts = [
            self.count if size == ROWS else self.constant(np.array([size], np.int64))
            for size in shape
        ]
        key = ("shape", tuple(shape))
        if key not in self._known:
            self._known[key] = parts[0] if len(parts) == 1 else self.node("Concat", parts, axis=0)
        return self._known[key]

    def graph(self, graph: Graph, entered: dict[str, str]) -> list[str]:
        """The steps of a graph; the names of its outputs."""
        known = dict(entered)

        def read(operand: Operand) -> str:
            return known[operand.name] if isinstance(operand, Value) else self.constant(operand)

        for step in graph.steps:
            known[step.result.name] = self._step(step, [read(a) for a in step.operands])
        return [read(out) for out in graph.outputs]

    def _step(self, step: Step, of: list[str]) -> str:
        kind, options, result = step.kind, step.options, step.result
        match kind:
            case "unary":
                return self._unary(options["name"], of[0], result)
            case "binary":
                return self.node(_BINARY[options["name"]], of)
            case "compare" if options["name"] == "not_equal":
                return self.node("Not", [self.node("Equal", of)])
            case "compare":
                return self.node(_COMPARE[options["name"]], of)
            case "where":
                return self.node("Where", of)
            case "cast":
                return self.cast(of[0], result.dtype)
            case "reshape":
                sizes = [-1 if size == ROWS else size for size in result.shape]
                return self.node("Reshape", [of[0], self.constant(np.array(sizes, np.int64))])
            case "expand":
                return self.node("Expand", [of[0], self.shape(result.shape)])
            case "transpose":
                return self.node("Transpose", of, perm=list(options["order"]))
            case "slice":
                axes, low, high, by = (
                    self.constant(np.array(part, np.int64))
                    for part in zip(*options["cuts"], strict=True)
                )
                return self.node("Slice", [of[0], low, high, axes, by])
            case "take":
                places = self.constant(options["places"].astype(np.int64))
                return self.node("Gather", [of[0], places], axis=options["axis"])
            case "concatenate":
                return self.node("Concat", of, axis=options["axis"])
            case "pad":
                before, after = zip(*options["pads"], strict=True)
                value = self.constant(np.array(options["value"], result.dtype))
                return self.node(
                    "Pad", [of[0], self.constant(np.array([*before, *after], np.int64)), value]
                )
            case "matmul":
                return self.node("MatMul", of)
            case "einsum":
                return self.node("Einsum", of, equation=options["rule"])
            case "reduce":
                return self._reduce(options, of[0], step)
        raise AssertionError(kind)

    def _unary(self, name: str, of: str, result: Value) -> str:
        """A function of each entry; some are made of others."""
        if name == "square":
            return self.node("Mul", [of, of])
        if name == "erfc":
            one = self.constant(np.ones((), result.dtype))
            return self.node("Sub", [one, self._unary("erf", of, result)])
        if name == "log1p":  # exact for small ones: x log(1 + x) / ((1 + x) - 1)
            one = self.constant(np.ones((), result.dtype))
            whole = self.node("Add", [of, one])
            rest = self.node("Sub", [whole, one])
            none = self.node("Equal", [rest, self.constant(np.zeros((), result.dtype))])
            safe = self.node("Where", [none, one, rest])
            ratio = self.node("Div", [self.node("Mul", [of, self.node("Log", [whole])]), safe])
            return self.node("Where", [none, of, ratio])
        if name == "isfinite":
            strange = self.node("Or", [self.node("IsNaN", [of]), self.node("IsInf", [of])])
            return self.node("Not", [strange])
        if name not in _UNARY:
            raise InputError(
                f"the model computes {name!r}, which ONNX does not have; export it --to numpy or "
                "jax"
            )
        kind = _UNARY[name]
        if kind in _ONLY_SINGLE and result.dtype == np.float64:
            return self.cast(self.node(kind, [self.cast(of, np.float32)]), np.float64)
        return self.node(kind, [of])

    def _reduce(self, options: dict[str, Any], of: str, step: Step) -> str:
        name, axes = options["name"], list(options["axes"])
        if name == "argmax":
            place = self.node("ArgMax", [of], axis=axes[0], keepdims=0)
            return self.cast(place, step.result.dtype)
        if name not in _REDUCE:
            raise InputError(
                f"the model computes {name!r}, which this ONNX export does not have; export it "
                "--to numpy or jax"
            )
        if name == "sum":
            return self.node("ReduceSum", [of, self.constant(np.array(axes, np.int64))], keepdims=0)
        return self.node(_REDUCE[name], [of], axes=axes, keepdims=0)


def model(
    graph: Graph, outputs: Sequence[str], columns: Sequence[Column], named: bool, title: str
) -> bytes:
    """The ONNX file of a graph whose outputs have these names.

    Its inputs are those of the graph; where rows have named columns, one (N, 1) for each column
    that is a feature.
    """
    onnx, writer = library(), _Writer()
    helper = onnx.helper
    inputs: list[Any] = []
    entered: dict[str, str] = {}
    for value in graph.inputs:
        if value.name == "x" and named:
            parts = [_column(writer, column, inputs) for column in columns]
            writer.rows(inputs[0].name)
            parts = [writer.node("Expand", [p, writer.shape((ROWS, 1))]) for p in parts]
            entered["x"] = parts[0] if len(parts) == 1 else writer.node("Concat", parts, axis=1)
        else:
            inputs.append(
                helper.make_tensor_value_info(
                    value.name, writer.code(np.float64), [ROWS, value.shape[1]]
                )
            )
            entered[value.name] = value.name
            writer.rows(value.name)
    results = writer.graph(graph, entered)
    shown = []
    for name, made, out in zip(outputs, results, graph.outputs, strict=True):
        writer.node("Identity", [made], result=name)
        shown.append(helper.make_tensor_value_info(name, writer.code(out.dtype), list(out.shape)))
    body = helper.make_graph(
        writer.nodes, "autoencode", inputs, shown, writer.constants, doc_string=title
    )
    made_of = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", 3)]
    file = helper.make_model(body, opset_imports=made_of, producer_name="autoencodes", ir_version=8)
    helper.set_model_props(
        file, {"columns": json.dumps([c.described for c in columns], ensure_ascii=False)}
    )
    onnx.checker.check_model(file)
    return bytes(file.SerializeToString())


def _column(writer: _Writer, column: Column, inputs: list[Any]) -> str:
    """A column's input, and its numbers (N, 1)."""
    helper = library().helper
    if column.kind == "constant":
        value = 0.0
        return writer.constant(np.array([[value]]))
    if not column.levels:
        inputs.append(
            helper.make_tensor_value_info(column.name, writer.code(np.float64), [ROWS, 1])
        )
        return column.name
    inputs.append(
        helper.make_tensor_value_info(column.name, library().TensorProto.STRING, [ROWS, 1])
    )
    names = [_name(level) for level in column.levels]
    place = writer.node(
        "LabelEncoder",
        [column.name],
        domain="ai.onnx.ml",
        keys_strings=names,
        values_floats=[float(k) for k in range(len(names))],
        default_float=float("nan"),
    )
    return writer.cast(place, np.float64)


def _name(level: Any) -> str:
    """What a level is called: a float that is whole as an integer is."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def fed(numbers: np.ndarray, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """The inputs of a graph with named columns, from the numbers of a table (N, c)."""
    inputs = {}
    for x, column in zip(numbers.T, columns, strict=True):
        if column.levels and column.kind != "constant":
            names = np.array([*map(_name, column.levels), ""], object)
            inputs[column.name] = names[np.where(np.isnan(x), len(names) - 1, x).astype(int)][
                :, None
            ]
        elif column.kind != "constant":
            inputs[column.name] = x[:, None]
    return inputs
