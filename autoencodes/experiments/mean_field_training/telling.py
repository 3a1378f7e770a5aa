"""What was measured of particles and grid, in tables and in words."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np

from autoencodes.experiments.convergence import orders
from autoencodes.experiments.experiment import seeds
from autoencodes.experiments.mean_field_training.settings import MeanFieldSettings
from autoencodes.experiments.table import ResultTable

_RESTLESS = 0.1
"""The change of θ in the last round, relative, above which shooting counts as restless."""


def records(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A record for every training."""
    return [
        {
            "field": name,
            "seed": seed,
            **part.facts,
            "ratio": part.facts["grid"] / part.facts["ours"],
        }
        for name, own in found.items()
        for seed, part in zip(settings.seeds, own["seeds"], strict=True)
    ]


def agreement(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> ResultTable:
    columns = {
        "field": "field",
        "seed": "seed",
        "J": "objective",
        "λ_min": "lambda_min",
        "residual": "residual",
        "movements": "movements",
        "grid, at rest": "distance",
        "rests": "at_rest",
        f"grid after {settings.iterations}": "shot",
        "last change": "shot_change",
        "by particles": "particle_change",
        "s, grid": "grid",
        "s, ours": "ours",
        "ratio": "ratio",
    }
    caption = (
        "Particles, to their minimiser by movements, and the grid method. Grid, at rest: the L² "
        "distance of θ, relative, where the grid's iteration comes to rest from the particles' "
        f"minimiser; then where {settings.iterations} plain rounds from the start lead, and the "
        "last round's change, on the grid and with the particles' own costates. Seconds without "
        "compilation"
    )
    return ResultTable.of(caption, columns, records(settings, found))


def refinement(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> ResultTable:
    rows = []
    for name, own in found.items():
        entries = own["refined"].facts["rows"]
        steps = [None, *orders([1 / row[0] for row in entries], [row[3] for row in entries])]
        rows += [(name, *row[1:4], order) for row, order in zip(entries, steps, strict=True)]
    return ResultTable(
        "Steps and grid refined together, first seed: the L² distance of both minimisers, "
        "relative, and its order in Δt (expected 1)",
        ("field", "steps", "nodes an axis", "distance", "order"),
        tuple(rows),
    )


def readings(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> ResultTable:
    rows = tuple(
        (name, *row) for name, own in found.items() for row in own["readings"].facts["rows"]
    )
    return ResultTable(
        "What is not sure of the authors' run, read the other way, first seed: J, and the L² "
        "distance of θ from the one as stated, relative",
        ("field", "reading", "J", "distance"),
        rows,
    )


def sentence(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> str:
    """At most 25 words."""
    measured = records(settings, found)
    worst = max(r["distance"] for r in measured)
    ratio = median(r["ratio"] for r in measured)
    return (
        f"{seeds(settings.seeds).capitalize()}, {2 * settings.particles} particles, two fields: "
        f"grid and particle controls differ by at most {worst:.1%}; the grid takes {ratio:.2g} "
        "times as long (median)."
    )


def notes(settings: MeanFieldSettings, found: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    notes = [
        "Law, grid, weights, steps and start are those of the code that the authors published with "
        "the paper (a stored copy was read, not the paper's text). Its T = 1 with Δt = 0.1 has ten "
        "times and nine controls, so that the flow ends at t = 0.9; T = 1 in nine steps is the "
        "other reading, which the full form runs."
    ]
    for name, own in found.items():
        facts = [part.facts for part in own["seeds"]]
        restless = sum(f["shot_change"] > _RESTLESS for f in facts)
        also = sum(f["particle_change"] > _RESTLESS for f in facts)
        ends = [f"{np.mean([f['ends'][s] for f in facts]):.2f}".replace("-", "−") for s in (0, 1)]
        unsettled = [s for s, f in zip(settings.seeds, facts, strict=True) if not f["at_rest"]]
        words = (
            f"{name}: the particles of either target end, in the mean, at x₁ = {ends[0]} and "
            f"{ends[1]}. In round {settings.iterations} plain shooting still changes θ by more "
            f"than {_RESTLESS:.0%} for {restless} of {len(facts)} seeds on the grid, and for "
            f"{also} with the particles' own costates"
        )
        if restless and also:
            words += ": the iteration goes back and forth, not by the grid's fault"
        if unsettled:
            words += f"; the grid's damped iteration did not come to rest for seeds {unsettled}"
        notes.append(words + ".")
    largest = max(part.facts["speed"] for own in found.values() for part in own["seeds"])
    ratio = settings.horizon / settings.layers * (settings.nodes - 1) / (2 * settings.reach)
    if settings.dim == 2 and largest * ratio > 1:
        notes.append(
            f"Upwind differences in the plane ask Δt (|F₁| + |F₂|) ≤ h; here it reaches "
            f"{largest * ratio:.2f} h on the particles, so each step of ψ is made in two."
        )
    notes.append(
        "The grid method solves ψ for the two targets alone; the published code solves it for "
        "every y on the grid. It is vectorised, and maximises the Hamiltonian over all entries at "
        "once."
    )
    return tuple(notes)
