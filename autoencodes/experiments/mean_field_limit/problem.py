"""How fast particles stand for their law: rates in N, in one, two, three and eight dimensions.

Law x ~ U[−1, 1]^d with targets y_i = 2 x_i − sin(2π x_i)/π, a staircase in every component: flat
at −1, 0 and 1, steep at ±1/2. Gauss-Legendre quadrature is the law itself, to near rounding. The
training begins at θ = 0, which x → −x maps onto itself, as it does J. With a large λ the minimiser
is such a control too. With a small one it is not, for layers that steepen now at 1/2 and now at
−1/2 do better than those that favour neither: from θ = 0 the law then leads to a saddle of J, and a
sample decides which comes first. There the lowest of many starts is looked for beside, whose values
and places converge with or without convexity (Γ-convergence).

# notation: μ_0 law, μ_0^N sample of N particles, J and J^N their objectives, θ* and θ^N the
# controls trained on them, λ Tikhonov weight, gap ∫ℓ dμ_T^N − ∫ℓ dμ_T = J^N − J at θ^N.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from scipy.spatial.distance import pdist

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results
from autoencodes.experiments.mean_field_limit.expansion import expansion
from autoencodes.experiments.mean_field_limit.result import (
    Limit,
    LimitResult,
    Limits,
    Lowest,
    SampleTrainings,
    curvatures,
    fitted,
    means,
    notes,
    sentence,
    slopes,
)
from autoencodes.experiments.mean_field_limit.theorems import (
    generalisation,
    minima,
    verdicts,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.starts import distinct
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.wasserstein import wasserstein
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement, Result

Rows = Float[np.ndarray, "particle dim"]

_SECOND = 1
"""Ends the seed of a sample's independent companion."""

_TENSOR = 3
"""The largest dimension in which the law is a tensor product of rules."""

_APART = 1e-3
"""The distance in L² beyond which two minimisers are distinct."""

_LEVEL = 1e-6
"""Controls whose J is within this of the lowest, beside it, are minimisers alike."""


class LimitSettings(ExperimentSettings):
    """In which dimensions, for which λ and N, how many samples, and how they are trained."""

    seed: int = 0
    dims: tuple[int, ...] = (1, 2, 3, 8)
    tikhonov: tuple[float, ...] = (0.3, 0.003)
    """From d = 4 on the first one alone: with the others a training takes minutes there."""
    exponents: tuple[int, ...] = tuple(range(5, 15))
    """N = 2^k."""
    transported: int = 11
    """The largest k for which two samples are matched (d ≥ 2)."""
    samples: tuple[int, ...] = (64, 24, 16, 12)
    """SampleTrainings of each size, for each d in turn."""
    nodes: tuple[int, ...] = (64, 24, 16, 2**14)
    """Nodes of the quadrature along each component, for each d in turn; from d = 4 on, points."""
    programs: tuple[int, ...] = (2**8, 2**11, 2**14)
    """Measures are filled up to one of these sizes with weight 0: fewer programs to compile."""
    layers: int = 10
    horizon: float = 1.0
    steps: int = 1000
    tolerance: float = 1e-7
    sought: float = 0.01
    """The λ with which the lowest control is looked for, in d = 1: J has many minima."""
    starts: int = 48
    """Random starts on the law, each of whose ends has a mirror image."""
    valleys: int = 16
    """Of the law's minima, the lowest, from which each sample's search begins."""
    tries: int = 4
    """Random starts beside."""
    seekers: int = 16
    """Samples of each of the sizes below that are searched."""
    searched: tuple[int, ...] = (5, 7, 9, 11, 13)
    """Their N = 2^k."""

    @property
    def sizes(self) -> str:
        counts = ", ".join(str(count) for count, _ in zip(self.samples, self.dims, strict=False))
        dims = ", ".join(map(str, self.dims))
        return (
            f"seed {self.seed}, {counts} samples of each N for d = {dims}, each "
            f"trained from θ = 0 for at most {self.steps:,} steps, {self.layers} layers"
        )

    def weights(self, dim: int) -> range:
        """The places of the λ that are trained with in a dimension."""
        return range(len(self.tikhonov) if dim <= _TENSOR else 1)

    def of(self, entries: tuple[int, ...], dim: int) -> int:
        """The entry that belongs to a dimension."""
        return entries[self.dims.index(dim)]


def target(x: Rows) -> Rows:
    """y_i = 2 x_i − sin(2π x_i)/π: odd, increasing, Lipschitz with constant 4."""
    return 2 * x - np.sin(2 * np.pi * x) / np.pi


def quadrature(dim: int, nodes: int) -> EmpiricalMeasure:
    """The law as a tensor product of Gauss-Legendre rules, exact to degree 2 nodes − 1."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    x = np.stack(np.meshgrid(*[points] * dim, indexing="ij"), -1).reshape(-1, dim)
    grid = np.meshgrid(*[weights / 2] * dim, indexing="ij")
    return EmpiricalMeasure(x, target(x), np.prod(grid, axis=0).ravel())


def spread(dim: int, size: int, seed: int = 0) -> EmpiricalMeasure:
    """The law as Sobol's points, scrambled (Owen), and their mirror images −x: ``size`` in all."""
    qmc: Any = importlib.import_module("scipy.stats.qmc")
    points = 2 * qmc.Sobol(dim, seed=seed).random(size // 2) - 1
    x = np.concatenate([points, -points])
    return EmpiricalMeasure(x, target(x))


def law_of(settings: LimitSettings, dim: int, finer: bool = False) -> EmpiricalMeasure:
    """μ_0; ``finer``: by another rule, whose difference tells the error of the first."""
    nodes = settings.of(settings.nodes, dim)
    if dim <= _TENSOR:
        return quadrature(dim, nodes * 3 // 2 if finer else nodes)
    return spread(dim, 2 * nodes, 1) if finer else spread(dim, nodes)


def distance_to_uniform(x: Float[np.ndarray, " particle"]) -> float:
    """W_1 between a sample and U[−1, 1]: ∫ |F − F_N|, integrated exactly.

    Between two neighbours F_N = k/N, and F(t) − k/N = u(t) has the slope 1/2, so that
    ∫ |u| dt = [u |u|].
    """
    ends = np.concatenate([[-1.0], np.sort(x), [1.0]])
    level = np.arange(len(x) + 1) / len(x)
    before, after = ((ends[:-1] + 1) / 2 - level), ((ends[1:] + 1) / 2 - level)
    return float(np.sum(after * np.abs(after) - before * np.abs(before)))


def run(settings: LimitSettings, notebook: Notebook) -> Results[LimitResult]:
    """For every d the distances W_1; for every λ the law's training, then those of the samples."""
    trained = sum(len(settings.weights(dim)) for dim in settings.dims)
    notebook.expect(
        len(settings.dims) + trained * (1 + len(settings.exponents)) + 1 + len(settings.searched)
    )
    transported: dict[int, np.ndarray] = {}
    transport: dict[int, np.ndarray] = {}
    samples: dict[tuple[int, int], SampleTrainings] = {}
    limits: Limits = {}
    for dim in settings.dims:
        moved = notebook.part(f"W1, d = {dim}", partial(_transported, settings, dim, notebook))
        transported[dim], transport[dim] = moved.arrays["transport N"], moved.arrays["transport"]
        for place in settings.weights(dim):
            limits[dim, place], samples[dim, place] = _Trained(
                settings, dim, place, notebook
            ).parts()
    at, lowest = _Trained(settings, 1, None, notebook).lowest()
    counts = 2 ** np.array(settings.exponents)
    result = LimitResult(counts, transported, transport, samples, (lowest,))
    fits, tikhonov = fitted(result), settings.tikhonov
    return Results(
        sentence(fits, result, settings.seed, tikhonov),
        {
            "generalisation": generalisation(fits, limits, result, tikhonov),
            "minima": minima(fits, limits, result, at, (*tikhonov, settings.sought)),
            "slopes": slopes(fits, limits, tikhonov),
            "means": means(result, tikhonov),
            "curvatures": curvatures(limits, tikhonov),
        },
        result,
        notes=(
            *verdicts(fits, limits, result, (*tikhonov, settings.sought)),
            *notes(fits, limits, result, tikhonov),
        ),
    )


def _particles(settings: LimitSettings, dim: int, count: int, *sample: int) -> Rows:
    """A sample of the law; its numbers decide it, so that all λ train on the same."""
    random = np.random.default_rng([settings.seed, dim, count, *sample])
    return random.uniform(-1, 1, (count, dim))


def _transported(settings: LimitSettings, dim: int, notebook: Notebook) -> Part:
    """W_1(μ_0, μ_0^N) for d = 1; else W_1 between two independent samples, in one of each size."""
    exponents = [k for k in settings.exponents if dim == 1 or k <= settings.transported]
    rows = []
    for k in exponents:
        notebook.advance(f"N = 2^{k}", (k - exponents[0]) / len(exponents))
        row = []
        for sample in range(settings.of(settings.samples, dim)):
            x = _particles(settings, dim, 2**k, sample)
            if dim == 1:
                row.append(distance_to_uniform(x[:, 0]))
                continue
            distance = wasserstein(x, _particles(settings, dim, 2**k, sample, _SECOND))
            assert distance is not None, "two samples of one size are matched without POT"
            row.append(distance)
        rows.append(row)
    return Part({"transport": np.array(rows), "transport N": 2 ** np.array(exponents)})


@dataclass(frozen=True)
class _Trained:
    """The trainings of one d and one λ: on the law, then on samples."""

    settings: LimitSettings
    dim: int
    place: int | None
    """Of λ among the settings'; None for that of the search."""
    notebook: Notebook

    def parts(self) -> tuple[Limit, SampleTrainings]:
        """What is known at θ*, and for each N and sample what was measured."""
        name = f"d = {self.dim}, λ = {self.weight:g}"
        limit = self.notebook.part(f"{name}, law", self._limit)
        rows = [
            self.notebook.part(
                f"{name}, N = 2^{k}", partial(self._samples, 2**k, limit.control, limit.facts)
            ).arrays
            for k in self.settings.exponents
        ]
        columns = {column: np.array([row[column] for row in rows]) for column in rows[0]}
        # That of the largest N is where steep layers ask most of the nodes.
        quadrature = float(columns.pop("quadrature").max())
        convex = limit.facts["convex"] == "yes"
        facts = {**limit.facts, "convex": convex, "quadrature": quadrature}
        return Limit(**facts), SampleTrainings(**columns, convex=np.array(convex, float))

    @cached_property
    def problem(self) -> ControlProblem:
        """Particles of R^d, all components always on."""
        schedule = WidthSchedule.constant(self.dim, self.settings.layers, self.settings.horizon)
        return ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=self.weight)

    @property
    def weight(self) -> float:
        """λ."""
        settings = self.settings
        return settings.sought if self.place is None else settings.tikhonov[self.place]

    @cached_property
    def law(self) -> EmpiricalMeasure:
        """μ_0."""
        return law_of(self.settings, self.dim)

    @cached_property
    def zero(self) -> Control:
        """θ = 0, where every training begins."""
        control = self.problem.flow.init(jax.random.key(0), scale=1.0)
        return jax.tree.map(jnp.zeros_like, control)

    def _fit(self, measure: EmpiricalMeasure, start: Control | None = None) -> Result:
        """From θ = 0 or another start along the gradient flow, in small movements first."""
        return self.notebook.fit(
            self.problem,
            self.zero if start is None else start,
            filled(measure, self.settings.programs),
            method=MinimizingMovement(inner="lbfgs", first_tau=0.02),
            steps=self.settings.steps,
            tolerance=self.settings.tolerance,
        )

    def _limit(self) -> Part:
        """θ* and the curvature of J there and where the training begins."""
        result = self._fit(self.law)
        begin, end = (
            curvature(Hessian(self.problem, at, self.law)) for at in (self.zero, result.control)
        )
        return Part.holding(
            result.control,
            **self._expanded(result.control, end.locally_convex == "yes"),
            begin=begin.smallest.value,
            lambda_min=end.smallest.value,
            convex=end.locally_convex,
            objective=result.history[-1]["objective"],
            norm=float(np.linalg.norm(self._entries(result.control))),
            residual=result.history[-1]["residual"],
        )

    def _samples(self, count: int, star: Control, facts: dict[str, Any]) -> Part:
        """The trainings on samples of one size."""
        problem, law = self.problem, filled(self.law, self.settings.programs)
        rows, entries = [], []
        for sample in range(self.settings.of(self.settings.samples, self.dim)):
            x = _particles(self.settings, self.dim, count, sample)
            own = filled(EmpiricalMeasure(x, target(x)), self.settings.programs)
            result = self._fit(own)
            there = float(problem.objective(result.control, law))
            gap = float(problem.objective(result.control, own)) - there
            fixed = float(problem.objective(star, own)) - facts["objective"]
            entries.append(self._entries(result.control))
            away = np.linalg.norm(entries[-1] - self._entries(star))
            rows.append((gap, fixed, there - facts["objective"], away, result.converged))
        columns = ("gap", "fixed", "excess", "distance", "converged")
        arrays = dict(zip(columns, np.array(rows, float).T, strict=True))
        arrays["apart"] = np.array(pdist(np.array(entries)).mean())
        finer = law_of(self.settings, self.dim, finer=True)
        last = result.control
        error = problem.terminal_cost(last, finer) - problem.terminal_cost(last, law)
        return Part({**arrays, "quadrature": np.array(abs(float(error)))})

    def _expanded(self, control: Control, convex: bool) -> dict[str, Any]:
        """What the expansion in 1/N needs of the law; without convexity σ alone."""
        return expansion(self.problem, control, self.law, convex)._asdict()

    def lowest(self) -> tuple[Limit, Lowest]:
        """The lowest controls of many starts, on the law and on samples."""
        settings, name = self.settings, f"d = {self.dim}, λ = {self.weight:g}, lowest"
        law = self.notebook.part(f"{name}, law", self._lowest_of_law)
        rows = [
            self.notebook.part(f"{name}, N = 2^{k}", partial(self._lowest_of, 2**k, law)).arrays
            for k in settings.searched
        ]
        columns = {column: np.array([row[column] for row in rows]) for column in rows[0]}
        minima = np.array(len(law.arrays["minima"]))
        return Limit(**law.facts), Lowest(minima, 2 ** np.array(settings.searched), **columns)

    def _starts(self, count: int, *numbers: int) -> list[Control]:
        """Controls with N(0, 1) entries; the numbers decide them. b is not 0: nothing is odd."""
        random = np.random.default_rng([self.settings.seed, *numbers])
        size = self._entries(self.zero).size
        step = self.problem.flow.schedule.step_size
        return [self._control(random.normal(0, step**0.5, size)) for _ in range(count)]

    def _lowest_of_law(self) -> Part:
        """The law's minima, those with the least J first, and what is known of the lowest."""
        problem = self.problem
        ends = [self._fit(self.law, start).control for start in self._starts(self.settings.starts)]
        ends += [_mirrored(control) for control in ends]
        values = np.array([float(problem.objective(end, self.law)) for end in ends])
        order = np.argsort(values, kind="stable")
        flats = np.array([self._entries(ends[k]) for k in order])
        first = [group[0] for group in distinct(flats, _APART)]
        control, best = ends[order[0]], float(values[order[0]])
        end = curvature(Hessian(problem, control, self.law))
        convex = end.locally_convex == "yes"
        facts = {
            **self._expanded(control, convex),
            "begin": curvature(Hessian(problem, self.zero, self.law)).smallest.value,
            "lambda_min": end.smallest.value,
            "convex": convex,
            "objective": best,
            "norm": float(np.linalg.norm(flats[0])),
            "residual": float(problem.pmp_residual(control, self.law)),
            "quadrature": 0.0,
        }
        level = np.sum(values[order[first]] <= best * (1 + _LEVEL))
        arrays = {"minima": flats[first], "level": np.array(level)}
        return Part(arrays, facts)

    def _lowest_of(self, count: int, law: Part) -> Part:
        """Each sample's lowest control, from the law's minima and from random starts."""
        problem, minima, rows = self.problem, law.arrays["minima"], []
        minimisers = minima[: int(law.arrays["level"])]
        known = [self._control(flat) for flat in minima[: self.settings.valleys]]
        for sample in range(self.settings.seekers):
            x = _particles(self.settings, self.dim, count, sample)
            own = filled(EmpiricalMeasure(x, target(x)), self.settings.programs)
            before = min(float(problem.objective(c, own)) for c in known[: len(minimisers)])
            starts = [*known, *self._starts(self.settings.tries, count, sample)]
            ends = [self._fit(own, start).control for start in starts]
            values = np.array([float(problem.objective(end, own)) for end in ends])
            best = int(np.argmin(values))
            away = np.linalg.norm(minimisers - self._entries(ends[best]), axis=1).min()
            strange = values[best] < values[: len(known)].min() * (1 - _LEVEL)
            value = values[best] - law.facts["objective"]
            rows.append((value, before - values[best], away, strange))
            self.notebook.advance(f"sample {sample + 1}", (sample + 1) / self.settings.seekers)
        columns = ("value", "fall", "away", "strange")
        return Part(dict(zip(columns, np.array(rows, float).T, strict=True)))

    def _control(self, entries: Float[np.ndarray, " entry"]) -> Control:
        """The control of ``_entries``."""
        unravel = ravel_pytree(self.zero)[1]
        control: Control = unravel(jnp.asarray(entries) / self.problem.flow.schedule.step_size**0.5)
        return control

    def _entries(self, control: Control) -> Float[np.ndarray, " entry"]:
        """A control as a vector whose Euclidean norm is its norm in L²."""
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(control)])
        return np.asarray(self.problem.flow.schedule.step_size**0.5 * flat)


def _mirrored(control: Control) -> Control:
    """(W, −b): it moves −x as (W, b) moves x, for tanh is odd."""
    return tuple({**block, "b": -block["b"]} for block in control)


def filled(measure: EmpiricalMeasure, sizes: tuple[int, ...]) -> EmpiricalMeasure:
    """The same measure with particles of weight 0, up to the next of the sizes, if there is one."""
    more = min((size for size in sizes if size >= measure.size), default=measure.size)
    rows = np.zeros((more - measure.size, measure.dim))
    return EmpiricalMeasure(
        np.concatenate([np.asarray(measure.x), rows]),
        np.concatenate([np.asarray(measure.y), rows]),
        np.concatenate([np.asarray(measure.weights), np.zeros(len(rows))]),
    )


EXPERIMENTS.register(
    "mean-field-limit",
    "W₁, generalisation gap, least values and their controls over N, for d = 1, 2, 3 and 8",
    rank=6,
    full="15 min",
    quick="40 s",
)(
    Experiment(
        LimitSettings(),
        LimitSettings(
            dims=(1, 2),
            exponents=tuple(range(5, 11)),
            samples=(48, 12),
            nodes=(64, 24),
            programs=(2**10,),
            starts=8,
            valleys=4,
            tries=1,
            seekers=6,
            searched=(5, 7, 9),
        ),
        run,
        LimitResult,
    )
)
