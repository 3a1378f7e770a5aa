"""What the two networks' runs say: the headline, the tables, and the notes."""

from __future__ import annotations

from collections.abc import Sequence

from autoencodes.experiments.layers import ENTROPY
from autoencodes.experiments.mnist_paper.codes import (
    CLASSES,
    NONZERO,
    TOLERANCE,
    TOLERANCES,
    WHY_ZERO,
)
from autoencodes.experiments.mnist_paper.result import DEFAULT, PAIRS, PAPER, MnistPaperResult, Read
from autoencodes.experiments.table import ResultTable

_MIDDLE = f"{TOLERANCE:g}"
_OF = CLASSES * (CLASSES - 1) // 2
"""Pairs of classes."""


def sentence(result: MnistPaperResult, told: str) -> str:
    """At most 25 words."""
    own, other = (result.median(name, "test") for name in (PAPER, DEFAULT))
    counts = [run.nonzero[_MIDDLE] for run in result.of(PAPER)]
    return (
        f"{told[0].upper()}{told[1:]}, equal time: the paper's 23 layers reach median test error "
        f"{own:.4f}, the default {other:.4f}; nonzero latent components: {_range(counts)}."
    )


def _range(values: Sequence[float], kind: str = "d") -> str:
    low, high = (f"{value:{kind}}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def errors(result: MnistPaperResult, pca: float, rows: int) -> ResultTable:
    """A row a network and seed, and PCA."""
    columns = {
        "network": "network",
        "seed": "seed",
        "steps": "steps",
        "seconds": "clock",
        "of all cores": "processor",
        "error, validation": "validation",
        "error, test": "test",
    }
    records = [{n: getattr(run, n) for n in columns.values()} for run in result.runs]
    width = result.schedule.latent
    records.append({"network": f"PCA, {width} components", "test": pca})
    return ResultTable.of(
        f"Mean squared error per pixel in [0, 1] on {rows:,} test images; equal training time",
        columns,
        records,
    )


def codes_table(result: MnistPaperResult) -> ResultTable:
    """A row a network and seed."""
    records = [
        {
            "network": run.network,
            "seed": run.seed,
            **{f"nonzero {t}": count for t, count in run.nonzero.items()},
            "zero": run.exactly_zero,
            "classes": _range(run.classes),
            "same": run.same,
            "varying": run.varying,
            "directions": run.directions,
            **{f"rank {pair}": place for pair, place in run.ranks.items()},
        }
        for run in result.runs
    ]
    columns = {
        "network": "network",
        "seed": "seed",
        **{f"nonzero, {t:g}": f"nonzero {t:g}" for t in TOLERANCES},
        "exactly 0": "zero",
        "nonzero by class": "classes",
        "same in all": "same",
        "varying": "varying",
        "directions": "directions",
        **{f"rank of {a}/{b}": f"rank {a}/{b}" for a, b in PAIRS},
    }
    return ResultTable.of(
        f"Latent codes of the test images: nonzero components of {result.schedule.latent} by "
        f"tolerance, and the place of the distance between two class means among all {_OF}",
        columns,
        records,
    )


def readings(result: MnistPaperResult, rows: int) -> ResultTable:
    """A row a reading and τ."""
    columns = {
        "reading": "name",
        "τ": "tau",
        "steps": "steps",
        "parameters": "parameters",
        "error, validation": "validation",
        "nonzero": "nonzero",
        "exactly 0": "exactly_zero",
        "pixels lit": "lit",
        "directions": "directions",
        "may be chosen": "offered",
    }
    return ResultTable.of(
        f"Readings of the paper's network after equal, shorter times; errors and codes of {rows:,} "
        "validation images; of the kept pixels, those lit in some training image",
        columns,
        result.readings,
    )


def notes(
    result: MnistPaperResult, seconds: Sequence[float], rows_of_classes: Sequence[int]
) -> tuple[str, ...]:
    """What was chosen, what equal time means, and what is seen of the codes."""
    failed = [f"{read.name}, τ {read.tau:g}: {read.failure}" for read in result.readings]
    return (
        "Recalled, not read: how the widths fall from 784 to 32 in ten steps, which pixels stay, "
        "Δt and the smooth ReLU. Validation chose, among the readings with softplus, "
        f"{result.chosen}: widths {', '.join(map(str, result.schedule.widths))}.",
        f"Equal time: a step took {1e3 * seconds[1]:.0f} ms of the processor's cores, one of the "
        f"default {1e3 * seconds[0]:.0f} ms, taken in turn before; the steps are set by that. Both "
        "are trained by the product's movements in a metric, not by the authors' method, with the "
        "same λ. The paper's network starts at θ₀ = 0, so that seeds differ in mini-batches alone.",
        _tests(result),
        NONZERO,
        _support(result),
        WHY_ZERO + _predicted(result.readings),
        _near(result),
        f"A class has from {rows_of_classes[0]:,} to {rows_of_classes[1]:,} test images.",
        ENTROPY,
        *(line for line, read in zip(failed, result.readings, strict=True) if read.failure),
    )


def _tests(result: MnistPaperResult) -> str:
    said = []
    for name in result.names:
        test = _range([run.test for run in result.of(name)], ".4f")
        clock = _range([run.clock for run in result.of(name)], ".0f")
        cores = _range([run.processor for run in result.of(name)], ".0f")
        said.append(f"{name} {test}, in {clock} s each by the clock, {cores} s of all cores")
    ratio = result.median(PAPER, "test") / result.median(DEFAULT, "test")
    return f"Test error per pixel: {'; '.join(said)}. The medians' ratio is {ratio:.2f}."


def _support(result: MnistPaperResult) -> str:
    said = []
    for name in result.names:
        runs = result.of(name)
        counts = _range([run.nonzero[_MIDDLE] for run in runs])
        same = sum(run.same for run in runs)
        directions = _range([run.directions for run in runs], ".1f")
        said.append(
            f"{name}: {counts} of {result.schedule.latent} nonzero, the same components in all "
            f"classes for {same} of {len(runs)} seeds, in {directions} effective directions"
        )
    return f"Support of the codes. {'; '.join(said)}."


def _predicted(read: Sequence[Read]) -> str:
    """Whether the readings bear out what is said of exact zeros."""
    latent = [one for one in read if not one.failure]
    gelu = [one for one in latent if one.name.startswith("gelu")]
    if not gelu:
        return ""
    width = max(one.nonzero + one.exactly_zero for one in latent)
    borne = sum(one.exactly_zero >= width - one.lit for one in gelu)
    return (
        f" Of {len(gelu)} trainings with gelu, for which σ(0) = 0, {borne} left at least as many "
        "components 0 on the validation images as kept pixels are never lit in training (one that "
        "is seldom lit can be 0 there too)."
    )


def _near(result: MnistPaperResult) -> str:
    said = []
    for name in result.names:
        for pair in (f"{a}/{b}" for a, b in PAIRS):
            places = _range([run.ranks[pair] for run in result.of(name)])
            said.append(f"{name} {pair} at place {places}")
    return f"Of {_OF} distances between class means, the closest at place 1: {'; '.join(said)}."
