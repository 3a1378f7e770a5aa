"""How fast particles stand for their law: rates in N, in one, two and three dimensions.

Law x ~ U[−1, 1]^d with targets y_i = 2 x_i − sin(2π x_i)/π, a staircase in every component: flat
at −1, 0 and 1, steep at ±1/2. Gauss-Legendre quadrature is the law itself, to near rounding. The
training begins at θ = 0, which x → −x maps onto itself, as it does J. With a large λ the minimiser
is such a control too. With a small one it is not, for layers that steepen now at 1/2 and now at
−1/2 do better than those that favour neither: from θ = 0 the law then leads to a saddle of J, and a
sample decides which comes first.

# notation: μ_0 law, μ_0^N sample of N particles, J and J^N their objectives, θ* and θ^N the
# controls trained on them, λ Tikhonov weight, gap ∫ℓ dμ_T^N − ∫ℓ dμ_T = J^N − J at θ^N.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.spatial.distance import pdist

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results
from autoencodes.experiments.mean_field_limit.result import (
    Limit,
    LimitResult,
    Limits,
    SampleTrainings,
    curvatures,
    fitted,
    means,
    notes,
    sentence,
    slopes,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.wasserstein import wasserstein
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import Curvature, curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement, Result

Rows = Float[np.ndarray, "particle dim"]

_SECOND = 1
"""Ends the seed of a sample's independent companion."""


class LimitSettings(ExperimentSettings):
    """In which dimensions, for which λ and N, how many samples, and how they are trained."""

    seed: int = 0
    dims: tuple[int, ...] = (1, 2, 3)
    tikhonov: tuple[float, ...] = (0.3, 0.003)
    exponents: tuple[int, ...] = tuple(range(5, 15))
    """N = 2^k."""
    transported: int = 11
    """The largest k for which two samples are matched (d ≥ 2)."""
    samples: tuple[int, ...] = (64, 24, 16)
    """SampleTrainings of each size, for d = 1, 2, 3."""
    nodes: tuple[int, ...] = (64, 24, 16)
    """Nodes of the quadrature along each component, for d = 1, 2, 3."""
    programs: tuple[int, ...] = (2**8, 2**11, 2**14)
    """Measures are filled up to one of these sizes with weight 0: fewer programs to compile."""
    layers: int = 10
    horizon: float = 1.0
    steps: int = 1000
    tolerance: float = 1e-7

    @property
    def sizes(self) -> str:
        counts = ", ".join(str(count) for count in self.samples[: max(self.dims)])
        return (
            f"seed {self.seed}, {counts} samples of each N for d = 1 to {max(self.dims)}, each "
            f"trained from θ = 0 for at most {self.steps:,} steps, {self.layers} layers"
        )


def target(x: Rows) -> Rows:
    """y_i = 2 x_i − sin(2π x_i)/π: odd, increasing, Lipschitz with constant 4."""
    return 2 * x - np.sin(2 * np.pi * x) / np.pi


def quadrature(dim: int, nodes: int) -> EmpiricalMeasure:
    """The law as a tensor product of Gauss-Legendre rules, exact to degree 2 nodes − 1."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    x = np.stack(np.meshgrid(*[points] * dim, indexing="ij"), -1).reshape(-1, dim)
    grid = np.meshgrid(*[weights / 2] * dim, indexing="ij")
    return EmpiricalMeasure(x, target(x), np.prod(grid, axis=0).ravel())


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
    weights = len(settings.tikhonov)
    notebook.expect(len(settings.dims) * (1 + weights * (1 + len(settings.exponents))))
    transported: dict[int, np.ndarray] = {}
    transport: dict[int, np.ndarray] = {}
    samples: dict[tuple[int, int], SampleTrainings] = {}
    limits: Limits = {}
    for dim in settings.dims:
        moved = notebook.part(f"W1, d = {dim}", partial(_transported, settings, dim, notebook))
        transported[dim], transport[dim] = moved.arrays["transport N"], moved.arrays["transport"]
        for place in range(weights):
            trained = _Trained(settings, dim, place, notebook)
            limits[dim, place], samples[dim, place] = trained.parts()
    result = LimitResult(2 ** np.array(settings.exponents), transported, transport, samples)
    fits = fitted(result)
    return Results(
        sentence(fits, limits, settings.tikhonov),
        {
            "slopes": slopes(fits, limits, settings.tikhonov),
            "means": means(result, settings.tikhonov),
            "curvatures": curvatures(limits, settings.tikhonov),
        },
        result,
        notes=notes(fits, limits, result, settings.tikhonov),
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
        for sample in range(settings.samples[dim - 1]):
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
    place: int
    notebook: Notebook

    def parts(self) -> tuple[Limit, SampleTrainings]:
        """What is known at θ*, and for each N and sample what was measured."""
        name = f"d = {self.dim}, λ = {self.settings.tikhonov[self.place]:g}"
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
        weight = self.settings.tikhonov[self.place]
        return ControlProblem(Flow(schedule, Perceptron("tanh")), tikhonov=weight)

    @cached_property
    def law(self) -> EmpiricalMeasure:
        """μ_0."""
        return quadrature(self.dim, self.settings.nodes[self.dim - 1])

    @cached_property
    def zero(self) -> Control:
        """θ = 0, where every training begins."""
        control = self.problem.flow.init(jax.random.key(0), scale=1.0)
        return jax.tree.map(jnp.zeros_like, control)

    def _fit(self, measure: EmpiricalMeasure) -> Result:
        """From θ = 0 along the gradient flow, in small movements first."""
        return self.notebook.fit(
            self.problem,
            self.zero,
            filled(measure, self.settings.programs),
            method=MinimizingMovement(inner="lbfgs", first_tau=0.02),
            steps=self.settings.steps,
            tolerance=self.settings.tolerance,
        )

    def _limit(self) -> Part:
        """θ* and the curvature of J there and where the training begins."""
        result = self._fit(self.law)
        begin, end = (self._curvature(at) for at in (self.zero, result.control))
        return Part.holding(
            result.control,
            begin=begin.smallest.value,
            lambda_min=end.smallest.value,
            convex=end.locally_convex,
            objective=result.history[-1]["objective"],
            norm=float(np.linalg.norm(self._entries(result.control))),
            residual=result.history[-1]["residual"],
        )

    def _curvature(self, control: Control) -> Curvature:
        return curvature(Hessian(self.problem, control, self.law))

    def _samples(self, count: int, star: Control, facts: dict[str, Any]) -> Part:
        """The trainings on samples of one size."""
        problem, law = self.problem, filled(self.law, self.settings.programs)
        rows, entries = [], []
        for sample in range(self.settings.samples[self.dim - 1]):
            x = _particles(self.settings, self.dim, count, sample)
            own = filled(EmpiricalMeasure(x, target(x)), self.settings.programs)
            result = self._fit(own)
            there = float(problem.objective(result.control, law))
            gap = float(problem.objective(result.control, own)) - there
            entries.append(self._entries(result.control))
            away = np.linalg.norm(entries[-1] - self._entries(star))
            rows.append((gap, there - facts["objective"], away, result.converged))
        columns = ("gap", "excess", "distance", "converged")
        arrays = dict(zip(columns, np.array(rows, float).T, strict=True))
        arrays["apart"] = np.array(pdist(np.array(entries)).mean())
        finer = quadrature(self.dim, self.settings.nodes[self.dim - 1] * 3 // 2)
        last = result.control
        error = problem.terminal_cost(last, finer) - problem.terminal_cost(last, law)
        return Part({**arrays, "quadrature": np.array(abs(float(error)))})

    def _entries(self, control: Control) -> Float[np.ndarray, " entry"]:
        """A control as a vector whose Euclidean norm is its norm in L²."""
        flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(control)])
        return np.asarray(self.problem.flow.schedule.step_size**0.5 * flat)


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
    "W₁, generalisation gap and distance of the trained controls over N, for d = 1, 2 and 3",
    rank=6,
    full="6 min",
    quick="40 s",
)(
    Experiment(
        LimitSettings(),
        LimitSettings(
            dims=(1, 2), exponents=tuple(range(5, 11)), samples=(48, 12, 12), programs=(2**10,)
        ),
        run,
        LimitResult,
    )
)
