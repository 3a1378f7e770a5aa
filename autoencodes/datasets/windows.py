"""Series as rows: overlapping windows of consecutive rows, and the way back to the rows.

# notation: N rows, c columns, W rows a window, S rows from one window to the next, M windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, Shaped

from autoencodes.datasets.parts import PARTS, TEST, TRAIN, Parts, moments, require_whole
from autoencodes.datasets.table import Column, Table
from autoencodes.errors import InputError

_NOW = "[t]"
"""What is added to a column's name for the last row of a window; for earlier ones [t-1], ..."""
_REGULAR = 1.01
"""How much longer than the median step nine in ten may be, where times are regular."""
_GAP, _IRREGULAR_GAP = 1.5, 5.0
"""How many times longer than nine in ten steps a gap is; and where times are irregular."""


@dataclass(frozen=True, eq=False)
class Windows:
    """What the windows of a table are made of.

    Parameters
    ----------
    rows : Table
        The rows as they came, N of them.
    part : array (N,)
        Their parts.
    places : array (M, W)
        The rows of every window in the order of time, the latest last.
    stride : int
        S.
    """

    rows: Table
    part: Parts
    places: Int[np.ndarray, "window step"]
    stride: int

    @property
    def length(self) -> int:
        """The number W of rows in a window."""
        return int(self.places.shape[1])

    def taken(self, windows: Shaped[np.ndarray, " some"] | slice) -> Windows:
        """Some of the windows."""
        return replace(self, places=self.places[windows])

    def by_row(
        self, values: Float[np.ndarray, "window entry"]
    ) -> Float[np.ndarray, "particle column"]:
        """The means over windows of what they say of each of their rows: (M, W c) → (N, c).

        NaN of rows that are in no window.
        """
        count, length = self.places.shape
        entries = values.reshape(count, length, -1)
        total = np.zeros((len(self.rows.x), entries.shape[2]))
        times = np.zeros(len(total))
        for k in range(length):  # a row is the k-th of one window at most
            total[self.places[:, k]] += entries[:, k]
            times[self.places[:, k]] += 1
        covered = times > 0
        total[covered] /= times[covered, None]
        total[~covered] = np.nan
        return total

    @property
    def uncovered(self) -> int:
        """The number of rows that are in no window."""
        return len(self.rows.x) - len(np.unique(self.places))


def cut(
    table: Table, part: Parts, length: int, stride: int, where: str
) -> tuple[Table, Int[np.ndarray, " window"], Windows]:
    """The table of windows: W consecutive rows of one series and one part are a row of W c columns.

    Series are what the role ``group`` names, in the order of the role ``time``; without these
    roles all rows, as they stand. In every stretch of a series that is in one part windows begin
    at its rows 0, S, 2 S, ...; where the last of them does not end with the stretch, one more does,
    so that no row is left out. A column ``price`` becomes ``price[t-2]``, ``price[t-1]``,
    ``price[t]``. Labels, identifiers and roles are those of the last row.

    Parameters
    ----------
    table : Table
    part : array (N,)
        The part of every row: no window is in two.
    length, stride : int
        W ≥ 1 and S, from 1 to W.
    where : str
        The data, for messages.

    Returns
    -------
    The table of windows, their parts, and what they are made of.

    Raises
    ------
    InputError
        If no stretch that is to be trained or tested on is long enough, rows have no time or
        group, or most of the rows of a group have a time that others have, too.
    """
    series, notes = _series(table, where)
    stretches = _stretches(series, part)
    places = [
        stretch[np.unique(np.r_[0 : len(stretch) - length + 1 : stride, len(stretch) - length])[
            :, None
        ] + np.arange(length)]
        for stretch in stretches
        if len(stretch) >= length
    ]  # fmt: skip
    there = {int(part[p[0, 0]]) for p in places}
    for number, verb in ((TRAIN, "train on"), (TEST, "test on")):
        if number in part and number not in there:
            longest = max(len(s) for s in stretches if part[s[0]] == number)
            whole = (part == number).all()
            of = "" if whole else f" to {verb}"
            more = "" if whole else ", or other fractions to validate and to test on"
            raise InputError(
                f"{where}: expected {length} consecutive rows of a series{of}, for one window; the "
                f"longest stretch has {longest}: give a smaller window{more}"
            )
    windows = Windows(table, part, np.concatenate(places), stride)
    short = [len(s) for s in stretches if len(s) < length]
    if short:
        notes.append(
            f"{sum(short):,} rows are in no window: they are {len(short):,} "
            f"stretch{'es' if len(short) > 1 else ''} of fewer than {length} rows"
        )
    for number in set(part.tolist()) - there:
        notes.append(f"there is no window for {PARTS[number]}")
    return _table(windows, notes), part[windows.places[:, -1]], windows


def of_rows(columns: Sequence[Column], length: int) -> tuple[Column, ...]:
    """The columns of the rows, from those of windows of so many rows."""
    last = columns[len(columns) - len(columns) // length :]
    return tuple(replace(column, name=column.name.removesuffix(_NOW)) for column in last)


def _series(table: Table, where: str) -> tuple[list[np.ndarray], list[str]]:
    """The rows of every series in the order of time, and what is to be said of the times."""
    group = np.zeros(len(table.x), np.int64)
    if "group" in table.roles:
        require_whole(table.roles["group"], where, "groups")
        group = np.unique(table.roles["group"].astype(str), return_inverse=True)[1]
    if "time" not in table.roles:
        order = np.argsort(group, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(group[order])) + 1), []
    at = moments(table.roles["time"], where)
    order = np.lexsort((at, group))  # rows of one time stay in the file's order
    borders = np.flatnonzero(np.diff(group[order])) + 1
    steps = np.diff(at[order])
    same = steps == 0
    same[borders - 1] = False
    steps, notes = np.delete(steps, borders - 1), []
    equal = int((np.r_[same, False] | np.r_[False, same]).sum())
    if equal:
        said = f"{where}: {equal:,} rows have the time of another row"
        if equal > len(table.x) / 2:
            raise InputError(
                f"{said}{' of their group' if 'group' in table.roles else ''}, so that there is no "
                "order of time: name the column that tells the series apart as group, or give a "
                "finer time"
            )
        notes.append(f"{said}: they follow each other as they do in the file")
    steps = steps[steps > 0]
    if len(steps):
        usual = float(np.quantile(steps, 0.9))
        regular = usual <= _REGULAR * float(np.median(steps))
        gaps = int((steps > (_GAP if regular else _IRREGULAR_GAP) * usual).sum())
        if gaps:
            notes.append(
                f"times have {gaps:,} gap{'s' if gaps > 1 else ''} that "
                f"{'are' if gaps > 1 else 'is'} larger than usual: windows are of rows, and cross "
                f"{'them' if gaps > 1 else 'it'}"
            )
    return np.split(order, borders), notes


def _stretches(series: list[np.ndarray], part: Parts) -> list[np.ndarray]:
    """The series, parted where a row is in another part than the one before it."""
    return [
        stretch
        for rows in series
        for stretch in np.split(rows, np.flatnonzero(np.diff(part[rows])) + 1)
    ]


def _table(windows: Windows, notes: list[str]) -> Table:
    """The table whose rows are windows."""
    rows, last = windows.rows, windows.places[:, -1]
    columns = rows.columns or tuple(Column(name, dtype=str(rows.x.dtype)) for name in rows.names)
    lags = [f"[t-{k}]" for k in range(windows.length - 1, 0, -1)] + [_NOW]
    return replace(
        rows.taken(last),
        x=rows.x[windows.places].reshape(len(last), -1),
        columns=tuple(replace(c, name=c.name + lag) for lag in lags for c in columns),
        is_test=None,
        image_shape=None,
        value_range=None,
        notes=(*rows.notes, *notes),
        order=(),
    )
