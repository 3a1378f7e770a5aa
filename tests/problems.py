"""The registry of small problems on which the laws are tested.

# notation: d dimension, N particles, A_j active components of block j, λ Tikhonov weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain import Swing

import autoencodes as ac
from autoencodes import fields
from autoencodes.catalogue import ACTIVATIONS, COSTS, FIELDS, SCHEMES
from autoencodes.fields import (
    ControlledField,
    LinearInControl,
    LowRank,
    Perceptron,
    Pointwise,
    TimeDependent,
    Translation,
    TwoLayer,
    convolutions,
)
from autoencodes.schemes import Euler, Heun, RungeKutta4, Scheme


def small(name: str) -> ControlledField:
    """The field that its registration gives as the example."""
    example = FIELDS.entries[name].facts.get("example", {})
    own = signature(FIELDS[name]).parameters.values()
    absent = [p.name for p in own if p.default is p.empty and p.name not in example]
    assert not absent, (
        f"the field {name} needs arguments ({', '.join(absent)}): "
        "give example={...} where it is registered"
    )
    return fields.build({"name": name, **example})


FAMILY: dict[str, ControlledField] = {name: small(name) for name in FIELDS}
"""A small one of every registered field."""


def draw(flow: ac.Flow, seed: int, scale: float = 1.0) -> Any:
    """A control of the flow's shapes whose every entry is random, biases too."""
    random = np.random.default_rng(seed)
    shapes = jax.eval_shape(flow.init, jax.random.key(0))
    with jax.ensure_compile_time_eval():  # it may be drawn first within a compiled function
        return jax.tree.map(lambda a: random.normal(0, scale, a.shape), shapes)


def inactive(schedule: ac.WidthSchedule, block: int) -> list[int]:
    """The components that are off in a block: those of the first block first, then by index."""
    first = schedule.blocks[0].active
    ordered = [*first, *(i for i in range(schedule.dim) if i not in first)]
    return [i for i in ordered if i not in schedule.blocks[block].active]


def flat(control: Any) -> np.ndarray:
    """All entries of a control, in the order of its leaves."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(control)])


def unflat(values: Any, like: Any) -> Any:
    """The control of the given shapes that has these entries."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = jnp.split(jnp.asarray(values), ends)
    shaped = [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)]
    return jax.tree.unflatten(structure, shaped)


def distance(found: Any, expected: Any) -> float:
    """The relative error |a − b| / |b| of two trees of arrays; |a| where b = 0."""
    a, b = flat(found), flat(expected)
    return float(np.linalg.norm(a - b) / (np.linalg.norm(b) or 1))


_TANH, _EULER, _SQUARED = Perceptron("tanh"), Euler(), ac.SquaredError()


@dataclass(frozen=True)
class Case:
    """A small problem, its control, particles and directions."""

    name: str
    schedule: ac.WidthSchedule
    field: ControlledField | tuple[ControlledField, ...] = _TANH
    tikhonov: float = 0.01
    weighted: bool = False
    supervised: bool = False
    scale: float = 0.7
    seed: int = 0
    scheme: Scheme = _EULER
    cost: ac.Comparison = _SQUARED

    @cached_property
    def flow(self) -> ac.Flow:
        return ac.Flow(self.schedule, self.field, self.scheme)

    @cached_property
    def problem(self) -> ac.ControlProblem:
        return ac.ControlProblem(self.flow, self.cost, self.tikhonov)

    @cached_property
    def control(self) -> Any:
        return draw(self.flow, self.seed, self.scale)

    def direction(self, seed: int) -> Any:
        return draw(self.flow, 1000 + seed)

    @cached_property
    def measure(self) -> ac.EmpiricalMeasure:
        """Seven particles; where weighted, one of them has weight 0."""
        random = np.random.default_rng(2000 + self.seed)
        x, y = random.normal(size=(2, 7, self.schedule.dim))
        name = COSTS.name_of(type(self.cost))
        facts = COSTS.entries[name].facts if name else {}
        if isinstance(self.cost, ac.CrossEntropy) or facts.get("probabilities"):
            y = random.uniform(size=y.shape)
        if isinstance(self.cost, ac.CrossEntropy):
            y = np.eye(len(y))[:, : y.shape[1]] + y  # need not be normalised
        y = y[:, : self.cost.target_dim(self.schedule.dim)]
        weights = np.append(random.uniform(0.5, 2, 6), 0.0) if self.weighted else None
        return ac.EmpiricalMeasure(x, y if self.supervised else None, weights)


def _blocks(
    dim: int, memory: str, *blocks: tuple[tuple[int, ...], int], horizon: float = 1.2
) -> ac.WidthSchedule:
    return ac.WidthSchedule(dim, [ac.Block(a, steps) for a, steps in blocks], horizon, memory)


def _autoencoder(memory: str, *args: Any, **options: Any) -> ac.WidthSchedule:
    return ac.WidthSchedule.autoencoder(*args, **options, memory=memory)


_OVERLAPPING = ((2, 0), 2), ((1, 2, 3), 1), ((3, 0), 1)
_OVERLAPPING_IN_ONE = ((4, 1, 2), 2), ((1,), 6), ((3, 1, 0), 1)

_TWICE = ((0, 1), 1), ((1,), 1), ((2, 0), 2), ((0,), 1), ((2, 1), 1)


def _cases_of(memory: str) -> list[Case]:
    """What is tested under ``reset`` and ``hold`` alike."""
    in_one = _blocks(5, memory, *_OVERLAPPING_IN_ONE)
    return [
        Case(f"one-component bottleneck, {memory}", _autoencoder(memory, 3, [3, 2, 1], 1, 1.0)),
        Case(
            f"permuted, weights, targets, {memory}",
            _autoencoder(memory, 4, [4, 2], 2, 0.8, order=[2, 0, 3, 1]),
            Perceptron("sin"),
            weighted=True,
            supervised=True,
        ),
        Case(
            f"scanned blocks, {memory}",
            _autoencoder(memory, 3, [3, 2], 5, 2.0, order=[1, 2, 0]),
            Perceptron("softplus"),
            tikhonov=0.1,
            weighted=True,
        ),
        Case(
            f"first and last block not full, {memory}",
            _autoencoder(memory, 4, [3, 1], 1, 1.0, order=[3, 1, 0, 2]),
            Perceptron("gelu"),
            supervised=True,
        ),
        Case(f"overlapping blocks, {memory}", _blocks(4, memory, *_OVERLAPPING), weighted=True),
        Case(f"overlapping in one component, {memory}", in_one, Perceptron("identity")),
    ]


CASES = [
    Case("constant", ac.WidthSchedule.constant(3, 4, 1.0)),
    Case("constant, scanned, own field", ac.WidthSchedule.constant(2, 7, 1.5), Swing()),
    Case("constant, relu", ac.WidthSchedule.constant(3, 2, 1.0), Perceptron("relu")),
    *_cases_of("reset"),
    *_cases_of("hold"),
    Case("overlapping, own field, hold", _blocks(4, "hold", *_OVERLAPPING), Swing()),
    Case(
        "encoder, no penalty, reset",
        ac.WidthSchedule.encoder(4, [4, 3, 1], 1, 0.9),
        supervised=True,
        tikhonov=0.0,
    ),
    Case("decoder, hold", ac.WidthSchedule.decoder(4, [3, 2], 2, 0.9, [0, 3, 1, 2], "hold")),
    Case(
        "permuted, weights, targets, skip",
        _autoencoder("skip", 4, [4, 3, 1], 2, 0.8, order=[2, 0, 3, 1]),
        Perceptron("sin"),
        weighted=True,
        supervised=True,
    ),
    Case("overlapping blocks, skip", _blocks(4, "skip", *_OVERLAPPING), weighted=True),
    Case("off and on twice, two layers, skip", _blocks(3, "skip", *_TWICE), TwoLayer(4)),
    Case("scanned, low rank, skip", _autoencoder("skip", 3, [2, 1], 5, 1.0), LowRank(2)),
    Case("two layers, reset", _autoencoder("reset", 3, [3, 2], 1, 1.0), TwoLayer(4, "gelu")),
    Case(
        "low rank, hold",
        _autoencoder("hold", 3, [3, 1], 1, 1.0),
        LowRank(2, "sin"),
        supervised=True,
    ),
    Case(
        "classifier, weights, reset",
        ac.WidthSchedule.encoder(4, [4, 3, 2], 1, 1.0, order=[2, 0, 1, 3]),
        cost=ac.CrossEntropy((2, 0)),
        supervised=True,
        weighted=True,
    ),
    Case(
        "narrow, wide, narrow, Huber, hold",
        ac.WidthSchedule.sequence(4, [2, 4, 1], 2, 1.0, memory="hold"),
        cost=ac.Huber(delta=0.5),
        supervised=True,
    ),
    Case(
        "odds, skip",
        ac.WidthSchedule.unet(3, [3, 1], 1, 1.0),
        cost=ac.BinaryCrossEntropy((0, 1)),
        supervised=True,
    ),
    Case(
        "linear in the control, reset",
        _autoencoder("reset", 3, [3, 1], 2, 1.0, order=[1, 2, 0]),
        LinearInControl("sin"),
        weighted=True,
        supervised=True,
    ),
    Case("linear in the control, skip", _autoencoder("skip", 3, [2, 1], 1, 1.0), LinearInControl()),
    Case(
        "a field a block, Heun, skip",
        _blocks(4, "skip", *_OVERLAPPING),
        (Perceptron(), LowRank(2), TwoLayer(3, "sin")),
        scheme=Heun(),
    ),
    Case(
        "shared over a block, own field, Runge-Kutta, hold",
        _blocks(4, "hold", ((2, 0), 1), ((1, 2, 3), 1), ((3, 0), 1)),
        Swing(),
        scheme=RungeKutta4(substeps=2),
    ),
    Case(
        "shared over a block, reset",
        _autoencoder("reset", 3, [3, 1], 1, 1.0),
        scheme=Euler(substeps=5),
        supervised=True,
    ),
    Case(
        "shared over a block, time-dependent, skip",
        _autoencoder("skip", 3, [3, 1], 1, 1.0, order=[2, 0, 1]),
        TimeDependent(Perceptron("sin"), 0.5),
        scheme=Euler(substeps=3),
        weighted=True,
    ),
    Case(
        "time-dependent, a field a block, Heun, hold",
        _blocks(3, "hold", ((2, 0), 1), ((1, 2), 2)),
        (TimeDependent(LinearInControl()), TimeDependent(LowRank(2), 1.2)),
        scheme=Heun(),
    ),
    Case(
        "grids, then a width, weights, reset",
        ac.WidthSchedule.grids((4, 2), [(1, 4, 2), (2, 2, 1)], 1, 1.0, widths=[1]),
        convolutions([(1, 4, 2), (2, 2, 1)], [1], hidden=3),
        weighted=True,
    ),
    Case(
        "more channels than the data's, hold",
        ac.WidthSchedule.grids((2, 2), [(2, 2, 2), (3, 1, 1)], 2, 0.8, memory="hold"),
        convolutions([(2, 2, 2), (3, 1, 1)], kernel=1, activation="sin"),
        supervised=True,
    ),
    Case(
        "pointwise at the end, hold",
        _blocks(3, "hold", ((1, 0), 1), ((0, 2, 1), 1), ((0, 2, 1), 2)),
        (Perceptron(), Perceptron(), Pointwise(3)),
    ),
    Case(
        "channels that return, skip",
        ac.WidthSchedule.grids((2, 6), [(2, 1, 3), (1, 1, 3)], 1, 1.0, memory="skip"),
        convolutions([(2, 1, 3), (1, 1, 3)], activation="softplus"),
    ),
    Case(
        "translation, reset",
        ac.WidthSchedule.autoencoder(3, [3, 1], 1, 1.0),
        Translation(),
        weighted=True,
        supervised=True,
    ),
]


def _cases_of_members() -> Iterator[Case]:
    """A case for every registered member that none above has: what is added is tested."""
    owned = [f for c in CASES for f in (c.field if isinstance(c.field, tuple) else (c.field,))]
    activations = {getattr(field, "activation", None) for field in owned}
    schedule = _autoencoder("reset", 3, [3, 1], 2, 1.0)
    for name, field in FAMILY.items():
        if type(field) not in map(type, owned):
            yield Case(f"field {name}", schedule, field, weighted=True)
    for name in ACTIVATIONS:
        if name not in activations:
            yield Case(f"activation {name}", schedule, Perceptron(name))
    for name in SCHEMES:
        if SCHEMES[name] not in {type(case.scheme) for case in CASES}:
            yield Case(f"scheme {name}", schedule, scheme=SCHEMES[name]())
    for name in COSTS:
        if COSTS[name] not in {type(case.cost) for case in CASES}:
            cost = COSTS[name](**COSTS.entries[name].facts.get("example", {}))
            yield Case(f"cost {name}", schedule, cost=cost, supervised=True)


CASES += list(_cases_of_members())
IDS = [case.name.replace(", ", "-").replace(" ", "_") for case in CASES]
every_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=name, marks=[] if k % 4 == 0 else [pytest.mark.slow])
        for k, (case, name) in enumerate(zip(CASES, IDS, strict=True))
    ],
    scope="module",
)
"""A law on every case, those of one case after each other, so that a worker compiles what they
share once. A quick run takes every fourth case."""
some_cases = pytest.mark.parametrize("case", CASES[::4], ids=IDS[::4], scope="module")
"""A law that follows from others, which hold on every case: on every fourth one."""
other_cases = pytest.mark.parametrize("case", CASES[::2], ids=IDS[::2], scope="module")
"""A law that tests/test_every_field.py has for the whole family: on every other case."""
BY_NAME = {case.name: case for case in CASES}
