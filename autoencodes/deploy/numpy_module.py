"""A model as one Python file that needs NumPy alone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from autoencodes.datasets import Column
from autoencodes.datasets.texts import MISSING
from autoencodes.deploy.graph import Graph, Operand, Step, Value
from autoencodes.deploy.pipeline import Function

_LINE = 96
_OWN = {"erf": "_erf", "erfc": "_erfc", "logistic": "_logistic"}
"""What NumPy has no function for; the file brings its own."""


class _Constants:
    """The arrays of a file, each once."""

    def __init__(self) -> None:
        self.arrays: list[np.ndarray] = []
        self._places: dict[tuple[str, tuple[int, ...], bytes], int] = {}

    def text(self, array: np.ndarray) -> str:
        """How the code names an array; short numbers stand in the code itself."""
        if array.ndim == 0 and array.dtype.kind in "biu":
            return str(array.item())
        key = (array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        if key not in self._places:
            self._places[key] = len(self.arrays)
            self.arrays.append(np.ascontiguousarray(array).reshape(array.shape))
        return f"C[{self._places[key]}]"

    def packed(self) -> str:
        """All of them as lines of text."""
        file = io.BytesIO()
        named: dict[str, Any] = {f"c{k}": array for k, array in enumerate(self.arrays)}
        np.savez_compressed(file, **named)
        text = base64.b64encode(file.getvalue()).decode()
        return "\n".join(text[k : k + _LINE] for k in range(0, len(text), _LINE))


def source(
    title: str, columns: Sequence[Column], named: bool, made: Sequence[tuple[Function, Graph]]
) -> str:
    """The file's text: the functions, each from its graph."""
    constants = _Constants()
    bodies = [_body(function, graph, constants) for function, graph in made]
    faces = [_face(function, named) for function, _ in made]
    head = _HEAD.format(
        title=title.replace("\\", "/").replace('"', "'"),
        columns=_columns(columns, named),
        missing=sorted(MISSING),
        named=named,
    )
    data = _DATA.format(packed=constants.packed(), count=len(constants.arrays))
    return "\n\n".join([head.strip(), *faces, _READING.strip(), *bodies, data.strip()]) + "\n"


def _columns(columns: Sequence[Column], named: bool) -> str:
    """The columns, one a line; numbers without names in one."""
    if not named:
        plain = '{"name": f"x_{k}", "kind": "number", "dtype": "float64", "levels": ()}'
        return f"[{plain} for k in range({len(columns)})]"
    return "[\n" + "".join(f"    {column.described!r},\n" for column in columns) + "]"


def _face(function: Function, named: bool) -> str:
    """The public function: rows in any number, in pieces."""
    takes = ", ".join(f"{name}=None" if name == "held" else name for name in function.takes)
    says = f'    """{function.says[0].upper()}{function.says[1:]}."""'
    reads = [
        f"    x = _numbers({name})" if name == "x" else f"    {name} = _floats({name}, {width})"
        for name, width in function.takes.items()
        if name != "held"
    ]
    for name, width in function.takes.items():
        if name == "held":
            reads += (
                f"    held = np.zeros((len(latent), {width})) if held is None else held",
                f"    held = _floats(held, {width})",
            )
    told = "_TOLD" if function.gives == ("x",) else "slice(None)"
    result = f"_in_pieces(_{function.name}, {told}, {', '.join(function.takes)})"
    lines = [f"def {function.name}({takes}):", says, *reads]
    if function.gives == ("x",):
        lines.append(f"    return _values({result}[0])")
    elif function.gives == ("error",):
        lines.append(f"    return {result}[0][:, 0]")
    elif len(function.gives) == 1:
        lines.append(f"    return {result}[0]")
    else:
        lines.append(f"    return {result}  # {', '.join(function.gives)}")
    return "\n".join(lines)


def _body(function: Function, graph: Graph, constants: _Constants) -> str:
    names = [value.name for value in graph.inputs]
    lines = [f"def _{function.name}(n, {', '.join(names)}):"]
    for step in graph.steps:
        operands = [_operand(a, constants) for a in step.operands]
        lines.append(f"    {step.result.name} = {_expression(step, operands, constants)}")
    results = ", ".join(_operand(out, constants) for out in graph.outputs)
    return "\n".join([*lines, f"    return ({results},)"])


def _operand(operand: Operand, constants: _Constants) -> str:
    return operand.name if isinstance(operand, Value) else constants.text(operand)


def _shape(shape: Sequence[int | str]) -> str:
    return "(" + "".join(f"{size}, " for size in shape) + ")"


def _expression(step: Step, of: list[str], constants: _Constants) -> str:
    """A step as NumPy has it."""
    options, kind, result = step.options, step.kind, step.result
    match kind:
        case "unary" | "binary" | "compare":
            name = options["name"]
            return f"{_OWN.get(name, f'np.{name}')}({', '.join(of)})"
        case "where":
            return f"np.where({', '.join(of)})"
        case "cast":
            return f"{of[0]}.astype(np.{_dtype(result.dtype)})"
        case "reshape":
            return f"np.reshape({of[0]}, {_shape(result.shape)})"
        case "expand":
            return f"np.broadcast_to({of[0]}, {_shape(result.shape)})"
        case "transpose":
            return f"np.transpose({of[0]}, {options['order']})"
        case "slice":
            cuts = {
                axis: f"{low}:{high}" + (f":{by}" if by != 1 else "")
                for axis, low, high, by in options["cuts"]
            }
            return f"{of[0]}[{', '.join(cuts.get(k, ':') for k in range(max(cuts) + 1))}]"
        case "take":
            return f"np.take({of[0]}, {constants.text(options['places'])}, axis={options['axis']})"
        case "concatenate":
            return f"np.concatenate(({', '.join(of)},), axis={options['axis']})"
        case "pad":
            return f"np.pad({of[0]}, {options['pads']}, constant_values={options['value']!r})"
        case "matmul":
            return f"{of[0]} @ {of[1]}"
        case "einsum":
            return f"np.einsum({options['rule']!r}, {', '.join(of)}, optimize=True)"
        case "reduce" if options["name"] == "argmax":
            return f"np.argmax({of[0]}, axis={options['axes'][0]})"
        case "reduce":
            return f"np.{options['name']}({of[0]}, axis={options['axes']})"
    raise AssertionError(kind)


def _dtype(dtype: np.dtype[Any]) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name


_HEAD = r'''
"""{title}

Needs NumPy alone. Rows are an array (N, columns) or, by name, a data frame or a mapping from the
names in COLUMNS to values; they come back in the same units.
"""

import base64
import datetime
import io
import math
import re

import numpy as np

nan = math.nan
COLUMNS = {columns}
NAMED = {named}
# Text that stands for a value that is missing, in any case.
MISSING = set({missing})
# How numbers with a unit are written: "#.##0,00 EUR".
FORM = re.compile(r"(\D*?)(#(.)##)?0(?:([.,])0+)?((?:[^0#.,].*)?)", re.DOTALL)
'''

_READING = r'''
def _numbers(rows):
    """Rows as numbers (N, columns): places among levels, seconds since 1970, NaN where missing."""
    if hasattr(rows, "keys"):
        names = [column["name"] for column in COLUMNS]
        absent = [name for name in names if name not in set(rows.keys())]
        if absent:
            raise ValueError(f"expected the columns {names}; {absent} are not there")
        return np.stack([_entries(rows[c["name"]], c) for c in COLUMNS], axis=1)
    if not NAMED:
        return _floats(rows, len(COLUMNS))
    rows = np.asarray(rows, dtype=object)
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS):
        raise ValueError(f"expected rows of {len(COLUMNS)} columns; got shape {rows.shape}")
    return np.stack([_entries(rows[:, k], c) for k, c in enumerate(COLUMNS)], axis=1)


def _floats(rows, width):
    """An array (N, width) of float64."""
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise ValueError(f"expected an array (N, {width}); got shape {rows.shape}")
    return rows


def _entries(values, column):
    """One column as numbers."""
    kind, levels = column["kind"], column["levels"]
    values = np.asarray(values)
    if kind == "constant":
        return np.array([nan if levels and _missing(v) else 0.0 for v in values.tolist()])
    if kind in ("category", "boolean", "ordinal"):
        fold = str.lower if kind == "boolean" else str
        known = {fold(_name(level)): float(k) for k, level in enumerate(levels)}
        places = [nan if _missing(v) else known.get(fold(_name(v))) for v in values.tolist()]
        if None in places:
            wrong = values.tolist()[places.index(None)]
            raise ValueError(
                f"column {column['name']!r}: expected one of {list(levels)}, got {wrong!r}"
            )
        return np.array(places)
    if kind in ("date", "cyclic"):
        return _seconds(values, column)
    try:
        numbers = np.array([_number(v, column.get("form")) for v in values.tolist()])
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {column['name']!r}: expected numbers ({error})") from error
    if kind == "log" and (numbers <= 0).any():
        raise ValueError(f"column {column['name']!r} is a logarithm: expected numbers above 0")
    return numbers


def _seconds(values, column):
    """Dates as seconds since 1970; numbers are such seconds already."""
    if values.dtype.kind == "M":
        gone = np.isnat(values)
        return np.where(gone, nan, values.astype("datetime64[us]").astype(np.int64) / 1e6)
    form = "" if column["dtype"].startswith("datetime64") else column["dtype"]

    def second(value):
        if _missing(value):
            return nan
        if isinstance(value, str) and form:
            value = datetime.datetime.strptime(value.strip(), form.replace("%-", "%"))
        if isinstance(value, (int, float)):
            return float(value)
        if getattr(value, "tzinfo", None) is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return np.datetime64(value, "us").astype(np.int64) / 1e6

    return np.array([second(value) for value in values.tolist()])


def _number(value, form):
    """A number, or a text of one: with its unit and marks, if the column's form has them."""
    if _missing(value):
        return nan
    if not form or not isinstance(value, str):
        return float(value)
    before, grouped, mark, decimal, after = FORM.fullmatch(form).groups()
    whole = rf"\d{{1,3}}(?:{re.escape(mark)}\d{{3}})+|\d+" if grouped else r"\d+"
    parts = rf"(?:{re.escape(decimal)}(\d+))?" if decimal else "()"
    unit = [r"\s*".join(map(re.escape, text.split())) for text in (before, after)]
    found = re.fullmatch(
        rf"([+\u2212-]?)\s*{unit[0]}\s*({whole}){parts}\s*{unit[1]}", value.strip()
    )
    if not found:
        raise ValueError(f"expected numbers as {form}, got {value!r}")
    sign, digits, rest = found.groups()
    digits = float(digits.replace(mark or ",", "") + "." + (rest or "0"))
    return digits if sign in ("", "+") else -digits


def _missing(value):
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _name(level):
    """What a level is called: a float that is whole as an integer is."""
    return str(int(level)) if isinstance(level, float) and level.is_integer() else str(level)


def _values(x):
    """Numbers (N, columns) as people gave them: an array, or a list for every column by name."""
    if not NAMED:
        return x
    return {c["name"]: _own(x[:, k], c) for k, c in enumerate(COLUMNS)}


def _own(x, column):
    kind, levels = column["kind"], column["levels"]
    if levels:
        last = len(levels) - 1
        return [None if v != v else levels[min(max(round(v), 0), last)] for v in x.tolist()]
    if kind in ("date", "cyclic"):
        if column["dtype"].startswith("datetime64"):
            dtype = np.dtype(column["dtype"])
            halves = {"D": 43200, "h": 1800, "m": 30, "s": 0.5, "ms": 0.0005}
            micro = np.round(x * 1e6 + 1e6 * halves.get(np.datetime_data(dtype)[0], 0)).tolist()
            return [None if v != v else np.datetime64(int(v), "us").astype(dtype) for v in micro]
        return [None if v != v else _written(v, column["dtype"]) for v in x.tolist()]
    if kind == "constant":
        return [None] * len(x)
    dtype = np.dtype(column["dtype"])
    if dtype.kind not in "iu":
        return x
    return np.clip(np.round(x), float(np.iinfo(dtype).min), float(np.iinfo(dtype).max))


def _written(seconds, form):
    """A date as it is written: the nearest day where there are no hours, else second."""
    zone = datetime.timezone.utc if "%z" in form else None
    since = datetime.timedelta(microseconds=round(seconds * 1e6))
    date = datetime.datetime(1970, 1, 1, tzinfo=zone) + since
    if not re.search("%-?[HI]", form):
        date += datetime.timedelta(hours=12)
    elif "%f" not in form:
        date += datetime.timedelta(milliseconds=500)
    bare = re.sub("%-(.)", lambda found: str(int(date.strftime("%" + found[1]))), form)
    return date.strftime(bare)


# A constant column has no value that is told where all of its own were missing.
_TOLD = [k for k, c in enumerate(COLUMNS) if c["kind"] != "constant"]


def _in_pieces(function, told, *arrays):
    """A function of arrays with N rows, at 1,024 rows a time; results are looked at where told."""
    if len(arrays[0]) == 0:
        raise ValueError("expected at least one row; got none")
    if any(len(array) != len(arrays[0]) for array in arrays):
        raise ValueError("expected as many held values as latent ones")
    made = []
    with np.errstate(all="ignore"):
        for k in range(0, len(arrays[0]), 1024):
            parts = [array[k : k + 1024] for array in arrays]
            made.append(function(len(parts[0]), *parts))
    results = tuple(np.concatenate(parts) for parts in zip(*made))
    for result in results:
        bad = ~np.isfinite(result[:, told]).all(axis=1)
        if bad.any():
            raise ValueError(
                f"the result of row {int(np.argmax(bad))} (counted from 0) is not finite: a value "
                "is missing in it, which the model refuses, or it is far from all it has learned"
            )
    return results


_exact_erf = np.frompyfunc(math.erf, 1, 1)
_exact_erfc = np.frompyfunc(math.erfc, 1, 1)


def _erf(x):
    return _exact_erf(x).astype(x.dtype)


def _erfc(x):
    return _exact_erfc(x).astype(x.dtype)


def _logistic(x):
    return np.exp(-np.logaddexp(0, -x)).astype(x.dtype)
'''

_DATA = '''
_PACKED = """
{packed}
"""
with np.load(io.BytesIO(base64.b64decode(_PACKED)), allow_pickle=False) as _archive:
    C = [_archive[f"c{{k}}"] for k in range({count})]
del _PACKED
'''
