"""MNIST through the paper's network of 23 layers, beside the product's default at equal time.

10 encoder steps from 784 components to 32, 3 steps at 32, 10 decoder steps; a smooth ReLU; θ₀ = 0
(the paper, section 5.3, as recalled). How the widths fall, which pixels stay, how long a step is
and which smooth ReLU are recalled, not read: each reading is trained for a shorter time, rows put
aside choose among those with softplus, and the chosen one is trained from every seed.

With σ(0) = 0 the zeros of the codes are exact. Let S be pixels that are 0 in every row. Where
W[i, :] = 0, b_i = 0 and W[:, i] = 0 at all steps for i in S, x_i = 0 at all times, and so is its
error; its costate is 0 at the end and moved by column i alone, so it is 0; and the gradients of row
i, σ' p_i x, of b_i and of column i, σ' p x_i, are 0. So no method of gradients leaves this set, in
which θ₀ = 0 lies. With softplus x_i grows by log 2 Δt a step at θ₀ instead; but pixels of S that
stay to the bottleneck are exchangeable, and remain equal.

# notation: σ activation, Δt length of a step, τ largest step of the training, θ₀ initial control.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict

from autoencodes import datasets
from autoencodes.catalogue import EXPERIMENTS
from autoencodes.control import Control
from autoencodes.datasets import Dataset
from autoencodes.experiments.experiment import Experiment, ExperimentSettings, Results, seeds
from autoencodes.experiments.layers import effective_dimensions, over_layers
from autoencodes.experiments.mnist_paper import codes, words
from autoencodes.experiments.mnist_paper.result import (
    DEFAULT,
    PAIRS,
    PAPER,
    MnistPaperResult,
    Read,
    Run,
)
from autoencodes.experiments.notebook import Notebook, Part
from autoencodes.fields import Perceptron
from autoencodes.flow.flow import Flow
from autoencodes.flow.schedule import WidthSchedule
from autoencodes.measure.streaming import map_rows
from autoencodes.model.pca import Pca
from autoencodes.pontryagin import ControlProblem
from autoencodes.run import Settings
from autoencodes.run.job import Job, prepare
from autoencodes.training import MetricMovement

_ENCODER, _BOTTLENECK = 10, 3
"""Steps; the decoder mirrors the encoder's."""
_ROWS = 1024
"""Pushed at a time."""
_TIMED = 32
"""Steps whose seconds are taken."""


class Reading(BaseModel):
    """One reading of the paper's network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: str = "softplus"
    fall: str = "geometric"
    """How the widths fall: geometric, by the same factor a step, or linear, by the same number."""
    order: str = "variance"
    """Which pixels stay: those that vary most, or, by index, the first ones."""
    horizon: float = 1.0

    @property
    def offered(self) -> bool:
        """Whether validation may choose it: softplus is the smooth ReLU that is recalled."""
        return self.activation == "softplus"

    @property
    def name(self) -> str:
        """In words."""
        step = self.horizon / (2 * _ENCODER + _BOTTLENECK)
        length = "Δt = 1" if step == 1 else f"T = {self.horizon:g}"
        return f"{self.activation}, {self.fall}, by {self.order}, {length}"

    def widths(self, dim: int, latent: int) -> tuple[int, ...]:
        """Of the encoder's steps and of the bottleneck's first half, which mirroring completes."""
        share = np.arange(_ENCODER) / _ENCODER
        if self.fall == "linear":
            falling = dim + (latent - dim) * share
        else:
            falling = dim * (latent / dim) ** share
        return (*(round(float(w)) for w in falling), *(latent,) * ((_BOTTLENECK + 1) // 2))


class MnistPaperSettings(ExperimentSettings):
    """How both networks are trained, and which readings are tried before."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    latent: int = 32
    steps: int = 1500
    """Of the default network; the other has as many as take the same time."""
    tried: int = 300
    """Steps of the default network whose time each reading gets."""
    readings: tuple[Reading, ...] = (
        Reading(),
        Reading(horizon=23.0),
        Reading(fall="linear"),
        Reading(order="index"),
        Reading(activation="gelu"),
        Reading(activation="gelu", order="index"),
    )
    taus: tuple[float, ...] = (0.005, 0.02, 0.08)
    batch_size: int = 128
    rows: int | None = None
    """Training rows; by default all that are not put aside."""
    validation: int = 5000
    test: int = 10_000
    followed: int = 2000
    """Test images whose states are taken at every layer."""

    @property
    def sizes(self) -> str:
        trained = f"{self.rows:,}" if self.rows else "all other"
        return (
            f"{seeds(self.seeds)}, {trained} training images, {self.validation:,} to choose by, "
            f"{self.test:,} to test on; {self.steps:,} steps of the default"
        )


@dataclass(frozen=True)
class Bench:
    """The rows, the default job, and the control problems of both networks."""

    settings: MnistPaperSettings
    job: Job

    @classmethod
    def prepared(cls, settings: MnistPaperSettings, data_dir: str | None) -> Bench:
        """MNIST in its parts, and what the product's defaults are for it."""
        data = datasets.load(
            "mnist", data_dir=data_dir, validation_fraction=settings.validation / 60_000
        )
        if settings.rows is not None:
            data = _fewer(settings, data)
        config = Settings(data="mnist", latent=settings.latent)
        return cls(settings, prepare(config, lambda *_: data))

    def flow(self, reading: Reading) -> Flow:
        """The paper's network as it is read."""
        order = self.job.order
        assert order is not None
        dim = self.job.train.dim
        schedule = WidthSchedule.autoencoder(
            dim,
            reading.widths(dim, self.settings.latent),
            1,
            reading.horizon,
            order.components if reading.order == "variance" else None,
        )
        return Flow(schedule, Perceptron(reading.activation))

    def problem(self, reading: Reading | None) -> ControlProblem:
        """That of a reading, or of the default, with the same λ."""
        if reading is None:
            return self.job.problem
        return ControlProblem(self.flow(reading), tikhonov=self.job.plan.tikhonov)

    def start(self, reading: Reading | None, seed: int) -> Control:
        """θ₀ = 0 of the paper's network, random of the default."""
        scale = self.job.plan.init_scale if reading is None else 0.0
        key = jax.random.key(seed)
        return self.problem(reading).flow.init(key, scale, np.dtype(self.job.plan.precision))

    @cached_property
    def labels(self) -> Int[np.ndarray, " row"]:
        """Of the test rows."""
        return np.asarray(self.job.data.part_labels("test")).astype(int)

    def rows(self, part: str) -> Float[np.ndarray, "row pixel"]:
        """In [0, 1]."""
        return np.asarray(self.job.held(part).x)

    def error(self, flow: Flow, control: Control, part: str) -> float:
        """Mean squared error per pixel."""
        x = self.rows(part)
        made = _mapped(flow.push, control, x)
        return float(np.mean((made - x) ** 2, dtype=np.float64))


def _mapped(function: Any, control: Control, x: np.ndarray) -> np.ndarray:
    """A map of the flow, over rows of any number in one compiled program."""
    made: np.ndarray = map_rows(partial(function, control), x, size=_ROWS, filled=True)
    return made


def _fewer(settings: MnistPaperSettings, data: Dataset) -> Dataset:
    """The first so many rows of each part."""
    wanted = {"train": settings.rows, "validation": settings.validation, "test": settings.test}
    places = np.arange(data.size)
    return data.taken(np.concatenate([places[data.rows(p)][:n] for p, n in wanted.items()]), None)


def run(settings: MnistPaperSettings, notebook: Notebook) -> Results[MnistPaperResult]:
    """Tries the readings, trains the chosen one and the default from every seed, and compares."""
    tried = len(settings.readings) * len(settings.taus)
    notebook.expect(3 + tried + 2 * len(settings.seeds))
    bench = Bench.prepared(settings, notebook.data_dir)
    readings, reading, tau = _chosen(bench, notebook)
    both = notebook.part("pace of both", partial(_pace, bench, (None, reading), notebook)).facts
    own, other = both["seconds"]
    steps = {PAPER: max(1, round(settings.steps * own / other)), DEFAULT: settings.steps}
    networks: dict[str, tuple[Reading | None, float | None]] = {
        PAPER: (reading, tau),
        DEFAULT: (None, None),
    }
    parts = {
        (name, seed): notebook.part(
            f"{name}, seed {seed}",
            partial(_trained, bench, *network, steps[name], seed, notebook),
        )
        for seed in settings.seeds
        for name, network in networks.items()
    }
    runs = tuple(
        Run(network=name, seed=seed, **_typed(part.facts["run"]))
        for (name, seed), part in parts.items()
    )
    seen = [parts[name, settings.seeds[0]] for name in networks]
    inside = notebook.part("codes and layers", partial(_inside, bench, (reading, None), seen))
    layers: dict[str, Any] = {
        name: tuple(inside.arrays[f"{name}.{k}"] for k in range(len(networks)))
        for name in ("entropy", "dimensions", "widths")
    }
    shared: dict[str, Any] = {
        name: array for name, array in inside.arrays.items() if "." not in name
    }
    result = MnistPaperResult(
        names=tuple(networks),
        **shared,
        **layers,
        schedule=bench.flow(reading).schedule,
        runs=runs,
        readings=readings,
        chosen=f"{reading.name}, τ = {tau:g}",
    )
    rows = len(bench.rows("train"))
    told = f"{seeds(settings.seeds)}, {rows:,} images"
    return Results(
        words.sentence(result, told),
        {
            "errors": words.errors(result, inside.facts["pca"], settings.test),
            "codes": words.codes_table(result),
            "readings": words.readings(result, settings.validation),
        },
        result,
        notes=words.notes(result, both["seconds"], inside.facts["classes"]),
    )


def _chosen(bench: Bench, notebook: Notebook) -> tuple[tuple[Read, ...], Reading, float]:
    """What each reading does at each τ in equal time, and those of least validation error."""
    settings = bench.settings
    tried = [(reading, tau) for reading in settings.readings for tau in settings.taus]
    pace = notebook.part("pace", partial(_pace, bench, (None,), notebook))
    seconds = settings.tried * pace.facts["seconds"][0]
    readings = tuple(
        Read(
            **notebook.part(
                f"{reading.name}, τ {tau:g}",
                partial(_read, bench, reading, tau, seconds, notebook),
            ).facts
        )
        for reading, tau in tried
    )
    best = min(
        (k for k, read in enumerate(readings) if read.offered and not read.failure),
        key=lambda k: readings[k].validation,
        default=0,
    )
    return readings, *tried[best]


def _pace(bench: Bench, networks: tuple[Reading | None, ...], notebook: Notebook) -> Part:
    """Processor seconds of a step of each network, taken in turn; the least of two takes."""
    taken: list[list[float]] = [[] for _ in networks]
    for _ in range(2):
        for own, reading in zip(taken, networks, strict=True):
            own.append(_seconds(bench, reading, notebook))
    return Part(facts={"seconds": [min(own) for own in taken]})


def _seconds(bench: Bench, reading: Reading | None, notebook: Notebook) -> float:
    """Processor seconds of a step, compilation left out."""
    marks: list[tuple[int, float]] = []
    _fit(
        bench,
        reading,
        notebook,
        seed=0,
        steps=_TIMED,
        every=_TIMED // 4,
        callbacks=[lambda progress: marks.append((progress.step, time.process_time()))],
    )
    (first, began), (last, ended) = marks[0], marks[-1]
    return (ended - began) / max(last - first, 1)


def _fit(
    bench: Bench,
    reading: Reading | None,
    notebook: Notebook,
    *,
    seed: int,
    tau: float | None = None,
    **options: Any,
) -> Any:
    """One training on mini-batches; the seed decides them, and the default's initial control."""
    return notebook.fit(
        bench.problem(reading),
        bench.start(reading, seed),
        bench.job.loaded,
        method=MetricMovement(tau),
        key=jax.random.key(seed),
        batch_size=min(bench.settings.batch_size, bench.job.learned.size // 2),
        **options,
    )


def _read(bench: Bench, reading: Reading, tau: float, seconds: float, notebook: Notebook) -> Part:
    """One reading, trained for so many processor seconds, and what its codes are like."""
    steps = max(1, round(seconds / _seconds(bench, reading, notebook)))
    result = _fit(bench, reading, notebook, seed=bench.settings.seeds[0], tau=tau, steps=steps)
    flow, control = bench.problem(reading).flow, result.control
    x = bench.rows("validation")
    z = _mapped(flow.encode, control, x)
    overall = codes.root_mean_square(z)
    kept = list(flow.schedule.blocks[flow.schedule.bottleneck].active)
    read = Read(
        reading.name,
        reading.offered,
        tau,
        steps,
        sum(leaf.size for leaf in jax.tree.leaves(control)),
        bench.error(flow, control, "validation"),
        int(codes.nonzero(overall, overall).sum()),
        int((np.abs(z).max(axis=0) == 0).sum()),
        int((bench.rows("train")[:, kept].max(axis=0) > 0).sum()),
        effective_dimensions(z.astype(np.float64)) if overall.any() else 0.0,
        result.reason if result.failed else "",
    )
    return Part(facts=asdict(read))


def _trained(
    bench: Bench,
    reading: Reading | None,
    tau: float | None,
    steps: int,
    seed: int,
    notebook: Notebook,
) -> Part:
    """One network from one seed: its control, its errors, and what its codes are like."""
    clock, processor = time.perf_counter(), time.process_time()
    result = _fit(bench, reading, notebook, seed=seed, tau=tau, steps=steps)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    flow, control = bench.problem(reading).flow, result.control
    z = _mapped(flow.encode, control, bench.rows("test"))
    facts = {
        "steps": steps,
        "clock": clock,
        "processor": processor,
        "validation": bench.error(flow, control, "validation"),
        "test": bench.error(flow, control, "test"),
        **codes.described(z, bench.labels, PAIRS),
    }
    return Part.holding(control, run=facts, reason=result.reason)


def _typed(facts: dict[str, Any]) -> dict[str, Any]:
    """As ``Run`` has them."""
    return {**facts, "classes": tuple(facts["classes"])}


def _inside(bench: Bench, networks: tuple[Reading | None, ...], trained: list[Part]) -> Part:
    """Images, codes by class, and layers, of the first seed's controls."""
    x, labels = bench.rows("test"), bench.labels
    first = np.unique(labels, return_index=True)[1]
    averages = np.array([x[labels == c].mean(axis=0) for c in range(codes.CLASSES)])
    arrays: dict[str, np.ndarray] = {"originals": x[first], "averages": averages}
    own: dict[str, list[np.ndarray]] = {}
    for k, (reading, part) in enumerate(zip(networks, trained, strict=True)):
        flow, control = bench.problem(reading).flow, part.control
        z = _mapped(flow.encode, control, x)
        pushed = _mapped(flow.push, control, x)
        size, overall = codes.root_mean_squares(z, labels), codes.root_mean_square(z)
        mean, deviation = codes.by_class(z, labels)
        found = {
            "reconstructions": pushed[first],
            "size": size,
            "overall": overall,
            "mean": mean,
            "deviation": deviation,
            "distances": codes.distances(mean),
            "decoded": _mapped(flow.decode, control, mean.astype(x.dtype)),
        }
        for name, array in found.items():
            own.setdefault(name, []).append(np.asarray(array))
        layers = over_layers(flow, control, x[: bench.settings.followed], labels)
        for name in ("entropy", "dimensions", "widths"):
            arrays[f"{name}.{k}"] = layers[name]
    arrays |= {name: np.stack(several) for name, several in own.items()}
    counts = np.bincount(labels, minlength=codes.CLASSES)
    pca = Pca.fit(bench.rows("train"), bench.settings.latent).mean_squared_error(x)
    return Part(arrays, {"pca": pca, "classes": [int(counts.min()), int(counts.max())]})


EXPERIMENTS.register(
    "mnist-paper",
    "Handwritten digits through the paper's network of 23 layers, beside the product's default at "
    "equal time: errors, and what the latent codes are like",
    rank=5,
    full="14 min of processor time",
    quick="1 min",
)(
    Experiment(
        MnistPaperSettings(),
        MnistPaperSettings(
            seeds=(0,),
            steps=150,
            tried=40,
            readings=(Reading(),),
            taus=(0.02,),
            rows=600,
            validation=200,
            test=1000,
            followed=300,
        ),
        run,
        MnistPaperResult,
        precision="float32",
    )
)
