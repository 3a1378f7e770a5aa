"""What is kept of the data that a model was trained on, so that other data are known for other."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from autoencodes.datasets.parts import PARTS, Parts, Split
from autoencodes.datasets.table import Column, Table
from autoencodes.errors import InputError
from autoencodes.measure.streaming import strips

_DIGITS = 16
"""Of a column's fingerprint: enough to tell that it changed, and no proof of anything."""
_FINGERPRINTED = 2000
"""The most columns that have a fingerprint each."""
_CHUNK = 1 << 20


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
        The rows, from 0, that train, validate and test: as "0-5,7,9-12". Of rows that were read a
        block at a time, "rule" is the ``Split`` that decides it.

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
        content = Content(table, len(table.x))
        content.add(table)
        made = content.record(source, path)
        ranges = None if part is None else {n: _ranges(part == k) for k, n in enumerate(PARTS)}
        return replace(made, parts=ranges)

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

    @property
    def split(self) -> Split | None:
        """The rule of rows that were read a block at a time."""
        rule = None if self.parts is None else self.parts.get("rule")
        return None if rule is None else Split.read(rule)

    def part_of_rows(self, table: Table | None = None) -> Parts | None:
        """The part of every row, as it was.

        Parameters
        ----------
        table : Table, optional
            The rows, which may have the column that says it.

        Returns
        -------
        array (N,), or None
            Places in train, validation, test; None where that was not kept, or is said by a column
            that is not there.
        """
        if self.parts is None:
            return None
        if (split := self.split) is not None:
            if split.role and (table is None or split.role not in table.roles):
                return None
            head = Table(np.zeros((0, 1))) if table is None else table
            return split.parts(np.arange(self.rows), head, self.source)
        part = np.zeros(self.rows, np.int64)
        for number, name in enumerate(PARTS):
            for first, last in _read_ranges(self.parts.get(name, "")):
                part[first : last + 1] = number
        return part

    @property
    def described(self) -> dict[str, Any]:
        """The record as JSON values."""
        columns = None if self.columns is None else [c.described for c in self.columns]
        return {**asdict(replace(self, columns=None)), "columns": columns}

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


class Content:
    """The fingerprints of a table's rows, taken in as many pieces as they come in.

    Parameters
    ----------
    head : Table
        With the columns and the dtype of all rows.
    rows : int
        Their number.
    """

    def __init__(self, head: Table, rows: int) -> None:
        self._head, self._rows = head, rows
        self._whole = hashlib.sha256()
        columns = None if head.columns is None else [c.described for c in head.columns]
        first = [[rows, head.x.shape[1]], str(head.x.dtype), columns]
        self._whole.update(json.dumps(first, ensure_ascii=True, default=str).encode())
        few = columns is not None and len(columns) <= _FINGERPRINTED
        self._columns = [hashlib.sha256() for _ in range(len(columns or ()) if few else 0)]
        self._labels = None if head.labels is None else tempfile.TemporaryFile()  # noqa: SIM115

    def add(self, table: Table) -> None:
        """Takes the next rows in."""
        for rows in strips(len(table.x)):
            self._whole.update(np.ascontiguousarray(table.x[rows]).tobytes())
        for k, digest in enumerate(self._columns):
            digest.update(np.ascontiguousarray(table.x[:, k]).tobytes())
        if self._labels is not None and table.labels is not None:
            begun = ", " if self._labels.tell() else "["
            text = json.dumps([str(v) for v in table.labels.tolist()])[1:-1]
            self._labels.write((begun + text).encode())

    def record(self, source: str, path: str | None) -> Record:
        """The record of all rows, which have been taken in, without their parts."""
        table = self._head
        if self._labels is not None:  # behind all values
            self._labels.write(b"]")
            self._labels.seek(0)
            while text := self._labels.read(_CHUNK):
                self._whole.update(text)
            self._labels.close()
        return Record(
            source,
            None if path is None else os.path.abspath(path),
            self._rows,
            table.x.shape[1],
            str(table.x.dtype),
            self._whole.hexdigest(),
            table.columns,
            tuple(digest.hexdigest()[:_DIGITS] for digest in self._columns),
            table.label_name,
            tuple(n for n in table.order if n not in (*table.names, table.label_name)),
        )


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
