"""A table that is read a block at a time, because it is larger than the memory it may take.

What a column is, is decided by the rules of a table that is whole, on some of its rows: a sample
drawn by the seed from blocks all over the files, and for every column that needs it (text, truths,
what is constant in the sample) the first row of each value that the sample has not, which one pass
over these columns alone finds. After that every block is read as those columns. Which part a row
belongs to is a function of the seed and of its number, or of what its column of groups says, so
that no pass is needed to know it; by a column of times, those of the sample say from when on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Int

from autoencodes.datasets.arrays import table_of
from autoencodes.datasets.blocks import Stored, arrow
from autoencodes.datasets.dataset import Dataset, Recorded
from autoencodes.datasets.frames import table_of_frame
from autoencodes.datasets.parts import SHARE, TEST, VALIDATION, Known, Parts, Split, moments
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.record import Content, Record
from autoencodes.datasets.table import Column, Table, require_usable
from autoencodes.errors import InputError

SAMPLE = 50_000
"""The rows that rules, pictures and comparisons look at."""
_FROM = 64
"""The most blocks that they come from."""
_VALUES = 1000
"""The most values of a column that the sample has not: text of more is no category."""


@dataclass(eq=False)
class Streamed(Recorded):
    """Rows in blocks, with what is known of their columns, and a sample of them.

    Parameters
    ----------
    name, path : str
        As of a ``Dataset``.
    stored : Stored
    reading : Reading
        Of a block: with the columns that were found.
    split : Split
    sample : Dataset
        Some rows in their parts, in their order.
    passes : int
        How often all rows have been read so far, in whole or in some columns.
    """

    name: str
    path: str
    stored: Stored
    reading: Reading
    split: Split | Known
    sample: Dataset
    passes: int = 0
    whole: bool = False
    """Whether all columns of the files are read, also those that only name the rows."""
    _record: Record | None = field(default=None, repr=False)

    @property
    def size(self) -> int:
        """The number N of rows."""
        return self.stored.size

    @property
    def head(self) -> Table:
        """The sample's rows as a table."""
        return self.sample.table or Table(self.sample.x, self.sample.labels)

    @property
    def columns(self) -> tuple[Column, ...] | None:
        """The columns; None where they have no names and are plain numbers."""
        return None if self.sample.table is None else self.sample.table.columns

    @property
    def needed(self) -> list[str] | None:
        """The columns of the files that are read: features, labels, and what parts the rows."""
        if self.whole or not self.stored.names:
            return None
        label, roles = self.head.label_name, self.reading.roles.values()
        return [*self.head.names, *([] if label is None else [label]), *roles]

    def typed(self, dtype: str) -> Streamed:
        """The same, whose numbers have a dtype where they are floats, as those of a record."""
        kind = np.dtype(dtype)
        if kind.kind != "f" or self.head.x.dtype.kind != "f" or self.sample.table is None:
            return self
        table = replace(self.sample.table, x=self.head.x.astype(kind))
        return replace(self, sample=replace(self.sample, x=table.x, table=table))

    def numbers(self, block: int) -> Int[np.ndarray, " particle"]:
        """The numbers of a block's rows, from 0."""
        first = int(self.stored.counts[:block].sum())
        return np.arange(first, first + int(self.stored.counts[block]))

    def block(self, block: int) -> tuple[Table, Parts]:
        """The rows of a block, and their parts.

        Raises
        ------
        InputError
            If a value is none of its column's kind, or missing where that is refused.
        """
        numbers = self.numbers(block)
        first = int(numbers[0])
        where = self.path if not first else f"{self.path} from row {first:,} on"
        table = read(self.stored.frame(block, self.needed), self.reading, where)
        if table.x.dtype.kind == "f" and self.head.x.dtype.kind == "f":
            table = replace(table, x=table.x.astype(self.head.x.dtype, copy=False))
        require_usable(table, where, to_split=False, missing=self.reading.missing)
        return table, self.split.parts(numbers, table, where)

    def datasets(self) -> Iterator[Dataset]:
        """Every block in turn as a data set of its own, whose rows know their numbers."""
        for block, table, part in self.tables():
            validates = part == VALIDATION
            yield Dataset(
                self.name,
                table.x,
                None,
                table.labels,
                part == TEST,
                is_validation=validates if validates.any() else None,
                table=table,
                path=self.path,
                origin=(self, self.numbers(block)),
            )

    def tables(self) -> Iterator[tuple[int, Table, Parts]]:
        """Every block in turn: its number, rows and parts. The first pass makes the record too."""
        content = None if self._record is not None else Content(self.head, self.size)
        for block in range(len(self.stored.counts)):
            table, part = self.block(block)
            if content is not None:
                content.add(table)
            yield block, table, part
        self.passes += 1
        if content is not None:
            made = content.record(self.path, self.path)
            self._record = replace(made, parts=self.split.described)

    @property
    def record(self) -> Record:
        """What is kept of the data, to know them again; it takes a pass where there was none."""
        if self._record is None:
            for _ in self.tables():
                pass
        assert self._record is not None
        return self._record


def read(frame: Any, options: Reading, where: str) -> Table:
    """The table of an Arrow table or of an array."""
    if isinstance(frame, np.ndarray):
        return table_of(frame, options, where)
    return table_of_frame(frame, options, where)


def opened(
    stored: Stored,
    name: str,
    path: str,
    options: Reading,
    *,
    seed: int,
    test: float,
    validation: float | None,
    to_split: bool = True,
) -> Streamed:
    """The rows of files, of which a sample says what the columns are.

    Without ``to_split`` they are for a model whose columns ``options`` name: nothing is sampled.

    Raises
    ------
    InputError
        If they are none that can be used, or options ask for what needs all rows at a time.
    """
    if options.window is not None:
        raise InputError(
            f"{path}: windows are cut from rows in the order of time, which are sorted in memory; "
            "give a larger --memory-limit or fewer columns (--columns), or leave window out"
        )
    places = _places(stored, seed) if to_split else {0: np.arange(min(2, int(stored.counts[0])))}
    frames = {block: stored.taken(block, rows) for block, rows in places.items()}
    head = read(stored.joined(frames.values()), options, path)
    passes = 0
    if options.schema is None and (unsure := _unsure(head, options)):
        passes = 1
        added = _surveyed(stored, unsure, stored.joined(frames.values()))
        for block, rows in added.items():
            places[block] = np.union1d(places.get(block, rows), rows)
            frames[block] = stored.taken(block, places[block])
        frames = {block: frames[block] for block in sorted(frames)}
        head = read(stored.joined(frames.values()), options, path)
    head = replace(head, notes=(*stored.notes, *head.notes))
    require_usable(head, path, to_split=to_split, missing=options.missing)
    firsts = np.cumsum(stored.counts) - stored.counts
    numbers = np.concatenate([firsts[block] + places[block] for block in sorted(places)])
    split = _split(head, options, path, seed, test, SHARE if validation is None else validation)
    known = replace(options, schema=head.columns, kinds=(), label=head.label_name)
    if stored.names and to_split:  # no other column is read
        known = replace(known, columns=(), drop=())
    part = split.parts(numbers, head, path)
    validates = part == VALIDATION
    sample = Dataset(
        name,
        head.x,
        None,
        head.labels,
        part == TEST,
        is_validation=validates if validates.any() else None,
        table=head,
        path=path,
    )
    made = Streamed(name, path, stored, known, split, sample, passes, whole=not to_split)
    made.sample = replace(sample, origin=(made, numbers))
    return made


def _places(stored: Stored, seed: int) -> dict[int, Int[np.ndarray, " row"]]:
    """The rows of the sample, by block: equally many at random of blocks all over the files."""
    random = np.random.default_rng(np.random.SeedSequence([seed, 27]))
    count = len(stored.counts)
    chosen = np.unique(np.linspace(0, count - 1, min(_FROM, count)).round().astype(int))
    share = SAMPLE / stored.counts[chosen].sum()
    places = {}
    for block in chosen.tolist():
        rows = int(stored.counts[block])
        taken = min(rows, max(2, round(share * rows)))
        places[block] = np.sort(random.permutation(rows)[:taken])
    return places


def _unsure(head: Table, options: Reading) -> list[str]:
    """The columns of which the rows of a sample do not say what they are."""
    if head.columns is None:
        return []
    said = {name for name, kind in options.said.items() if kind in ("number", "log", "date")}
    found = [c.name for c in head.columns if c.levelled and c.name not in said]
    return [*found, *([] if head.label_name is None else [head.label_name])]


def _surveyed(stored: Stored, names: list[str], known: Any) -> dict[int, Int[np.ndarray, " row"]]:
    """For each of some columns the first row of every value that the known rows have not."""
    if isinstance(known, np.ndarray):
        return _surveyed_array(stored, names, known)
    pc = arrow().compute
    seen = {name: set(pc.unique(known[name]).to_pylist()) for name in names}
    found: dict[int, list[int]] = {}
    for block in range(len(stored.counts)):
        frame = stored.frame(block, [n for n in names if len(seen[n]) <= _VALUES])
        for name in frame.column_names:
            for value in pc.unique(frame[name]):
                if value.as_py() in seen[name]:
                    continue
                seen[name].add(value.as_py())
                if value.is_valid:
                    found.setdefault(block, []).append(pc.index(frame[name], value).as_py())
    return {block: np.unique(rows) for block, rows in found.items()}


def _surveyed_array(
    stored: Stored, names: list[str], known: np.ndarray
) -> dict[int, Int[np.ndarray, " row"]]:
    """The same of an array, whose columns x_0, x_1, ... are constant in the known rows."""
    left = {int(name.removeprefix("x_")) for name in names}
    found: dict[int, list[int]] = {}
    for block in range(len(stored.counts)):
        frame = stored.frame(block)
        for column in sorted(left):
            other = (frame[:, column] != known[0, column]) & ~np.isnan(frame[:, column])
            if other.any():
                left.remove(column)
                found.setdefault(block, []).append(int(np.argmax(other)))
    return {block: np.unique(rows) for block, rows in found.items()}


def _split(
    head: Table, options: Reading, where: str, seed: int, test: float, validation: float
) -> Split:
    """The rule that parts the rows."""
    role = next((name for name in ("split", "time", "group") if name in head.roles), "")
    if role != "time":
        return Split(seed, test, validation, role)
    at = np.sort(moments(head.roles["time"], where))
    first = [at[int((1 - share) * len(at))] for share in (test + validation, test)]
    if first[1] == at[0]:
        raise InputError(
            f"{where}: the column of times does not part the rows: {first[1]} is the first and "
            "among the last; name another column or give a smaller test-fraction"
        )
    return Split(seed, test, validation, role, (float(first[0]), float(first[1])))
