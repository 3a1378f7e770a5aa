"""What would be done with data, column by column, before anything is trained."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Real

from autoencodes.catalogue import DATASETS
from autoencodes.datasets import Column, Dataset, Table
from autoencodes.datasets.options import option
from autoencodes.datasets.streamed import Streamed
from autoencodes.datasets.table import line_of
from autoencodes.model.encoding import Encoding
from autoencodes.plan.settings import Settings
from autoencodes.run import source

_SKEWED, _WIDE = 2.0, 20.0
"""Skewness, and largest value over smallest, from which the logarithm is offered."""
_NEARLY = 0.05
_TOTALS = frozenset(
    name
    for names in (
        "total totals subtotal sum summe gesamt gesamtsumme insgesamt totale somme suma",
        "average mean durchschnitt mittelwert",
    )
    for name in names.split()
) | {"grand total"}
"""What people call the row below a table."""
_MARKER = re.compile(r"9{2,}|99+\.9+|8888?|7777?|3276[78]|.*e\+(1[5-9]|[2-9]\d|\d{3})")
"""What programs write for a value that is missing: -999, 9999, 32767, 9.97e36 and the like."""
_FEW = 10
"""Rows below which nothing is concluded from their values."""
_WORDS = {
    "number": "scaled",
    "log": "its logarithm, scaled",
    "category": "one of its levels; cross-entropy",
    "boolean": "one of two; cross-entropy",
    "ordinal": "its place in the order, scaled",
    "date": "a moment, scaled",
    "cyclic": "a moment and its place in year, week and day, scaled",
    "constant": "carried along, no feature",
}


@dataclass(frozen=True)
class Line:
    """What would be done with a column."""

    name: str
    kind: str
    done: str
    features: int
    missing: int
    values: str


@dataclass(frozen=True)
class Description:
    """What would be done with data.

    Parameters
    ----------
    data : Dataset
    lines : tuple of Line
        One for each column, those first that are features.
    notes : tuple of str
        What was recognised, and what may be done better.
    """

    data: Dataset
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def describe(settings: Settings) -> Description:
    """What a training with these settings would do with its data; nothing is trained.

    Raises
    ------
    InputError
        If the data cannot be used; missing values are counted, and refused by ``train`` alone.
    """
    lenient = settings.missing == "refuse" and settings.data not in DATASETS
    given = Settings(**settings.given | ({"missing": "mask"} if lenient else {}))
    data, said = source.read(given), tuple[str, ...]()
    if isinstance(data, Streamed):
        said = (
            f"{data.size:,} rows, which are read a block at a time: what is said here is of "
            f"{data.sample.size:,} of them",
        )
        data = data.sample
    table = data.table or Table(data.x, data.labels)
    notes, times = [*said, *table.notes], 1
    if data.windows is not None:
        table, times = data.windows.rows, data.windows.length
    every = Dataset(data.name, table.x, None, None, np.zeros(len(table.x), bool), table=table)
    encoding = Encoding.of(every, given.missing)
    columns = encoding.columns if encoding else tuple(Column(name) for name in table.names)
    missing = table.missing
    counts = np.zeros(len(columns), int) if missing is None else missing.sum(axis=0)
    sizes = np.ones(len(columns), int)
    if encoding is not None:
        sizes = np.bincount(encoding.owner, minlength=len(columns))
    lines = [
        Line(
            c.name,
            c.kind,
            _WORDS[c.kind],
            times * int(sizes[k]),
            int(counts[k]),
            _values(c, table.x[:, k]),
        )
        for k, c in enumerate(columns)
    ]
    lines += [
        Line(name, "identifier", "left out, returned beside the results", 0, 0, _first(values))
        for name, values in table.identifiers.items()
    ]
    if data.labels is not None:
        name, several = table.label_name or "label", len(np.unique(data.labels))
        done = "left out; for colours, --target classes or numbers"
        lines.append(Line(name, "label", done, 0, 0, f"{several:,} different"))
    notes += advice(table)
    if missing is not None and lenient:
        notes.append(
            f"{int(missing.sum()):,} values are missing in {_columns(int((counts > 0).sum()))}: "
            "train refuses them unless --missing mask or --missing mean is given"
        )
    return Description(data, tuple(lines), tuple(notes))


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count} columns"


def advice(table: Table) -> tuple[str, ...]:
    """What might be done better with columns and rows."""
    if table.columns is None:
        return ()
    said, drawn = [], not table.roles and table.is_test is None
    numbers = [k for k, column in enumerate(table.columns) if column.kind == "number"]
    line = line_of(len(table.x) - 1, table.line)
    last = f"the last row{'' if line is None else f' (line {line})'}"
    spoils = "remove it, or it counts as a row like any other and spoils the scales"
    if totals := [table.columns[k].name for k in numbers if _ends_in_sum(table.x[:, k])]:
        said.append(
            f"{last} holds the sum of all others, or nearly, in {_listed(totals)}: if it is a "
            f"total, {spoils}"
        )
    elif called := _called_total(table):
        said.append(f"{last} is called {called!r}: if it sums up the others, {spoils}")
    moments = [k for k, column in enumerate(table.columns) if column.moments]
    ordered = [table.columns[k].name for k in moments if drawn and _rises(table.x[:, k])]
    if ordered:
        said.append(
            f"rows stand in the order of {ordered[0]!r}: those to test on are drawn from between "
            "the others, so that errors come out too small where neighbours resemble each other; "
            f"{option('time', ordered[0])} tests on the last rows"
        )
    if spots := [spot for k in numbers if (spot := _stands_for_nothing(table, k))]:
        more = f" and {len(spots) - 3} more" if spots[3:] else ""
        said.append(
            f"far from all other values are {', '.join(spots[:3])}{more}: if that stands for a "
            "value that is missing, leave the field empty, or it is learned as a number"
        )
    if skewed := [table.columns[k].name for k in numbers if _is_skewed(table.x[:, k])]:
        kinds = option("kinds", *(f"{name}=log" for name in skewed[:6]))
        verb = "is positive and strongly skewed" if len(skewed) == 1 else "are positive and skewed"
        said.append(f"{_listed(skewed)} {verb}: the logarithm may suit better ({kinds})")
    return tuple(said)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 6} more" if names[6:] else ""
    return ", ".join(map(repr, names[:6])) + more


def _ends_in_sum(x: Real[np.ndarray, " particle"]) -> bool:
    """Whether the last value is the sum of all others to a twentieth, and larger than each."""
    values = x.astype(np.float64)
    others, last = values[:-1][~np.isnan(values[:-1])], values[-1]
    if len(others) < _FEW or not np.abs(last) > np.abs(others).max():
        return False
    return bool(np.abs(others.sum() - last) <= _NEARLY * np.abs(others).sum())


def _stands_for_nothing(table: Table, k: int) -> str:
    """A value such as -999 that several rows share and all others are far from, in words."""
    values = table.x[:, k].astype(np.float64)
    values = values[~np.isnan(values)]
    for extreme in (values.min(initial=np.inf), values.max(initial=-np.inf)):
        digits = f"{abs(extreme):g}" if np.isfinite(extreme) else ""
        others = values[values != extreme]
        count = len(values) - len(others)
        if not _MARKER.fullmatch(digits) or count < 2 or len(others) < _FEW:
            continue
        low, high = others.min(), others.max()
        if max(low - extreme, extreme - high) > high - low:
            assert table.columns is not None
            return f"{extreme:g} in {table.columns[k].name!r} ({count:,} times)"
    return ""


def _called_total(table: Table) -> str:
    """What the last row is called, by text that no other row has, if it may be a total."""
    names = [v[-1] for v in table.identifiers.values() if len(v) >= _FEW]
    for k, column in enumerate(table.columns or ()):
        places = table.x[:, k]
        if column.kind == "category" and len(places) >= _FEW and (places == places[-1]).sum() == 1:
            names.append(column.levels[int(places[-1])])
    return next((str(n) for n in names if str(n).strip().rstrip(":").lower() in _TOTALS), "")


def _rises(x: Real[np.ndarray, " particle"]) -> bool:
    """Whether moments follow one after the other, or the other way round."""
    steps = np.diff(x[~np.isnan(x)])
    return len(steps) >= _FEW and bool(steps.any() and ((steps >= 0).all() or (steps <= 0).all()))


def _is_skewed(x: Real[np.ndarray, " particle"]) -> bool:
    """Whether the values of a positive column lie mostly at its lower end."""
    values = x[~np.isnan(x)].astype(np.float64) if x.dtype.kind == "f" else x.astype(np.float64)
    if len(values) < 10 or values.min() <= 0 or values.max() < _WIDE * values.min():
        return False
    unit = values / values.max()
    centred = unit - unit.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    return deviation > 0 and float(np.mean(centred**3)) / deviation**3 > _SKEWED


def _values(column: Column, x: Real[np.ndarray, " particle"]) -> str:
    """The range or the levels of a column."""
    if column.levelled:
        return _first(np.array(column.levels, object))
    present = x[~np.isnan(x)] if x.dtype.kind == "f" else x
    if not present.size:
        return "none"
    low, high = column.values(np.array([present.min(), present.max()], np.float64)).tolist()
    text = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in (low, high)]
    return f"{text[0]} to {text[1]}"


def _first(values: np.ndarray) -> str:
    """A few values."""
    few = ", ".join(str(v)[:20] for v in values[:4].tolist())
    return few + (f", ... ({len(values):,})" if len(values) > 4 else "")
