"""Files that are read a block at a time: parts in Parquet by Arrow, an array of NumPy's by place.

A block is what a file can give by itself: some row groups of a Parquet file, or so many rows of an
array. What has no such places, as text, is written as Parquet first, into a scratch folder.
"""

from __future__ import annotations

import abc
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from autoencodes.datasets import npy, texts
from autoencodes.datasets.delimited import head_table
from autoencodes.datasets.reading import Reading
from autoencodes.datasets.stored import PARQUET, parts_of, polars, sound, unlike
from autoencodes.datasets.streams import Source, reading
from autoencodes.errors import InputError, MissingExtra

ROWS = 2**16
"""About the rows of a block, where row groups or their number do not say otherwise."""
TEXTS = (".csv", ".tsv", ".tab", ".txt")
_TIMES = 4
"""How often its bytes as float64 a table takes on its way into a training: as a frame, as numbers,
scaled, and as particles."""
_SHARE = 12
"""How many blocks as float64 must fit into the room for rows: what is made of one takes five."""
_SPELLED, _PACKED = 1, 64
"""Bytes of float64 for a byte of a text, and of Parquet at most, but for columns that hardly vary:
of a smaller file nothing more is asked."""


class Stored(abc.ABC):
    """Rows of files in numbered blocks."""

    counts: Int[np.ndarray, " block"]
    """The rows of each block."""
    notes: tuple[str, ...] = ()
    """What was done to read them so, in words."""
    names: tuple[str, ...] = ()
    """The columns; none where they have no names."""
    scratch: object = None
    """What is removed when nobody reads it any more."""
    nbytes: int
    """About the bytes of all values as numbers of float64, which is what a table holds."""

    @abc.abstractmethod
    def frame(self, block: int, columns: Sequence[str] | None = None) -> Any:
        """The rows of a block, as an Arrow table or an array; of some columns."""

    @abc.abstractmethod
    def taken(self, block: int, rows: Int[np.ndarray, " row"]) -> Any:
        """Some rows of a block, of the same kind."""

    @abc.abstractmethod
    def joined(self, frames: Iterable[Any]) -> Any:
        """Frames one below the other."""

    @abc.abstractmethod
    def cut(self, rows: int) -> Stored:
        """The same rows in blocks of about so many."""

    @property
    def size(self) -> int:
        """The number of all rows."""
        return int(self.counts.sum())


def arrow() -> Any:
    """Arrow, which reads Parquet files by their row groups."""
    try:
        import pyarrow  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.compute  # type: ignore[import-untyped,unused-ignore]
        import pyarrow.parquet  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise MissingExtra("pyarrow", "tables", "reading rows a block at a time") from error
    return pyarrow


class ParquetParts(Stored):
    """One Parquet file, or a folder of them, which have the same columns.

    Parameters
    ----------
    files : the parts in their order
    name : of all of them, for messages
    rows : about the rows of a block; smaller row groups are joined

    Raises
    ------
    InputError
        If a part is damaged, or has other columns than the first.
    """

    def __init__(self, files: Sequence[Path], name: str, rows: int = ROWS) -> None:
        pa = arrow()
        self._files, self._name = list(files), name
        self._places: list[tuple[int, list[int]]] = []
        counts: list[int] = []
        known: dict[str, str] | None = None
        for number, path in enumerate(self._files):
            with sound(Source(path), "Parquet"):
                file = pa.parquet.ParquetFile(path)
                schema, groups = file.schema_arrow.remove_metadata(), file.metadata
                file.close()
            kinds = dict(zip(schema.names, map(str, schema.types), strict=True))
            known = kinds if known is None else known
            if list(kinds.items()) != list(known.items()):
                raise InputError(unlike(path, self._files[0], kinds, known))
            kept: list[int] = []
            count = 0
            for group in range(groups.num_row_groups):
                own = groups.row_group(group).num_rows
                if kept and count + own > rows:
                    self._places.append((number, kept))
                    counts.append(count)
                    kept, count = [], 0
                kept.append(group)
                count += own
            if count:
                self._places.append((number, kept))
                counts.append(count)
        if not counts:
            raise InputError(f"{name}: expected rows, got none")
        self.counts, self.names = np.array(counts), tuple(known or ())
        self.nbytes = self.size * len(self.names) * 8

    def frame(self, block: int, columns: Sequence[str] | None = None) -> Any:
        number, groups = self._places[block]
        path = self._files[number]
        pa = arrow()
        with sound(Source(path), "Parquet"), pa.parquet.ParquetFile(path) as file:
            table = file.read_row_groups(groups, columns, use_threads=False)
        if len(table) != self.counts[block]:
            raise InputError(f"{path} has changed while it was read; start again")
        pa.default_memory_pool().release_unused()
        return table.replace_schema_metadata(None)

    def taken(self, block: int, rows: Int[np.ndarray, " row"]) -> Any:
        return self.frame(block).take(rows)

    def cut(self, rows: int) -> ParquetParts:
        made = ParquetParts(self._files, self._name, rows)
        made.notes, made.scratch = self.notes, self.scratch
        return made

    def joined(self, frames: Iterable[Any]) -> Any:
        pa = arrow()
        return pa.concat_tables(frames).combine_chunks()


class ArrayFile(Stored):
    """An array (N, d) of numbers in a ``.npy`` file, in row order.

    Raises
    ------
    InputError
        If it is compressed, in column order, of records or text, or no table.
    """

    def __init__(self, path: Path, rows: int = ROWS) -> None:
        self._path = path
        source = Source(path)
        with reading(source), source.raw() as stream:
            shape, fortran, self._dtype = npy.header(stream, str(path))
            self._offset = stream.tell()
        if len(shape) != 2 or 0 in shape or self._dtype.kind not in "biuf" or fortran:
            raise InputError(
                f"{path}: of arrays that do not fit into the memory limit, tables (N, d) of "
                f"numbers in row order are read; got shape {shape} of {self._dtype}"
                f"{' in column order' if fortran else ''}: save numpy.ascontiguousarray(x), or "
                "give a larger --memory-limit"
            )
        if path.stat().st_size < self._offset + shape[0] * shape[1] * self._dtype.itemsize:
            raise InputError(f"{path} is truncated; write or download it again")
        self._width = shape[1]
        firsts = range(0, shape[0], rows)
        self.counts = np.array([min(rows, shape[0] - first) for first in firsts])
        self._firsts = np.cumsum(self.counts) - self.counts
        self.nbytes = shape[0] * shape[1] * self._dtype.itemsize

    def frame(self, block: int, columns: Sequence[str] | None = None) -> Any:
        place = int(self._firsts[block]) * self._width * self._dtype.itemsize
        count = int(self.counts[block]) * self._width
        with reading(Source(self._path)):
            flat = np.fromfile(self._path, self._dtype, count, offset=self._offset + place)
        if len(flat) != count:
            raise InputError(f"{self._path} has changed while it was read; start again")
        whole = flat.astype(self._dtype.newbyteorder("="), copy=False)
        return whole.reshape(-1, self._width)

    def taken(self, block: int, rows: Int[np.ndarray, " row"]) -> Any:
        return self.frame(block)[rows]

    def cut(self, rows: int) -> ArrayFile:
        return ArrayFile(self._path, rows)

    def joined(self, frames: Iterable[Any]) -> Any:
        return np.concatenate(list(frames))


class _Scratch:
    """A folder that goes with the last who uses it, or with the process."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="autoencodes-rows-"))
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def from_text(path: Path, options: Reading, room: int | None) -> ParquetParts:
    """A text of rows as Parquet, which Polars writes of it a part at a time in a scratch folder.

    Columns that the first lines say are no plain numbers are kept as they are spelled.

    Raises
    ------
    InputError
        If the lines are no table, or there is no room for the scratch file.
    """
    pl = polars("texts that do not fit into memory")
    form, head = head_table(Source(path), options)
    rows = ROWS if room is None else max(1, min(ROWS, room // (_SHARE * 8 * form.width)))
    plain = {c.name for c in head.columns or () if c.kind == "number"}
    plain = set(form.names) if head.columns is None else plain
    scratch = _Scratch()
    folder = scratch.folder
    try:
        gone = [word for m in texts.MISSING for word in (m, m.upper(), m.capitalize())]
        with sound(Source(path), "delimited text"):
            lines = pl.scan_csv(
                path,
                separator=form.delimiter,
                has_header=False,
                new_columns=list(form.names),
                skip_lines=form.marked + form.headed,
                schema_overrides={n: pl.String for n in form.names if n not in plain},
                null_values=sorted(set(gone)),
                infer_schema_length=None,
                decimal_comma=options.decimal == ",",
                low_memory=True,
            )
            lines.sink_parquet(folder / "rows.parquet", row_group_size=rows)
        stored = ParquetParts([folder / "rows.parquet"], str(path), rows)
    except BaseException:
        scratch.remove()
        raise
    stored.scratch = scratch  # which goes with the last who reads it
    size = (folder / "rows.parquet").stat().st_size
    said = f"{path.name} was written as Parquet first ({size / 1e6:,.0f} MB in {folder}, for now)"
    stored.notes = (said,)
    return stored


def opened(
    path: Path,
    options: Reading,
    room: int | None,
    *,
    always: bool = False,
    strict: bool = True,
) -> Stored | None:
    """A file or folder that is read a block at a time, because it needs more than ``room`` bytes
    when it is loaded, or ``always``; of no room given every one. None if it is loaded: because it
    fits, or, unless ``strict``, because it can be read in no other way.

    Raises
    ------
    InputError
        If it needs more, and cannot be read so.
    """
    lower = path.name.lower()
    parts = parts_of(path) if path.is_dir() else [path]
    if not parts:
        return None
    size = sum(part.stat().st_size for part in parts)
    parquet = path.is_dir() or lower.endswith(PARQUET)
    least = _TIMES * size * (_PACKED if parquet else _SPELLED)
    if room is not None and not always and least <= room:
        return None  # whatever it holds: its own reader says what is wrong with it
    if parquet:
        stored: Stored = ParquetParts(parts, str(path))
    elif lower.endswith(".npy") and not Source(path).packing:
        stored = ArrayFile(path)
    elif lower.endswith(TEXTS):
        return _fitting(from_text(path, options, room), path, room)
    elif strict:
        raise InputError(
            f"{path} takes about {least / 1e9:.1f} GB of memory when it is loaded, more than "
            "--memory-limit leaves; of files that are read a block at a time there are Parquet "
            "(also a folder of parts), CSV and .npy: convert it, or give a larger --memory-limit"
        )
    else:
        return None
    if room is not None and _TIMES * stored.nbytes <= room and not always:
        return None
    return _fitting(stored, path, room)


def _fitting(stored: Stored, path: Path, room: int | None) -> Stored:
    """The same in blocks of which some fit into the room; InputError if it has larger ones."""
    if room is None:
        return stored
    width = stored.nbytes / stored.size
    most = int(room / (_SHARE * width))
    if most < ROWS:
        stored = stored.cut(max(most, 1))
    if stored.counts.max() > max(most, 1):
        raise InputError(
            f"{path}: a row group of {int(stored.counts.max()):,} rows takes "
            f"{stored.counts.max() * width / 1e6:,.0f} MB, of which {_SHARE} must fit into what "
            f"--memory-limit leaves, {room / 1e6:,.0f} MB; write it again with row groups of at "
            f"most {most:,} rows, as polars.scan_parquet(IN).sink_parquet(OUT, "
            f"row_group_size={most}), or give a larger --memory-limit"
        )
    return stored
