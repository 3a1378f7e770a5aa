"""What is measured when the data move, and what is said of it beside the theorem.

# notation: μ data, ν what they become, θ_μ and θ_ν the controls trained on them, m = λ_min(H) at
# θ_μ, L a bound on the flow's Lipschitz constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autoencodes.experiments.storing import Plain
from autoencodes.experiments.table import Cell, ResultTable

SHIFT = "shift"
"""The change by which every particle moves alike."""

_LOSS = 1e-3
"""What an inequality may be missed by: J's curvature changes on the way from θ_μ to θ_ν."""


@dataclass(frozen=True)
class Trial:
    """One sample changed in one way; lists go over ε, from the largest."""

    dim: int
    tikhonov: float
    seed: int
    lambda_min: float
    convex: bool
    kind: str
    moved: tuple[float, ...]
    """W_1(μ, ν)."""
    costs: tuple[float, ...]
    """|J_ν − J_μ| at θ_μ."""
    slopes: tuple[float, ...]
    """‖∇J_ν(θ_μ)‖."""
    distances: tuple[float, ...]
    """‖θ_ν − θ_μ‖."""
    stretch: float | None
    """W_1 of the pushed measures over W_1(μ, ν)."""
    lipschitz: float | None
    """L."""

    def power(self, values: Sequence[float]) -> float:
        """The slope of a log-log regression over W_1."""
        return float(np.polyfit(np.log(self.moved), np.log(values), 1)[0])

    @property
    def tightness(self) -> float:
        """m ‖θ_ν − θ_μ‖/‖∇J_ν(θ_μ)‖ for the smallest ε: at most 1, by theory (21)."""
        return self.lambda_min * self.distances[-1] / self.slopes[-1]


@dataclass(frozen=True, eq=False)
class StabilityResult(Plain):
    """All samples and changes."""

    trials: tuple[Trial, ...]

    @property
    def groups(self) -> dict[tuple[int, float, str], list[Trial]]:
        """The trials of all seeds, by d, λ and kind."""
        found: dict[tuple[int, float, str], list[Trial]] = {}
        for trial in self.trials:
            found.setdefault((trial.dim, trial.tikhonov, trial.kind), []).append(trial)
        return found


def table(result: StabilityResult) -> ResultTable:
    """A row for every d, λ and kind, ranges over the seeds."""
    rows: list[tuple[Cell, ...]] = []
    for key, trials in result.groups.items():
        convex = all(trial.convex for trial in trials)
        pushed = [(t.stretch, t.lipschitz) for t in trials if t.stretch and t.lipschitz]
        rows.append(
            (
                *key,
                len(trials),
                _range([trial.lambda_min for trial in trials]),
                _range([trial.power(trial.costs) for trial in trials]),
                _range([trial.power(trial.distances) for trial in trials]),
                _range([trial.distances[-1] / trial.moved[-1] for trial in trials]),
                _range([trial.tightness for trial in trials]) if convex else None,
                _range([stretch for stretch, _ in pushed]) if pushed else None,
                _range([bound for _, bound in pushed]) if pushed else None,
            )
        )
    return ResultTable(
        "Ranges over the seeds: λ_min at θ_μ; the powers of W₁(μ, ν) in |J_ν − J_μ| at θ_μ and in "
        "‖θ_ν − θ_μ‖; ‖θ_ν − θ_μ‖/W₁ at the smallest ε; m‖θ_ν − θ_μ‖/‖∇J_ν(θ_μ)‖ there; W₁ of the "
        "pushed measures over W₁(μ, ν), and the certified bound of that ratio",
        (
            *("d", "λ", "change", "seeds", "λ_min", "power, |ΔJ|", "power, ‖Δθ‖", "‖Δθ‖/W₁"),
            *("m‖Δθ‖/‖∇J‖", "W₁ pushed/W₁", "bound"),
        ),
        tuple(rows),
    )


def sentence(result: StabilityResult, chosen: str) -> str:
    """The powers of the minimiser's distance with either λ; at most 25 words."""
    parts = []
    for weight in dict.fromkeys(trial.tikhonov for trial in result.trials):
        powers = [t.power(t.distances) for t in result.trials if t.tikhonov == weight]
        parts.append(f"{_range(powers)} (λ = {weight:g})")
    dims = ", ".join(str(d) for d in dict.fromkeys(trial.dim for trial in result.trials))
    return f"d = {dims}, {chosen}: ‖Δθ‖ ~ W₁^p, p = {', '.join(parts)}."


def verdict(result: StabilityResult) -> str:
    """Whether the controls move no faster than W₁ with the larger λ, and with the smaller."""
    strong = max(trial.tikhonov for trial in result.trials)
    convex = [trial for trial in result.trials if trial.convex and trial.tikhonov == strong]
    other = [trial for trial in result.trials if trial.tikhonov < strong]
    parts = []
    for kind in dict.fromkeys(trial.kind for trial in convex):
        powers = [t.power(t.distances) for t in convex if t.kind == kind]
        parts.append(f"{kind} {_range(powers)}")
    tight = [trial.tightness for trial in convex]
    held = sum(value <= 1 + _LOSS for value in tight)
    said = (
        f"with λ = {strong:g}, where λ_min > 0, ‖θ_ν − θ_μ‖ goes like W₁ to the power "
        f"{', '.join(parts)} (promised: 1 or more), and m‖θ_ν − θ_μ‖ ≤ ‖∇J_ν(θ_μ)‖ held for {held} "
        f"of {len(tight)}"
        if convex
        else "no sample had λ_min > 0"
    )
    if other:
        powers = [t.power(t.distances) for t in other]
        least = min(min(t.distances) for t in other)
        said += (
            f"; with λ = {other[0].tikhonov:g}, where J has other minima, the power is "
            f"{_range(powers)} and the trained control moves by {least:.2g} at least: what "
            "training "
            f"finds {'is not stable there' if max(powers) < 0.5 else 'was stable for some'}, of "
            "which nothing is promised"
        )
    pushed = [(t.stretch, t.lipschitz) for t in result.trials if t.stretch and t.lipschitz]
    within = sum(stretch <= bound for stretch, bound in pushed)
    ratios = _range([bound / stretch for stretch, bound in pushed])
    return (
        f"Stability: {said}. W₁ of the pushed measures stays below the certified L W₁ for {within} "
        f"of {len(pushed)}, which is {ratios} times as large."
    )


def notes(tikhonov: Sequence[float]) -> tuple[str, ...]:
    """How the data move, and what is exact."""
    return (
        "shift: all x by ε v, W₁ = ε; share: a share ε of the mass to one point, W₁ exact; spread: "
        "every x to x ± ε v, W₁ at most ε, and exactly ε below half the distance of the nearest "
        "particles. Targets stay. A spread has mean 0, and moves J and its minimiser by ε² alone: "
        "J is smooth in the particles.",
        f"With λ = {tikhonov[1]:g} the sample is symmetric under (x, y) → (−x, −y) and the "
        "training from θ = 0 leads to a symmetric control, a saddle or a minimum of J; there is no "
        "reason for the one of ν to be near it.",
    )


def _range(values: Sequence[float]) -> str:
    """The least and the largest, three digits."""
    low, high = (f"{value:.3g}".replace("-", "−") for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
