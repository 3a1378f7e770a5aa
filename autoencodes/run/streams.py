"""The rows of a training that are read a block at a time: what is fitted to them, and their parts.

What a model needs of all training rows (means, scaling, principal axes, order, the facts of the
rules) follows from the moments of one pass. What only looks at some rows (the comparison of
candidates, pictures) has the sample. The rest, objective and errors, are sums over blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]

from autoencodes.datasets import Dataset, Table
from autoencodes.datasets.parts import PARTS
from autoencodes.datasets.streamed import Streamed
from autoencodes.errors import InputError
from autoencodes.measure.empirical import EmpiricalMeasure
from autoencodes.measure.streamed import Blocks, StreamedMeasure
from autoencodes.model.coordinates import Coordinates
from autoencodes.model.encoding import Encoding, features_of
from autoencodes.model.model import Model
from autoencodes.model.moments import Moments, Sums
from autoencodes.model.order import Order, by_gain
from autoencodes.model.pca import Pca
from autoencodes.model.readout import Readout, row_means
from autoencodes.plan import build, resolve
from autoencodes.plan.encode import Encoded
from autoencodes.plan.facts import COPIES, Facts, carried
from autoencodes.plan.plan import Plan
from autoencodes.plan.settings import Settings
from autoencodes.run import memory
from autoencodes.run.hiding import with_holes

_LARGEST = 2**20
"""The most particles of a buffer: more mix no better, and are read for longer before a start."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What one pass over all rows gives.

    Parameters
    ----------
    encoded : Encoded
        With the sample's rows, and what was fitted to all.
    moments : mapping
        Of the parts' scaled features, by their names.
    counts : array (K, 3)
        The rows of each block in each part.
    """

    encoded: Encoded
    moments: dict[str, Moments]
    counts: Int[np.ndarray, "block part"]

    @property
    def particles(self) -> Moments:
        """The moments of the training rows as particles."""
        return self.moments["train"].entered(self.encoded.coordinates)


def refuse(settings: Settings, rows: Streamed) -> None:
    """InputError for what needs all rows in memory."""
    more = (
        "give a larger --memory-limit, so that the data are loaded whole, or fewer rows or columns"
    )
    if settings.target != "rows":
        raise InputError(
            f"{rows.path} is read a block at a time, and its rows are reconstructed; got target "
            f"{settings.target}: {more}"
        )
    if settings.trim:
        raise InputError(
            "trim leaves out the rows farthest from the rest, which are found with all rows in "
            f"memory; {rows.path} is read a block at a time: leave trim out, or {more}"
        )
    if resolve.compares_probabilities(settings):
        raise InputError(
            f"cost {settings.cost} checks that all targets lie in [0, 1]; {rows.path} is read a "
            f"block at a time: take another cost, or {more}"
        )


def fitted(settings: Settings, rows: Streamed, model: Model | None) -> Fitted:
    """What is fitted to all training rows, in one pass; with a model nothing is but moments."""
    encoding = Encoding.of(rows.sample, settings.missing) if model is None else model.encoding
    sample = _features(rows.head, encoding)
    with np.errstate(invalid="ignore"):
        seen = ~np.isnan(sample)
        shift = np.where(seen, sample, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    sums = {name: Sums(shift) for name in PARTS}
    counts = np.zeros((len(rows.stored.counts), len(PARTS)), np.int64)
    for block, table, part in rows.tables():
        x = _features(table, encoding)
        for number, name in enumerate(PARTS):
            own = x[part == number]
            counts[block, number] = len(own)
            sums[name].add(own)
    for name in ("train", "test"):
        if not sums[name].count:
            role = getattr(rows.split, "role", "")
            advice = f"name another column with --{role}" if role else "give more rows"
            raise InputError(f"{rows.path} has no rows to {name} on; {advice}")
    train = sums["train"].moments()
    fill = train.mean if model is None or encoding is None else encoding.fill
    moments = {name: own.moments(fill) for name, own in sums.items() if own.count}
    if (
        model is None
        and encoding is not None
        and not (encoding.plain and settings.missing == "refuse")
    ):
        encoding = replace(encoding, fill=train.mean)
    data = rows.sample if encoding is None else encoding.entered(rows.sample)
    if model is None:
        kind = resolve.scaling(settings, data.value_range)
        scaling = train.scaling(kind, data.value_range, data.observed is not None)
        if encoding is not None:
            scaling = scaling.without(encoding.groups)
        scaled = train.scaled(scaling)
        dim = len(train.mean) + settings.extra
        coordinates = Coordinates(dim, len(train.mean))
        if settings.rotation != "none":
            axes = scaled.axes if settings.rotation == "pca" else None
            coordinates = Coordinates.rotated(scaled.mean, axes, dim, settings.seed)
        readout = Readout.of("rows", None, data.name)
    else:
        scaling, coordinates, readout = model.scaling, model.coordinates, model.readout
    own, dtype = data.rows("train"), np.dtype(resolve.precision(settings))
    x = coordinates.enter(scaling.apply(data.x[own], dtype, data.numbers[own]), dtype)
    encoded = Encoded(data, encoding, scaling, coordinates, readout, x, None)
    return Fitted(encoded, {name: m.scaled(scaling) for name, m in moments.items()}, counts)


def _features(table: Table, encoding: Encoding | None) -> Float[np.ndarray, "particle feature"]:
    """Features of rows, NaN where they are missing."""
    if encoding is None:
        return table.x.astype(np.float64)
    return features_of(table.x, encoding.columns)


def facts(settings: Settings, fit: Fitted) -> Facts:
    """The facts of all training rows."""
    encoded, own = fit.encoded, fit.particles
    known = Facts.of(settings, encoded.data, encoded.x, None, encoded.by_column)
    copies = 1 + COPIES if settings.missing == "mask" else 1
    return replace(
        known,
        rows=own.count,
        variance=float(own.variance.sum()),
        carried=None if known.carried is None else carried(own.variance, own.mean),
        learned=own.count * copies,
        variances=own.variance,
    )


def order(plan: Plan, fit: Fitted) -> Order:
    """The order of the components."""
    own = fit.particles
    if plan.order == "natural":
        C = own.covariance
        return by_gain(C.copy(), C.copy(), float(own.variance.sum()))
    return build.ordered(plan, own.variance)


def buffer_rows(plan: Plan, model: Model, target: int | None) -> int:
    """The particles of a buffer: two of them take half of the room there is for rows."""
    assert plan.memory_limit is not None
    numbers = model.flow.schedule.dim + (target or 0)
    bytes_each = numbers * model.dtype.itemsize
    return int(min(_LARGEST, max(1, memory.room(plan.memory_limit) // (4 * bytes_each))))


@lru_cache(maxsize=1)
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager[object]:
    """Products of the rows that are read by one thread: others would spin beside the training."""
    limited: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limited


class PartBlocks(Blocks):
    """The rows of a part as particles of a model's flow, block by block.

    Parameters
    ----------
    rows : Streamed
    model : Model
    counts : array (K,)
        The part's rows in each block.
    part : int
    seed : int, optional
        If given, rows come with copies of which more is hidden, as ``with_holes`` makes them.
    """

    def __init__(
        self,
        rows: Streamed,
        model: Model,
        counts: Int[np.ndarray, " block"],
        part: int,
        like: EmpiricalMeasure,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        self._rows, self._model, self._part, self._seed = rows, model, part, seed
        self.counts = counts * (1 if seed is None else 1 + COPIES)
        self.dim, self.dtype = like.dim, model.dtype
        self.target = None if like.own is None else like.own.shape[1]

    def read(self, block: int) -> EmpiricalMeasure:
        with one_blas_thread():
            table, part = self._rows.block(block)
            own = np.flatnonzero(part == self._part)
            return self._particles(block, table.taken(own), own)

    def every(self) -> Iterator[dict[str, EmpiricalMeasure]]:
        """The particles of all parts, block by block."""
        for block in range(len(self._rows.stored.counts)):
            with one_blas_thread():
                table, part = self._rows.block(block)
                found = {}
                for number, name in enumerate(PARTS):
                    own = np.flatnonzero(part == number)
                    if own.size:
                        found[name] = self._particles(block, table.taken(own), own)
            yield found

    def _particles(
        self, block: int, table: Table, own: Int[np.ndarray, " row"]
    ) -> EmpiricalMeasure:
        """Some rows of a block as particles."""
        model, numbers = self._model, self._rows.numbers(block)[own]
        if model.encoding is None:
            features, observed = table.x, None
        else:
            features, observed = model.encoding.enter(table)
        measure = model.paired(model.enter(features, numbers), None, observed)
        if self._seed is None:
            return measure
        data = Dataset("", features, None, None, np.zeros(len(own), bool), observed=observed)
        seeds = np.random.SeedSequence([self._seed, block]).generate_state(1)
        return with_holes(model, data, measure, int(seeds[0]))


def masked_error(measure: StreamedMeasure, model: Model, pca: Pca) -> float:
    """The mean squared error of PCA over what was observed of rows."""
    total = 0.0
    for part in measure.source.all():
        y = np.asarray(part.y, np.float64)
        seen = y[:, y.shape[1] // 2 :]
        z = model.coordinates.leave(part.x, np.float64)
        total += float(row_means((pca.reconstruct(z) - z) ** 2 * seen, seen).sum())
    return total / measure.size
