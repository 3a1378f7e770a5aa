"""Which rows train, which choose, and which are held out to the end.

Rows to validate on are those that choose: when to stop, which of several controls, λ. Rows to test
on are looked at once, at the end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Shaped

from autoencodes.datasets import texts
from autoencodes.datasets.table import Table
from autoencodes.errors import InputError

TRAIN, VALIDATION, TEST = 0, 1, 2
PARTS = ("train", "validation", "test")
SHARE = 0.1
"""The part of all rows that validates where nothing else is said and the split is drawn."""
SPELLED = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "testing": TEST,
}
"""What a column or a folder may call the parts."""

Parts = Int[np.ndarray, " particle"]
"""0, 1 or 2 for every row: its place in ``PARTS``."""


def parts(table: Table, where: str, *, seed: int, test: float, validation: float | None) -> Parts:
    """The part of every row.

    By the column that says so, by groups, by time, as the data came, or else at random:
    round(fraction · N) rows for testing and for validation, at least one for testing and one for
    training. It depends on nothing but its arguments, so that every command that names the same
    data and seed has the same rows.

    Raises
    ------
    InputError
        If a part of the rows that is needed would be empty.
    """
    count = len(table.x)
    if "split" in table.roles:
        part = spelled(table.roles["split"], where)
        for number in (TRAIN, TEST):
            if not (part == number).any():
                raise InputError(
                    f"{where}: the column of the split names no row for {PARTS[number]}"
                )
        return part
    share = SHARE if validation is None else validation
    if "time" in table.roles:
        return _by_time(table.roles["time"], where, test, share)
    if "group" in table.roles:
        return _by_group(table.roles["group"], where, seed, test, share)
    part = np.zeros(count, np.int64)
    if table.is_test is None:
        order = np.random.default_rng(seed).permutation(count)
        held_out = min(max(round(test * count), 1), count - 1)
        part[order[:held_out]] = TEST
        part[order[held_out : held_out + min(round(share * count), count - held_out - 1)]] = 1
        return part
    part[table.is_test] = TEST
    if validation:  # a data set that came with its split keeps its training rows unless told
        train = np.flatnonzero(~table.is_test)
        chosen = np.random.default_rng(seed).permutation(train)
        part[chosen[: min(round(validation * len(train)), len(train) - 1)]] = VALIDATION
    return part


def spelled(values: Shaped[np.ndarray, " particle"], where: str) -> Parts:
    """Parts that a column names."""
    names = [str(v).strip().lower() for v in values.tolist()]
    strange = next((k for k, name in enumerate(names) if name not in SPELLED), None)
    if strange is not None:
        raise InputError(
            f"{where}: the column of the split must say train, validation or test of every row; "
            f"got {str(values[strange])!r} in row {strange + 1}"
        )
    return np.array([SPELLED[name] for name in names])


def _by_group(
    values: Shaped[np.ndarray, " particle"], where: str, seed: int, test: float, validation: float
) -> Parts:
    """Whole groups, drawn until each part has its share of the rows."""
    require_whole(values, where, "groups")
    names, number = np.unique(values.astype(str), return_inverse=True)
    if len(names) < 2:
        raise InputError(
            f"{where}: the column of groups has one group, {str(names[0])!r}, which cannot be "
            "parted; name another column"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(number)[order]
    before = np.cumsum(sizes) - sizes / 2  # a group goes where the most of it belongs
    part_of = np.where(before < test * len(values), TEST, TRAIN)
    part_of[(before >= test * len(values)) & (before < (test + validation) * len(values))] = 1
    part_of[0], part_of[-1] = TEST, TRAIN
    by_name = np.empty(len(names), np.int64)
    by_name[order] = part_of
    return by_name[number]


def _by_time(
    values: Shaped[np.ndarray, " particle"], where: str, test: float, validation: float
) -> Parts:
    """The last rows test, those before them validate; rows of one moment stay together."""
    at = moments(values, where)
    ordered = np.sort(at)
    count = len(ordered)
    first_test = ordered[count - max(1, round(test * count))]
    if first_test == ordered[0]:
        raise InputError(
            f"{where}: the column of times does not part the rows: {first_test} is the first and "
            "among the last; name another column or give a smaller test-fraction"
        )
    part = np.where(at >= first_test, TEST, TRAIN)
    rest = ordered[ordered < first_test]
    wanted = min(round(validation * count), len(rest) - 1)
    if wanted > 0 and rest[len(rest) - wanted] > rest[0]:
        part[(at >= rest[len(rest) - wanted]) & (part == TRAIN)] = VALIDATION
    return part


def moments(values: Shaped[np.ndarray, " particle"], where: str) -> np.ndarray:
    """Times as numbers that can be compared."""
    require_whole(values, where, "times")
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]").astype(np.int64).astype(np.float64)
    elif values.dtype.kind == "O":
        fields = np.array([str(v).strip() for v in values.tolist()], object)
        present = np.ones(len(fields), bool)
        form = texts.date_format(fields.tolist())
        if all(map(texts.is_number, fields.tolist())):
            values = texts.numbers(fields, present)[0]
        elif isinstance(form, str):
            values = texts.seconds(fields, present, form)
        else:
            raise InputError(
                f"{where}: the column of times must hold numbers or dates of one form, as "
                f"2020-01-31; got {fields[0]!r}, ..."
            )
    return np.asarray(values, np.float64)


def require_whole(values: Shaped[np.ndarray, " particle"], where: str, what: str) -> None:
    """InputError where rows have no value in the column that parts them."""
    if values.dtype.kind == "O":
        gone = np.array([v is None or texts.absent(str(v).strip()) for v in values.tolist()])
    else:
        gone = values != values  # NaN and NaT
    if gone.any():
        row = int(np.argmax(gone))
        raise InputError(
            f"{where}: the column of {what} has no value in {int(gone.sum()):,} rows, the first is "
            f"row {row + 1}; fill it in, or remove them"
        )


@dataclass(frozen=True)
class Split:
    """Which part each row belongs to: by a rule that needs no other row.

    Parameters
    ----------
    seed : int
    test, validation : float
        The shares of the rows.
    role : {"", "split", "group", "time"}
        The column that says it; "": the row's number.
    since : (float, float), optional
        Of times the moments from which rows validate and test.
    """

    seed: int
    test: float
    validation: float
    role: str = ""
    since: tuple[float, float] | None = None

    def parts(self, numbers: Int[np.ndarray, " particle"], table: Table, where: str) -> Parts:
        """The parts of the rows of a table that have these numbers in the whole."""
        if self.role == "split":
            return spelled(table.roles["split"], where)
        if self.role == "time":
            assert self.since is not None
            at = moments(table.roles["time"], where)
            validates = np.where(at >= self.since[0], VALIDATION, TRAIN)
            return np.where(at >= self.since[1], TEST, validates)
        if self.role == "group":
            names, of = np.unique(table.roles["group"].astype(str), return_inverse=True)
            words = [f"{self.seed}:{name}".encode("utf-8", "backslashreplace") for name in names]
            drawn = [int.from_bytes(hashlib.blake2b(w, digest_size=8).digest()) for w in words]
            return self._drawn(np.array(drawn, np.uint64)[of])
        return self._drawn(mixed(numbers, self.seed))

    @classmethod
    def read(cls, described: str) -> Split:
        """The rule that ``described`` gave; ValueError if it is none."""
        entries: dict[str, Any] = json.loads(described)
        since = entries["since"]
        return cls(**{**entries, "since": None if since is None else tuple(since)})

    def _drawn(self, words: Shaped[np.ndarray, " particle"]) -> Parts:
        share = words / 2.0**64
        validates = np.where(share < self.test + self.validation, VALIDATION, TRAIN)
        return np.where(share < self.test, TEST, validates)

    @property
    def described(self) -> dict[str, str]:
        """What a record says in the place of the rows' numbers."""
        return {"rule": json.dumps(asdict(self))}


def mixed(numbers: Int[np.ndarray, " particle"], seed: int) -> Shaped[np.ndarray, " particle"]:
    """Words of 64 bits that numbers and a seed decide, as if drawn at random.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
    """
    key = np.random.SeedSequence([seed, 26]).generate_state(1, np.uint64)[0]
    with np.errstate(over="ignore"):
        z = (numbers.astype(np.uint64) + key) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


@dataclass(frozen=True, eq=False)
class Known:
    """The parts of rows that are known one by one, by their numbers.

    Parameters
    ----------
    every : array (N,)
    """

    every: Parts

    def parts(self, numbers: Int[np.ndarray, " particle"], table: Table, where: str) -> Parts:
        """As ``Split.parts``."""
        return self.every[numbers]

    @property
    def described(self) -> dict[str, str]:
        """Nothing: who knows them has a record of them."""
        return {}
