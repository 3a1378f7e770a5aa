"""How data are to be read: what the user, or the model that they are for, says of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches

from autoencodes.checks import choice, instance, names, optional, positive_integer
from autoencodes.datasets.table import KINDS, Column
from autoencodes.errors import InputError

MISSING = ("refuse", "mean", "mask")


@dataclass(frozen=True)
class Reading:
    """What is said of data before they are read; all of it may be left out.

    Parameters
    ----------
    columns : tuple of str
        The only columns to take as features.
    drop : tuple of str
        Columns to leave out.
    label : str, optional
        The column of labels; by default one called label, labels, class or target.
    kinds : tuple of str
        What a column is, "NAME=KIND": a ``Kind``, "identifier", the levels of an ordinal in order
        ("size=S<M<L") or the format of dates ("day=date(%d/%m/%Y)"). Else the values decide.
    missing : {"refuse", "mean", "mask"}
        What is done about values that are missing.
    split, group, time : str, optional
        The column that says which part a row belongs to; which rows must not be parted; what came
        later. At most one of them, but with a window: then ``time`` orders the rows of a series,
        and ``group`` tells the series apart.
    window, stride : int, optional
        How many rows of a series, in the order of time, are one row; and how many rows the next
        one begins later, at most ``window``, by default 1.
    sheet, key : str, optional
        The sheet of a workbook; the array of an archive or of an HDF5 file.
    delimiter, decimal, encoding : str, optional
        Of a text file; by default what its first lines show.
    schema : tuple of Column, optional
        The columns of the data that a model was trained on: they are looked for by name and read
        as they were then.
    aside : tuple of str
        Columns that were no features then, and may be there.
    as_numbers : bool
        Whether every column of numbers is one of plain numbers, and all others name the rows.
    unseen : bool
        Whether a category may have values that the schema has no level for, and a constant another
        value: they are none of its levels, with the place -1. Else categories refuse them.

    Examples
    --------
    >>> reading = ac.datasets.Reading(drop=("id",), kinds=("size=S<M<L",), missing="mask")
    >>> reading.missing
    'mask'
    """

    columns: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    label: str | None = None
    kinds: tuple[str, ...] = ()
    missing: str = "refuse"
    split: str | None = None
    group: str | None = None
    time: str | None = None
    window: int | None = None
    stride: int | None = None
    sheet: str | None = None
    key: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    schema: tuple[Column, ...] | None = None
    aside: tuple[str, ...] = ()
    as_numbers: bool = False
    unseen: bool = False

    def __post_init__(self) -> None:
        for name in ("columns", "drop", "kinds"):
            object.__setattr__(self, name, names(getattr(self, name), name))
        choice(self.missing, "missing", MISSING)
        for entry in fields(self):
            if str(entry.type) == "str | None":
                value = getattr(self, entry.name)
                if value is not None:
                    instance(value, entry.name, str)
        parting = [name for name in ("split", "group", "time") if getattr(self, name) is not None]
        if len(parting) > 1 and self.window is None:
            raise InputError(
                f"expected one of split, group and time; got {' and '.join(parting)}: with a "
                "window time orders the rows, and group tells series apart"
            )
        for name in ("window", "stride"):
            object.__setattr__(self, name, optional(positive_integer, getattr(self, name), name))
        if self.stride is not None and self.stride > (self.window or 0):
            window = "no window" if self.window is None else f"window {self.window}"
            raise InputError(
                "stride is at most window, or rows would be in no window; got stride "
                f"{self.stride} and {window}: give another"
            )
        if both := sorted(set(self.columns) & set(self.drop)):
            raise InputError(f"column {both[0]!r} is both to take and to drop; say one of the two")

    @property
    def given(self) -> list[str]:
        """The names of what was said, other than by default."""
        return [e.name for e in fields(self) if getattr(self, e.name) != e.default]

    @property
    def roles(self) -> dict[str, str]:
        """The columns that part the rows, by what they say."""
        roles = {name: getattr(self, name) for name in ("split", "group", "time")}
        return {role: name for role, name in roles.items() if name is not None}

    @property
    def said(self) -> dict[str, str]:
        """The kinds that were given, by column."""
        said = {}
        for text in self.kinds:
            name, mark, kind = text.rpartition("=")
            if not mark or not name or not kind:
                raise InputError(f"kinds must be NAME=KIND, as age=number; got {text!r}")
            if not (kind in (*KINDS, "identifier") or "<" in kind or _format(kind)):
                raise InputError(
                    f"the kind of column {name!r} must be one of {', '.join(KINDS)}, identifier, "
                    f"levels in order as S<M<L, or date(%d/%m/%Y); got {kind!r}"
                )
            said[name] = kind
        return said


def named(name: str, known: Iterable[str], what: str, where: str) -> str:
    """The name, if there is such a column; else an error with the nearest that there is."""
    known = list(known)
    if name in known:
        return name
    near = get_close_matches(name, known, 1, 0.5) or [k for k in known if k.lower() == name.lower()]
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(map(repr, known[:12])) + (", ..." if len(known) > 12 else "")
    raise InputError(f"{where}: there is no column {name!r} for {what}{hint} (columns: {shown})")


def _format(kind: str) -> str | None:
    """The format in date(...) or cyclic(...)."""
    for name in ("date", "cyclic"):
        if kind.startswith(f"{name}(") and kind.endswith(")") and "%" in kind:
            return kind[len(name) + 1 : -1]
    return None
