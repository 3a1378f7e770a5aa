"""What the trainings on ever finer grids measure, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from autoencodes.experiments.storing import Measured, Stored, typed
from autoencodes.experiments.table import ResultTable

TITLES = {"line": "clusters on the line, width 1", "plane": "clusters in the plane, widths 2, 1, 2"}


class GridRow(NamedTuple):
    """One grid; differences are to the next finer one, their orders against the pair before."""

    steps: int
    size: float
    objective: float
    residual: float
    lambda_min: float | None
    difference: float | None
    order: float | None
    means_difference: float | None
    means_order: float | None
    fall: float | None
    fall_order: float | None


@dataclass(frozen=True, eq=False)
class Trained:
    """One problem on all grids.

    ``ends`` are those of the blocks in time, ``entries`` the names of a block's entries,
    ``controls`` the entries by the number of steps, an array for each block.
    """

    title: str
    ends: tuple[float, ...]
    entries: tuple[tuple[str, ...], ...]
    rows: tuple[GridRow, ...]
    reasons: tuple[str, ...]
    controls: dict[int, tuple[Float[np.ndarray, "_ _"], ...]]


@dataclass(frozen=True, eq=False)
class DepthLimitResult(Measured):
    """The problems by name."""

    problems: dict[str, Trained]

    def stored(self) -> Stored:
        arrays: dict[str, np.ndarray] = {}
        facts: dict[str, Any] = {}
        for name, problem in self.problems.items():
            facts[name] = {**asdict(problem), "steps": list(problem.controls)}
            for steps, blocks in facts[name].pop("controls").items():
                arrays |= {f"{name}.{steps}.{k}": values for k, values in enumerate(blocks)}
        return Stored(arrays, facts)

    @classmethod
    def restored(cls, stored: Stored) -> DepthLimitResult:
        problems = {}
        for name, facts in stored.facts.items():
            controls = {
                steps: tuple(
                    stored.arrays[f"{name}.{steps}.{k}"] for k in range(len(facts["ends"]))
                )
                for steps in facts["steps"]
            }
            known = {key: value for key, value in facts.items() if key != "steps"}
            problems[name] = typed(Trained, {**known, "controls": controls})
        return cls(problems)


def table(result: DepthLimitResult) -> ResultTable:
    """A row for every problem and grid."""
    columns = {
        "problem": "problem",
        "L": "steps",
        "Δt": "size",
        "J": "objective",
        "PMP residual": "residual",
        "λ_min": "lambda_min",
        "‖θ − θ'‖": "difference",
        "order": "order",
        "‖θ − Pθ'‖": "means_difference",
        "order of means": "means_order",
        "|J − J'|": "fall",
        "order of J": "fall_order",
    }
    return ResultTable.of(
        "Controls trained with L steps against those on the next finer grid, θ', as functions of "
        "time; P takes means over a step of the coarser grid; an order is that against the pair of "
        "grids before, and expected is 1",
        columns,
        [
            {"problem": name, **row._asdict()}
            for name, problem in result.problems.items()
            for row in problem.rows
        ],
    )


def sentence(result: DepthLimitResult, seed: str) -> str:
    """The order of the controls on the finest grids; at most 25 words."""
    parts = [
        f"{name}, {p.rows[0].steps} to {p.rows[-1].steps} steps, {_order(p)}"
        for name, p in result.problems.items()
    ]
    return f"Δt → 0, {seed}: orders of controls in L²: {'; '.join(parts)} (theory: 1)."


def _order(problem: Trained) -> str:
    """That of the last pair of grids; of two grids alone there is none."""
    order = problem.rows[-2].order
    return "not known" if order is None else f"{order:.2f}"


def detail(result: DepthLimitResult) -> str:
    """What the two finest grids of each problem differ by."""
    parts = []
    for problem in result.problems.values():
        rows = problem.rows
        last = rows[-2]
        parts.append(
            f"{problem.title}, from {rows[0].steps} to {rows[-1].steps} steps: the last two "
            f"controls differ by {_value(last.difference, last.order)} in L², their means over a "
            f"step by {_value(last.means_difference, last.means_order)}, J by "
            f"{_value(last.fall, last.fall_order)}"
        )
    return f"As Δt → 0, where the theory expects order 1: {'; '.join(parts)}."


def _value(value: float | None, order: float | None) -> str:
    return f"{value:.1e}" + ("" if order is None else f" (order {order:.2f})")


def notes(result: DepthLimitResult, tikhonov: float) -> tuple[str, ...]:
    """Differences, residuals and curvatures, and why λ is large."""
    lines = [detail(result)]
    for problem in result.problems.values():
        rows = problem.rows
        known = [row.lambda_min for row in rows if row.lambda_min is not None]
        lines.append(
            f"{problem.title}: every PMP residual is at most "
            f"{max(row.residual for row in rows):.0e}; λ_min is {known[0]:.3g} on the coarsest "
            f"grid and {known[-1]:.3g} on the finest."
        )
    lines.append(
        "Minimisers have a limit near a minimum at which J is strongly convex, hence the large λ = "
        f"{tikhonov:g}. Where J has many minima that lie close, as with a small λ, a "
        "training may find another one on every grid, and no limit is to be expected."
    )
    return tuple(lines)
