"""Calls every public constructor and entry point with right and wrong numbers and choices.

Run as a program, in a process of its own: the type-checking hook of the test suite would refuse
a wrong argument before the package's own checks see it. Parameters come from the signatures: what
is public is walked without being listed here. Prints, as JSON, a list of faults as
[room, what was called and what came of it].
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import autoencodes as ac
from autoencodes.checks import shown

NO_ENTRY = {
    "Certificate", "Control", "InputError", "Latent", "MissingExtra", "NumericalFailure",
    "Progress", "Result", "fields.Placed", "datasets.Column", "datasets.Dataset",
    "datasets.Reading", "datasets.Record", "datasets.Table", "datasets.matched", "order.Order",
    "load", "save", "export", "Exported",
    "AnomalyDetector", "AutoencODE", "AutoencODEClassifier", "AutoencODERegressor",
}  # fmt: skip
"""What users are given and do not make, what takes no number, and estimators, whose ``fit`` checks
what they were made with."""

SCHEDULE = ac.WidthSchedule.autoencoder(4, [4, 2], 1, 1.0)
FLOW = ac.Flow(SCHEDULE)
FULL = ac.WidthSchedule.autoencoder(4, [4, 2], 1, 1.0, memory="hold")
CONTROL = FLOW.init(jax.random.key(0))
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
MEASURE = ac.EmpiricalMeasure(X)
PROBLEM = ac.ControlProblem(FLOW)

GIVEN: dict[str, Any] = {
    "active": (0, 1),
    "blocks": (ac.Block((0, 1), 1), ac.Block((1,), 1)),
    "classes": (0, 1),
    "components": (0, 1),
    "control": CONTROL,
    "cost": ac.SquaredError(),
    "dim": 4,
    "direction": CONTROL,
    "features": 4,
    "field": ac.fields.Perceptron(),
    "flow": FLOW,
    "grid": (1, 2, 2),
    "grids": ((1, 2, 2),),
    "horizon": 1.0,
    "integral": lambda measure: jnp.sum(measure.weights),
    "axes": np.eye(4),
    "centre": np.zeros(4),
    "image": (2, 2),
    "image_shape": (2, 2),
    "kind": "none",
    "labels": np.array([0, 1] * 4),
    "key": jax.random.key(0),
    "law": "parabola",
    "log_density_0": lambda x: -jnp.sum(x**2, axis=1),
    "measure": MEASURE,
    "name": "labels",
    "order": (0, 1, 2, 3),
    "other": CONTROL,
    "problem": PROBLEM,
    "scale": 1.0,
    "schedule": SCHEDULE,
    "shift": np.zeros(4),
    "size": 1.0,
    "source": "parabola",
    "step_size": 1.0,
    "steps": 1,
    "target": "rows",
    "tikhonov": 1.0,
    "widths": (4, 2),
    "x": X,
    "y": X,
    "z": X,
}
"""A right value of every parameter that has no default; of a number 1, of an integer 2."""

OR = {"str", "None", "InnerSolver", "TerminalCost"}
"""What may be given in place of a name."""
MAY_BE_INFINITE = {
    "MinimizingMovement.tau", "MinimizingMovement.first_tau", "certify.tau", "certify.seconds",
}  # fmt: skip
MAY_BE_ZERO = {
    "datasets.load.validation_fraction", "fit.noise", "fit.steps", "fit.tolerance",
    "Flow.init.scale", "ControlProblem.tikhonov", "SGD.momentum",
    "SGD.warmup", "Adam.warmup", "AdamW.warmup", "AdamW.weight_decay", "MetricMovement.momentum",
    "MetricMovement.decay", "certify.seconds", "Anderson.tolerance", "Contraction.tolerance",
    "ExtendedMSA.rho", "MetricMovement.average", "MetricMovement.floor", "Model.problem.tikhonov",
    "Contraction.factor",
}  # fmt: skip
COMPILED = {
    "EmpiricalMeasure.integrate", "EmpiricalMeasure.jittered", "ControlProblem.sweep",
    "Coordinates.rotated",
    "inner", "norm",
}  # fmt: skip
"""Called within compiled code, by what has checked the numbers."""
WORDS = {
    "steps_per_block": "steps",
    "active": "active component",
    "grids": "grid",
    "kernel": "kernel",
    "widths": "width",
    "Coordinates.of.kind": "rotation",
    "Scaling.of.kind": "scaling",
}
"""What messages call a parameter, where it is not its name."""
COSTLY = {"certify", "fit", "ContinuousFlow.log_density", "ContinuousFlow.log_volume"}
"""Right values are given all at once."""

INTEGERS = (True, 1.5, "3", math.nan, math.inf, -1, [2])
NUMBERS = (True, "3", math.nan, math.inf, -1, 10**400, [2])
CHOICES = ("nonsense", 3, True)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A public callable, and the room it lives in."""

    name: str
    call: Callable[..., Any]
    room: str


def entries() -> Iterator[Entry]:
    """What is public: constructors, functions, and the methods that take a number or a choice."""
    homes = {"": ac, "fields.": ac.fields, "datasets.": ac.datasets, "order.": ac.order}
    for prefix, home in homes.items():
        own = [n for n, v in vars(home).items() if getattr(v, "__module__", "") == home.__name__]
        for name in getattr(home, "__all__", own):
            public = getattr(home, name)
            if prefix + name in NO_ENTRY or not callable(public) or inspect.isabstract(public):
                continue
            room = public.__module__.split(".")[1]
            yield Entry(prefix + name, public, room)
            if inspect.isclass(public):
                yield from methods(public, room)


def methods(kind: type, room: str) -> Iterator[Entry]:
    """The public methods of a class; other ways to make one among them."""
    for name in vars(kind):
        how = inspect.getattr_static(kind, name)
        if name.startswith("_") or isinstance(how, property):
            continue
        if isinstance(how, classmethod | staticmethod):
            yield Entry(f"{kind.__name__}.{name}", getattr(kind, name), room)
        elif inspect.isfunction(how) and kind in OF:
            yield Entry(f"{kind.__name__}.{name}", getattr(OF[kind](), name), room)


OF: dict[type, Callable[[], Any]] = {
    ac.Flow: lambda: FLOW,
    ac.WidthSchedule: lambda: SCHEDULE,
    ac.ControlProblem: lambda: PROBLEM,
    ac.EmpiricalMeasure: lambda: MEASURE,
    ac.ContinuousFlow: lambda: ac.ContinuousFlow(ac.Flow(FULL)),
    ac.Model: lambda: ac.Model(FLOW, CONTROL),
}
"""An object of every class whose methods are walked."""


def kind_of(entry: Entry, parameter: inspect.Parameter) -> str:
    """What a parameter takes, as it is annotated: an int, a float, a choice, ints; else nothing."""
    said = str(parameter.annotation)
    if inspect.isclass(entry.call):
        said = str(field_types(entry.call).get(parameter.name, said))
    if parameter.name in ("block", "name", "meaning", "path"):
        return ""
    parts = {part.strip() for part in said.replace("typing.", "").split("|")}
    for kind in ("int", "float", "str", "Sequence[int]", "tuple[int, ...]", "tuple[int, int]"):
        if kind in parts and (kind != "str" or parts <= OR):
            return "ints" if "[" in kind else kind
    return ""


@cache
def field_types(kind: type) -> dict[str, Any]:
    """The annotations of a class's fields, where its constructor takes them as they are."""
    if "__init__" in vars(kind) and not dataclasses.is_dataclass(kind):
        return {}
    own = inspect.signature(kind).parameters
    return {
        name: said
        for base in reversed(kind.__mro__)
        for name, said in vars(base).get("__annotations__", {}).items()
        if name in own and str(own[name].annotation) == "object"
    }


def right(entry: Entry) -> dict[str, Any]:
    """Right arguments for every parameter that must be given."""
    parameters = inspect.signature(entry.call).parameters.values()
    return {
        p.name: 2 if kind_of(entry, p) == "int" and p.name not in GIVEN else GIVEN[p.name]
        for p in parameters
        if p.name == "key" or p.default is p.empty
    }


def value_of(entry: Entry, parameter: inspect.Parameter, kind: str) -> Any:
    """A right value of a number."""
    if parameter.default not in (parameter.empty, None, ()):
        return parameter.default
    return GIVEN.get(parameter.name, {"int": 2, "float": 1.0}.get(kind))


def wrong(entry: Entry, parameter: inspect.Parameter, kind: str) -> Iterator[Any]:
    """Wrong values of a parameter."""
    name = f"{entry.name}.{parameter.name}"
    optional = parameter.default is None or "None" in str(
        field_types(entry.call).get(parameter.name, parameter.annotation)
        if inspect.isclass(entry.call)
        else parameter.annotation
    )
    if kind == "ints":
        value = tuple(value_of(entry, parameter, kind))
        yield from ((*value[:-1], bad) for bad in (True, 1.5, "x", math.nan, None, -1))
        yield 1.5
        return
    values = {"int": INTEGERS, "float": NUMBERS, "str": CHOICES}[kind]
    several = "Sequence[float]" in str(parameter.annotation)
    yield from (
        v
        for v in values
        if not (v == math.inf and name in MAY_BE_INFINITE) and not (several and v == [2])
    )
    if not optional:
        yield None
    if kind == "str":
        return
    if parameter.name != "seed" and name not in MAY_BE_ZERO:
        yield 0


def as_given(kind: str, value: Any) -> Iterator[Any]:
    """A right number in every form in which it may come."""
    if kind == "int":
        yield from (np.int64(value), np.float32(value), jnp.asarray(value), float(value))
    elif kind == "float":
        yield from (np.float64(value), np.float32(value), jnp.asarray(value, jnp.float32))
        if float(value).is_integer() and value < 1e9:
            yield int(value)
    elif kind == "ints":
        yield from (tuple(map(np.int64, value)), np.array(value), list(map(float, value)))


def refusal(entry: Entry, parameter: inspect.Parameter, value: Any) -> str | None:
    """What is at fault with the answer to a wrong value; None where nothing is."""
    try:
        entry.call(**{**right(entry), parameter.name: value})
    except ac.InputError as error:
        said, name = str(error), parameter.name
        words = WORDS.get(name, WORDS.get(f"{entry.name}.{name}", name))
        names = (name, name.replace("_", " "), words)
        parts = value if isinstance(value, tuple) else ()
        # a single wrong one among several may be shown by itself
        values = [shown(value), repr(value)[:60], *map(repr, parts)]
        if not any(word in said for word in names):
            return f"does not name {name}: {said}"
        if not any(text in said for text in values):
            return f"does not show {shown(value)}: {said}"
        return None
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"
    return "is accepted"


def acceptance(entry: Entry, **values: Any) -> str | None:
    """What comes of right values, where it is no result."""
    try:
        entry.call(**{**right(entry), **values})
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    return None


def faults() -> Iterator[tuple[str, str]]:
    """Every wrong value that is not refused as it should be, and every right one that is."""
    for entry in entries():
        numbers = {
            p.name: (p, kind)
            for p in inspect.signature(entry.call).parameters.values()
            if (kind := kind_of(entry, p))
        }
        if not numbers or entry.name in COMPILED:
            continue
        if answer := acceptance(entry):
            yield entry.room, f"{entry.name}() with right arguments: {answer}"
            continue
        together: dict[str, Any] = {}
        for name, (parameter, kind) in numbers.items():
            for value in wrong(entry, parameter, kind):
                if answer := refusal(entry, parameter, value):
                    yield entry.room, f"{entry.name}({name}={shown(value)}) {answer}"
            known = value_of(entry, parameter, kind)
            if known is None or (isinstance(known, tuple) and kind == "float"):
                continue
            if entry.name in COSTLY:
                together |= {name: next(as_given(kind, known), known)}
                continue
            for value in as_given(kind, known):
                if answer := acceptance(entry, **{name: value}):
                    yield entry.room, f"{entry.name}({name}={value!r}), which is right: {answer}"
        if together and (answer := acceptance(entry, **together)):
            yield entry.room, f"{entry.name}({together}), which is right: {answer}"


if __name__ == "__main__":
    print(json.dumps(list(faults())))
