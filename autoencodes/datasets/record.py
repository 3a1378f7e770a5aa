"""What is kept of the data that a model was trained on, so that other data are known for other."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from autoencodes.datasets.parts import PARTS, Parts
from autoencodes.datasets.table import Column, Table
from autoencodes.errors import InputError
from autoencodes.measure.streaming import strips

_DIGITS = 16
"""Of a column's fingerprint: enough to tell that it changed, and no proof of anything."""
_FINGERPRINTED = 2000
"""The most columns that have a fingerprint each."""


@dataclass(frozen=True)
class Record:
    """The data as they were: names, kinds, sizes, and a fingerprint of their content.

    Parameters
    ----------
    source : str
        As it was named.
    path : str, optional
        The absolute path of the file, where it was one.
    rows, width : int
        Number of rows, and of columns that are no labels and no identifiers.
    dtype : str
        That of the numbers that were read.
    sha256 : str
        Of the content: names, values and labels, in their order, whatever format and file held
        them.
    columns : tuple of Column, optional
        Their names and kinds; absent where they have no names and are plain numbers.
    fingerprints : tuple of str
        One for each column, to say which changed.
    label : str, optional
        The name of the column of labels.
    others : tuple of str
        The names of columns that were neither: identifiers, and what was left out.
    parts : mapping of str to str
        The rows, from 0, that train, validate and test: as "0-5,7,9-12".

    Examples
    --------
    >>> table = ac.datasets.from_array(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> record = ac.datasets.Record.of(table, "mine", None)
    >>> other = ac.datasets.from_array(np.array([[1.0, 2.0]]))
    >>> record.changes(ac.datasets.Record.of(other, "mine", None))
    '1 rows instead of 2'
    """

    source: str
    path: str | None
    rows: int
    width: int
    dtype: str
    sha256: str
    columns: tuple[Column, ...] | None = None
    fingerprints: tuple[str, ...] = ()
    label: str | None = None
    others: tuple[str, ...] = ()
    parts: Mapping[str, str] | None = None

    @classmethod
    def of(cls, table: Table, source: str, path: str | None, part: Parts | None = None) -> Record:
        """The record of a table, whose rows may be in a ``part`` each."""
        few = table.columns is not None and table.x.shape[1] <= _FINGERPRINTED
        return cls(
            source,
            None if path is None else os.path.abspath(path),
            table.x.shape[0],
            table.x.shape[1],
            str(table.x.dtype),
            _sha256(table),
            table.columns,
            tuple(_column_sha(table.x[:, k]) for k in range(table.x.shape[1])) if few else (),
            table.label_name,
            tuple(n for n in table.order if n not in (*table.names, table.label_name)),
            None if part is None else {n: _ranges(part == k) for k, n in enumerate(PARTS)},
        )

    def changes(self, other: Record) -> str:
        """What is different in other data, in words; empty where the content is the same."""
        if self.sha256 == other.sha256:
            return ""
        said = []
        if self.rows != other.rows:
            said.append(f"{other.rows:,} rows instead of {self.rows:,}")
        before, now = self.names, other.names
        if before is None or now is None:
            if self.width != other.width:
                said.append(f"{other.width:,} columns instead of {self.width:,}")
        elif before != now:
            gone = [name for name in before if name not in now]
            new = [name for name in now if name not in before]
            said += [f"without the columns {_listed(gone)}"] if gone else []
            said += [f"with new columns {_listed(new)}"] if new else []
            said += ["the columns in another order"] if not gone and not new else []
        elif self.rows == other.rows and self.fingerprints and other.fingerprints:
            pairs = zip(before, self.fingerprints, other.fingerprints, strict=True)
            changed = [name for name, a, b in pairs if a != b]
            said += [f"other values in {_listed(changed)}"] if changed else []
        if self.dtype != other.dtype and not said:
            said.append(f"numbers of dtype {other.dtype} instead of {self.dtype}")
        return "; ".join(said) or "other values, or other labels"

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the columns."""
        return None if self.columns is None else tuple(c.name for c in self.columns)

    def part_of_rows(self) -> Parts | None:
        """The part of every row, as it was; None where that was not kept."""
        if self.parts is None:
            return None
        part = np.zeros(self.rows, np.int64)
        for number, name in enumerate(PARTS):
            for first, last in _read_ranges(self.parts.get(name, "")):
                part[first : last + 1] = number
        return part

    @property
    def described(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)

    @classmethod
    def read(cls, described: Any) -> Record:
        """The record that ``described`` gave; InputError if it is none."""
        try:
            entries = {f.name: described.get(f.name) for f in fields(cls)}
            columns = entries["columns"]
            if columns is not None:
                entries["columns"] = tuple(Column.read(column) for column in columns)
            for name in ("fingerprints", "others"):
                entries[name] = tuple(str(v) for v in entries[name] or ())
            for name in ("rows", "width"):
                entries[name] = int(entries[name])
            for name in ("source", "dtype", "sha256"):
                if not isinstance(entries[name], str):
                    raise TypeError(f"{name} is no text")
            np.dtype(entries["dtype"])  # TypeError if it is none
            record = cls(**entries)
            record.part_of_rows()
        except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError,
                ValueError) as error:  # fmt: skip
            raise InputError(f"the record of the data is damaged ({error})") from error
        return record


def _sha256(table: Table) -> str:
    """The fingerprint of all that a table holds."""
    digest = hashlib.sha256()
    columns = None if table.columns is None else [asdict(c) for c in table.columns]
    head = [list(table.x.shape), str(table.x.dtype), columns]
    digest.update(json.dumps(head, ensure_ascii=True, default=str).encode())
    for rows in strips(len(table.x)):
        digest.update(np.ascontiguousarray(table.x[rows]).tobytes())
    if table.labels is not None:
        digest.update(json.dumps([str(v) for v in table.labels.tolist()]).encode())
    return digest.hexdigest()


def _column_sha(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:_DIGITS]


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if names[5:] else "")


def _ranges(wanted: np.ndarray) -> str:
    """The places of True as ranges."""
    places = np.flatnonzero(wanted)
    runs = np.split(places, np.flatnonzero(np.diff(places) != 1) + 1) if places.size else []
    return ",".join(str(r[0]) if len(r) == 1 else f"{r[0]}-{r[-1]}" for r in runs)


def _read_ranges(text: str) -> list[tuple[int, int]]:
    pairs = [run.partition("-") for run in text.split(",") if run]
    return [(int(first), int(last or first)) for first, _, last in pairs]
