"""λ_min of the Hessian every 80 epochs of the classification (the paper's Table 1).

The network of the classification, 7 + 7 + 7 Euler steps of Δt = 1 with tanh. What is not known of
the paper's run is run both ways: the order, the start, the weight, and what an epoch is.

# notation: λ Tikhonov weight, H = 2λ I + H_ℓ Hessian of J in L², λ_min its smallest eigenvalue.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import jax
import numpy as np

from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.experiments.classification.problem import (
    ClassificationSettings,
    Network,
    Steps,
    control_problem,
    particles,
    share_right,
)
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.hessian_table.result import convex_from
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.experiments.table_one.result import (
    Case,
    Course,
    TableOneResult,
    Training,
    case_table,
    epoch_table,
    notes,
    sentence,
    training_table,
)
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.pontryagin import ControlProblem
from autoencodes.second_order.curvature import curvature
from autoencodes.second_order.hessian import Hessian
from autoencodes.training import MinimizingMovement

EPOCHS = {"Gauss-Newton": "gauss-newton", "shooting": "contraction"}
"""What an epoch is, and the inner solver of its movement."""


class TableOneSettings(ExperimentSettings):
    """The readings, the network, and how long it is trained."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    orders: tuple[int, ...] = (1, 0)
    """The components that are off in the bottleneck."""
    blocks: Steps = (7, 7, 7)
    scales: tuple[float, ...] = (0.5, 0.0)
    """Of the random controls from which trainings begin; 0 begins at θ = 0."""
    epochs: tuple[str, ...] = ("Gauss-Newton", "shooting")
    tikhonov: tuple[float, ...] = (1e-2, 1e-3)
    particles: int = 500
    last: int = 720
    every: int = 80
    tau: float = 1.0
    """The largest step of a movement, and the first one tried."""
    tolerance: float = 1e-10
    """The PMP residual at which a training ends."""

    @property
    def readings(self) -> list[tuple[Case, float]]:
        """The cases, with the scales of their starts."""
        return [
            (
                Case(
                    Network(off, self.blocks, "paper").order,
                    "random" if scale else "θ = 0",
                    epoch,
                    weight,
                ),
                scale,
            )
            for off, scale, epoch, weight in product(
                self.orders, self.scales, self.epochs, self.tikhonov
            )
        ]

    @property
    def sizes(self) -> str:
        return (
            f"{seeds(self.seeds)}, {len(self.readings)} readings, {self.particles:,} particles, "
            f"{sum(self.blocks)} layers, {self.last:,} epochs"
        )


def run(settings: TableOneSettings, notebook: Notebook) -> Results[TableOneResult]:
    """Trains every reading from every seed, and measures H every so many epochs."""
    notebook.expect(len(settings.readings) * len(settings.seeds))
    courses, trainings = [], []
    for case, scale in settings.readings:
        for seed in settings.seeds:
            train = partial(_trained, settings, case, scale, seed, notebook)
            part = notebook.part(f"{case.name}, seed {seed}", train)
            courses.append(Course(*(part.arrays[name] for name in Course._fields)))
            trainings.append(Training(**case._asdict(), seed=seed, **part.facts))
    result = TableOneResult(tuple(courses), tuple(trainings))
    said = seeds(settings.seeds)
    pairs = dict.fromkeys((case.order, case.start) for case in result.cases)
    tables = {
        f"{order}-{'random' if start == 'random' else 'zero'}": epoch_table(
            result, order, start, said
        )
        for order, start in pairs
    }
    return Results(
        sentence(result, said),
        {**tables, "readings": case_table(result, said), "trainings": training_table(result)},
        result,
        notes=notes(result, settings.particles, settings.tau),
    )


def _trained(
    settings: TableOneSettings, case: Case, scale: float, seed: int, notebook: Notebook
) -> Part:
    """One training in segments, measured between them."""
    off = 1 if case.order == "natural" else 0
    network = Network(off, settings.blocks, "paper")
    setting = ClassificationSettings(particles=settings.particles, tikhonov=case.tikhonov)
    problem = control_problem(setting, network)
    free = ControlProblem(problem.flow, tikhonov=0.0)
    measure, classes = particles(setting, seed)
    begin = control = problem.flow.init(jax.random.key(seed), scale=scale)
    method = MinimizingMovement(tau=settings.tau, first_tau=settings.tau, inner=EPOCHS[case.epoch])
    epochs = range(0, settings.last + 1, settings.every)
    rows = [_measured(free, case.tikhonov, control, measure)]
    result = None
    for epoch in epochs[1:]:
        if result is None or result.resumption.step == epoch - settings.every:
            result = notebook.fit(
                problem,
                begin,
                measure,
                method=method,
                steps=epoch,
                tolerance=settings.tolerance,
                resume=None if result is None else result.resumption,
            )
            control = result.control
            rows.append(_measured(free, case.tikhonov, control, measure))
        else:  # it has ended: the control stays
            rows.append(rows[-1])
    assert result is not None
    columns = {name: np.array([row[name] for row in rows]) for name in Course._fields[1:]}
    arrays = {"epoch": np.array(epochs), **columns}
    return Part(
        {**arrays, **Part.holding(control).arrays},
        {
            "convex_from": convex_from(arrays["epoch"], arrays["lower"]),
            "accuracy": share_right(problem, control, measure, classes),
            "ended": result.resumption.step,
            "reason": result.reason,
        },
    )


def _measured(
    free: ControlProblem, weight: float, control: Control, measure: EmpiricalMeasure
) -> dict[str, float]:
    """One measurement. H_ℓ is that of λ = 0, so that all weights share what is compiled."""
    smallest = curvature(Hessian(free, control, measure), method="dense").smallest
    weighted = ControlProblem(free.flow, tikhonov=weight)
    return {
        "lambda_min": smallest.value + 2 * weight,
        "lower": smallest.lower + 2 * weight,
        "upper": smallest.upper + 2 * weight,
        "objective": float(weighted.objective(control, measure)),
    }


EXPERIMENTS.register(
    "table-1",
    "λ_min of the Hessian every 80 epochs of the classification: the paper's Table 1",
    rank=2,
    full="2.5 min",
    quick="35 s",
)(
    Experiment(
        TableOneSettings(),
        TableOneSettings(seeds=(0,), scales=(0.5,), tikhonov=(1e-2,)),
        run,
        TableOneResult,
    )
)
