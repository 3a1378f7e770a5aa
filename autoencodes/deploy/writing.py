"""A model's file in another format, checked against the model before it is written."""

from __future__ import annotations

import importlib.util
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np
from jaxtyping import Float

from autoencodes import atomic
from autoencodes.checks import choice
from autoencodes.datasets import Table
from autoencodes.deploy import numpy_module, onnx_graph
from autoencodes.deploy.graph import ROWS, Graph, traced
from autoencodes.deploy.pipeline import Function, columns, functions
from autoencodes.errors import InputError, NumericalFailure
from autoencodes.model.model import Model, push
from autoencodes.precision import precision

FORMATS = {"onnx": ".onnx", "numpy": ".py", "jax": ".zip"}
"""What a model can be exported to, and how such a file's name ends."""
TOLERANCE = 1e-5
"""The largest difference from the model, over the largest value of what is compared, or over 1."""


@dataclass(frozen=True)
class Exported:
    """What was written: the files, what each of their functions gives, and how far they differ.

    ``difference`` is the largest over ``rows`` rows and all functions, relative to the largest
    value of a result where that is above 1; None where nothing could run the file here. Where it is
    above 1e-5, ``rounding`` is how far the model is, in the same sense, from itself in float64:
    that is of the same size then.

    Examples
    --------
    >>> made = ac.export(ac.Model(flow, theta), "small.py", "numpy")
    >>> [file.name for file in made.files], made.rows
    (['small.py'], 257)
    """

    files: tuple[Path, ...]
    functions: tuple[str, ...]
    rows: int
    difference: float | None
    rounding: float | None = None


def export(model: Model, path: str | Path, to: str, title: str = "An AutoencODE") -> Exported:
    """Writes a model in another format, once its results are the model's own.

    "onnx": encode, reconstruct and score are the outputs of one graph, ``path``; decode, which
    takes latent values, is a second, beside it (``model-decode.onnx``). "numpy": one Python file
    with the functions encode, decode, reconstruct and score. "jax": a zip archive with each of them
    as ``jax.export`` serialises it. Scaling and the encoding of columns are inside.

    Parameters
    ----------
    model : Model
    path : path
        It ends as the format's files do: .onnx, .py or .zip.
    to : {"onnx", "numpy", "jax"}
    title : str
        What the file says of itself.

    Raises
    ------
    InputError
        If the format is none of these, the name does not fit it, or the model computes what the
        format cannot.
    MissingExtra
        If onnx is not installed and wanted.
    NumericalFailure
        If results differ from the model's by more than 1e-5, and by more than four times what the
        model itself rounds in its own precision: nothing is written then.
    OSError
        If a file cannot be written.

    See Also
    --------
    autoencodes.save : a file that this package reads

    Examples
    --------
    >>> model = ac.Model(flow, theta)
    >>> made = ac.export(model, "small.py", "numpy")
    >>> made.functions
    ('encode', 'decode', 'reconstruct', 'score')
    >>> bool(made.difference < 1e-5)
    True
    """
    to, path = choice(to, "to", tuple(FORMATS)), Path(path).expanduser()
    if path.suffix != FORMATS[to]:
        raise InputError(f"{path}: a model exported to {to} is a file that ends in {FORMATS[to]}")
    if to == "onnx":
        onnx_graph.library()
    made = functions(model)
    table = _rows(model)
    contents, runs = _WRITERS[to](model, made, path, title)
    difference = None if runs is None else _difference(model, made, table, runs)
    rounding = None
    if difference is not None and not difference <= TOLERANCE:
        rounding = _rounding(model, made, table)
        if not difference <= _TIMES * rounding:
            raise NumericalFailure(
                f"what {to} makes of {len(table)} rows differs from the model by {difference:.1e}, "
                f"more than {TOLERANCE:g}, and more than the model rounds in {model.dtype} "
                f"({rounding:.1e}): nothing was written. A model of float64 is less sensitive"
            )
    for file, content in contents.items():
        atomic.write(file, content)
    return Exported(tuple(contents), tuple(f.name for f in made), len(table), difference, rounding)


Numbers = Float[np.ndarray, "particle column"]
Run = Callable[[Function, Sequence[np.ndarray]], Sequence[np.ndarray]]
"""Runs a function in the other format, from and to the numbers of a table."""
Written = tuple[dict[Path, bytes], Run | None]


def _rows(model: Model) -> Numbers:
    """Rows to compare at, made up: within a deviation of the data, some values missing."""
    random = np.random.default_rng(0)
    z = random.uniform(-1, 1, (257, model.coordinates.features))
    features = model.scaling.shift + model.scaling.scale * z
    if model.encoding is None:
        return features
    numbers = model.encoding.leave(features)
    for k, column in enumerate(model.encoding.columns):
        if column.kind == "constant":
            numbers[:, k] = 0
    if model.encoding.missing != "refuse":
        numbers[random.random(numbers.shape) < 0.1] = np.nan
    return numbers


def _difference(model: Model, made: Sequence[Function], x: Numbers, run: Run) -> float:
    """The largest difference from the model, over 1 or the largest entry of the result."""
    worst = 0.0
    table = Table(x, columns=columns(model))
    codes = _encoded(model, table)
    levelled = np.array([c.levelled or c.kind == "constant" for c in columns(model)])
    for function in made:
        given = codes if function.name == "decode" else [x]
        theirs = run(function, given)
        for a, b in zip(theirs, _own(model, function, table, codes), strict=True):
            a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
            if function.gives == ("x",):
                same = (a == b) | (np.isnan(a) & np.isnan(b))
                if levelled.any() and same[:, levelled].mean() < _ALIKE:
                    return float("inf")
                a, b = a[:, ~levelled], b[:, ~levelled]
            if a.shape != b.shape or not np.isfinite(a).all():
                return float("inf")
            size = np.maximum(1.0, np.abs(b).max(axis=0, initial=0.0))
            worst = max(worst, float((np.abs(a - b) / size).max(initial=0.0)))
    return worst


def _rounding(model: Model, made: Sequence[Function], x: Numbers) -> float:
    """How far the model is from itself in float64, measured as a file is."""
    wide = model.with_control(jax.tree.map(lambda a: np.asarray(a, np.float64), model.control))
    table = Table(x, columns=columns(model))
    return _difference(model, made, x, lambda function, given: _own(wide, function, table, given))


def _encoded(model: Model, table: Table) -> Sequence[np.ndarray]:
    """The latent values, and the held ones where there are some."""
    codes = model.encode(table)
    latent, held = np.asarray(codes.latent), np.asarray(codes.held)
    return [latent, held] if held.shape[1] else [latent]


_TIMES = 4
"""How many times the model's own rounding a difference may be: an engine in the same precision
rounds as much again, in another order."""
_ALIKE = 0.99
"""The share of levels that must be the same: between two as likely ones rounding decides."""


def _own(
    model: Model, function: Function, table: Table, codes: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """What the model itself says of a table, or of latent values."""
    match function.name:
        case "encode":
            return _encoded(model, table)
        case "decode":
            return [_numbers(model, model.decode_features(*codes))]
        case "reconstruct":
            return [model.reconstruct(table).x]
        case "score":
            return [model.errors(table)[:, None]]
    if model.readout.target == "classes":
        pushed = push(model.flow, model.control, model.particles(table))
        return [model.read(pushed)]
    return [model.predict(table)[:, None]]


def _numbers(model: Model, features: np.ndarray) -> np.ndarray:
    return features if model.encoding is None else model.encoding.leave(features)


def _to_jax(model: Model, made: Sequence[Function], path: Path, title: str) -> Written:
    programs: dict[str, bytes] = {}
    with precision(np.float64):
        (rows,) = jax.export.symbolic_shape(ROWS)
        for function in made:
            shapes = [jax.ShapeDtypeStruct((rows, w), np.float64) for w in function.takes.values()]
            programs[function.name] = bytes(
                jax.export.export(jax.jit(function.call), platforms=["cpu", "cuda", "tpu"])(
                    *shapes
                ).serialize()
            )
    about = {
        "title": title,
        "use": "with jax.enable_x64(True): jax.export.deserialize(bytearray(program)).call(x)",
        "x": "float64, (N, w); of a column with levels their places, of dates seconds since 1970",
        "functions": {f.name: {"takes": f.takes, "gives": f.gives, "is": f.says} for f in made},
        "columns": [column.described for column in columns(model)],
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", json.dumps(about, indent=2, ensure_ascii=False))
        for name, program in programs.items():
            archive.writestr(f"{name}.bin", program)

    def run(function: Function, given: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        with precision(np.float64):
            program = jax.export.deserialize(bytearray(programs[function.name]))
            return [
                np.asarray(a) for a in program.call(*(np.asarray(a, np.float64) for a in given))
            ]

    return {path: file.getvalue()}, run


def _graph(function: Function) -> Graph:
    return traced(function.call, function.takes, wide=True)


def _to_numpy(model: Model, made: Sequence[Function], path: Path, title: str) -> Written:
    named = model.encoding is not None
    text = numpy_module.source(title, columns(model), named, [(f, _graph(f)) for f in made])

    def run(function: Function, given: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        scope: dict[str, Any] = {"__name__": "exported"}
        exec(compile(text, str(path), "exec"), scope)  # what was just written
        wide = [np.asarray(a, np.float64) for a in given]
        results: Sequence[np.ndarray] = scope[f"_{function.name}"](len(wide[0]), *wide)
        return results

    return {path: text.encode()}, run


def _to_onnx(model: Model, made: Sequence[Function], path: Path, title: str) -> Written:
    named, known = model.encoding is not None, columns(model)
    forward = [function for function in made if function.name != "decode"]
    names = {
        "encode": ("latent", "held"),
        "reconstruct": ("reconstruction",),
        "score": ("error",),
        "predict": ("predicted",),
    }
    outputs = [n for f in forward for n in names[f.name][: len(f.gives)]]

    def whole(x: Any) -> Any:
        return [result for function in forward for result in function.call(x)]

    files = {
        path: onnx_graph.model(traced(whole, {"x": len(known)}, True), outputs, known, named, title)
    }
    for function in made:
        if function.name == "decode":
            beside = path.with_name(f"{path.stem}-decode.onnx")
            files[beside] = onnx_graph.model(
                _graph(function), ["reconstruction"], known, named, f"{title}: its decoder"
            )
    if importlib.util.find_spec("onnxruntime") is None:
        return files, None
    import onnxruntime  # type: ignore[import-untyped]

    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3  # errors
    sessions = {
        file: onnxruntime.InferenceSession(content, quiet, providers=["CPUExecutionProvider"])
        for file, content in files.items()
    }

    def run(function: Function, given: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        decodes = function.name == "decode"
        session = next(s for f, s in sessions.items() if (f != path) == decodes)
        wanted = (
            ["reconstruction"] if decodes else list(names[function.name][: len(function.gives)])
        )
        if decodes or not named:
            fed = dict(zip(function.takes, (np.asarray(a, np.float64) for a in given), strict=True))
        else:
            fed = onnx_graph.fed(given[0], known)
        return session.run(wanted, fed)

    return files, run


_WRITERS: dict[str, Callable[..., Written]] = {
    "onnx": _to_onnx,
    "numpy": _to_numpy,
    "jax": _to_jax,
}
